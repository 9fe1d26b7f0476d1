package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	awscloud "github.com/beachhead-build/beachhead/internal/clouds/aws"
	"github.com/beachhead-build/beachhead/internal/clouds/emulated"
	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
	"github.com/beachhead-build/beachhead/internal/engine"
)

// Session is a region's stack, open on a cloud for one operation.
type Session struct {
	*Region
	project Project
	stack   *engine.Stack
	// timer records when resources become ready; pace is the model seconds that pass in a second of its clock, 0 where a cloud does not wait.
	timer *timer
	pace  float64
	// emulator is nil on a real account.
	emulator *Emulator
}

// Close ends the session. An emulated cloud is on disk after each operation, so a failure to close it loses nothing.
func (s *Session) Close() {
	if s.emulator != nil {
		_ = s.emulator.Close()
	}
}

// Open loads a region and opens its stack for an operation. On a real account it first checks whose the credentials are. A mistake in the
// region file is a UsageError.
func (p Project) Open(ctx context.Context, name string, op Operation, target Target) (*Session, error) {
	region, err := p.LoadRegion(name)
	if err != nil {
		return nil, err
	}
	if !target.Emulated {
		return p.openReal(ctx, region, op)
	}
	return p.openEmulated(ctx, region, p.EmulatedDir(), op, target)
}

func (p Project) openReal(ctx context.Context, region *Region, op Operation) (*Session, error) {
	cfg, err := awscloud.CheckIdentity(ctx, region.Plan.Account, region.Plan.Region)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(p.Dir, "Pulumi.yaml")); err != nil {
		return nil, UsageError{fmt.Errorf("no Pulumi.yaml in %s; run the command in the project's folder, or name the folder with -C", p.Dir)}
	}
	opened := &Session{Region: region, project: p, timer: newTimer(), pace: 1}
	opened.stack, err = engine.Open(ctx, opened.engineOptions(op, engine.Options{WorkDir: p.Dir, Inventory: realInventory(cfg, region.Plan)}))
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// openEmulated opens a stack on an emulated cloud. The cloud and the stack's state are both in dir.
func (p Project) openEmulated(ctx context.Context, region *Region, dir string, op Operation, target Target) (_ *Session, err error) {
	opened := &Session{Region: region, project: p, timer: newTimer(), pace: target.Pace}
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	if opened.emulator, err = ServeEmulator(dir, target); err != nil {
		return nil, err
	}
	// A region file with an admission names a policy that the project has already.
	if a := region.Plan.Admission; a != nil {
		if err := gcp.GiveSecurityPolicy(ctx, opened.emulator.cloud, a.Project, a.Policy); err != nil {
			return nil, err
		}
	}
	env, err := opened.emulator.PulumiEnv()
	if err != nil {
		return nil, err
	}
	if opened.stack, err = engine.Open(ctx, opened.engineOptions(op, engine.Options{
		WorkDir: filepath.Join(dir, "workspace", region.Plan.Name), Home: filepath.Join(dir, "home"), Env: env, Rehearsal: true,
		Inventory: emulated.Inventory{Cloud: opened.emulator.cloud},
	})); err != nil {
		return nil, err
	}
	return opened, nil
}

// engineOptions adds to a cloud's options those that are the same for every cloud.
func (s *Session) engineOptions(op Operation, o engine.Options) engine.Options {
	o.Name, o.Root, o.Exclusive = s.Plan.Name, s.project.Dir, op.Exclusive
	o.Program, o.Progress = s.project.regionProgram(s.Region), s.reportEvent
	if op.NeedsSecrets {
		o.Secrets = s.Plan.SecretNames()
	}
	return o
}

// reportEvent is the engine's Progress.
func (s *Session) reportEvent(e engine.Event) {
	if s.project.Progress != nil {
		event := Event{Event: e}
		if e.Phase == engine.Started && e.Step.ChangesCloud() {
			event.Warning = s.warnAbout(e.Step)
		}
		s.project.Progress(event)
	}
	s.timer.recordEvent(e)
}

// ReadOutputs returns the stack's outputs as plain values, with "[secret]" in place of secrets. A stack that is not up has none.
func (s *Session) ReadOutputs(ctx context.Context) (map[string]any, error) {
	return s.stack.Outputs(ctx)
}

// Target is the cloud that an operation works on. The zero value is the real account that the region file names.
type Target struct {
	Emulated bool
	// Pace is the model seconds that pass in a real second of an emulated cloud; 0 means that it does not wait. Faults are injected into it.
	Pace   float64
	Faults []emulator.Fault
}

// AddFault parses a fault, such as kill-after=7, and adds it to those of the emulated cloud.
func (t *Target) AddFault(text string) error {
	fault, err := emulator.ParseFault(text)
	if err == nil {
		t.Faults = append(t.Faults, fault)
	}
	return err
}

// Emulator is an emulated cloud, served to the Pulumi engine until Close.
type Emulator struct {
	dir    string
	cloud  *emulator.Cloud
	server *emulator.Server
}

// ServeEmulator opens the emulated cloud in dir and serves it. It creates a cloud that does not exist yet.
func ServeEmulator(dir string, target Target) (*Emulator, error) {
	options := emulator.Options{Dir: filepath.Join(dir, "cloud"), Pace: target.Pace, Faults: target.Faults}
	cloud, err := emulator.Open(options)
	if err != nil {
		return nil, fmt.Errorf("opening the emulated cloud in %s: %w", options.Dir, err)
	}
	server, err := emulator.Serve(cloud)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serving the emulated cloud: %w", err), cloud.Close())
	}
	return &Emulator{dir: dir, cloud: cloud, server: server}, nil
}

// Close stops serving the cloud, and closes it.
func (e *Emulator) Close() error { return errors.Join(e.server.Close(), e.cloud.Close()) }

// PulumiEnv returns the environment in which a Pulumi command line works on the emulated cloud and stores its state beside it. The
// passphrase protects nothing: the secrets of an emulated cloud open nothing.
func (e *Emulator) PulumiEnv() (map[string]string, error) {
	backend, err := engine.LocalBackend(filepath.Join(e.dir, "state"))
	if err != nil {
		return nil, err
	}
	env := e.server.Env()
	env["PULUMI_BACKEND_URL"] = backend
	env["PULUMI_CONFIG_PASSPHRASE"] = "emulated"
	// The emulator is the plugin; a search for a published one takes seconds of network time.
	env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
	return env, nil
}
