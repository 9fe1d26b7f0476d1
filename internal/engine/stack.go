// Package engine runs Pulumi operations on one region's stack through the Automation API: preview, up, down, outputs. It refuses what
// would replace or delete protected things, takes up what a killed run left behind, and tells what happens while it happens.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/inventory"
)

// Project is the Pulumi project's name, as in Pulumi.yaml.
const Project = "beachhead"

// Options says which stack to run, where and how.
type Options struct {
	// Name is the stack's name, which is the region file's.
	Name string
	// Program declares the stack's resources. Nil: operations that read only.
	Program pulumi.RunFunc
	// Root is the project's folder, in whose bin folder a Pulumi command line is looked for.
	Root string
	// WorkDir is where Pulumi reads the project and the stack's configuration; it is made when it is absent.
	WorkDir string
	// Home is Pulumi's own folder. Empty: the user's.
	Home string
	// Env is added to the environment of the Pulumi command line.
	Env map[string]string
	// Exclusive says that the operation changes the stack: Open then waits for whoever holds it, such as the engine of a killed run,
	// which needs moments to notice and to write down what it knows, and fails with ErrLocked when that takes too long.
	Exclusive bool
	// Secrets are the names of the stack secrets that the program reads from its configuration. Open fails with ErrSecrets, which lists
	// all that are missing, or makes them up in a Rehearsal, on an emulated cloud.
	Secrets   []string
	Rehearsal bool
	// Inventory finds what the stack owns in the cloud. Nil: what a killed run left behind, or a down kept, is not looked for.
	Inventory inventory.Finder
	// Progress is told of every step as it happens, from one goroutine. Nil: nobody is.
	Progress func(Event)
}

// Stack is a region's stack. It is not for concurrent use.
type Stack struct {
	opts  Options
	stack auto.Stack
}

// Open selects the stack and makes it when it is not there yet. It fails with ErrNoPulumi when there is no Pulumi command line, and with
// ErrSecrets when secrets of the program are missing.
func Open(ctx context.Context, opts Options) (*Stack, error) {
	command, err := findPulumi(opts.Root)
	if err != nil {
		return nil, err
	}
	if err := opts.makeFolders(); err != nil {
		return nil, err
	}
	program := opts.Program
	if program == nil {
		program = func(*pulumi.Context) error { return nil }
	}
	env := map[string]string{
		"PULUMI_SKIP_UPDATE_CHECK": "true",
		// Checkpoint backups double the writing and are never read by anything here; `pulumi stack history` has its own.
		"PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
	}
	for k, v := range opts.Env {
		env[k] = v
	}
	backend := cmp.Or(env["PULUMI_BACKEND_URL"], os.Getenv("PULUMI_BACKEND_URL"))
	if opts.Exclusive {
		if err := waitForLock(ctx, backend, opts.Name); err != nil {
			return nil, err
		}
	}
	if err := mendSidecars(backend, opts.Name); err != nil {
		return nil, err
	}
	workspace := []auto.LocalWorkspaceOption{auto.Pulumi(command), auto.WorkDir(opts.WorkDir), auto.EnvVars(env)}
	if opts.Home != "" {
		workspace = append(workspace, auto.PulumiHome(opts.Home))
	}
	stack, err := auto.UpsertStackInlineSource(ctx, opts.Name, Project, program, workspace...)
	if err != nil {
		return nil, fmt.Errorf("opening stack %s: %w", opts.Name, classify(err, nil))
	}
	opened := &Stack{opts: opts, stack: stack}
	if err := opened.provideSecrets(ctx); err != nil {
		return nil, err
	}
	return opened, nil
}

// makeFolders makes the stack's folders absolute, since the command line runs in one of them, and makes those that are not there.
func (o *Options) makeFolders() error {
	for _, dir := range []*string{&o.WorkDir, &o.Home} {
		if *dir == "" {
			continue
		}
		absolute, err := filepath.Abs(*dir)
		if err != nil {
			return fmt.Errorf("the stack's folder: %w", err)
		}
		if err := os.MkdirAll(absolute, 0o700); err != nil {
			return fmt.Errorf("making a folder for the stack's state: %w", err)
		}
		*dir = absolute
	}
	return nil
}

// LocalBackend is the address of a state backend in a folder, which it makes.
func LocalBackend(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("the state's folder: %w", err)
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return "", fmt.Errorf("the state's folder: %w", err)
	}
	return "file://" + absolute, nil
}

// Outputs gives the stack's outputs as plain values; secrets are replaced by "[secret]". A stack that is not up has none.
func (s *Stack) Outputs(ctx context.Context) (map[string]any, error) {
	outputs, err := s.stack.Outputs(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the outputs of %s: %w", s.opts.Name, classify(err, nil))
	}
	plain := map[string]any{}
	for name, output := range outputs {
		plain[name] = output.Value
		if output.Secret {
			plain[name] = "[secret]"
		}
	}
	return plain, nil
}
