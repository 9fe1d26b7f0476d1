package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// Intervals and limits of a machine's life. EC2 recommends checking for a spot notice every five seconds.
const (
	firstRetryDelay   = 5 * time.Second
	maxRetryDelay     = 30 * time.Second
	heartbeatInterval = time.Minute
	watchInterval     = 5 * time.Second
	metricsInterval   = time.Minute
	// stopTimeout is the time that Serve has to end.
	stopTimeout = time.Minute
	// maxSlowFailures is the number of failed attempts that may send heartbeats. A heartbeat extends the hook for work
	// that is slow. Work that fails repeatedly runs into the hook's timeout, after which the group replaces the
	// machine.
	maxSlowFailures = 3
)

// controlPlane is the part of aws.Client that a lifecycle calls.
type controlPlane interface {
	LifecycleState(ctx context.Context) (string, error)
	CompleteHook(ctx context.Context, hook, result string) error
	SendHeartbeat(ctx context.Context, hook string) error
	TargetLifecycleState(ctx context.Context) (string, error)
	InterruptionNotice(ctx context.Context) (string, error)
	PublishMetrics(ctx context.Context, namespace string, dimensions map[string]string, metrics []aws.Metric) error
}

// lifecycle is the life of one machine, from the launch hook to the terminate hook.
type lifecycle struct {
	description spec.Description
	role        Role
	cloud       controlPlane
	log         *slog.Logger

	mutex      sync.Mutex
	lastLogged map[string]string
}

// run runs the whole life. It stores nothing for a restart: the Auto Scaling group knows whether the machine is in
// service and whether it is about to terminate.
func (l *lifecycle) run(ctx context.Context) error {
	err := l.serveUntilEnd(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // systemd stops the agent: Serve is expected to fail then
	}
	if err != nil {
		return err
	}
	l.retryUntilDone(ctx, "drain", l.description.Hooks.Drain, l.role.Drain)
	l.completeHook(ctx, "Terminating", l.description.Hooks.Drain)
	// If run returned here, systemd would start the agent again.
	<-ctx.Done()
	return nil
}

// serveUntilEnd prepares the machine and serves. It returns nil when the machine must terminate, also when it must at
// the start.
func (l *lifecycle) serveUntilEnd(ctx context.Context) error {
	if l.mustEnd(ctx) {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer func() { stop(); others.Wait() }()
	others.Go(func() { l.waitForEnd(ctx); stop() })
	l.retryUntilDone(ctx, "prepare", l.description.Hooks.Ready, l.role.Prepare)
	if ctx.Err() != nil {
		return nil
	}
	l.log.Info(ReadyMessage)
	others.Go(func() { l.completeHook(ctx, "Pending", l.description.Hooks.Ready) })
	others.Go(func() { l.publishMetrics(ctx) })
	return l.serveRole(ctx)
}

// serveRole runs the role's Serve. It returns nil when the context ends, and an error when Serve ends before that or
// does not end in time.
func (l *lifecycle) serveRole(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- l.role.Serve(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(stopTimeout):
			// We do not drain while Serve still runs: the next start of the agent drains alone.
			return fmt.Errorf("role %s did not stop within %s; systemd starts the agent again, see `journalctl -u beachhead-node -e`",
				l.description.Role, stopTimeout)
		}
	}
	switch {
	case ctx.Err() != nil:
		l.logChange("serve", err)
		return nil //nolint:nilerr // logChange logs the error
	case err == nil:
		return fmt.Errorf("role %s stopped although nothing asked it to; systemd starts the agent again, see `journalctl -u beachhead-node -e`",
			l.description.Role)
	default:
		return fmt.Errorf("serving as %s: %w", l.description.Role, err)
	}
}

