// Package engine runs Pulumi operations on one region's stack through the Automation API: preview, up, down, outputs. It refuses changes
// that would replace or delete protected resources, adopts what a killed run left behind, and reports each step while it runs.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/inventory"
)

// Project is the Pulumi project's name, as in Pulumi.yaml.
const Project = "beachhead"

// Options describe which stack to run, where and how.
type Options struct {
	// Name is the stack's name, which is the region file's name.
	Name string
	// Program declares the stack's resources. Nil: the operation only reads.
	Program pulumi.RunFunc
	// Root is the project's folder. Its bin folder may have a Pulumi command line.
	Root string
	// WorkDir is where Pulumi reads the project and the stack's configuration. Open creates it.
	WorkDir string
	// Home is Pulumi's own folder. Empty: the user's.
	Home string
	// Env is added to the environment of the Pulumi command line.
	Env map[string]string
	// Exclusive means that the operation changes the stack. Open then waits for another process that locks the stack, such as the engine of
	// a killed run, which needs moments to notice and to write down what it knows. It fails with ErrLocked when that takes too long.
	Exclusive bool
	// Secrets are the names of the stack secrets that the program reads from its configuration. When some are missing, Open fails with
	// ErrSecrets, which lists all of them. In a Rehearsal, on an emulated cloud, it generates them instead.
	Secrets   []string
	Rehearsal bool
	// Inventory finds what the stack owns in the cloud. Nil: the operation adopts nothing.
	Inventory inventory.Finder
	// Progress receives every step as it happens, from one goroutine. Nil: no reports.
	Progress func(Event)
}

// Stack is a region's stack. It is not for concurrent use.
type Stack struct {
	opts  Options
	stack pulumiStack
}

// pulumiStack is what the engine uses of a stack of the Automation API.
type pulumiStack interface {
	Preview(ctx context.Context, opts ...optpreview.Option) (auto.PreviewResult, error)
	Up(ctx context.Context, opts ...optup.Option) (auto.UpResult, error)
	Refresh(ctx context.Context, opts ...optrefresh.Option) (auto.RefreshResult, error)
	Destroy(ctx context.Context, opts ...optdestroy.Option) (auto.DestroyResult, error)
	// Export reads the state, Import writes it.
	Export(ctx context.Context) (apitype.UntypedDeployment, error)
	Import(ctx context.Context, state apitype.UntypedDeployment) error
	Outputs(ctx context.Context) (auto.OutputMap, error)
	GetAllConfig(ctx context.Context) (auto.ConfigMap, error)
	SetAllConfig(ctx context.Context, values auto.ConfigMap) error
	// Settings returns the configuration as the stack's file has it, with secrets encrypted.
	Settings(ctx context.Context) (config.Map, error)
}

// automationStack is a stack of the Automation API.
type automationStack struct{ *auto.Stack }

// Settings returns the configuration in the stack's file. A stack without a file has none.
func (s automationStack) Settings(ctx context.Context) (config.Map, error) {
	settings, err := s.Workspace().StackSettings(ctx, s.Name())
	switch {
	case err == nil:
		return settings.Config, nil
	case strings.Contains(err.Error(), "unable to find stack settings"):
		return nil, nil
	}
	return nil, err
}

// Open selects the stack and creates it when it does not exist yet. It fails with ErrNoPulumi when no Pulumi command line was found, and
// with ErrSecrets when secrets of the program are missing.
func Open(ctx context.Context, opts Options) (*Stack, error) {
	command, err := findPulumi(opts.Root)
	if err != nil {
		return nil, err
	}
	if err := opts.createFolders(); err != nil {
		return nil, err
	}
	env := map[string]string{
		"PULUMI_SKIP_UPDATE_CHECK": "true",
		// Checkpoint backups double what Pulumi writes, and nothing reads them; `pulumi stack history` has its own.
		"PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
	}
	maps.Copy(env, opts.Env)
	backend := cmp.Or(env["PULUMI_BACKEND_URL"], os.Getenv("PULUMI_BACKEND_URL"))
	return open(ctx, opts, backend, func(ctx context.Context) (pulumiStack, error) {
		program := opts.Program
		if program == nil {
			program = func(*pulumi.Context) error { return nil }
		}
		workspace := []auto.LocalWorkspaceOption{auto.Pulumi(command), auto.WorkDir(opts.WorkDir), auto.EnvVars(env)}
		if opts.Home != "" {
			workspace = append(workspace, auto.PulumiHome(opts.Home))
		}
		stack, err := auto.UpsertStackInlineSource(ctx, opts.Name, Project, program, workspace...)
		return automationStack{&stack}, err
	})
}

// open waits for the stack's lock, repairs the state backend, selects the stack with connect, and checks the stack's secrets.
func open(
	ctx context.Context, opts Options, backend string, connect func(context.Context) (pulumiStack, error),
) (*Stack, error) {
	if opts.Exclusive {
		if err := waitForLock(ctx, backend, opts.Name, lockTimeout); err != nil {
			return nil, err
		}
	}
	if err := removeBrokenAttributes(backend, opts.Name); err != nil {
		return nil, err
	}
	stack, err := connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening stack %s: %w", opts.Name, classifyError(opts.Name, err, nil))
	}
	opened := &Stack{opts: opts, stack: stack}
	if err := opened.provideSecrets(ctx); err != nil {
		return nil, err
	}
	return opened, nil
}

// createFolders makes the stack's folders absolute, since the command line runs in one of them, and creates missing ones.
func (o *Options) createFolders() error {
	for _, dir := range []*string{&o.WorkDir, &o.Home} {
		if *dir == "" {
			continue
		}
		absolute, err := filepath.Abs(*dir)
		if err != nil {
			return fmt.Errorf("finding the stack's folder: %w", err)
		}
		if err := os.MkdirAll(absolute, 0o700); err != nil {
			return fmt.Errorf("creating a folder for the stack's state: %w", err)
		}
		*dir = absolute
	}
	return nil
}

// LocalBackend returns the address of a state backend in a folder, and creates the folder.
func LocalBackend(dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the state's folder: %w", err)
	}
	if err := os.MkdirAll(absolute, 0o700); err != nil {
		return "", fmt.Errorf("creating the state's folder: %w", err)
	}
	return "file://" + absolute, nil
}

// Outputs returns the stack's outputs as plain values; "[secret]" replaces secrets. A stack that is not up has none.
func (s *Stack) Outputs(ctx context.Context) (map[string]any, error) {
	outputs, err := s.stack.Outputs(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the outputs of %s: %w", s.opts.Name, classifyError(s.opts.Name, err, nil))
	}
	plain := map[string]any{}
	for name, output := range outputs {
		plain[name] = output.Value
		if output.Secret {
			plain[name] = secretPlaceholder
		}
	}
	return plain, nil
}
