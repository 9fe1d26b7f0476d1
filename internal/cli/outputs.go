package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/session"
)

func (a *app) outputsCommand() *cobra.Command {
	var asJSON bool
	var flags targetFlags
	const short = "Show the stack's outputs: ids, subnets, public addresses"
	cmd := a.regionCommand("outputs", short, func(ctx context.Context, name string) error {
		target, err := flags.target()
		if err != nil {
			return err
		}
		opened, err := a.project().Open(ctx, name, session.Outputs, target)
		if err != nil {
			return err
		}
		defer opened.Close()
		outputs, err := opened.ReadOutputs(ctx)
		if err != nil {
			return err
		}
		if len(outputs) == 0 {
			return fmt.Errorf("%s has no outputs, because it is not up; to bring it up, run `beachhead up %s%s`", name, name, flags.suffix())
		}
		if asJSON {
			return writeJSON(a.out, outputs)
		}
		text, err := blockYAML(outputs)
		if err != nil {
			return err
		}
		_, err = a.out.Write(text)
		return err
	})
	addJSONFlag(cmd, &asJSON)
	flags.add(cmd)
	return cmd
}
