package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// text is a region file as it is.
type text string

func (t text) String() string { return string(t) }

// Bad input ends in one line with the next step, exit code 2 where the user can mend it, and leaves no half-made state.
func TestBadInput(t *testing.T) {
	good := file{zones: 1, egress: "public"}
	cases := []struct {
		name string
		edit func(w *world)
		args []string
		code int
		want []string
	}{
		{"no such region", nil, []string{"up", "mars-1", "--emulated"}, 2, []string{"mars-1", "us-west-2"}},
		{"no region named", nil, []string{"up", "--emulated"}, 2, []string{"takes one region"}},
		{"an unknown command", nil, []string{"upp"}, 2, []string{"upp", "beachhead help"}},
		{"an unknown flag", nil, []string{"up", name, "--emulate"}, 2, []string{"--emulate", "--help"}},
		{"a missing file", nil, []string{"validate", "nowhere.yaml"}, 2, []string{"nowhere.yaml", "no such file"}},
		{"a missing file to bring up", nil, []string{"up", "./nowhere.yaml", "--emulated"}, 2, []string{"nowhere.yaml"}},
		{"an empty file", func(w *world) { w.write(text("")) }, []string{"up", name, "--emulated"}, 2, []string{"empty"}},
		{
			"two documents", func(w *world) { w.write(text(good.String() + "---\n" + good.String())) },
			[]string{"up", name, "--emulated"}, 2, []string{"document"},
		},
		{
			"a region that does not exist", func(w *world) { w.write(text(strings.ReplaceAll(good.String(), "us-west-2", "us-west-9"))) },
			[]string{"preview", name, "--emulated"}, 2, []string{"us-west-9", "regions/us-west-2.yaml:3"},
		},
		{"faults on a real account", nil, []string{"up", name, "--yes", "--fault", "kill-after=1"}, 2, []string{"--emulated"}},
		{"a negative pace", nil, []string{"up", name, "--emulated", "--pace", "-1"}, 2, []string{"0 or more"}},
		{"a real account without --yes", nil, []string{"up", name}, 2, []string{"--yes", "preview"}},
		{"down of a real account without --yes", nil, []string{"down", name}, 2, []string{"--yes"}},
		{"outputs of what is not up", nil, []string{"outputs", name, "--emulated"}, 1, []string{"not up", "beachhead up us-west-2 --emulated"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, good)
			if c.edit != nil {
				c.edit(w)
			}
			code, out, errs := w.run(c.args...)
			if code != c.code || out != "" {
				t.Errorf("exit code %d, want %d; standard output %q, want none\n%s", code, c.code, out, errs)
			}
			if lines := strings.Count(strings.TrimSpace(errs), "\n"); lines > 1 {
				t.Errorf("%d lines, want one:\n%s", lines+1, errs)
			}
			for _, want := range c.want {
				if !strings.Contains(errs, want) {
					t.Errorf("the error lacks %q:\n%s", want, errs)
				}
			}
			if c.args[0] != "outputs" {
				if _, err := os.Stat(filepath.Join(w.dir, ".beachhead", "emulated", "state")); err == nil {
					t.Error("a state was made")
				}
			}
		})
	}
}

// A fault that does not exist is answered with the list of those that do, which is more than a line.
func TestUnknownFault(t *testing.T) {
	w := newWorld(t, file{zones: 1, egress: "public"})
	code, _, errs := w.run("up", name, "--emulated", "--fault", "flood")
	if code != 2 || !strings.Contains(errs, "--fault flood: not a fault") || !strings.Contains(errs, "kill-after=N") {
		t.Errorf("exit code %d, want 2 and the list of faults:\n%s", code, errs)
	}
}

// Without a Pulumi command line there is one line that says how to get one.
func TestNoPulumi(t *testing.T) {
	w := newWorld(t, file{zones: 1, egress: "public"})
	if err := os.RemoveAll(filepath.Join(w.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	code, _, errs := w.run("up", name, "--emulated")
	if code != 1 || !strings.Contains(errs, "make tools") || strings.Count(strings.TrimSpace(errs), "\n") > 0 {
		t.Errorf("exit code %d, want 1 and one line that names `make tools`:\n%s", code, errs)
	}
}

// Without credentials a real account is not touched, and the line says what to set.
func TestNoCredentials(t *testing.T) {
	w := newWorld(t, file{zones: 1, egress: "public"})
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true", "HOME": t.TempDir(),
		"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
	} {
		t.Setenv(name, value)
	}
	code, _, errs := w.run("up", name, "--yes")
	if code != 1 || !strings.Contains(errs, "AWS_PROFILE") || strings.Count(strings.TrimSpace(errs), "\n") > 0 {
		t.Errorf("exit code %d, want 1 and one line that names AWS_PROFILE:\n%s", code, errs)
	}
}

// Twenty mistakes are twenty lines, each with file, line, path and what to write, and nothing is touched.
func TestTwentyMistakes(t *testing.T) {
	wrong, err := os.ReadFile("../../internal/regionfile/testdata/twenty-ways.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"validate"}, {"up", name, "--emulated"}} {
		w := newWorld(t, file{zones: 1, egress: "public"})
		w.write(text(wrong))
		code, out, errs := w.run(command...)
		if code != 2 || out != "" {
			t.Errorf("%v: exit code %d, want 2; standard output %q, want none", command, code, out)
		}
		problem := regexp.MustCompile(`(?m)regions/us-west-2\.yaml:\d+: [\w.\[\]-]+: .+; want .+$`)
		if got := len(problem.FindAllString(errs, -1)); got != 20 {
			t.Errorf("%v: %d lines with file, line, path and what to write, want 20:\n%s", command, got, errs)
		}
		if _, err := os.Stat(filepath.Join(w.dir, ".beachhead")); err == nil {
			t.Errorf("%v: something was touched", command)
		}
	}
}
