package engine

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// What Pulumi says is read whole and told on, and while it runs there is no file that a kill would leave behind with it.
func TestOutputLeavesNoFiles(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	program := filepath.Join(t.TempDir(), "pulumi")
	script := "#!/bin/sh\necho a secret\necho a complaint >&2\nls \"$TMPDIR\"\necho \"$2\"\nexit 3\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	out, errs, code, err := sturdyCommand{path: program}.Run(t.Context(), folder, nil, []io.Writer{&told}, nil, nil, "preview")
	if out != "a secret\npreview\n" || errs != "a complaint\n" || told.String() != out || code != 3 || err == nil {
		t.Errorf("said %q and %q, told %q, code %d, %v", out, errs, told.String(), code, err)
	}
}
