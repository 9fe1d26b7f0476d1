// Package host is what the agent does to the machine that it runs on: it runs commands, writes files and waits. It decides nothing.
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

// Host is the machine. The zero Host is the real one; tests give it a Root of their own and put commands of their own on the PATH.
type Host struct {
	// Root is put before the paths of files. Commands know nothing of it.
	Root string
	// AptMirror is the address below which a mirror of Debian's archive has debian and debian-security; empty: apt asks what the image has
	// it ask.
	AptMirror string
}

// Path is where a file of the machine is.
func (h Host) Path(file string) string { return filepath.Join(h.Root, file) }

// errorTail is how much of a failed command's output its error tells.
const errorTail = 400

// Run runs a command and gives what it wrote to its standard output. The error tells the end of what it wrote to standard error; the
// *exec.ExitError is in it.
func (h Host) Run(ctx context.Context, name string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = &out, &errs
	// A child that keeps the pipe open must not hold us after the command is gone.
	command.WaitDelay = 5 * time.Second
	if err := command.Run(); err != nil {
		said := strings.TrimSpace(errs.String())
		if len(said) > errorTail {
			said = "…" + said[len(said)-errorTail:]
		}
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(append([]string{name}, args...), " "), err, said)
	}
	return out.String(), nil
}

// ExitCode gives the exit code of a command that Run says has failed; -1 when it did not come to one.
func ExitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// WriteFile writes a file whole or not at all, and says whether that changed it. Its folder is made.
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
	defer func() { _ = os.Remove(temporary.Name()) }() // gone, once it is renamed
	_, err = temporary.WriteString(text)
	if err := errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return false, err
	}
	return true, os.Rename(temporary.Name(), path)
}

// Sleep waits, or gives the context's error when that ends first.
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

// InstallPackages makes sure that Debian packages are there. Where all of them are, it asks no network. It waits for another apt, since images run
// one of their own at boot.
func (h Host) InstallPackages(ctx context.Context, names ...string) error {
	// Also where no package is missing, since jobs run apt too.
	if err := h.configureAptMirror(); err != nil {
		return err
	}
	// Of a package that was removed it knows the status too.
	states, err := h.Run(ctx, "dpkg-query", append([]string{"--show", "--showformat=${db:Status-Status}\n"}, names...)...)
	if err == nil && strings.Count(states, "installed\n") == len(names) && !strings.Contains(states, "not-installed") {
		return nil
	}
	environment := []string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3", "--yes", "--quiet"}
	if _, err := h.Run(ctx, "env", append(environment, "update")...); err != nil {
		return err
	}
	_, err = h.Run(ctx, "env", append(append(environment, "install", "--no-install-recommends"), names...)...)
	return err
}
