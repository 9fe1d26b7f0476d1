// Package host acts on the machine that the agent runs on: it runs commands, writes files, installs Debian packages and
// waits. It makes no decisions.
package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Host is the machine. The zero Host is the real machine. A test sets Root to a folder of its own and puts its own
// commands on the PATH.
type Host struct {
	// Root is a prefix for the paths of files. Commands do not use it.
	Root string
	// AptMirror is the https address of a mirror of Debian's archive, with the folders debian and debian-security below
	// it. When it is empty, apt uses the sources of the image.
	AptMirror string
}

// Path returns the path of a file of the machine, below Root.
func (h Host) Path(file string) string { return filepath.Join(h.Root, file) }

// errorTail is the number of bytes of a failed command's output that its error contains.
const errorTail = 400

// Run runs a command and returns its standard output. When the command fails, the error contains the end of its
// standard error and wraps the *exec.ExitError.
func (h Host) Run(ctx context.Context, name string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = &out, &errs
	// A child that keeps the pipe open must not block Run after the command ended.
	command.WaitDelay = 5 * time.Second
	if err := command.Run(); err != nil {
		text := strings.TrimSpace(errs.String())
		if len(text) > errorTail {
			text = "…" + text[len(text)-errorTail:]
		}
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(append([]string{name}, args...), " "), err, text)
	}
	return out.String(), nil
}

// ExitCode returns the exit code in an error of Run, or -1 when the error contains none.
func ExitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// WriteFile writes a file atomically, creates its folder, and reports whether the content changed.
func (h Host) WriteFile(file string, mode os.FileMode, text string) (changed bool, err error) {
	path := h.Path(file)
	if before, err := os.ReadFile(path); err == nil && string(before) == text {
		return false, os.Chmod(path, mode)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // fails after the rename
	_, err = temporary.WriteString(text)
	if err := errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return false, err
	}
	return true, os.Rename(temporary.Name(), path)
}

// Sleep waits for a duration. It returns the context's error when the context ends first.
func Sleep(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
