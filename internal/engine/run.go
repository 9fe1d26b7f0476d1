package engine

import (
	"context"
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
	// Adopted are resources that an earlier run made and could not record, taken up before anything else.
	Adopted []Step `json:"adopted,omitempty"`
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
		case s.Changes():
			c.Steps = append(c.Steps, s)
		case s.Custom && s.Op == "same" && !strings.HasPrefix(s.Type, "pulumi:"):
			c.Unchanged++
		}
	}
	return c
}

// Preview says what Up would do. What must stay and would go makes an error that wraps ErrRefused.
func (s *Stack) Preview(ctx context.Context) (*Changes, error) {
	r, err := s.preview(ctx, s.opts.Progress)
	if err != nil {
		return nil, err
	}
	return changesOf(r.steps), refusals(r.steps)
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

// Up makes the cloud agree with the program. It first takes up what a killed run left behind, then refuses, before anything changes,
// what would replace or delete what must stay. A run that failed or was killed goes on with the next Up.
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

// Down takes everything away, what a killed run left behind too. While something is protected it is refused, before anything changes:
// the engine's own destroy would take everything else away first.
func (s *Stack) Down(ctx context.Context) (*Changes, error) {
	adopted, err := s.adopt(ctx)
	if err != nil {
		return nil, err
	}
	resources, err := s.Resources(ctx)
	if err != nil {
		return nil, err
	}
	if err := refusals(deletions(resources)); err != nil {
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
