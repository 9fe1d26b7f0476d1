package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
)

// parallel is how many steps the engine may run at once. Its own default, four for each processor, would make a region wait for the
// laptop; the cloud's rate limits are the providers' business.
const parallel = 256

// Changes is what an operation did or, for a preview, would do.
type Changes struct {
	// Steps are those that change something in the cloud, in the engine's order.
	Steps []Step `json:"steps"`
	// Unchanged counts resources that stay as they are.
	Unchanged int `json:"unchanged"`
	// Adopted are resources that are in the cloud already, since an earlier run made and could not record them, or kept them. They are taken
	// up before anything else and are not among Steps, unless they change then.
	Adopted []Step `json:"adopted,omitempty"`
	// Kept are resources that leave the stack and stay in the cloud, each with its id there. Their operation is "keep".
	Kept []Step `json:"kept,omitempty"`
}

// Count gives the number of steps with one of the operations.
func (c *Changes) Count(ops ...string) int {
	n := 0
	for _, s := range c.Steps {
		if slices.Contains(ops, s.Op) {
			n++
		}
	}
	return n
}

func changesOf(steps []Step) *Changes {
	c := &Changes{Steps: []Step{}}
	for _, s := range steps {
		switch {
		case s.stays():
			s.Op = "keep"
			c.Kept = append(c.Kept, s)
		case s.Changes():
			c.Steps = append(c.Steps, s)
		case s.Custom && s.Op == "same" && !strings.HasPrefix(s.Type, "pulumi:"):
			c.Unchanged++
		}
	}
	return c
}

// Preview says what Up would do, and changes nothing. What must stay and would go makes an error that wraps ErrRefused, and so do two
// things in the cloud that both may be one of the program's.
func (s *Stack) Preview(ctx context.Context) (*Changes, error) {
	r, err := s.preview(ctx, s.opts.Progress)
	if err != nil {
		return nil, err
	}
	adopted, err := s.adoptable(ctx, r.steps)
	if err != nil {
		return nil, err
	}
	changes := changesOf(without(r.steps, adopted))
	changes.Adopted = adopted
	return changes, refusals(r.steps)
}

func (s *Stack) preview(ctx context.Context, tell func(Event)) (*record, error) {
	r, err := s.operate(tell, func(stream chan events.EngineEvent, out, errs discard) error {
		_, err := s.stack.Preview(ctx, optpreview.EventStreams(stream), optpreview.Parallel(parallel),
			optpreview.ProgressStreams(out), optpreview.ErrorProgressStreams(errs))
		return err
	})
	if err == nil {
		return r, nil
	}
	if refused := protections(r.errors); refused != nil {
		return nil, refused
	}
	return nil, fmt.Errorf("previewing %s: %w", s.opts.Name, err)
}

// Up makes the cloud agree with the program. It first takes up what a killed run left behind or a down kept, and forgets what one
// deleted, then refuses, before anything changes, what would replace or delete what must stay. A run that failed or was killed goes on with
// the next Up.
func (s *Stack) Up(ctx context.Context) (*Changes, error) {
	adopted, err := s.adopt(ctx)
	if err != nil {
		return nil, err
	}
	before, err := s.preview(ctx, nil)
	if err != nil && !errors.Is(err, ErrRefused) {
		return nil, fmt.Errorf("%w\n  %w", err, ErrUntouched)
	}
	if err != nil {
		return nil, err
	}
	if err := refusals(before.steps); err != nil {
		return nil, err
	}
	r, err := s.operate(s.opts.Progress, func(stream chan events.EngineEvent, out, errs discard) error {
		_, err := s.stack.Up(ctx, optup.EventStreams(stream), optup.Parallel(parallel),
			optup.ProgressStreams(out), optup.ErrorProgressStreams(errs))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("bringing up %s: %w", s.opts.Name, err)
	}
	changes := changesOf(r.steps)
	changes.Adopted = adopted
	return changes, nil
}

// Down takes everything away, what a killed run left behind too, and keeps what is protected and retained when it is deleted: that leaves
// the stack and stays in the cloud, where the next Up finds it. While something is protected and not retained, down is refused before
// anything changes: the engine's own destroy would take everything else away first.
//
// Machines leave first, while they still have all that they need for it: runners, then cache servers, then NAT instances.
//
// The protection of what is kept is taken off in the state before, which is also where the order of leaving is written. A run that dies after
// that leaves it to the next: an Up protects again, a Down goes on, and neither deletes it, since it is still retained. (Refused: the engine's
// own switch to ignore all protection, which the Automation API does not have.)
func (s *Stack) Down(ctx context.Context) (*Changes, error) {
	adopted, err := s.adopt(ctx)
	if err != nil {
		return nil, err
	}
	before, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	if err := refusals(deletions(before.Resources)); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, before); err != nil {
		return nil, err
	}
	r, err := s.operate(s.opts.Progress, func(stream chan events.EngineEvent, out, errs discard) error {
		_, err := s.stack.Destroy(ctx, optdestroy.EventStreams(stream), optdestroy.Parallel(parallel),
			optdestroy.ProgressStreams(out), optdestroy.ErrorProgressStreams(errs))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("taking down %s: %w", s.opts.Name, err)
	}
	changes := changesOf(r.steps)
	changes.Adopted = adopted
	return changes, nil
}

// prepare writes into the state what a destroy must know: what it may let go of, and what machines need until they have left. A state that
// says all that stays as it is.
func (s *Stack) prepare(ctx context.Context, before *state) error {
	l := leaving(before.Resources)
	if len(l.needs) == 0 && !slices.ContainsFunc(before.Resources, kept) {
		return nil
	}
	return s.restate(ctx, before, func(resources []json.RawMessage) ([]json.RawMessage, error) {
		resources, err := released(resources)
		if err != nil {
			return nil, err
		}
		return l.edit(resources)
	})
}

// discard swallows the engine's own display: ours is made from its events.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// operate runs one engine operation with its events.
func (s *Stack) operate(tell func(Event), run func(stream chan events.EngineEvent, out, errs discard) error) (*record, error) {
	stream := make(chan events.EngineEvent)
	heard, ended := make(chan *record), make(chan struct{})
	go func() { heard <- listen(stream, ended, tell) }()
	err := run(stream, discard{}, discard{})
	close(ended)
	r := <-heard
	return r, classify(err, r)
}
