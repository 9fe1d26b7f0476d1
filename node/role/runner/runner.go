// Package runner is the role of a machine that runs CI jobs. It prepares the machine and the CI system's agent, reports
// how busy the machine is, protects the machine from scale-in while a job runs, and lets the jobs end before the
// machine terminates.
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

// BusyMetric is the name of the metric that the fleet's scaling follows, in percent. Package components/fleet has the
// same name in its Metric, because this package must not import that one; a test compares them.
const BusyMetric = "BusyPercent"

// Cloud is the part of aws.Client that the role calls.
type Cloud interface {
	InstanceIdentity(ctx context.Context) (aws.Identity, error)
	GetParameter(ctx context.Context, name string) (aws.Parameter, error)
	SetScaleInProtection(ctx context.Context, protected bool) error
}

// Role is the role of one runner.
type Role struct {
	host        host.Host
	description spec.Description
	cloud       Cloud
	log         *slog.Logger
	// clockURL is an address of AWS. The Date header of its answers is the correct time.
	clockURL string
	// freeBytes returns the free bytes of a file system.
	freeBytes func(path string) (uint64, error)
	// dial connects to a service.
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	times intervals

	mutex  sync.Mutex
	system ci.System
}

// intervals are the times that the role waits; tests shorten them.
type intervals struct {
	// poll is the time between two rounds of Serve, and posture the time between two reads of the posture.
	poll, posture time.Duration
	// connect limits a connection of the self-check, and unregister the removal from a CI system that does not answer.
	connect, unregister time.Duration
}

// New returns the role of a machine whose description has a section runner. It makes no call.
func New(h host.Host, d spec.Description, c *aws.Client) *Role {
	return &Role{
		host: h, description: d, cloud: c, log: slog.Default(), clockURL: "https://s3." + d.Region + ".amazonaws.com/", freeBytes: statFreeBytes,
		dial:  (&net.Dialer{}).DialContext,
		times: intervals{poll: 5 * time.Second, posture: 30 * time.Second, connect: 5 * time.Second, unregister: 2 * time.Minute},
	}
}

// readyMark is the file that marks, until the next boot, that the machine has passed its self-check and accepts jobs.
const readyMark = "/run/beachhead/ready"

// Prepare makes the machine a runner. Every step finds the results of an earlier run. The self-check comes right before
// the registration and runs only once after each boot: a machine that already accepts jobs gains nothing from it, and
// its jobs would lose their protection if it failed.
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
		{"blocking jobs from the machine's role", r.blockMetadata},
		{"installing the CI system's agent", system.InstallAgent},
		{"running the self-check", r.selfCheckOnce},
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

// ciSystem returns the CI system's agent. Its name is the instance id.
func (r *Role) ciSystem(ctx context.Context) (ci.System, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.system != nil {
		return r.system, nil
	}
	identity, err := r.cloud.InstanceIdentity(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the machine's instance id: %w", err)
	}
	r.system, err = ci.New(ci.Machine{Host: r.host, Name: identity.InstanceID, Agent: r.description.Runner.Agent, Token: r.readToken})
	return r.system, err
}

// readToken returns the registration token. The agent stores it nowhere.
func (r *Role) readToken(ctx context.Context) (string, error) {
	parameter, err := r.cloud.GetParameter(ctx, r.description.Runner.Agent.TokenParameter)
	return parameter.Value, err
}

// selfCheckOnce runs the self-check unless the machine has passed it since its boot.
func (r *Role) selfCheckOnce(ctx context.Context) error {
	if _, err := os.Stat(r.host.Path(readyMark)); err == nil {
		return nil
	}
	return r.selfCheck(ctx)
}

// registerMachine registers the machine and starts the CI agent, unless the fleet accepts no jobs. The machine becomes
// ready in that case too: otherwise its group would replace it over and over.
func (r *Role) registerMachine(ctx context.Context) error {
	system, err := r.ciSystem(ctx)
	if err != nil {
		return err
	}
	if posture := r.readPosture(ctx); posture != activePosture {
		r.log.Info("machine accepts no jobs", "posture", posture)
	} else if err := system.EnsureRunning(ctx); err != nil {
		return err
	}
	_, err = r.host.WriteFile(readyMark, 0o644, "")
	return err
}

// activePosture is the posture in which machines accept jobs.
const activePosture = "active"

// postureFile stores the last posture for restarts and reboots during an outage of Parameter Store.
const postureFile = "/var/lib/beachhead/posture"

// readPosture returns the posture of the fleet. When Parameter Store does not answer, it returns the last posture that
// it read. A machine that never read one returns active, because that is the purpose of its launch.
func (r *Role) readPosture(ctx context.Context) string {
	parameter, err := r.cloud.GetParameter(ctx, r.description.Runner.Path+"/posture")
	if now := strings.TrimSpace(parameter.Value); err == nil && now != "" {
		if _, err := r.host.WriteFile(postureFile, 0o644, now); err != nil {
			r.log.Warn("writing the posture to disk failed; a restart reads it from Parameter Store", "file", postureFile, "error", err)
		}
		return now
	}
	if ctx.Err() == nil {
		r.log.Warn("reading the posture failed; keeping the last one and retrying", "error", err)
	}
	if text, err := os.ReadFile(r.host.Path(postureFile)); err == nil && len(text) > 0 {
		return string(text)
	}
	return activePosture
}

// CollectMetrics returns how busy the machine is: the running jobs in percent of the fleet's concurrency.
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

// busyPercent returns the running jobs in percent of the concurrency, at most 100.
func busyPercent(running, concurrency int) float64 {
	return 100 * float64(min(running, concurrency)) / float64(concurrency)
}

// Drain accepts no new job, waits for the running ones, and removes the machine from the CI system. Only the context
// limits the wait. A CI system that does not answer must not keep the machine for ever, so Drain logs a removal that
// fails and continues.
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
		r.log.Warn("removing the machine from the CI system failed; remove its instance id there by hand", "error", err)
	}
	// A machine that its group terminates is not in service any more and has no protection.
	if err := r.cloud.SetScaleInProtection(ctx, false); err != nil && !errors.Is(err, aws.ErrBusy) {
		r.log.Warn("removing the scale-in protection failed; the machine terminates anyway", "error", err)
	}
	return ctx.Err()
}

// unregisterMachine retries until the removal succeeds or its time is over.
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
