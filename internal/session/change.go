package session

import (
	"context"
	"fmt"
	"strings"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/report"
)

// Previewed is what an up would change. The tags are those of the JSON of preview.
type Previewed struct {
	*engine.Changes
	// Predicted is how long the region takes from nothing to ready.
	Predicted report.Run `json:"predicted"`
}

// PreviewUp returns what an up would change, and predicts how long the region takes from nothing to ready. It notes what an operator needs
// to know about the steps.
func (s *Session) PreviewUp(ctx context.Context) (*Previewed, error) {
	changes, err := s.stack.Preview(ctx)
	if err != nil {
		return nil, err
	}
	for _, step := range changes.Steps {
		if warning := s.warnAbout(step); warning != "" {
			s.project.sendNote(warning)
		}
	}
	predicted, err := s.project.PredictRun(s.Region)
	if err != nil {
		return nil, err
	}
	return &Previewed{Changes: changes, Predicted: predicted}, nil
}

// Changed is what an operation changed. The tags are those of the JSON of up and down.
type Changed struct {
	*engine.Changes
	// Times are when the region is ready, in seconds since the operation began, and Timeline is the path of the file with the whole run.
	// They are empty when the operation made nothing.
	Times    *report.Times `json:"times,omitempty"`
	Timeline string        `json:"timeline,omitempty"`
	// Region is the region's name.
	Region string `json:"-"`
}

// RunChange runs an operation that changes a region's stack, Up or Down. If the operation fails, it returns a value with the error; if the
// region cannot be opened, it returns nil with the error.
func (p Project) RunChange(ctx context.Context, name string, op Operation, target Target) (*Changed, error) {
	opened, err := p.Open(ctx, name, op, target)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	done := &Changed{Region: opened.Plan.Name}
	done.Changes, err = op.change(opened.stack, ctx)
	opened.tryKeepTimeline(op, done) // also of a failed run, whose timeline shows where it failed
	return done, err
}

// tryKeepTimeline keeps the timeline of an operation that has made something. A failure is only a note: the operation has done its work.
func (s *Session) tryKeepTimeline(op Operation, done *Changed) {
	if !op.MakesResources || len(s.timer.ops) == 0 {
		return
	}
	if err := s.keepTimeline(op, done); err != nil {
		s.project.sendNote("no timeline of this run was written: " + err.Error())
	}
}

// keepTimeline writes the timeline of an operation, and adds its times and its path to what changed.
func (s *Session) keepTimeline(op Operation, done *Changed) error {
	run, err := s.measureRun()
	if err != nil {
		return err
	}
	done.Times = &run.Times
	done.Timeline, err = s.project.writeTimeline(op, run)
	return err
}

// SummarizeChanges returns in one line what changed or would change.
func SummarizeChanges(c *engine.Changes) string {
	if len(c.Steps) == 0 && len(c.Adopted) == 0 {
		return fmt.Sprintf("nothing to do, %s unchanged", FormatCount(c.Unchanged, "resource"))
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(len(c.Adopted), "adopted")
	add(c.Count("create"), "create")
	add(c.Count("update"), "update")
	add(c.Count("replace"), "replace")
	add(c.Count("delete"), "delete")
	add(c.Unchanged, "unchanged")
	return strings.Join(parts, ", ")
}

// FormatCount returns a number with a noun, such as 1 probe or 2 probes.
func FormatCount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
