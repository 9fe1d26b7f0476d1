package cli

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func (a *app) emulatorCommand() *cobra.Command {
	t := target{emulated: true}
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve the emulated cloud for a plain `pulumi` until interrupted",
		Long: "Serve the emulated cloud of .beachhead/ for a plain `pulumi` until interrupted, and print the environment that it needs:\n\n" +
			"  beachhead emulator > .beachhead/env &\n  . .beachhead/env\n  pulumi up --stack us-west-1",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.check(); err != nil {
				return err
			}
			dir := filepath.Join(a.dir, ".beachhead", "emulated")
			cloud, server, err := serveEmulator(dir, t)
			if err != nil {
				return err
			}
			defer func() { _ = cloud.Close() }()
			defer func() { _ = server.Close() }()
			env, err := emulatedEnv(dir, server)
			if err != nil {
				return err
			}
			var lines []string
			for name, value := range env {
				lines = append(lines, fmt.Sprintf("export %s=%s\n", name, quote(value)))
			}
			slices.Sort(lines)
			if _, err := fmt.Fprint(a.out, strings.Join(lines, "")); err != nil {
				return err
			}
			a.note("serving the emulated cloud in " + dir + "; interrupt to stop")
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			<-ctx.Done()
			return nil
		},
	}
	t.emulationFlags(cmd)
	return cmd
}

// quote quotes a value for a POSIX shell.
func quote(value string) string { return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'" }
