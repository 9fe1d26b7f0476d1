// Beachhead stands up a whole CI build region from one region file. The one binary is the Pulumi program when the engine runs it, and the
// command line otherwise.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/cli"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/stacks"
)

func main() {
	// Pulumi's language host gives the program the address of the engine's resource monitor; nothing else sets this.
	if os.Getenv("PULUMI_MONITOR") != "" {
		if err := pulumi.RunErr(program); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second interrupt ends this process at once; Pulumi goes on by itself until what is under way is written down.
	context.AfterFunc(ctx, stop)
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// program is what `pulumi up` runs: the stack's name is the region file's.
func program(ctx *pulumi.Context) error {
	path, err := regionfile.Find(".", ctx.Stack())
	if err != nil {
		return err
	}
	r, err := regionfile.LoadRegion(path)
	if err != nil {
		return err
	}
	p, err := plan.Build(r.Config, r.Neighbours...)
	if err != nil {
		return err
	}
	return stacks.Region(p, "bin")(ctx)
}
