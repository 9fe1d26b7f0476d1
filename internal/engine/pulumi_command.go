package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
)

// MinimumPulumi is the oldest Pulumi command line on the PATH that Beachhead uses: the version that tools/ pins and that all tests run
// with.
const MinimumPulumi = "3.259.0"

// ErrNoPulumi reports that no Pulumi command line that is new enough was found.
var ErrNoPulumi = errors.New("found no pulumi " + MinimumPulumi + " or newer on the PATH or in bin/")

// findPulumi looks on the PATH, then in the bin folder of the project (where make puts the pinned one), then beside this program. It skips
// versions that are too old.
func findPulumi(root string) (auto.PulumiCommand, error) {
	minimum := semver.MustParse(MinimumPulumi)
	// The command runs in the stack's own folder, where a relative path would lead elsewhere.
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("finding the project's folder: %w", err)
	}
	places := []string{"", root}
	if self, err := os.Executable(); err == nil {
		places = append(places, filepath.Dir(filepath.Dir(self)))
	}
	var tried []error
	for _, place := range places {
		command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: place, Version: minimum})
		if err != nil {
			tried = append(tried, err)
			continue
		}
		path := filepath.Join(place, "bin", "pulumi")
		if place == "" {
			if path, err = exec.LookPath("pulumi"); err != nil {
				return nil, fmt.Errorf("finding pulumi on the PATH: %w", err)
			}
		}
		return sturdyCommand{PulumiCommand: command, path: path}, nil
	}
	return nil, fmt.Errorf("%w: run `make tools`, which builds it, or install it from https://www.pulumi.com/docs/install/ (%w)",
		ErrNoPulumi, tried[0])
}

// sturdyCommand runs the Pulumi command line so that it outlives us when we are killed, and has all the time it needs when we are
// interrupted: it then records the results of the operations that are under way. The Automation API's own command connects it by pipes:
// when we are gone, Pulumi dies of the next word that it prints, in the middle of whatever it is writing. It also kills Pulumi ten seconds
// after an interrupt, when a NAT gateway takes minutes.
type sturdyCommand struct {
	auto.PulumiCommand
	path string
}

// Run is the Automation API's, with files in place of pipes and without a timeout after an interrupt.
func (c sturdyCommand) Run(
	ctx context.Context, dir string, stdin io.Reader, moreOut, moreErr []io.Writer, env []string, args ...string,
) (out, errs string, code int, err error) {
	stdout, err := createUnlinkedFile()
	if err != nil {
		return "", "", -1, err
	}
	defer func() { _ = stdout.Close() }()
	stderr, err := createUnlinkedFile()
	if err != nil {
		return "", "", -1, err
	}
	defer func() { _ = stderr.Close() }()
	cmd := exec.CommandContext(ctx, c.path, append([]string{"--non-interactive"}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, stdin, stdout, stderr
	cmd.Env = slices.Concat(os.Environ(), env, []string{"PULUMI_AUTOMATION_API=true"})
	// A process group of its own, so that an interrupt from the terminal reaches us alone: to Pulumi, a second one means "stop at once".
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err = cmd.Run()
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	out, errs = readAll(stdout), readAll(stderr)
	// A write that fails loses words for the screen, never the result.
	_, _ = io.Copy(io.MultiWriter(moreOut...), strings.NewReader(out))
	_, _ = io.Copy(io.MultiWriter(moreErr...), strings.NewReader(errs))
	return out, errs, code, err
}

// createUnlinkedFile creates a file without a name. It disappears with the last process that has it open, however that ends: Pulumi's
// output may hold secrets.
func createUnlinkedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "beachhead-pulumi-")
	if err != nil {
		return nil, fmt.Errorf("creating a file for pulumi's output: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlinking the file for pulumi's output: %w", err), f.Close())
	}
	return f, nil
}

func readAll(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return "(reading pulumi's output failed: " + err.Error() + ")"
	}
	return string(text)
}
