package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/session"
)

// changeCommand returns a command that runs an operation that changes a region.
func (a *app) changeCommand(op session.Operation, short string) *cobra.Command {
	var flags targetFlags
	var asJSON, yes bool
	cmd := a.regionCommand(op.Name, short, func(ctx context.Context, name string) error {
		if !flags.emulated && !yes {
			return usageError("%s changes a real AWS account without asking for confirmation. Review `beachhead preview %s`, then run it again "+
				"with --yes. To rehearse, use --emulated", op.Name, name)
		}
		target, err := flags.target()
		if err != nil {
			return err
		}
		changed, err := a.runChange(ctx, name, op, target)
		switch {
		case changed == nil || err != nil && !isResumable(err):
			return err
		case err != nil:
			return fmt.Errorf("%w\n  to continue from here, run `beachhead %s %s%s` again", err, op.Name, name, flags.suffix())
		case asJSON:
			return writeJSON(a.out, changed)
		}
		a.writeChanged(op, changed)
		return nil
	})
	addJSONFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&yes, "yes", false, "confirm that the command changes a real account; without it, nothing real is changed")
	flags.add(cmd)
	return cmd
}

// isResumable reports whether an operation that failed had begun, so that the same command continues it.
func isResumable(err error) bool {
	return !errors.Is(err, engine.ErrRefused) && !errors.Is(err, engine.ErrUntouched) && !errors.Is(err, engine.ErrLocked)
}

// runChange runs an operation and writes its progress to the log. It returns nil if the region could not be opened.
func (a *app) runChange(ctx context.Context, name string, op session.Operation, target session.Target) (*session.Changed, error) {
	defer context.AfterFunc(ctx, func() {
		a.note("interrupted; waiting until the steps under way end and are recorded. A second interrupt ends this program at once, and Pulumi " +
			"still records them")
	})()
	shown := newProgress(a.log)
	defer shown.close()
	project := a.project()
	project.Progress = shown.show
	return project.RunChange(ctx, name, op, target)
}

// writeChanged writes for people what an operation changed.
func (a *app) writeChanged(op session.Operation, changed *session.Changed) {
	fmt.Fprintf(a.out, "%s is %s: %s\n", changed.Region, op.Name, session.SummarizeChanges(changed.Changes))
	for _, kept := range changed.Kept {
		fmt.Fprintf(a.out, "  kept %s (%s)\n", kept.ID, kept.Name)
	}
	if changed.Timeline != "" {
		fmt.Fprintf(a.out, "  the timeline is in %s\n", changed.Timeline)
	}
}
