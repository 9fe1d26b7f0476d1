// Package agent runs the life of a machine, which is the same for every role: it prepares the machine, completes the
// launch hook, serves, drains, and completes the terminate hook.
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

// Role is the work that a machine does for the region. The agent calls the methods one at a time, except
// CollectMetrics, which it calls while Serve runs. After a restart of the agent, Drain may come first, with no Prepare
// before it.
type Role interface {
	// Prepare does everything that the machine needs before it can serve. The agent calls it again after an error,
	// after a restart and after a reboot; it must then continue.
	Prepare(ctx context.Context) error
	// Serve works until the context ends, and then returns nil. An error ends the agent; systemd starts it again.
	Serve(ctx context.Context) error
	// Drain accepts no new work, waits for the running work and releases every resource, until the context ends.
	Drain(ctx context.Context) error
	// CollectMetrics returns the metrics that the agent publishes every minute once the machine is ready.
	CollectMetrics(ctx context.Context) ([]aws.Metric, error)
}

// Run runs the role that the description names. It returns nil when the context ends: the machine keeps working, and
// the next start of the agent resumes. It returns an error when the description is not valid or the role cannot serve
// any longer; systemd then starts the agent again.
func Run(ctx context.Context, d spec.Description) error {
	if err := d.Validate(); err != nil {
		return err
	}
	// The roles use the default logger too.
	slog.SetDefault(newLogger())
	slog.Info(StartedMessage, "role", d.Role, "name", d.GroupName(), "stack", d.Stack)
	c := aws.New(d.Region)
	return (&lifecycle{description: d, role: newRole(d, c), cloud: c, log: slog.Default(), lastLogged: map[string]string{}}).run(ctx)
}

// newRole returns the role of a valid description.
func newRole(d spec.Description, c *aws.Client) Role {
	h := host.Host{AptMirror: d.AptMirror}
	switch d.Role {
	case spec.RunnerRole:
		return runner.New(h, d, c)
	case spec.CacheRole:
		return cache.New(h, d, c)
	default: // spec.NATRole: Validate refuses every other role
		return nat.New(h, d, c)
	}
}

// newLogger returns a logger for the journal. It leaves out the time, which the journal adds.
func newLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return a
	}}))
}
