package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// group is an Auto Scaling group with one machine, and that machine's metadata. Every call takes callTime.
type group struct {
	mutex          sync.Mutex
	state          string
	target, notice string
	// unavailable is the error of every call, if it is set.
	unavailable error
	// completed lists the hooks that were completed while they waited, and late those that did not wait.
	completed, late []string
	beats           map[string]int
	published       int
}

const callTime = 50 * time.Millisecond

func newLaunchedGroup() *group {
	return &group{state: "Pending:Wait", target: "InService", beats: map[string]int{}}
}

// call runs do after the time of a call, also when the context ends meanwhile: a request that was sent reaches AWS.
func (g *group) call(ctx context.Context, do func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	time.Sleep(callTime)
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.unavailable != nil {
		return g.unavailable
	}
	do()
	return ctx.Err()
}

func (g *group) withLock(f func()) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	f()
}

// seen counts the calls of the group: heartbeats for either hook, metrics, and completions of hooks that did not wait.
type seen struct{ ready, drain, published, late int }

func (g *group) seen() (s seen) {
	g.withLock(func() { s = seen{g.beats["ready"], g.beats["drain"], g.published, len(g.late)} })
	return s
}

// terminate starts the end of the machine.
func (g *group) terminate() {
	g.withLock(func() { g.state, g.target = "Terminating:Wait", "Terminated" })
}

func (g *group) LifecycleState(ctx context.Context) (state string, err error) {
	err = g.call(ctx, func() { state = g.state })
	return state, err
}

func (g *group) CompleteHook(ctx context.Context, hook, result string) error {
	return g.call(ctx, func() {
		switch hook + " " + g.state + " " + result {
		case "ready Pending:Wait CONTINUE":
			g.state = "InService"
		case "drain Terminating:Wait CONTINUE":
			g.state = "Terminating:Proceed"
		default:
			g.late = append(g.late, hook)
			return
		}
		g.completed = append(g.completed, hook)
	})
}

func (g *group) SendHeartbeat(ctx context.Context, hook string) error {
	return g.call(ctx, func() { g.beats[hook]++ })
}

func (g *group) TargetLifecycleState(ctx context.Context) (target string, err error) {
	err = g.call(ctx, func() { target = g.target })
	return target, err
}

func (g *group) InterruptionNotice(ctx context.Context) (notice string, err error) {
	err = g.call(ctx, func() { notice = g.notice })
	return notice, err
}

func (g *group) PublishMetrics(ctx context.Context, namespace string, dimensions map[string]string, metrics []aws.Metric) error {
	return g.call(ctx, func() {
		if namespace == "Beachhead" && dimensions["Group"] == "nat" && len(metrics) == 1 && metrics[0].Name == "Done" {
			g.published++
		}
	})
}

// fakeRole is a role whose steps take a while and first fail a number of times. It remembers over restarts the facts
// that a machine would.
type fakeRole struct {
	t                       *testing.T
	mutex                   sync.Mutex
	prepareTakes            time.Duration
	drainTakes              time.Duration
	failures, drainFailures int
	failsAfter              time.Duration // the time until a failure, if not prepareTakes
	serveError              error
	deaf                    bool // Serve continues after the end of its context
	idle                    bool // Serve ends at once

	now string // the running method
	done
}

type done struct {
	prepares, serving, drains int
	prepared, drained         bool
}

// seen returns the steps that the machine has done.
func (w *fakeRole) seen() done {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.done
}

// set sets a flag under the lock.
func (w *fakeRole) set(flag *bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	*flag = true
}

var errWork = errors.New("the disk is full; free some")

// enter reports an error for two methods at the same time, and for work on a machine that has drained.
func (w *fakeRole) enter(method string, count *int) (leave func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.now != "" || w.drained && method != "drain" || w.drains > 0 && method == "prepare" {
		w.t.Errorf("%s while %q runs, after %d drains", method, w.now, w.drains)
	}
	w.now = method
	*count++
	return func() { w.mutex.Lock(); w.now = ""; w.mutex.Unlock() }
}

func (w *fakeRole) Prepare(ctx context.Context) error {
	defer w.enter("prepare", &w.prepares)()
	if w.failures > 0 && w.failsAfter > 0 {
		w.failures--
		time.Sleep(w.failsAfter)
		return errWork
	}
	if err := host.Sleep(ctx, w.prepareTakes); err != nil {
		return err
	}
	if w.failures--; w.failures >= 0 {
		return errWork
	}
	w.set(&w.prepared)
	return nil
}

func (w *fakeRole) Serve(ctx context.Context) error {
	defer w.enter("serve", &w.serving)()
	if !w.seen().prepared {
		w.t.Error("served unprepared")
	}
	if w.serveError != nil || w.idle {
		return w.serveError
	}
	<-ctx.Done()
	if w.deaf {
		time.Sleep(time.Hour)
	}
	return nil
}

func (w *fakeRole) Drain(ctx context.Context) error {
	defer w.enter("drain", &w.drains)()
	if err := host.Sleep(ctx, w.drainTakes); err != nil {
		return err
	}
	if w.drainFailures--; w.drainFailures >= 0 {
		return errWork
	}
	w.set(&w.drained)
	return nil
}

func (w *fakeRole) CollectMetrics(context.Context) ([]aws.Metric, error) {
	return []aws.Metric{{Name: "Done", Unit: "Count", Value: 1}}, nil
}

// machine runs the agent's lives one after the other.
type machine struct {
	group *group
	work  *fakeRole
	log   strings.Builder
	stop  context.CancelFunc
	ended chan error
}

// start starts a life of the agent.
func (m *machine) start() {
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.ended = stop, make(chan error, 1)
	one := &lifecycle{
		description: spec.Description{
			Role: spec.NATRole, Hooks: spec.Hooks{Ready: "ready", Drain: "drain"}, NAT: &spec.NAT{Name: "nat"},
			Metrics: spec.Metrics{Namespace: "Beachhead", Dimensions: map[string]string{"Group": "nat"}},
		},
		role: m.work, cloud: m.group, log: slog.New(slog.NewTextHandler(&m.log, nil)), lastLogged: map[string]string{},
	}
	go func() { m.ended <- one.run(ctx) }()
}

// kill ends the life. The machine is then in the state that a killed process leaves, except for its goroutines.
func (m *machine) kill() error {
	m.stop()
	return <-m.ended
}

// sleepAndSettle sleeps in the fake time and waits until every goroutine blocks.
func sleepAndSettle(span time.Duration) {
	time.Sleep(span)
	synctest.Wait()
}

func (m *machine) countLogged(text string) int { return strings.Count(m.log.String(), text) }

// checkState checks the lifecycle state of the machine and its completed hooks.
func (m *machine) checkState(t *testing.T, state string, completed ...string) {
	t.Helper()
	m.group.mutex.Lock()
	defer m.group.mutex.Unlock()
	if have, want := fmt.Sprint(m.group.state, m.group.completed), fmt.Sprint(state, completed); have != want {
		t.Errorf("%s, want %s; log:\n%s", have, want, m.log.String())
	}
}
