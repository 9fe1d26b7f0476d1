package engine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRemoveBrokenAttributes(t *testing.T) {
	dir := t.TempDir()
	write := func(file, text string) string {
		t.Helper()
		path := filepath.Join(dir, ".pulumi", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	stacks := filepath.Join("stacks", Project)
	broken := []string{
		write(filepath.Join(stacks, "a.json.attrs"), ""), write(filepath.Join(stacks, "a.json.gz.attrs"), `{"md5":`),
		write("meta.yaml.attrs", "{"),
	}
	kept := []string{
		write(filepath.Join(stacks, "a.json"), ""), write(filepath.Join(stacks, "a.json.bak.attrs"), `{"md5":null}`),
		write("meta.yaml", "version: 1"),
		write(filepath.Join(stacks, "b.json.attrs"), ""), // another stack's, whose own run mends it
	}
	for range 2 {
		if err := removeBrokenAttributes("file://"+dir, "a"); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range broken {
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", file, err)
		}
	}
	for _, file := range kept {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	foreign := write(filepath.Join(stacks, "a.json.attrs"), "")
	if err := removeBrokenAttributes("s3://state"+dir, "a"); err != nil {
		t.Errorf("a bucket, which writes whole or not at all: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that only looks like the bucket's: %v", err)
	}
}
