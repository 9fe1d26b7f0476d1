package regionfile

import (
	"os"
	"strings"
	"testing"
)

// A region file with twenty different faults causes twenty errors, each with file, line, path and what to write.
func TestTwentyWaysAtOnce(t *testing.T) {
	const file, golden = "testdata/twenty-ways.yaml", "testdata/twenty-ways.txt"
	cfgs, err := LoadAll([]string{file})
	if err == nil || len(cfgs) > 0 {
		t.Fatalf("the file was taken: %v", cfgs)
	}
	got := err.Error() + "\n"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s rewritten: read the diff, then run again without UPDATE_GOLDEN", golden)
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s\nto accept: UPDATE_GOLDEN=1 go test ./internal/regionfile", got, want)
	}
	if n := strings.Count(got, "\n"); n != 20 {
		t.Errorf("%d lines; want 20", n)
	}
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, file+":") || !strings.Contains(line, "; want ") {
			t.Errorf("no position or no next step: %s", line)
		}
	}
}
