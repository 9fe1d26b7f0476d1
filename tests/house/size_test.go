package house

import (
	"path"
	"testing"
)

// The limits of docs/contributing/style.md. packageLines counts no tests.
const (
	packageLines = 6000
	fileLines    = 700
)

func TestSizes(t *testing.T) {
	packages := map[string]int{}
	for _, f := range parseFiles(t) {
		if f.lines > fileLines {
			t.Errorf("%s has %d lines, want %d at most", f.path, f.lines, fileLines)
		}
		if !f.isTest() {
			packages[path.Dir(f.path)] += f.lines
		}
	}
	for name, lines := range packages {
		if lines > packageLines {
			t.Errorf("%s has %d lines, want %d at most", name, lines, packageLines)
		}
	}
}
