package cli

import (
	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/session"
)

func (a *app) downCommand() *cobra.Command {
	cmd := a.changeCommand(session.Down, "Delete the region, except for the cache's data")
	cmd.Long = "Delete the region. The cache's data volumes and their snapshots stay, and the next up adopts them.\n" +
		"Down prints the ids of the volumes. To lose the data too, delete them in AWS."
	return cmd
}
