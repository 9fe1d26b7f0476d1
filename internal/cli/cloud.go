package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/verify"
	"github.com/beachhead-build/beachhead/regions/plan"
)

// emulatedInventory finds what a stack owns in the emulated cloud.
type emulatedInventory struct{ cloud *emulator.Cloud }

// Owned gives what carries the stack's tag, and of what takes no tags that which names something that does.
func (i emulatedInventory) Owned(_ context.Context, stack string) ([]engine.Owned, error) {
	all, err := i.cloud.Resources()
	if err != nil {
		return nil, err
	}
	ours := map[string]bool{}
	for _, r := range all {
		if r.Managed && r.Tags[plan.StackTag] == stack {
			ours[r.ID] = true
		}
	}
	var owned []engine.Owned
	for _, r := range all {
		if r.Managed && (ours[r.ID] || len(r.Tags) == 0 && namesOne(r.Inputs, ours)) {
			owned = append(owned, engine.Owned{Type: r.Type, Name: r.Name, ID: r.ID, ImportID: r.ImportID, Inputs: r.Inputs})
		}
	}
	return owned, nil
}

func namesOne(inputs map[string]any, ids map[string]bool) bool {
	for _, value := range inputs {
		if id, isText := value.(string); isText && ids[id] {
			return true
		}
	}
	return false
}

// emulatedCloud answers verification's questions from the emulated cloud's state.
type emulatedCloud struct{ state *emulator.State }

func (c emulatedCloud) DefaultRoute(_ context.Context, subnetID string) (verify.Way, error) {
	way := c.state.DefaultRoute(subnetID)
	return verify.Way{Kind: way.Kind, Live: way.Live, Why: way.Why}, nil
}

func (c emulatedCloud) Subnet(_ context.Context, subnetID string) (cidr, zone string, ok bool, err error) {
	subnet, found := c.state.Get(subnetID)
	if !found {
		return "", "", false, nil
	}
	cidr, _ = subnet.Outputs["cidrBlock"].(string)
	zone, _ = subnet.Outputs["availabilityZone"].(string)
	return cidr, zone, true, nil
}

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
