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

// The paces of a life. EC2 asks that a spot notice be looked for every five seconds.
const (
	firstRetryDelay   = 5 * time.Second
	maxRetryDelay     = 30 * time.Second
	heartbeatInterval = time.Minute
	watchInterval     = 5 * time.Second
	metricsInterval   = time.Minute
	// stopTimeout is how long Serve may take to end.
	stopTimeout = time.Minute
	// maxSlowFailures is how many failed attempts may have had a heartbeat. A heartbeat prolongs what works slowly; what fails again and again is
	// left to the hook's time limit, after which the group replaces the machine.
	maxSlowFailures = 3
)

// controlPlane is the part of aws.Cloud that a life calls.
type controlPlane interface {
	LifecycleState(ctx context.Context) (string, error)
	CompleteHook(ctx context.Context, hook, result string) error
	SendHeartbeat(ctx context.Context, hook string) error
	TargetLifecycleState(ctx context.Context) (string, error)
	InterruptionNotice(ctx context.Context) (string, error)
	PublishMetrics(ctx context.Context, namespace string, dimensions map[string]string, metrics []aws.Metric) error
}

type lifecycle struct {
	description spec.Description
	role        Role
	cloud       controlPlane
	log         *slog.Logger

	mutex      sync.Mutex
	lastLogged map[string]string
}

// run is the whole life. What has to be remembered over a restart, the scaling group remembers: whether the machine is in service, and whether
// it is about to go.
func (l *lifecycle) run(ctx context.Context) error {
	err := l.serveUntilEnd(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	l.retryUntilDone(ctx, "drain", l.description.Hooks.Drain, l.role.Drain)
	l.completeHook(ctx, "Terminating", l.description.Hooks.Drain)
	// Returning would only have the unit start the agent again.
	<-ctx.Done()
	return nil
}

// serveUntilEnd prepares and serves. It returns nil when the machine is to go, also when that is so from the start.
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
	l.log.Info("the machine is ready")
	others.Go(func() { l.completeHook(ctx, "Pending", l.description.Hooks.Ready) })
	others.Go(func() { l.publishMetrics(ctx) })
	return l.serveRole(ctx)
}

// serveRole gives nil when the context ends.
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
			// A drain beside a Serve that still works was refused: a new start of the agent drains alone.
			return fmt.Errorf("the work of role %s did not end within %s of being told to; the unit starts the agent again", l.description.Role, stopTimeout)
		}
	}
	switch {
	case ctx.Err() != nil:
		l.logChange("serve", err)
		return nil
	case err == nil:
		return fmt.Errorf("the work of role %s ended by itself; the unit starts the agent again", l.description.Role)
	default:
		return fmt.Errorf("serving as %s: %w", l.description.Role, err)
	}
}

// retryUntilDone works until it succeeds or the context ends, with heartbeats for the hook that waits for it.
func (l *lifecycle) retryUntilDone(ctx context.Context, what, hook string, work func(context.Context) error) {
	slow := 0
	for pause := firstRetryDelay; ctx.Err() == nil; pause = min(2*pause, maxRetryDelay) {
		started := time.Now()
		err := l.attemptWithHeartbeat(ctx, hook, slow < maxSlowFailures, work)
		if err == nil || ctx.Err() != nil {
			return
		}
		if time.Since(started) >= heartbeatInterval {
			slow++
		}
		l.log.Error(what+" failed and is tried again", "pause", pause, "error", err)
		_ = host.Sleep(ctx, pause)
	}
}

// attemptWithHeartbeat works once, with a heartbeat for every minute that it takes.
func (l *lifecycle) attemptWithHeartbeat(ctx context.Context, hook string, beat bool, work func(context.Context) error) error {
	beating, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer func() { stop(); others.Wait() }()
	if beat {
		others.Go(func() {
			for host.Sleep(beating, heartbeatInterval) == nil {
				l.logCall(beating, "heartbeat", l.cloud.SendHeartbeat(beating, hook))
			}
		})
	}
	return work(ctx)
}

// completeHook completes a hook as soon as the group waits for it: while the machine's state begins with the given word, and in it once. It asks the
// state first, since Auto Scaling enters the wait some time after the machine has started or was told to go, and since the agent of a machine
// that is in service already may be restarted at any time.
func (l *lifecycle) completeHook(ctx context.Context, word, hook string) {
	for ; ctx.Err() == nil; _ = host.Sleep(ctx, watchInterval) {
		state, err := l.cloud.LifecycleState(ctx)
		if l.logCall(ctx, "life-cycle state", err); err != nil {
			continue
		}
		switch {
		case state == word+":Wait":
			err := l.cloud.CompleteHook(ctx, hook, aws.HookContinue)
			if l.logCall(ctx, "completing the hook", err); err == nil {
				l.log.Info("the hook is completed", "hook", hook)
				return
			}
		case word == "Pending" && !strings.HasPrefix(state, word), state == word+":Proceed":
			return
		}
	}
}

// waitForEnd returns when the machine is to go, or the context ends.
func (l *lifecycle) waitForEnd(ctx context.Context) {
	for host.Sleep(ctx, watchInterval) == nil {
		if l.mustEnd(ctx) {
			return
		}
	}
}

// mustEnd says whether the machine is to go. While the metadata do not tell, it is not. A rebalance recommendation is no end: the group launches
// another machine and then takes this one through its hook.
func (l *lifecycle) mustEnd(ctx context.Context) bool {
	target, err := l.cloud.TargetLifecycleState(ctx)
	l.logCall(ctx, "target state", err)
	if target == "Terminated" {
		l.log.Info("the group takes the machine")
		return true
	}
	notice, err := l.cloud.InterruptionNotice(ctx)
	l.logCall(ctx, "spot notice", err)
	switch notice {
	case "":
		return false
	case aws.RebalanceNotice:
		l.logOnce(aws.RebalanceNotice, "EC2 sees a raised risk that it takes this spot instance; the group replaces it")
		return false
	}
	l.log.Info("EC2 takes the spot instance", "action", notice)
	return true
}

func (l *lifecycle) publishMetrics(ctx context.Context) {
	for ; ctx.Err() == nil; _ = host.Sleep(ctx, metricsInterval) {
		l.logCall(ctx, "metrics", l.publishOnce(ctx))
	}
}

func (l *lifecycle) publishOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, metricsInterval)
	defer cancel()
	metrics, err := l.role.CollectMetrics(ctx)
	// What could be measured counts, also beside an error.
	return errors.Join(err, l.cloud.PublishMetrics(ctx, l.description.Metrics.Namespace, l.description.Metrics.Dimensions, metrics))
}
