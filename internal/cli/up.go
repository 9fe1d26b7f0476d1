package cli

import (
	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/session"
)

func (a *app) upCommand() *cobra.Command {
	cmd := a.changeCommand(session.Up, "Create the region, or change it to match its region file")
	cmd.Long = "Create the region, or change it to match its region file.\n" +
		"If up would replace or delete protected resources, it fails before it changes anything. After a run that failed or was\n" +
		"killed, the next up continues. The timeline of each run is in .beachhead/timelines/."
	return cmd
}
