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

// MinimumPulumi is the oldest Pulumi command line that is used when it is found on the PATH: the version that tools/ pins and that all
// tests run with.
const MinimumPulumi = "3.259.0"

// ErrNoPulumi says that no Pulumi command line that is new enough was found.
var ErrNoPulumi = errors.New("no pulumi " + MinimumPulumi + " or newer on the PATH nor in bin/")

// findPulumi looks on the PATH, then in the bin folder of the project (where make puts the pinned one), then beside this program.
// What is too old is passed over.
func findPulumi(root string) (auto.PulumiCommand, error) {
	minimum := semver.MustParse(MinimumPulumi)
	// The command runs in the stack's own folder, where a relative path would lead elsewhere.
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("the project's folder: %w", err)
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
// interrupted: it then writes down what the operations under way came to. The Automation API's own gives it pipes, so that it dies of
// its next word, in the middle of whatever it is writing, when we are gone; and kills it ten seconds after an interrupt, when a NAT gateway
// takes minutes.
type sturdyCommand struct {
	auto.PulumiCommand
	path string
}

// Run is the Automation API's, with files for pipes and without its patience running out.
func (c sturdyCommand) Run(
	ctx context.Context, dir string, stdin io.Reader, moreOut, moreErr []io.Writer, env []string, args ...string,
) (out, errs string, code int, err error) {
	stdout, err := nameless()
	if err != nil {
		return "", "", -1, err
	}
	defer func() { _ = stdout.Close() }()
	stderr, err := nameless()
	if err != nil {
		return "", "", -1, err
	}
	defer func() { _ = stderr.Close() }()
	cmd := exec.CommandContext(ctx, c.path, append([]string{"--non-interactive"}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, stdin, stdout, stderr
	cmd.Env = slices.Concat(os.Environ(), env, []string{"PULUMI_AUTOMATION_API=true"})
	// A group of its own, so that an interrupt from the terminal reaches us alone: Pulumi takes a second one for "stop at once".
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err = cmd.Run()
	if cmd.ProcessState != nil {
		code = cmd.ProcessState.ExitCode()
	}
	out, errs = contents(stdout), contents(stderr)
	// A write that fails loses words for the screen, never the outcome.
	_, _ = io.Copy(io.MultiWriter(moreOut...), strings.NewReader(out))
	_, _ = io.Copy(io.MultiWriter(moreErr...), strings.NewReader(errs))
	return out, errs, code, err
}

// nameless makes a file that is gone with the last process that has it open, however these end: what Pulumi says may hold secrets.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", "beachhead-pulumi-")
	if err != nil {
		return nil, fmt.Errorf("a file for pulumi's output: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("a file for pulumi's output: %w", err), f.Close())
	}
	return f, nil
}

func contents(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return "(pulumi's output could not be read: " + err.Error() + ")"
	}
	return string(text)
}
