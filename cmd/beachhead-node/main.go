// Beachhead-node is the agent that runs on every machine of a region.
//
//	beachhead-node version
//	beachhead-node run --description FILE
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/beachhead-build/beachhead/node"
)

const usage = `usage:
  beachhead-node version
  beachhead-node run --description FILE`

// errUsage is a command line that says nothing that can be done; its text is the usage.
var errUsage = errors.New(usage)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "version":
		fmt.Fprintf(out, "beachhead-node %s, description version %d, %s/%s\n", build(), node.Version, runtime.GOOS, runtime.GOARCH)
		return nil
	case len(args) > 0 && args[0] == "run":
		return runDescribed(ctx, args[1:])
	}
	return errUsage
}

func runDescribed(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	file := flags.String("description", "", "")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w\n%w", err, errUsage)
	}
	if *file == "" || flags.NArg() > 0 {
		return errUsage
	}
	text, err := os.ReadFile(*file)
	if err != nil {
		return fmt.Errorf("%w; user data writes it when the machine starts for the first time: read /var/log/cloud-init-output.log", err)
	}
	d, err := node.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", *file, err)
	}
	return node.Run(ctx, d)
}

// build is the module's version, or (devel) from a checkout built with -buildvcs=false. The agent wants that flag: a binary that names its
// commit has another digest after every commit, and every launch template changes with it.
func build() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
