// Package cli is the command line: commands and their output, nothing else.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/engine"
)

// Exit codes, as the README gives them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnverified  = 3
	exitLocked      = 4
	exitInterrupted = 130
)

// usageError is a mistake in the command or in a region file.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errUnverified says that the region stands and does not do what it should.
var errUnverified = errors.New("verification failed")

// app is what all commands share.
type app struct {
	out, err io.Writer
	dir      string
}

// Run executes one command line and returns the exit code. Data goes to out, everything else to errs.
func Run(ctx context.Context, args []string, out, errs io.Writer) int {
	a := &app{out: out, err: errs}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := exitCode(ctx, err)
	if code == exitInterrupted {
		err = errors.New("interrupted; run the same command again to go on")
	}
	fmt.Fprintln(errs, colour(errs, red, "error:"), err)
	return code
}

func exitCode(ctx context.Context, err error) int {
	var usage usageError
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errUnverified):
		return exitUnverified
	case errors.Is(err, engine.ErrLocked):
		return exitLocked
	}
	return exitFailed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "beachhead",
		Short: "Stand up a whole CI build region from one region file",
		Long: "Beachhead stands up a whole CI build region on AWS from one region file.\n" +
			"REGION is the name of a file in regions/, or the path of one.",
		SilenceUsage: true, SilenceErrors: true, Version: version(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q; `beachhead help` lists the commands", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVarP(&a.dir, "dir", "C", ".", "the folder that holds regions/ and .beachhead/")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; `%s --help` lists the flags", err, cmd.CommandPath())}
	})
	root.AddCommand(a.validate(), a.show(), a.preview(), a.up(), a.down(), a.outputs(), a.drill(), a.emulatorCommand())
	return root
}

// regionCommand is a command that takes one region.
func (a *app) regionCommand(verb, short string, run func(ctx context.Context, name string) error) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " REGION",
		Short:             short,
		ValidArgsFunction: a.completeRegion,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return usageError{fmt.Errorf("%s takes one region, not %d; for example `%s us-west-1`", verb, len(args), cmd.CommandPath())}
		},
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args[0]) },
	}
}

func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "write JSON to standard output")
}

// version is the module's version, or the commit that a checkout was built from.
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
