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
	firstPause     = 5 * time.Second
	longestPause   = 30 * time.Second
	heartbeatEvery = time.Minute
	watchEvery     = 5 * time.Second
	metricsEvery   = time.Minute
	// stopLimit is how long Serve may take to end.
	stopLimit = time.Minute
	// slowFailures is how many failed attempts may have had a heartbeat. A heartbeat prolongs what works slowly; what fails again and again is
	// left to the hook's time limit, after which the group replaces the machine.
	slowFailures = 3
)

// controlPlane is the part of aws.Cloud that a life calls.
type controlPlane interface {
	LifecycleState(ctx context.Context) (string, error)
	Complete(ctx context.Context, hook, result string) error
	Heartbeat(ctx context.Context, hook string) error
	TargetState(ctx context.Context) (string, error)
	Notice(ctx context.Context) (string, error)
	Publish(ctx context.Context, namespace string, dimensions map[string]string, metrics []aws.Metric) error
}

type life struct {
	d     spec.Description
	role  Role
	cloud controlPlane
	log   *slog.Logger

	mutex sync.Mutex
	said  map[string]string
}

// run is the whole life. What has to be remembered over a restart, the scaling group remembers: whether the machine is in service, and whether
// it is about to go.
func (l *life) run(ctx context.Context) error {
	err := l.untilEnd(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	l.insist(ctx, "drain", l.d.Hooks.Drain, l.role.Drain)
	l.settle(ctx, "Terminating", l.d.Hooks.Drain)
	// Returning would only have the unit start the agent again.
	<-ctx.Done()
	return nil
}

// untilEnd prepares and serves. It returns nil when the machine is to go, also when that is so from the start.
func (l *life) untilEnd(ctx context.Context) error {
	if l.ending(ctx) {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer func() { stop(); others.Wait() }()
	others.Go(func() { l.watch(ctx); stop() })
	l.insist(ctx, "prepare", l.d.Hooks.Ready, l.role.Prepare)
	if ctx.Err() != nil {
		return nil
	}
	l.log.Info("the machine is ready")
	others.Go(func() { l.settle(ctx, "Pending", l.d.Hooks.Ready) })
	others.Go(func() { l.publish(ctx) })
	return l.serve(ctx)
}

// serve gives nil when the context ends.
func (l *life) serve(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- l.role.Serve(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(stopLimit):
			// A drain beside a Serve that still works was refused: a new start of the agent drains alone.
			return fmt.Errorf("the work of role %s did not end within %s of being told to; the unit starts the agent again", l.d.Role, stopLimit)
		}
	}
	switch {
	case ctx.Err() != nil:
		l.report("serve", err)
		return nil
	case err == nil:
		return fmt.Errorf("the work of role %s ended by itself; the unit starts the agent again", l.d.Role)
	default:
		return fmt.Errorf("serving as %s: %w", l.d.Role, err)
	}
}

// insist works until it succeeds or the context ends, with heartbeats for the hook that waits for it.
func (l *life) insist(ctx context.Context, what, hook string, work func(context.Context) error) {
	slow := 0
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, longestPause) {
		started := time.Now()
		err := l.attempt(ctx, hook, slow < slowFailures, work)
		if err == nil || ctx.Err() != nil {
			return
		}
		if time.Since(started) >= heartbeatEvery {
			slow++
		}
		l.log.Error(what+" failed and is tried again", "pause", pause, "error", err)
		_ = host.Sleep(ctx, pause)
	}
}

// attempt works once, with a heartbeat for every minute that it takes.
func (l *life) attempt(ctx context.Context, hook string, beat bool, work func(context.Context) error) error {
	beating, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer func() { stop(); others.Wait() }()
	if beat {
		others.Go(func() {
			for host.Sleep(beating, heartbeatEvery) == nil {
				l.reportCall(beating, "heartbeat", l.cloud.Heartbeat(beating, hook))
			}
		})
	}
	return work(ctx)
}

// settle completes a hook as soon as the group waits for it: while the machine's state begins with the given word, and in it once. It asks the
// state first, since Auto Scaling enters the wait some time after the machine has started or was told to go, and since the agent of a machine
// that is in service already may be restarted at any time.
func (l *life) settle(ctx context.Context, word, hook string) {
	for ; ctx.Err() == nil; _ = host.Sleep(ctx, watchEvery) {
		state, err := l.cloud.LifecycleState(ctx)
		if l.reportCall(ctx, "life-cycle state", err); err != nil {
			continue
		}
		switch {
		case state == word+":Wait":
			err := l.cloud.Complete(ctx, hook, aws.Continue)
			if l.reportCall(ctx, "completing the hook", err); err == nil {
				l.log.Info("the hook is completed", "hook", hook)
				return
			}
		case word == "Pending" && !strings.HasPrefix(state, word), state == word+":Proceed":
			return
		}
	}
}

// watch returns when the machine is to go, or the context ends.
func (l *life) watch(ctx context.Context) {
	for host.Sleep(ctx, watchEvery) == nil {
		if l.ending(ctx) {
			return
		}
	}
}

// ending says whether the machine is to go. While the metadata do not tell, it is not. A rebalance recommendation is no end: the group launches
// another machine and then takes this one through its hook.
func (l *life) ending(ctx context.Context) bool {
	target, err := l.cloud.TargetState(ctx)
	l.reportCall(ctx, "target state", err)
	if target == "Terminated" {
		l.log.Info("the group takes the machine")
		return true
	}
	notice, err := l.cloud.Notice(ctx)
	l.reportCall(ctx, "spot notice", err)
	switch notice {
	case "":
		return false
	case aws.Rebalance:
		l.once(aws.Rebalance, "EC2 sees a raised risk that it takes this spot instance; the group replaces it")
		return false
	}
	l.log.Info("EC2 takes the spot instance", "action", notice)
	return true
}

func (l *life) publish(ctx context.Context) {
	for ; ctx.Err() == nil; _ = host.Sleep(ctx, metricsEvery) {
		l.reportCall(ctx, "metrics", l.publishOnce(ctx))
	}
}

func (l *life) publishOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, metricsEvery)
	defer cancel()
	metrics, err := l.role.Metrics(ctx)
	// What could be measured counts, also beside an error.
	return errors.Join(err, l.cloud.Publish(ctx, l.d.Metrics.Namespace, l.d.Metrics.Dimensions, metrics))
}
