// Package runner is the role of a machine that runs CI jobs: it prepares the machine and the CI system's agent, tells how busy it is, keeps
// itself from being taken while a job runs, and lets its jobs end before it goes.
package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/ci"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// BusyMetric is the name of the metric that the fleet's scaling follows, in percent. It is components/fleet's Metric: one name in two places, since
// this package must not import the other, and a test compares them.
const BusyMetric = "BusyPercent"

// Cloud is what the role calls of AWS.
type Cloud interface {
	InstanceIdentity(ctx context.Context) (aws.Identity, error)
	GetParameter(ctx context.Context, name string) (aws.Parameter, error)
	SetScaleInProtection(ctx context.Context, protected bool) error
}

// Role is a runner's.
type Role struct {
	host        host.Host
	description spec.Description
	cloud       Cloud
	log         *slog.Logger
	// clockURL is an address of AWS whose answers' Date is the right time.
	clockURL string
	// freeBytes gives the free bytes of a file system.
	freeBytes func(path string) (uint64, error)
	// dial connects to a service.
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	times intervals

	mutex  sync.Mutex
	system ci.System
}

// intervals are what the role waits for; tests shorten them.
type intervals struct {
	// poll is the time between looks at running jobs, posture between looks at the posture.
	poll, posture time.Duration
	// connect ends a connection of the self-check that hangs, unregister the removal from a CI system that does not answer.
	connect, unregister time.Duration
}

// New gives the role. It calls nothing.
func New(h host.Host, d spec.Description, c *aws.Client) *Role {
	return &Role{
		host: h, description: d, cloud: c, log: slog.Default(), clockURL: "https://s3." + d.Region + ".amazonaws.com/", freeBytes: statFreeBytes,
		dial:  (&net.Dialer{}).DialContext,
		times: intervals{poll: 5 * time.Second, posture: 30 * time.Second, connect: 5 * time.Second, unregister: 2 * time.Minute},
	}
}

// readyMark marks that the machine has shown that it can work, and takes jobs, since its boot.
const readyMark = "/run/beachhead/ready"

// Prepare makes the machine a runner. Every step finds what an earlier run of it did. The check comes last before the registration, and only once
// in each life of the machine: a machine that takes work already would gain nothing by it, and its jobs lose their protection when it fails.
func (r *Role) Prepare(ctx context.Context) error {
	system, err := r.ciSystem(ctx)
	if err != nil {
		return err
	}
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"setting up the kernel's network", r.applyKernelSettings},
		{"setting up the scratch disk", r.prepareScratch},
		{"setting up the container engine", r.installEngine},
		{"keeping jobs from the machine's role", r.blockMetadata},
		{"installing the CI system's agent", system.InstallAgent},
		{"checking whether the machine can work", r.selfCheckOnce},
		{"registering with the CI system", r.registerMachine},
	}
	for _, step := range steps {
		began := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		r.log.Info(step.name, "seconds", time.Since(began).Round(time.Millisecond).Seconds())
	}
	return nil
}

// ciSystem gives the CI system's agent, whose name is the instance's id.
func (r *Role) ciSystem(ctx context.Context) (ci.System, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.system != nil {
		return r.system, nil
	}
	identity, err := r.cloud.InstanceIdentity(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking the machine's own name: %w", err)
	}
	r.system, err = ci.New(ci.Machine{Host: r.host, Name: identity.InstanceID, Agent: r.description.Runner.Agent, Token: r.readToken})
	return r.system, err
}

// readToken reads the registration token, which is never kept.
func (r *Role) readToken(ctx context.Context) (string, error) {
	parameter, err := r.cloud.GetParameter(ctx, r.description.Runner.Agent.TokenParameter)
	return parameter.Value, err
}

func (r *Role) selfCheckOnce(ctx context.Context) error {
	if _, err := os.Stat(r.host.Path(readyMark)); err == nil {
		return nil
	}
	return r.selfCheck(ctx)
}

// registerMachine registers the machine and starts the CI agent, unless the fleet is to take no work. Then the machine is ready all the same: it would
// otherwise be replaced over and over.
func (r *Role) registerMachine(ctx context.Context) error {
	system, err := r.ciSystem(ctx)
	if err != nil {
		return err
	}
	if posture := r.readPosture(ctx); posture != activePosture {
		r.log.Info("the machine takes no work", "posture", posture)
	} else if err := system.EnsureRunning(ctx); err != nil {
		return err
	}
	_, err = r.host.WriteFile(readyMark, 0o644, "")
	return err
}

// activePosture is the posture in which machines take work.
const activePosture = "active"

// postureFile keeps the posture over restarts and reboots, for as long as Parameter Store is away.
const postureFile = "/var/lib/beachhead/posture"

// readPosture is what the fleet is to do. When it cannot be read, it is the last one that was; a machine that never read one takes work, which is
// what it was started for.
func (r *Role) readPosture(ctx context.Context) string {
	parameter, err := r.cloud.GetParameter(ctx, r.description.Runner.Path+"/posture")
	if now := strings.TrimSpace(parameter.Value); err == nil && now != "" {
		if _, err := r.host.WriteFile(postureFile, 0o644, now); err != nil {
			r.log.Warn("the posture cannot be kept on disk", "error", err)
		}
		return now
	}
	if ctx.Err() == nil {
		r.log.Warn("the posture cannot be read; the last one stays", "error", err)
	}
	if text, err := os.ReadFile(r.host.Path(postureFile)); err == nil && len(text) > 0 {
		return string(text)
	}
	return activePosture
}

// CollectMetrics tell how busy the machine is: running jobs of those that may run at a time, in percent.
func (r *Role) CollectMetrics(ctx context.Context) ([]aws.Metric, error) {
	system, err := r.ciSystem(ctx)
	if err != nil {
		return nil, err
	}
	running, err := system.CountJobs(ctx)
	if err != nil {
		return nil, err
	}
	return []aws.Metric{{Name: BusyMetric, Unit: "Percent", Value: busyPercent(running, r.description.Runner.Agent.Concurrency)}}, nil
}

func busyPercent(running, concurrency int) float64 {
	return 100 * float64(min(running, concurrency)) / float64(concurrency)
}

// Drain takes no new job, waits for the running ones, and removes the machine from the CI system. Waiting has no limit but the context's. A CI
// system that does not answer must not keep the machine for ever, so a removal that fails is given up and told.
func (r *Role) Drain(ctx context.Context) error {
	system, err := r.ciSystem(ctx)
	if err != nil {
		return err
	}
	if err := system.DrainJobs(ctx); err != nil {
		return fmt.Errorf("waiting for the running jobs: %w", err)
	}
	if err := r.unregisterMachine(ctx, system); err != nil {
		if ctx.Err() != nil {
			return err
		}
		r.log.Warn("the machine stays registered; remove it from the CI system by hand, under its instance's id", "error", err)
	}
	// One that the group takes is not in service any more, and has no protection.
	if err := r.cloud.SetScaleInProtection(ctx, false); err != nil && !errors.Is(err, aws.ErrBusy) {
		r.log.Warn("the protection from scale-in cannot be taken off; the machine ends all the same", "error", err)
	}
	return ctx.Err()
}

// unregisterMachine tries until it works or its time is over.
func (r *Role) unregisterMachine(ctx context.Context, system ci.System) error {
	limited, cancel := context.WithTimeout(ctx, r.times.unregister)
	defer cancel()
	for {
		err := system.UnregisterMachine(limited)
		if err == nil {
			return nil
		}
		if over := host.Sleep(limited, r.times.poll); over != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}
