package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/internal/session"
)

func (a *app) validateCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate [FILE...]",
		Short: "Check region files; list all problems with file, line and correction",
		Long: "Check region files by themselves and against each other, and list all problems with file, line and correction.\n" +
			"Without arguments, check every file in regions/.",
		RunE:              func(_ *cobra.Command, args []string) error { return a.validateFiles(args, asJSON) },
		ValidArgsFunction: completeRegionFile,
	}
	addJSONFlag(cmd, &asJSON)
	return cmd
}

// validateFiles validates files, or all region files if there are no arguments. It writes problems to the log, or to standard output as
// JSON.
func (a *app) validateFiles(files []string, asJSON bool) error {
	if len(files) == 0 {
		var err error
		if files, err = a.project().RegionFiles(); err != nil {
			return err
		}
	}
	configs, err := regionfile.LoadAll(files)
	problems := regionfile.Problems(err)
	all := append([]regionfile.Problem{}, problems...)
	for _, c := range configs {
		all = append(all, c.Warnings()...)
	}
	if asJSON {
		if err := writeJSON(a.out, all); err != nil {
			return err
		}
	} else {
		for _, p := range all {
			fmt.Fprintln(a.log, p)
		}
	}
	switch {
	case err != nil:
		return usageError("%s in %s; nothing was changed", session.FormatCount(len(problems), "problem"), session.FormatCount(len(files), "file"))
	case !asJSON:
		fmt.Fprintf(a.out, "%s valid\n", session.FormatCount(len(files), "region file"))
	}
	return nil
}
