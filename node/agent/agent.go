// Package agent is the life of a machine, the same for every role: it is prepared, says so to its scaling group, serves, and lets go of
// everything before the group takes it.
package agent

import (
	"context"
	"log/slog"
	"os"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/role/cache"
	"github.com/beachhead-build/beachhead/node/role/nat"
	"github.com/beachhead-build/beachhead/node/role/runner"
	"github.com/beachhead-build/beachhead/node/spec"
)

// Role is what a machine does for the region. Its methods are called one at a time but for Metrics, which is called beside Serve. After a
// restart of the agent Drain may come first, without a Prepare before it.
type Role interface {
	// Prepare does everything until the machine can serve. It is called again after an error, after a restart and after a reboot, and must
	// then go on.
	Prepare(ctx context.Context) error
	// Serve works until the context ends, and then returns nil. An error ends the agent; its unit starts it again.
	Serve(ctx context.Context) error
	// Drain takes no new work, waits for what runs, and lets go of everything, until the context ends.
	Drain(ctx context.Context) error
	// CollectMetrics are published every minute once the machine is ready.
	CollectMetrics(ctx context.Context) ([]aws.Metric, error)
}

// Run does what the machine's role asks. It returns nil when the context ends, which is no end of the machine: its work goes on, and the next
// start of the agent finds it. It returns an error when the role cannot serve any longer; the unit starts it again.
func Run(ctx context.Context, d spec.Description) error {
	if err := d.Validate(); err != nil {
		return err
	}
	// The roles log by it too.
	slog.SetDefault(newLogger())
	slog.Info("the agent starts", "role", d.Role, "name", d.GroupName(), "stack", d.Stack)
	c := aws.New(d.Region)
	return (&lifecycle{description: d, role: newRole(d, c), cloud: c, log: slog.Default(), lastLogged: map[string]string{}}).run(ctx)
}

// newRole gives the role of a valid description.
func newRole(d spec.Description, c *aws.Client) Role {
	h := host.Host{AptMirror: d.AptMirror}
	switch d.Role {
	case spec.RunnerRole:
		return runner.New(h, d, c)
	case spec.CacheRole:
		return cache.New(h, d, c)
	default: // node.NATRole: Validate knows no other
		return nat.New(h, d, c)
	}
}

// newLogger writes to the journal, which has the time already.
func newLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return a
	}}))
}
