package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
)

// maxParallel is how many steps the engine may run at once. Its own default, four for each processor, would make a region wait for the
// laptop; the providers respect the cloud's rate limits.
const maxParallel = 256

// Preview returns what Up would do, and changes nothing. It returns an error that wraps ErrRefused when a change would replace or delete
// a resource that must stay, or when two resources in the cloud may be the same one of the program.
func (s *Stack) Preview(ctx context.Context) (*Changes, error) {
	r, err := s.runPreview(ctx, s.opts.Progress)
	if err != nil {
		return nil, err
	}
	adopted, err := s.findAdoptable(ctx, r.steps)
	if err != nil {
		return nil, err
	}
	changes := summarizeSteps(withoutResources(r.steps, adopted))
	changes.Adopted = adopted
	return changes, refuseSteps(r.steps)
}

func (s *Stack) runPreview(ctx context.Context, report func(Event)) (*record, error) {
	r, err := s.runOperation(report, func(stream chan events.EngineEvent, out, errs discard) error {
		_, err := s.stack.Preview(ctx, optpreview.EventStreams(stream), optpreview.Parallel(maxParallel),
			optpreview.ProgressStreams(out), optpreview.ErrorProgressStreams(errs))
		return err
	})
	if err == nil {
		return r, nil
	}
	if refusal := readProtections(r.errors); refusal != nil {
		return nil, refusal
	}
	return nil, fmt.Errorf("previewing %s: %w", s.opts.Name, err)
}

// Up makes the cloud agree with the program. It first adopts what a killed run left behind or a down kept, and drops from the state what
// a killed down deleted. Then it refuses, before anything changes, to replace or delete a resource that must stay. The next Up resumes a
// run that failed or was killed.
func (s *Stack) Up(ctx context.Context) (*Changes, error) {
	adopted, err := s.adopt(ctx)
	if err != nil {
		return nil, err
	}
	before, err := s.runPreview(ctx, nil)
	if err != nil && !errors.Is(err, ErrRefused) {
		return nil, fmt.Errorf("%w\n  %w", err, ErrUntouched)
	}
	if err != nil {
		return nil, err
	}
	if err := refuseSteps(before.steps); err != nil {
		return nil, err
	}
	r, err := s.runOperation(s.opts.Progress, func(stream chan events.EngineEvent, out, errs discard) error {
		_, err := s.stack.Up(ctx, optup.EventStreams(stream), optup.Parallel(maxParallel),
			optup.ProgressStreams(out), optup.ErrorProgressStreams(errs))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bringing up %s: %w", s.opts.Name, err)
	}
	changes := summarizeSteps(r.steps)
	changes.Adopted = adopted
	return changes, nil
}

// Down deletes everything, also what a killed run left behind. A protected resource that is retained leaves the stack and stays in the
// cloud, where the next Up finds it. While a resource is protected and not retained, Down refuses before anything changes: the engine's
// own destroy would delete everything else first.
//
// Machines terminate first, while everything that they need for it exists: runners, then cache servers, then NAT instances.
//
// Down removes the protection of retained resources from the state before the destroy, and writes the order of termination there too. If
// the run is killed after that, the next Up protects them again, and the next Down resumes. Both leave them in the cloud,
// since they are still retained. (Refused: the engine's own switch to ignore all protection, which the Automation API does not have.)
func (s *Stack) Down(ctx context.Context) (*Changes, error) {
	adopted, err := s.adopt(ctx)
	if err != nil {
		return nil, err
	}
	before, err := s.readState(ctx)
	if err != nil {
		return nil, err
	}
	if err := refuseSteps(planDeletions(before.Resources)); err != nil {
		return nil, err
	}
	if err := s.prepareDestroy(ctx, before); err != nil {
		return nil, err
	}
	r, err := s.runOperation(s.opts.Progress, func(stream chan events.EngineEvent, out, errs discard) error {
		_, err := s.stack.Destroy(ctx, optdestroy.EventStreams(stream), optdestroy.Parallel(maxParallel),
			optdestroy.ProgressStreams(out), optdestroy.ErrorProgressStreams(errs))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("taking down %s: %w", s.opts.Name, err)
	}
	changes := summarizeSteps(r.steps)
	changes.Adopted = adopted
	return changes, nil
}

// prepareDestroy writes into the state what a destroy must know: which resources it may release, and what machines need until they have
// terminated. It leaves a state that needs neither as it is.
func (s *Stack) prepareDestroy(ctx context.Context, before *state) error {
	order := planDrain(before.Resources)
	if len(order.extraDeps) == 0 && !slices.ContainsFunc(before.Resources, isKept) {
		return nil
	}
	return s.writeState(ctx, before, func(resources []json.RawMessage) ([]json.RawMessage, error) {
		resources, err := unprotectKept(resources)
		if err != nil {
			return nil, err
		}
		return order.editResources(resources)
	})
}

// discard drops the engine's own display: ours comes from its events.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// runOperation runs one engine operation and returns what its events report.
func (s *Stack) runOperation(report func(Event), run func(stream chan events.EngineEvent, out, errs discard) error) (*record, error) {
	stream := make(chan events.EngineEvent)
	records, ended := make(chan *record), make(chan struct{})
	go func() { records <- readEvents(stream, ended, report) }()
	err := run(stream, discard{}, discard{})
	close(ended)
	r := <-records
	return r, classifyError(s.opts.Name, err, r)
}
