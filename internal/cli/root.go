// Package cli is the command line: the commands with their flags, and what they print.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/session"
)

// app is what all commands share.
type app struct {
	out, log io.Writer
	dir      string
}

// Run executes one command line and returns the exit code. Data goes to out, everything else to log.
func Run(ctx context.Context, args []string, out, log io.Writer) int {
	a := &app{out: out, log: log}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(log)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := exitCode(ctx, err)
	if code == exitInterrupted {
		err = errors.New("interrupted; to continue, run the same command again")
	}
	fmt.Fprintln(log, colour(log, red, "error:"), err)
	return code
}

func usageError(format string, args ...any) error {
	return session.UsageError{Err: fmt.Errorf(format, args...)}
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "beachhead",
		Short: "Create and run a whole CI build region from one region file",
		Long: "Beachhead creates a whole CI build region on AWS from one region file, and changes the region to match the file.\n" +
			"REGION is the name of a file in regions/, or the path of a region file.",
		SilenceUsage: true, SilenceErrors: true, Version: version(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("unknown command %q; `beachhead help` lists the commands", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVarP(&a.dir, "dir", "C", ".", "folder that contains regions/ and .beachhead/")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w; `%s --help` lists the flags", err, cmd.CommandPath())
	})
	root.AddCommand(a.validateCommand(), a.showCommand(), a.previewCommand(), a.upCommand(), a.downCommand(), a.outputsCommand(),
		a.drillCommand(), a.emulatorCommand())
	return root
}

// regionCommand returns a command that takes one region.
func (a *app) regionCommand(verb, short string, run func(ctx context.Context, name string) error) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " REGION",
		Short:             short,
		ValidArgsFunction: a.completeRegion,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return usageError("%s takes one region, not %d; for example `%s us-west-1`", verb, len(args), cmd.CommandPath())
		},
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args[0]) },
	}
}

// project returns the project that the commands work on. Its remarks go to the log.
func (a *app) project() session.Project { return session.Project{Dir: a.dir, Note: a.note} }

// note writes a remark to the log.
func (a *app) note(text string) { fmt.Fprintln(a.log, colour(a.log, faint, "note:"), text) }

// version returns the module's version, or the commit of the checkout that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}
