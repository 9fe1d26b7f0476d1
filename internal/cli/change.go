package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/engine"
)

func (a *app) preview() *cobra.Command {
	var t target
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "preview REGION",
		Short:             "Show what up would do; refuse what must not happen",
		Args:              oneRegion,
		ValidArgsFunction: a.completeRegion,
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := a.open(cmd.Context(), args[0], t, nil)
			if err != nil {
				return err
			}
			defer run.close()
			changes, err := run.stack.Preview(cmd.Context())
			if err != nil {
				return err
			}
			return a.writeChanges(changes, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	t.flags(cmd)
	return cmd
}

func (a *app) up() *cobra.Command {
	var t target
	var asJSON, yes bool
	cmd := &cobra.Command{
		Use:   "up REGION",
		Short: "Make the cloud agree with the region file",
		Long: "Make the cloud agree with the region file. What would replace or delete protected things is refused before anything\n" +
			"changes. A run that failed or was killed goes on with the next up.",
		Args:              oneRegion,
		ValidArgsFunction: a.completeRegion,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), args[0], t, yes, asJSON, "up", (*engine.Stack).Up)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write what changed as JSON")
	cmd.Flags().BoolVar(&yes, "yes", false, "really change the account; without it, nothing is changed on a real account")
	t.flags(cmd)
	return cmd
}

func (a *app) down() *cobra.Command {
	var t target
	var asJSON, yes bool
	cmd := &cobra.Command{
		Use:               "down REGION",
		Short:             "Take the region down; protected things stay",
		Args:              oneRegion,
		ValidArgsFunction: a.completeRegion,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), args[0], t, yes, asJSON, "down", (*engine.Stack).Down)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write what changed as JSON")
	cmd.Flags().BoolVar(&yes, "yes", false, "really change the account; without it, nothing is changed on a real account")
	t.flags(cmd)
	return cmd
}

// change runs one operation that changes a cloud.
func (a *app) change(
	ctx context.Context, name string, t target, yes, asJSON bool, verb string,
	operation func(*engine.Stack, context.Context) (*engine.Changes, error),
) error {
	if !t.emulated && !yes {
		return usageError{fmt.Errorf("%s changes a real account and nothing asks again: look at `beachhead preview %s`, then add --yes, "+
			"or rehearse with --emulated", verb, name)}
	}
	t.changes = true
	defer context.AfterFunc(ctx, func() {
		a.note("interrupted: what is under way ends and is written down first; a second interrupt leaves that to Pulumi alone")
	})()
	shown := newProgress(a.err)
	run, err := a.open(ctx, name, t, shown.tell)
	if err != nil {
		shown.close()
		return err
	}
	defer run.close()
	changes, err := operation(run.stack, ctx)
	shown.close()
	if err != nil {
		return fmt.Errorf("%w\n  run `beachhead %s %s` again to go on from here", err, verb, name)
	}
	if asJSON {
		return writeJSON(a.out, changes)
	}
	fmt.Fprintf(a.out, "%s is %s: %s\n", run.plan.Name, verb, summary(changes))
	return nil
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
