package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/internal/session"
)

func (a *app) previewCommand() *cobra.Command {
	var flags targetFlags
	var asJSON bool
	cmd := a.regionCommand("preview", "Show what up would change; refuse dangerous changes", func(ctx context.Context, name string) error {
		target, err := flags.target()
		if err != nil {
			return err
		}
		opened, err := a.project().Open(ctx, name, session.Preview, target)
		if err != nil {
			return err
		}
		defer opened.Close()
		previewed, err := opened.PreviewUp(ctx)
		if err != nil {
			return err
		}
		promise := session.CheckPromise(previewed.Predicted, opened.Path)
		if asJSON {
			previewed.Predicted.Spans = nil // the times of each resource are a timeline's
			err = writeJSON(a.out, previewed)
		} else {
			err = a.writePreview(previewed)
		}
		if err != nil {
			return err
		}
		return promise
	})
	cmd.Long = "Show what up would change, and predict from the model durations how long the region takes from nothing to ready.\n" +
		"Preview fails if up would replace or delete protected resources, or if the region would take longer than its ready promises."
	addJSONFlag(cmd, &asJSON)
	flags.add(cmd)
	return cmd
}

// writePreview writes a line for each step, then the totals, then how long the region takes from nothing to ready.
func (a *app) writePreview(p *session.Previewed) error {
	table := a.newTable()
	for _, s := range p.Steps {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Op, s.Name, s.Type, strings.Join(s.Diffs, ", "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s\n\n", session.SummarizeChanges(p.Changes))
	return report.WriteSummary(a.out, p.Predicted)
}
