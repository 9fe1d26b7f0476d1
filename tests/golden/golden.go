// Package golden compares the output of a test with a file that a reviewer has read.
package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// Compare fails the test if got differs from the file under testdata. With UPDATE_GOLDEN set it writes the file and fails the test too, so
// that no pipeline can accept a change that no reviewer has read.
func Compare(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s rewritten: read the diff, then run again without UPDATE_GOLDEN", file)
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; to create it, run the test with UPDATE_GOLDEN=1", err)
	}
	if string(want) != got {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s\nto accept: UPDATE_GOLDEN=1 go test, then read the diff", file, got, want)
	}
}
