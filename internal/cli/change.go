package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/report"
)

// previewed is what preview writes as JSON.
type previewed struct {
	*engine.Changes
	// Predicted is how long the region takes to stand up from nothing, without the times of each resource.
	Predicted report.Run `json:"predicted"`
}

func (a *app) preview() *cobra.Command {
	t := target{plans: true}
	var asJSON bool
	cmd := a.regionCommand("preview", "Show what up would do; refuse what must not happen", func(ctx context.Context, name string) error {
		run, err := a.open(ctx, name, t, nil)
		if err != nil {
			return err
		}
		defer run.close()
		changes, err := run.stack.Preview(ctx)
		if err != nil {
			return err
		}
		for _, s := range changes.Steps {
			if remark := run.remark(s); remark != "" {
				a.note(remark)
			}
		}
		predicted, err := run.predict(a.dir)
		if err != nil {
			return err
		}
		if asJSON {
			predicted.Spans = nil
			err = writeJSON(a.out, previewed{changes, predicted})
		} else {
			err = a.writePreview(changes, predicted)
		}
		if err != nil {
			return err
		}
		return late(run.path, predicted)
	})
	cmd.Long = "Show what up would do, and how long the region takes to stand up from nothing by the model durations. What must not happen is\n" +
		"refused, and so is a region that would take longer than its ready promises."
	jsonFlag(cmd, &asJSON)
	t.flags(cmd)
	return cmd
}

func (a *app) up() *cobra.Command {
	cmd := a.changing("up", "Make the cloud agree with the region file", (*engine.Stack).Up)
	cmd.Long = "Make the cloud agree with the region file. What would replace or delete protected things is refused before anything\n" +
		"changes. A run that failed or was killed goes on with the next up. What took how long is in .beachhead/timelines/."
	return cmd
}

func (a *app) down() *cobra.Command {
	cmd := a.changing("down", "Take the region down, all but the cache's data", (*engine.Stack).Down)
	cmd.Long = "Take the region down. The cache's data volumes and their snapshots stay, and the next up takes them up again; their ids are\n" +
		"printed, for whoever wants to delete them."
	return cmd
}

// operation is one that changes a cloud.
type operation func(*engine.Stack, context.Context) (*engine.Changes, error)

// changing is a command that runs an operation.
func (a *app) changing(verb, short string, do operation) *cobra.Command {
	var t target
	var asJSON, yes bool
	cmd := a.regionCommand(verb, short, func(ctx context.Context, name string) error {
		if !t.emulated && !yes {
			return usageError{fmt.Errorf("%s changes a real account and nothing asks again: look at `beachhead preview %s`, then add --yes, "+
				"or rehearse with --emulated", verb, name)}
		}
		t.plans, t.makes = verb == "up", verb == "up"
		done, err := a.change(ctx, name, t, do)
		switch {
		case done == nil || errors.Is(err, engine.ErrRefused) || errors.Is(err, engine.ErrUntouched) || errors.Is(err, engine.ErrLocked):
			return err // there is nothing to go on from
		case err != nil:
			return fmt.Errorf("%w\n  run `beachhead %s %s%s` again to go on from here", err, verb, name, t.flag())
		case asJSON:
			return writeJSON(a.out, done)
		}
		fmt.Fprintf(a.out, "%s is %s: %s\n", done.region, verb, summary(done.Changes))
		for _, kept := range done.Kept {
			fmt.Fprintf(a.out, "  kept %s (%s)\n", kept.ID, kept.Name)
		}
		if done.Timeline == "" {
			return nil
		}
		fmt.Fprintf(a.out, "  the timeline is in %s\n", done.Timeline)
		return nil
	})
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&yes, "yes", false, "really change the account; without it, nothing is changed on a real account")
	t.flags(cmd)
	return cmd
}

// changed is what up and down write as JSON.
type changed struct {
	*engine.Changes
	// Times are when what an up made is ready, in seconds since it began, and Timeline the file that has everything. Both are empty when
	// nothing was made.
	Times    *report.Times `json:"times,omitempty"`
	Timeline string        `json:"timeline,omitempty"`
	region   string
}

// change runs one operation with its progress on the log, and says what it did; nil: there was nothing to change.
func (a *app) change(ctx context.Context, name string, t target, do operation) (*changed, error) {
	t.changes = true
	defer context.AfterFunc(ctx, func() {
		a.note("interrupted: what is under way ends and is written down first; a second interrupt leaves that to Pulumi alone")
	})()
	shown, seen := newProgress(a.err), newTimekeeper()
	defer shown.close()
	run, err := a.open(ctx, name, t, both(shown.tell, seen.tell))
	if err != nil {
		return nil, err
	}
	defer run.close()
	shown.remark = run.remark
	done := &changed{region: run.plan.Name}
	done.Changes, err = do(run.stack, ctx)
	if t.makes && len(seen.ops) > 0 { // of a run that failed, too: it is what to look at then
		if lost := a.keepTimeline(run, t, seen, done); lost != nil {
			a.note("there is no timeline of this run: " + lost.Error())
		}
	}
	return done, err
}

func (a *app) keepTimeline(run *run, t target, seen *timekeeper, done *changed) error {
	pace := t.pace
	if !t.emulated {
		pace = 1
	}
	happened, err := run.happened(a.dir, seen, pace)
	if err != nil {
		return err
	}
	done.Times = &happened.Times
	done.Timeline, err = a.writeTimeline("up", happened)
	return err
}

// writePreview writes a line for each step, then the sums, then how long it takes from nothing.
func (a *app) writePreview(c *engine.Changes, predicted report.Run) error {
	table := a.table()
	for _, s := range c.Steps {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Op, s.Name, s.Type, strings.Join(s.Diffs, ", "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s\n\n", summary(c))
	return report.Summary(a.out, predicted)
}

// summary says in one line what changed or would.
func summary(c *engine.Changes) string {
	if len(c.Steps) == 0 && len(c.Adopted) == 0 {
		return fmt.Sprintf("nothing to do, %s unchanged", plural(c.Unchanged, "resource"))
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
