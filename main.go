// Beachhead creates a whole CI build region from one region file. The binary is the Pulumi program when the Pulumi engine runs it, and the
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
	"github.com/beachhead-build/beachhead/internal/session"
)

func main() {
	// Pulumi's language host sets this variable to the address of the engine's resource monitor. No other program sets it.
	if os.Getenv("PULUMI_MONITOR") != "" {
		if err := pulumi.RunErr(session.RunProgram); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second interrupt ends this process at once. Pulumi finishes and records the steps under way by itself.
	context.AfterFunc(ctx, stop)
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
