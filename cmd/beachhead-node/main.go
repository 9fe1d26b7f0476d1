// Beachhead-node is the agent that runs on every machine of a region. Builds on a runner call it too, for the cache and
// for the marks of their jobs.
//
//	beachhead-node version
//	beachhead-node run --description FILE
//	beachhead-node cache path TENANT
//	beachhead-node cache push TENANT FOLDER
//	beachhead-node cache yocto TENANT
//	beachhead-node job started|finished ID
//
// It exits with 0 after a success, with 1 after a failure, and with 2 for a command line that it does not understand.
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

// descriptionFile is the path to which user data writes the description. The commands of builds read it there.
const descriptionFile = "/etc/beachhead/node.json"

const usage = `usage:
  beachhead-node version                    print the version of the agent and of the description that it reads
  beachhead-node run --description FILE     run the agent; systemd does this
  beachhead-node cache path TENANT          print the folder of a tenant's cached files
  beachhead-node cache push TENANT FOLDER   copy the new files of a folder into a tenant's cache
  beachhead-node cache yocto TENANT         print the settings for local.conf
  beachhead-node job started|finished ID    mark a job as running or as ended`

// errUsage means that the command line is not valid. Its text is the usage.
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

// exitCode returns the exit code of the program for an error of run.
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

// run runs the command of a command line on a machine and writes its output to out.
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

// runAgent runs the agent with the description that the flag names, until the context ends.
func runAgent(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error contains the text
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

// loadDescription reads and validates the description in a file.
func loadDescription(file string) (spec.Description, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return spec.Description{}, fmt.Errorf("reading the description: %w; user data writes it at the machine's first start, see "+
			"/var/log/cloud-init-output.log", err)
	}
	d, err := spec.Parse(text)
	if err != nil {
		return d, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// buildVersion returns the module's version, or (devel) for a checkout built with -buildvcs=false. The agent needs that
// flag: a binary that contains its commit has another digest after every commit, and every launch template would change
// with it.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
