package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/preflight"
	"github.com/beachhead-build/beachhead/stacks"
)

// target says which cloud a command works on.
type target struct {
	emulated bool
	// changes says that the command changes the stack, and must have it for itself.
	changes bool
	// plans says that the command runs the program to its end, and needs everything that the program reads; makes, that it makes what the
	// program says.
	plans, makes bool

	pace   float64
	faults []string
}

func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.emulated, "emulated", false, "work on the emulated cloud in .beachhead/ instead of a real account")
	t.emulationFlags(cmd)
}

func (t *target) emulationFlags(cmd *cobra.Command) {
	cmd.Flags().Float64Var(&t.pace, "pace", 0, "model seconds per real second in the emulated cloud; 0: no waiting")
	cmd.Flags().StringArrayVar(&t.faults, "fault", nil, "a fault in the emulated cloud, such as fail=create:TYPE or kill-after=7; repeatable")
}

// flag is what a suggested command needs to work on the same cloud.
func (t *target) flag() string {
	if t.emulated {
		return " --emulated"
	}
	return ""
}

// check refuses what does not go together.
func (t *target) check() error {
	switch {
	case !t.emulated && (t.pace != 0 || len(t.faults) > 0):
		return usageError{errors.New("--pace and --fault are for the emulated cloud; add --emulated")}
	case t.pace < 0:
		return usageError{fmt.Errorf("--pace %g: want 0 or more", t.pace)}
	}
	return nil
}

// run is a region's stack, open on a cloud.
type run struct {
	*region
	stack *engine.Stack
	// cloud is nil on a real account.
	cloud  *emulator.Cloud
	server *emulator.Server
}

func (r *run) close() {
	if r.server != nil {
		_ = r.server.Close() // nothing that a failing close could lose: the cloud is on disk after each operation
		_ = r.cloud.Close()
	}
}

// open loads a region and opens its stack. On a real account it first asks whose the credentials are.
func (a *app) open(ctx context.Context, name string, t target, tell func(engine.Event)) (*run, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	r, err := a.load(name)
	if err != nil {
		return nil, err
	}
	if !t.emulated {
		return a.openReal(ctx, r, t, tell)
	}
	return a.openEmulated(ctx, r, filepath.Join(a.dir, ".beachhead", "emulated"), t, tell)
}

func (a *app) openReal(ctx context.Context, r *region, t target, tell func(engine.Event)) (*run, error) {
	cfg, err := preflight.Identity(ctx, r.plan.Account, r.plan.Region)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(a.dir, "Pulumi.yaml")); err != nil {
		return nil, usageError{fmt.Errorf("there is no Pulumi.yaml in %s; go to the project's folder, or name it with -C", a.dir)}
	}
	stack, err := engine.Open(ctx, a.options(r, t, engine.Options{WorkDir: a.dir, Inventory: inventory(cfg, r.plan), Progress: tell}))
	if err != nil {
		return nil, err
	}
	return &run{region: r, stack: stack}, nil
}

// options completes those that are the same for every cloud.
func (a *app) options(r *region, t target, o engine.Options) engine.Options {
	o.Name, o.Root, o.Exclusive = r.plan.Name, a.dir, t.changes
	o.Program = stacks.Region(r.plan, filepath.Join(a.dir, "bin"))
	if t.plans {
		o.Secrets = r.plan.Secrets()
	}
	return o
}

// openEmulated opens a stack on an emulated cloud whose cloud and state are both under dir.
func (a *app) openEmulated(ctx context.Context, r *region, dir string, t target, tell func(engine.Event)) (_ *run, err error) {
	opened := &run{region: r}
	defer func() {
		if err != nil {
			opened.close()
		}
	}()
	if opened.cloud, opened.server, err = serveEmulator(dir, t); err != nil {
		return nil, err
	}
	// The file says that the project has the policy already.
	if a := r.plan.Admission; a != nil {
		if err := gcp.GiveSecurityPolicy(ctx, opened.cloud, a.Project, a.Policy); err != nil {
			return nil, err
		}
	}
	env, err := emulatedEnv(dir, opened.server)
	if err != nil {
		return nil, err
	}
	if opened.stack, err = engine.Open(ctx, a.options(r, t, engine.Options{
		WorkDir: filepath.Join(dir, "workspace", r.plan.Name), Home: filepath.Join(dir, "home"), Env: env, Rehearsal: true,
		Inventory: emulatedInventory{opened.cloud}, Progress: tell,
	})); err != nil {
		return nil, err
	}
	return opened, nil
}

func serveEmulator(dir string, t target) (*emulator.Cloud, *emulator.Server, error) {
	options := emulator.Options{Dir: filepath.Join(dir, "cloud"), Pace: t.pace}
	for _, text := range t.faults {
		fault, err := emulator.ParseFault(text)
		if err != nil {
			return nil, nil, usageError{fmt.Errorf("--fault %s: %w", text, err)}
		}
		options.Faults = append(options.Faults, fault)
	}
	cloud, err := emulator.Open(options)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the emulated cloud in %s: %w", options.Dir, err)
	}
	server, err := emulator.Serve(cloud)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("serving the emulated cloud: %w", err), cloud.Close())
	}
	return cloud, server, nil
}

// emulatedEnv is the environment in which a Pulumi command line works on the emulated cloud and keeps its state beside it. The
// passphrase guards nothing: an emulated cloud has no secrets worth keeping.
func emulatedEnv(dir string, server *emulator.Server) (map[string]string, error) {
	backend, err := engine.LocalBackend(filepath.Join(dir, "state"))
	if err != nil {
		return nil, err
	}
	env := server.Env()
	env["PULUMI_BACKEND_URL"] = backend
	env["PULUMI_CONFIG_PASSPHRASE"] = "emulated"
	// The emulator is the plugin; looking for a published one asks the network for seconds.
	env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
	return env, nil
}
