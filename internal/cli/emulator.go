package cli

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/session"
)

func (a *app) emulatorCommand() *cobra.Command {
	flags := targetFlags{emulated: true}
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve the emulated cloud to a plain `pulumi` until interrupted",
		Long: "Serve the emulated cloud in .beachhead/ to a plain `pulumi` until interrupted, and print the environment that it\n" +
			"needs:\n\n" +
			"  beachhead emulator > .beachhead/env &\n  . .beachhead/env\n  pulumi up --stack us-west-1",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			target, err := flags.target()
			if err != nil {
				return err
			}
			dir := a.project().EmulatedDir()
			served, err := session.ServeEmulator(dir, target)
			if err != nil {
				return err
			}
			defer func() { _ = served.Close() }()
			env, err := served.PulumiEnv()
			if err != nil {
				return err
			}
			var lines []string
			for name, value := range env {
				lines = append(lines, fmt.Sprintf("export %s=%s\n", name, quoteForShell(value)))
			}
			slices.Sort(lines)
			if _, err := fmt.Fprint(a.out, strings.Join(lines, "")); err != nil {
				return err
			}
			a.note("serving the emulated cloud in " + dir + "; to stop, interrupt this command")
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			<-ctx.Done()
			return nil
		},
	}
	flags.addEmulation(cmd)
	return cmd
}

// quoteForShell quotes a value for a POSIX shell.
func quoteForShell(value string) string { return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'" }
