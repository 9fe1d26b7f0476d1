package main

import (
	"bytes"
	"os"
	"testing"
)

// The schema and the reference page must match the current types.
func TestGeneratedFilesAreFresh(t *testing.T) {
	t.Chdir("..") // where go generate runs
	files, err := generateFiles()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./internal/regionfile, and read the diff", path)
		}
	}
}
