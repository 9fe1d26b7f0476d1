package regionfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func writeFile(tb testing.TB, dir, name, text string) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// A path that is not a region file causes one line with the next step.
func TestLoadBadFiles(t *testing.T) {
	dir := t.TempDir()
	cases := []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "nope.yaml"), "nope.yaml: no such file; want the path of a region file"},
		{"directory", dir, ": is a directory; want a region file in it, for example " + filepath.Join(dir, "us-west-1.yaml")},
		{"device", "/dev/null", ": is not a regular file; want a region file"},
		{"empty", writeFile(t, dir, "empty.yaml", ""), "empty.yaml: is empty; want at least the sections aws and network"},
		{"comments", writeFile(t, dir, "comments.yaml", "# nothing\n\n"), "comments.yaml: is empty"},
		{"null", writeFile(t, dir, "null.yaml", "---\n~\n"), "null.yaml: is empty"},
		{"two documents", writeFile(t, dir, "two.yaml", minimalFile+"---\n"+minimalFile),
			"two.yaml:7: contains a second YAML document; want one region in one file"},
		{"broken second document", writeFile(t, dir, "broken2.yaml", minimalFile+"---\n[\n"), "broken2.yaml: contains a second YAML document"},
		{"not YAML", writeFile(t, dir, "bad.yaml", "aws:\n  region: [us-west-1\nnetwork: {}\n"),
			"bad.yaml:2: is not YAML: did not find expected ',' or ']'; want valid YAML: check this line and the line above"},
		{"colon", writeFile(t, dir, "colon.yaml", "aws:\n  region: a: b\n"),
			"colon.yaml:2: is not YAML: mapping values are not allowed in this context"},
		{"indent", writeFile(t, dir, "indent.yaml", "aws:\n  region: a\n account: b\n"), "indent.yaml:3: is not YAML: did not find expected key"},
		{"quote", writeFile(t, dir, "quote.yaml", "aws:\n  region: \"a\n"), "quote.yaml:2: is not YAML: found unexpected end of stream"},
		{"tab", writeFile(t, dir, "tab.yaml", "aws:\n\tregion: us-west-1\n"),
			"tab.yaml:2: is not YAML: found character that cannot start any token"},
		{"binary", writeFile(t, dir, "binary.yaml", "\x7fELF\x00\x01"), "binary.yaml: is not YAML: control characters are not allowed"},
		{"unknown alias", writeFile(t, dir, "alias.yaml", "aws: *nobody\n"), "is not YAML: unknown anchor 'nobody' referenced"},
		{"a list", writeFile(t, dir, "list.yaml", "- aws\n"), "list.yaml:1: is a list; want a mapping with the keys aws, posture,"},
		{"a string", writeFile(t, dir, "text.yaml", "hello\n"), "text.yaml:1: is a string; want a mapping with the keys aws, posture,"},
		{"too large", writeFile(t, dir, "large.yaml", strings.Repeat("# padding\n", 110_000)),
			"large.yaml: is larger than 1 MiB; want a region file"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := Load(c.path)
			if cfg != nil {
				t.Error("a config came with the error")
			}
			got := Problems(err)
			compareProblems(t, got, []string{c.want})
			for _, p := range got {
				checkOneLine(t, p)
			}
		})
	}
}

func TestLoadUnreadableFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads every file")
	}
	path := writeFile(t, t.TempDir(), "us-west-1.yaml", minimalFile)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	compareProblems(t, Problems(err), []string{"cannot be read: permission denied; want a file that this user can read"})
}

func TestFileNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"us-west-1.yaml": true, "a.yml": true, "regions/x1.yaml": true, "/abs/a-b.yaml": true,
		strings.Repeat("a", 32) + ".yaml": true, strings.Repeat("a", 33) + ".yaml": false,
		"US-west-1.yaml": false, "us_west_1.yaml": false, "1us.yaml": false, "us-.yaml": false, "a.b.yaml": false, ".yaml": false,
	} {
		_, err := Parse(name, []byte(minimalFile))
		if ok != (err == nil) {
			t.Errorf("%s: error %v; want ok %v", name, err, ok)
		}
		if !ok {
			compareProblems(t, Problems(err), []string{"the file's name is the stack's name, and "})
		}
	}
}

// Hostile files must cause an error soon, and never a panic.
func TestHostileFiles(t *testing.T) {
	var bomb, merges strings.Builder
	bomb.WriteString("aws: &a [x, x, x, x, x, x, x, x, x]\n")
	merges.WriteString("runners:\n  r00: &r00 {arch: arm64}\n")
	for i := 1; i < 30; i++ {
		was, is := string(rune('a'+i-1)), string(rune('a'+i))
		bomb.WriteString("k" + is + ": &" + is + " [" + strings.Repeat("*"+was+", ", 9) + "*" + was + "]\n")
		merges.WriteString(strings.NewReplacer("WAS", "r"+twoDigits(i-1), "IS",
			"r"+twoDigits(i)).Replace("  IS: &IS {<<: [*WAS, *WAS, *WAS, *WAS, *WAS, *WAS, *WAS, *WAS]}\n"))
	}
	cases := map[string]string{
		"aliases of aliases":  bomb.String(),
		"merges of merges":    merges.String(),
		"merge into itself":   "aws: &a {<<: [*a, *a, *a], <<: *a}\n",
		"list of itself":      "aws: {<<: &a [*a, *a]}\n",
		"alias of its parent": "aws: &a {region: *a, zones: [*a]}\n",
		"deep lists":          strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		"deeper lists":        strings.Repeat("[", 500_000),
		"deep mappings":       strings.Repeat("{a: ", 9_000) + strings.Repeat("}", 9_000),
		"many keys":           strings.Repeat("k: v\n", 200_000),
		"many unknown keys":   unknownKeys(60_000),
		"one long key":        strings.Repeat("k", 1_000_000) + ": v\n",
		"one long number":     "aws: {account: " + strings.Repeat("1", 1_000_000) + "}\n",
		"many anchors":        strings.Repeat("- &a x\n", 100_000),
		"question marks":      strings.Repeat("? ", 4_000),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			start := processorTime(t)
			_, err := Parse(testFile, []byte(text))
			if err == nil {
				t.Error("no error")
			}
			if n := len(Problems(err)); n > maxProblems+1 {
				t.Errorf("%d problems", n)
			}
			if len(err.Error()) > 1<<20 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := processorTime(t) - start; took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// processorTime returns how long the processors have worked for this test program. Other programs on a busy machine do not add to it.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func twoDigits(n int) string { return string(rune('0'+n/10)) + string(rune('0'+n%10)) }

func unknownKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i%11) + ": v\n")
	}
	return b.String()
}

func makeDir(tb testing.TB, dir string) {
	tb.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
}
