package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/internal/session"
)

const validRegion = `aws: {account: "210987654321", region: us-west-1, zones: [us-west-1a]}
network: {cidr: 10.42.0.0/16, egress: public}
`

// newProject returns a folder with one region file for each text, by name.
func newProject(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "regions"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "regions", name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func runCommand(t *testing.T, dir string, args ...string) (code int, out, log string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), append([]string{"-C", dir}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// A mistake in a command line is a usage error that names the next step, and writes no data.
func TestUsageErrors(t *testing.T) {
	dir := newProject(t, map[string]string{"us-west-1": validRegion})
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":     {[]string{"launch"}, "`beachhead help` lists the commands"},
		"unknown flag":        {[]string{"up", "--force"}, "`beachhead up --help` lists the flags"},
		"no region":           {[]string{"preview"}, "takes one region, not 0; for example `beachhead preview us-west-1`"},
		"two regions":         {[]string{"show", "a", "b"}, "takes one region, not 2"},
		"up without --yes":    {[]string{"up", "us-west-1"}, "up changes a real AWS account without asking for confirmation"},
		"down without yes":    {[]string{"down", "us-west-1"}, "Review `beachhead preview us-west-1`"},
		"pace on an account":  {[]string{"up", "us-west-1", "--yes", "--pace", "1"}, "--pace and --fault work on the emulated cloud only"},
		"fault on an account": {[]string{"preview", "us-west-1", "--fault", "kill-after=1"}, "add --emulated"},
		"negative pace":       {[]string{"outputs", "us-west-1", "--emulated", "--pace", "-1"}, "want 0 or more"},
		"unknown fault":       {[]string{"drill", "us-west-1", "--fault", "flood=1"}, "--fault flood=1"},
		"unknown region":      {[]string{"show", "us-west-9"}, "us-west-9"},
	} {
		code, out, log := runCommand(t, dir, c.args...)
		if code != exitUsage || out != "" || !strings.Contains(log, c.want) || !strings.HasPrefix(log, "error: ") {
			t.Errorf("%s: exit code %d, output %q, log %q; want %q", name, code, out, log, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	dir := newProject(t, map[string]string{"us-west-1": validRegion})
	if code, out, log := runCommand(t, dir, "validate"); code != 0 || out != "1 region file valid\n" || log != "" {
		t.Errorf("exit code %d, output %q, log %q", code, out, log)
	}
	wrong := newProject(t, map[string]string{"us-west-1": strings.Replace(validRegion, "public", "teleport", 1), "us-west-2": "aws: {}\n"})
	code, out, log := runCommand(t, wrong, "validate")
	if code != exitUsage || out != "" || !strings.Contains(log, "us-west-1.yaml:2") ||
		!strings.Contains(log, "in 2 files; nothing was changed") {
		t.Errorf("exit code %d, output %q, log %q", code, out, log)
	}
	one := filepath.Join(wrong, "regions", "us-west-1.yaml")
	code, out, log = runCommand(t, wrong, "validate", "--json", one)
	var problems []struct{ File string }
	if err := json.Unmarshal([]byte(out), &problems); err != nil || code != exitUsage || len(problems) != 1 || problems[0].File != one {
		t.Errorf("exit code %d, %v, output %q, log %q", code, err, out, log)
	}
	if !strings.Contains(log, "1 problem in 1 file;") || strings.Contains(log, "us-west-1.yaml:2") {
		t.Errorf("with --json, the log is %q", log)
	}
	if code, out, _ := runCommand(t, dir, "validate", "--json"); code != 0 || out != "[]\n" {
		t.Errorf("valid, as JSON: exit code %d, output %q", code, out)
	}
}

func TestShow(t *testing.T) {
	dir := newProject(t, map[string]string{"us-west-1": validRegion})
	code, out, log := runCommand(t, dir, "show", "us-west-1")
	config, planned, found := strings.Cut(out, "---\n# the plan that follows from it\n")
	if code != 0 || !found || !strings.HasPrefix(config, "# ") || !strings.Contains(config, "posture: active") ||
		!strings.Contains(planned, "name: us-west-1") {
		t.Errorf("exit code %d, output %q, log %q", code, out, log)
	}
	code, out, _ = runCommand(t, dir, "show", "us-west-1", "--json")
	var shown struct{ Config, Plan map[string]any }
	if err := json.Unmarshal([]byte(out), &shown); err != nil || code != 0 || shown.Config == nil || shown.Plan["name"] != "us-west-1" {
		t.Errorf("exit code %d, %v, output %q", code, err, out)
	}
}

func TestHelpListsAllCommands(t *testing.T) {
	code, out, _ := runCommand(t, t.TempDir())
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, name := range []string{"validate", "show", "preview", "up", "down", "outputs", "drill", "emulator", "completion"} {
		if !strings.Contains(out, "\n  "+name+" ") {
			t.Errorf("help does not list %s:\n%s", name, out)
		}
	}
}

func TestCompletion(t *testing.T) {
	a := &app{dir: newProject(t, map[string]string{"us-west-1": "", "us-east-2": ""})}
	if got, _ := a.completeRegion(nil, nil, ""); !slices.Equal(got, []string{"us-east-2", "us-west-1"}) {
		t.Errorf("regions %q", got)
	}
	a.dir = t.TempDir()
	if got, _ := a.completeRegion(nil, nil, ""); len(got) > 0 {
		t.Errorf("regions %q without region files", got)
	}
	if got, _ := completeRegionFile(nil, nil, ""); !slices.Equal(got, []string{"yaml", "yml"}) {
		t.Errorf("files %q", got)
	}
}

// A suggested command works on the same cloud as the command that suggests it.
func TestTargetFlags(t *testing.T) {
	for _, c := range []struct {
		flags  targetFlags
		suffix string
		want   string
	}{
		{targetFlags{}, " --yes", "{false 0 []}"},
		{targetFlags{emulated: true, pace: 2.5, faults: []string{"kill-after=7"}}, " --emulated", "{true 2.5 [kill-after=7]}"},
	} {
		target, err := c.flags.target()
		if got := fmt.Sprint(target); err != nil || got != c.want || c.flags.suffix() != c.suffix {
			t.Errorf("%+v: target %s, %v, suffix %q; want %s and %q", c.flags, got, err, c.flags.suffix(), c.want, c.suffix)
		}
	}
}

func TestWritePreview(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	changes := &engine.Changes{Unchanged: 2, Steps: []engine.Step{
		{Op: "create", Name: "net-vpc", Type: "aws:ec2/vpc:Vpc", Custom: true},
		{Op: "update", Name: "r", Type: "aws:ec2/route:Route", Custom: true, Diffs: []string{"a", "b"}},
	}}
	predicted := report.Run{Region: "us-west-1", Kind: report.Model}
	if err := a.writePreview(&session.Previewed{Changes: changes, Predicted: predicted}); err != nil {
		t.Fatal(err)
	}
	want := "create  net-vpc  aws:ec2/vpc:Vpc      \nupdate  r        aws:ec2/route:Route  a, b\n" +
		"1 create, 1 update, 2 unchanged\n\nTime to ready of us-west-1 (model)\n"
	if !strings.HasPrefix(out.String(), want) {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestWriteChanged(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	changes := &engine.Changes{Unchanged: 1, Kept: []engine.Step{{ID: "vol-1", Name: "cache-shard-00"}}}
	a.writeChanged(session.Down, &session.Changed{Region: "us-west-1", Changes: changes})
	a.writeChanged(session.Up, &session.Changed{Region: "us-west-1", Changes: &engine.Changes{}, Timeline: "a.json"})
	want := "us-west-1 is down: nothing to do, 1 resource unchanged\n  kept vol-1 (cache-shard-00)\n" +
		"us-west-1 is up: nothing to do, 0 resources unchanged\n  the timeline is in a.json\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestWriteDrill(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	if err := a.writeDrill(&session.DrillReport{
		Region: "us-west-1", Resources: 1, Timeline: "a.json", Run: report.Run{Region: "us-west-1", Kind: report.Model},
		Steps: []session.DrillStep{
			{Name: "validate", Outcome: "regions/us-west-1.yaml", Seconds: 0.04}, {Name: "up", Outcome: "1 create", Seconds: 2},
		},
		Unverified: []check.Result{{Probe: "fleet", Target: "arm", Outcome: check.Fail, Want: "2", Got: "1", Why: "a quota"}},
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Drill of us-west-1 in the emulated cloud; nothing real was changed\n\n",
		"  validate  regions/us-west-1.yaml  0.0 s\n  up        1 create                2.0 s\n\n" +
			"1 resource\nTime to ready of us-west-1 (model)\n",
		"The whole timeline is in a.json\n  fail  fleet, arm  want 2, got 1: a quota\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q lacks %q", out.String(), want)
		}
	}
}

// Only an operation that had begun continues when the same command runs again.
func TestIsResumable(t *testing.T) {
	for err, want := range map[error]bool{
		engine.ErrRefused: false, engine.ErrUntouched: false, engine.ErrLocked: false, &engine.OperationError{Rest: "broken"}: true,
	} {
		if got := isResumable(fmt.Errorf("up: %w", err)); got != want {
			t.Errorf("%v: %t, want %t", err, got, want)
		}
	}
}
