package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) showCommand() *cobra.Command {
	var asJSON bool
	const short = "Show the region file with all defaults, and the plan that follows from it"
	cmd := a.regionCommand("show", short, func(_ context.Context, name string) error {
		region, err := a.project().LoadRegion(name)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(a.out, map[string]any{"config": region.Config, "plan": region.Plan})
		}
		completed, err := region.Config.YAML()
		if err != nil {
			return err
		}
		planned, err := blockYAML(region.Plan)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "# %s, with all defaults\n%s---\n# the plan that follows from it\n%s", region.Path, completed, planned)
		return err
	})
	addJSONFlag(cmd, &asJSON)
	return cmd
}
