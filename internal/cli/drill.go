package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/internal/session"
)

func (a *app) drillCommand() *cobra.Command {
	flags := targetFlags{emulated: true}
	var asJSON bool
	cmd := a.regionCommand("drill", "Rehearse in a fresh emulated cloud: bring the region up, verify it, report, delete it",
		func(ctx context.Context, name string) error {
			target, err := flags.target()
			if err != nil {
				return err
			}
			found, err := a.runDrill(ctx, name, target)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(a.out, found)
			} else {
				err = a.writeDrill(found)
			}
			switch {
			case err != nil:
				return err
			case len(found.Unverified) > 0:
				return check.ErrorFrom(found.Unverified)
			}
			return session.CheckPromise(found.Run, name)
		})
	cmd.Long = "Rehearse every step from validate to down in a fresh emulated cloud, and report.\n" +
		"A drill needs no account and changes nothing real. It exits with 3 if a probe of the verification did not pass, and with 1\n" +
		"if the region is ready later than its region file promises."
	addJSONFlag(cmd, &asJSON)
	flags.addEmulation(cmd)
	return cmd
}

// runDrill runs a drill and writes its progress to the log.
func (a *app) runDrill(ctx context.Context, name string, target session.Target) (*session.DrillReport, error) {
	shown := newProgress(a.log)
	defer shown.close()
	project := a.project()
	project.Progress = shown.show
	return project.RunDrill(ctx, name, target)
}

func (a *app) writeDrill(found *session.DrillReport) error {
	fmt.Fprintf(a.out, "Drill of %s in the emulated cloud; nothing real was changed\n\n", found.Region)
	table := a.newTable()
	for _, step := range found.Steps {
		fmt.Fprintf(table, "  %s\t%s\t%.1f s\n", step.Name, step.Outcome, step.Seconds)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\n%s\n", session.FormatCount(found.Resources, "resource"))
	if err := report.WriteSummary(a.out, found.Run); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "The whole timeline is in %s\n", found.Timeline)
	return check.WriteTable(a.out, found.Unverified, func(_ check.Outcome, word string) string { return colour(a.out, red, word) })
}