// retryUntilDone runs work until it succeeds or the context ends, and sends heartbeats to the hook that waits for it.
func (l *lifecycle) retryUntilDone(ctx context.Context, step, hook string, work func(context.Context) error) {
	slow := 0
	for delay := firstRetryDelay; ctx.Err() == nil; delay = min(2*delay, maxRetryDelay) {
		started := time.Now()
		err := l.attemptWithHeartbeat(ctx, hook, slow < maxSlowFailures, work)
		if err == nil || ctx.Err() != nil {
			return
		}
		if time.Since(started) >= heartbeatInterval {
			slow++
		}
		l.log.Error("step failed; retrying", "step", step, "delay", delay, "error", err)
		_ = host.Sleep(ctx, delay)
	}
}

// attemptWithHeartbeat runs work once. If beat is true, it sends a heartbeat every minute meanwhile.
func (l *lifecycle) attemptWithHeartbeat(ctx context.Context, hook string, beat bool, work func(context.Context) error) error {
	beating, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer func() { stop(); others.Wait() }()
	if beat {
		others.Go(func() {
			for host.Sleep(beating, heartbeatInterval) == nil {
				l.logCall(beating, "send a heartbeat", l.cloud.SendHeartbeat(beating, hook))
			}
		})
	}
	return work(ctx)
}

// completeHook completes a hook as soon as the group waits for it, that is while the machine's lifecycle state is
// phase:Wait, and once only. It reads the state first for two reasons. Auto Scaling enters the wait some time after the
// machine launches or begins to terminate. The agent of a machine that is in service may restart at any time.
func (l *lifecycle) completeHook(ctx context.Context, phase, hook string) {
	for ; ctx.Err() == nil; _ = host.Sleep(ctx, watchInterval) {
		state, err := l.cloud.LifecycleState(ctx)
		if l.logCall(ctx, "read the lifecycle state", err); err != nil {
			continue
		}
		switch {
		case state == phase+":Wait":
			err := l.cloud.CompleteHook(ctx, hook, aws.HookContinue)
			if l.logCall(ctx, "complete the hook", err); err == nil {
				l.log.Info("hook completed", "hook", hook)
				return
			}
		case phase == "Pending" && !strings.HasPrefix(state, phase), state == phase+":Proceed":
			return
		}
	}
}

// waitForEnd returns when the machine must terminate or the context ends.
func (l *lifecycle) waitForEnd(ctx context.Context) {
	for host.Sleep(ctx, watchInterval) == nil {
		if l.mustEnd(ctx) {
			return
		}
	}
}

// mustEnd reports whether the machine must terminate. It returns false while the metadata do not answer. A rebalance
// recommendation does not end the machine: the group launches another machine and then sends this one through its
// terminate hook.
func (l *lifecycle) mustEnd(ctx context.Context) bool {
	target, err := l.cloud.TargetLifecycleState(ctx)
	l.logCall(ctx, "read the target lifecycle state", err)
	if target == "Terminated" {
		l.log.Info("Auto Scaling terminates this machine")
		return true
	}
	notice, err := l.cloud.InterruptionNotice(ctx)
	l.logCall(ctx, "read the spot notice", err)
	switch notice {
	case "":
		return false
	case aws.RebalanceNotice:
		l.logOnce(aws.RebalanceNotice, "EC2 reports a raised risk that it interrupts this spot instance; the group replaces it")
		return false
	}
	l.log.Info("EC2 interrupts this spot instance", "action", notice)
	return true
}

func (l *lifecycle) publishMetrics(ctx context.Context) {
	for ; ctx.Err() == nil; _ = host.Sleep(ctx, metricsInterval) {
		l.logCall(ctx, "publish metrics", l.publishOnce(ctx))
	}
}

func (l *lifecycle) publishOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, metricsInterval)
	defer cancel()
	metrics, err := l.role.CollectMetrics(ctx)
	// The metrics that the role could measure are published also when it returns an error.
	return errors.Join(err, l.cloud.PublishMetrics(ctx, l.description.Metrics.Namespace, l.description.Metrics.Dimensions, metrics))
}
