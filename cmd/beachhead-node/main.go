// Beachhead-node is the agent that runs on every machine of a region, and what builds on a runner call: the cache, and marks of their jobs.
//
//	beachhead-node version
//	beachhead-node run --description FILE
//	beachhead-node cache path TENANT
//	beachhead-node cache push TENANT FOLDER
//	beachhead-node cache yocto TENANT
//	beachhead-node job started|finished ID
//
// It exits with 0, with 1 after a failure, and with 2 for a command line that it does not understand.
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

	"github.com/beachhead-build/beachhead/node/agent"
	"github.com/beachhead-build/beachhead/node/cacheclient"
	"github.com/beachhead-build/beachhead/node/ci"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// descriptionFile is where user data writes it. The commands of builds read it there.
const descriptionFile = "/etc/beachhead/node.json"

const usage = `usage:
  beachhead-node version
  beachhead-node run --description FILE
  beachhead-node cache path TENANT
  beachhead-node cache push TENANT FOLDER
  beachhead-node cache yocto TENANT
  beachhead-node job started|finished ID`

// errUsage is a command line that says nothing that can be done; its text is the usage.
var errUsage = errors.New(usage)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, host.Host{}, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, errUsage) {
		err = fmt.Errorf("error: %w", err)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage), errors.Is(err, cacheclient.ErrUsage):
		return 2
	default:
		return 1
	}
}

func run(ctx context.Context, h host.Host, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	switch verb, rest := args[0], args[1:]; verb {
	case "version":
		if len(rest) > 0 {
			return errUsage
		}
		fmt.Fprintf(out, "beachhead-node %s, description version %d, %s/%s\n", buildVersion(), spec.Version, runtime.GOOS, runtime.GOARCH)
		return nil
	case "run":
		return runAgent(ctx, rest)
	case "cache":
		d, err := loadDescription(h.Path(descriptionFile))
		if err != nil {
			return err
		}
		return cacheclient.RunCommand(ctx, d, rest, out)
	case "job":
		if len(rest) != 2 || rest[0] != "started" && rest[0] != "finished" {
			return errUsage
		}
		return ci.MarkJob(h, rest[0], rest[1])
	}
	return errUsage
}

func runAgent(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	file := flags.String("description", "", "")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w\n%w", err, errUsage)
	}
	if *file == "" || flags.NArg() > 0 {
		return errUsage
	}
	d, err := loadDescription(*file)
	if err != nil {
		return err
	}
	return agent.Run(ctx, d)
}

func loadDescription(file string) (spec.Description, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return spec.Description{}, fmt.Errorf("%w; user data writes it when the machine starts for the first time: read /var/log/cloud-init-output.log", err)
	}
	d, err := spec.Parse(text)
	if err != nil {
		return d, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// buildVersion is the module's version, or (devel) from a checkout built with -buildvcs=false. The agent wants that flag: a binary that names its
// commit has another digest after every commit, and every launch template changes with it.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
