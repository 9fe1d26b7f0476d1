package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/engine"
)

func (a *app) preview() *cobra.Command {
	t := target{makes: true}
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
		return a.writeChanges(changes, asJSON)
	})
	jsonFlag(cmd, &asJSON)
	t.flags(cmd)
	return cmd
}

func (a *app) up() *cobra.Command {
	cmd := a.changing("up", "Make the cloud agree with the region file", (*engine.Stack).Up)
	cmd.Long = "Make the cloud agree with the region file. What would replace or delete protected things is refused before anything\n" +
		"changes. A run that failed or was killed goes on with the next up."
	return cmd
}

func (a *app) down() *cobra.Command {
	return a.changing("down", "Take the region down; refused while something in it is protected", (*engine.Stack).Down)
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
		t.makes = verb == "up"
		changes, region, err := a.change(ctx, name, t, do)
		switch {
		case region == "" || errors.Is(err, engine.ErrRefused) || errors.Is(err, engine.ErrUntouched) || errors.Is(err, engine.ErrLocked):
			return err // there is nothing to go on from
		case err != nil:
			return fmt.Errorf("%w\n  run `beachhead %s %s%s` again to go on from here", err, verb, name, t.flag())
		case asJSON:
			return writeJSON(a.out, changes)
		}
		fmt.Fprintf(a.out, "%s is %s: %s\n", region, verb, summary(changes))
		return nil
	})
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&yes, "yes", false, "really change the account; without it, nothing is changed on a real account")
	t.flags(cmd)
	return cmd
}

// change runs one operation with its progress on the log, and gives the region's name once there was something to change.
func (a *app) change(ctx context.Context, name string, t target, do operation) (*engine.Changes, string, error) {
	t.changes = true
	defer context.AfterFunc(ctx, func() {
		a.note("interrupted: what is under way ends and is written down first; a second interrupt leaves that to Pulumi alone")
	})()
	shown := newProgress(a.err)
	defer shown.close()
	run, err := a.open(ctx, name, t, shown.tell)
	if err != nil {
		return nil, "", err
	}
	defer run.close()
	changes, err := do(run.stack, ctx)
	return changes, run.plan.Name, err
}

// writeChanges writes a preview: a line for each step, then the sums.
func (a *app) writeChanges(c *engine.Changes, asJSON bool) error {
	if asJSON {
		return writeJSON(a.out, c)
	}
	table := a.table()
	for _, s := range c.Steps {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Op, s.Name, s.Type, strings.Join(s.Diffs, ", "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.out, summary(c))
	return nil
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
