package session

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	awscloud "github.com/beachhead-build/beachhead/internal/clouds/aws"
	"github.com/beachhead-build/beachhead/internal/clouds/emulated"
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
