package agent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
)

// runLives runs a test in fake time and ends the last life after it.
func runLives(t *testing.T, g *group, w *fakeRole, test func(t *testing.T, m *machine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.t = t
		m := &machine{group: g, work: w}
		m.start()
		test(t, m)
		if err := m.kill(); err != nil {
			t.Errorf("at the end: %v", err)
		}
	})
}

func TestFromLaunchToEnd(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{prepareTakes: 150 * time.Second, drainTakes: 3*time.Hour + 30*time.Second}
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(140 * time.Second)
		m.checkState(t, "Pending:Wait")
		if have := g.seen(); have != (seen{ready: 2}) {
			t.Errorf("while it is prepared: %+v", have)
		}
		sleepAndSettle(20 * time.Second)
		m.checkState(t, "InService", "ready")
		sleepAndSettle(time.Hour)
		if have := g.seen(); have.published < 59 || have.published > 62 || have.ready != 2 || w.seen().drains != 0 {
			t.Errorf("in service: %+v, %+v", have, w.seen())
		}
		g.terminate()
		sleepAndSettle(3 * time.Hour)
		published := g.seen().published
		m.checkState(t, "Terminating:Wait", "ready")
		sleepAndSettle(time.Minute)
		m.checkState(t, "Terminating:Proceed", "ready", "drain")
		if have := g.seen(); have != (seen{2, 180, published, 0}) || w.seen() != (done{1, 1, 1, true, true}) {
			t.Errorf("%+v, %+v", have, w.seen())
		}
		sleepAndSettle(time.Hour) // the agent keeps running, because systemd would start it again
		select {
		case err := <-m.ended:
			t.Errorf("ended: %v", err)
			m.ended <- nil
		default:
		}
	})
}

// However often the agent is killed, the next one reaches the same state and completes each hook once.
func TestKilledInEveryStep(t *testing.T) {
	const prepare, drain, takenAt = 70 * time.Second, 80 * time.Second, 200 * time.Second
	for at := time.Duration(0); at < takenAt+drain+20*time.Second; at += 1730 * time.Millisecond {
		w := &fakeRole{prepareTakes: prepare, drainTakes: drain}
		g := newLaunchedGroup()
		runLives(t, g, w, func(t *testing.T, m *machine) {
			t.Helper()
			go func() { time.Sleep(takenAt); g.terminate() }()
			for _, span := range []time.Duration{at, 7 * time.Second, time.Second} {
				time.Sleep(span)
				if err := m.kill(); err != nil {
					t.Errorf("killed after %s: %v", at, err)
				}
				m.start()
			}
			sleepAndSettle(10 * time.Minute)
			m.checkState(t, "Terminating:Proceed", "ready", "drain")
			if !w.seen().drained || g.seen().late > 0 {
				t.Errorf("killed after %s: %+v, %+v", at, w.seen(), g.seen())
			}
		})
	}
}

func TestKilledAtEachCall(t *testing.T) {
	// A call takes 50 ms, so kills 20 ms apart hit before, during and after its effect.
	for at := 10 * time.Second; at < 10*time.Second+500*time.Millisecond; at += 20 * time.Millisecond {
		w := &fakeRole{prepareTakes: 10 * time.Second}
		g := newLaunchedGroup()
		runLives(t, g, w, func(t *testing.T, m *machine) {
			t.Helper()
			time.Sleep(at)
			_ = m.kill()
			m.start()
			sleepAndSettle(time.Minute)
			m.checkState(t, "InService", "ready")
			if m.countLogged("level=WARN") > 0 {
				t.Errorf("the end of a life is no failure of a call:\n%s", m.log.String())
			}
		})
	}
}

func TestStopDoesNotDrain(t *testing.T) {
	w := &fakeRole{}
	g := newLaunchedGroup()
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(time.Minute)
		if err := m.kill(); err != nil {
			t.Errorf("stopped: %v", err)
		}
		m.start()
		sleepAndSettle(time.Minute)
		m.checkState(t, "InService", "ready")
		if have := w.seen(); have != (done{prepares: 2, serving: 2, prepared: true}) {
			t.Errorf("%+v", have)
		}
	})
}

func TestRestartWhileDraining(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{drainTakes: time.Minute}
	g.terminate()
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(2 * time.Minute)
		m.checkState(t, "Terminating:Proceed", "drain")
		if have := w.seen(); have != (done{drains: 1, drained: true}) {
			t.Errorf("%+v", have)
		}
	})
}

func TestTerminatedWhilePreparing(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{prepareTakes: time.Hour}
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(time.Minute)
		g.terminate()
		sleepAndSettle(time.Minute)
		m.checkState(t, "Terminating:Proceed", "drain")
		if have := w.seen(); have != (done{prepares: 1, drains: 1, drained: true}) {
			t.Errorf("%+v", have)
		}
	})
}

// The group enters the wait some time after the machine launched.
func TestReadyBeforeTheGroupWaits(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{}
	g.state = "Pending"
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(time.Minute)
		m.checkState(t, "Pending")
		g.withLock(func() { g.state = "Pending:Wait" })
		sleepAndSettle(10 * time.Second)
		m.checkState(t, "InService", "ready")
		if have := g.seen(); have.late > 0 {
			t.Errorf("completed before it waited: %+v", have)
		}
	})
}

func TestPrepareFails(t *testing.T) {
	for _, c := range []struct {
		takes    time.Duration
		failures int
		ready    time.Duration // the latest time
		beats    int
	}{
		{time.Second, 4, 75 * time.Second, 0},              // delays of 5, 10, 20 and 30 seconds
		{time.Second, 24, 12 * time.Minute, 0},             // never longer delays
		{150 * time.Second, 2, 8 * time.Minute, 6},         // two heartbeats each
		{150 * time.Second, 8, 28 * time.Minute, 6},        // no more: the hook times out
		{30 * time.Minute, 0, 31 * time.Minute, 30 - 1},    // slow work does not count as a failure
		{59 * time.Second, 20, 30 * time.Minute, 0},        // a fast failure does not count as slow
		{30 * time.Minute, 1, 61 * time.Minute, 29 * 2},    // one slow failure keeps its heartbeats
		{90 * time.Second, 3, 8 * time.Minute, 3},          // the fourth attempt has no heartbeat
		{time.Hour, 100, 0, 3 * 59},                        // for ever
		{time.Second, 1 << 30, 0, 0},                       // for ever
		{0, 0, time.Second, 0},                             // at once
		{time.Minute + time.Second, 0, 2 * time.Minute, 1}, // a minute
	} {
		g, w := newLaunchedGroup(), &fakeRole{prepareTakes: c.takes, failures: c.failures}
		runLives(t, g, w, func(t *testing.T, m *machine) {
			t.Helper()
			if c.ready == 0 {
				sleepAndSettle(20 * time.Hour)
				m.checkState(t, "Pending:Wait")
			} else {
				sleepAndSettle(c.ready)
				m.checkState(t, "InService", "ready")
				if n := m.countLogged("msg=\"step failed; retrying\" step=prepare"); n != c.failures || m.countLogged(errWork.Error()) != n {
					t.Errorf("%+v: %d failures in the log:\n%s", c, n, m.log.String())
				}
			}
			if have := g.seen(); have.ready != c.beats {
				t.Errorf("%+v: %+v", c, have)
			}
		})
	}
}

// A machine fails fast a few times and then prepares slowly.
func TestPrepareFailsFastThenSlow(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{prepareTakes: 150 * time.Second, failures: 5, failsAfter: time.Second}
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(10 * time.Minute)
		m.checkState(t, "InService", "ready")
		if have := g.seen(); have.ready != 2 {
			t.Errorf("%+v", have)
		}
	})
}

func TestDrainFails(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{drainFailures: 3}
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(10 * time.Second)
		g.terminate()
		sleepAndSettle(30 * time.Second)
		m.checkState(t, "Terminating:Wait", "ready")
		sleepAndSettle(30 * time.Second)
		m.checkState(t, "Terminating:Proceed", "ready", "drain")
		if have := w.seen(); have.drains != 4 {
			t.Errorf("%+v", have)
		}
	})
}

func TestSpotNotice(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{}
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(time.Minute)
		g.withLock(func() { g.notice = aws.RebalanceNotice })
		sleepAndSettle(10 * time.Minute)
		m.checkState(t, "InService", "ready")
		if w.seen().drains > 0 || m.countLogged("raised risk") != 1 {
			t.Errorf("after a recommendation: %+v, log:\n%s", w.seen(), m.log.String())
		}
		g.withLock(func() { g.notice = "terminate" })
		sleepAndSettle(10 * time.Second)
		m.checkState(t, "InService", "ready")
		if !w.seen().drained {
			t.Error("a notice did not drain the machine")
		}
		g.terminate() // the group notices it last
		sleepAndSettle(10 * time.Second)
		m.checkState(t, "Terminating:Proceed", "ready", "drain")
		if have := g.seen(); have.late > 0 {
			t.Errorf("completed before they waited: %+v", have)
		}
	})
}

func TestControlPlaneUnavailable(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{}
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(time.Minute)
		for i, away := range []error{
			fmt.Errorf("request 1: %w", aws.ErrUnavailable), fmt.Errorf("request 2: %w", aws.ErrUnavailable), aws.ErrDenied, nil,
		} {
			g.withLock(func() { g.unavailable = away })
			sleepAndSettle(5 * time.Hour)
			// Only the target state, the notice and the metrics are called in service.
			if want := 3 * []int{1, 1, 2, 2}[i]; m.countLogged("level=WARN") != want {
				t.Errorf("after %d: %d warnings, want %d:\n%s", i, m.countLogged("level=WARN"), want, m.log.String())
			}
		}
		if m.countLogged("works again") != 3 || w.seen() != (done{prepares: 1, serving: 1, prepared: true}) || m.countLogged("level=ERROR") > 0 {
			t.Errorf("%+v, log:\n%s", w.seen(), m.log.String())
		}
		g.terminate()
		sleepAndSettle(time.Minute)
		m.checkState(t, "Terminating:Proceed", "ready", "drain")
	})
}

// A machine that reboots during an outage of AWS serves and stays in service.
func TestStartsWhileAWSIsUnavailable(t *testing.T) {
	g, w := newLaunchedGroup(), &fakeRole{}
	g.unavailable = aws.ErrUnavailable
	runLives(t, g, w, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(time.Hour)
		if have := w.seen(); have != (done{prepares: 1, serving: 1, prepared: true}) {
			t.Errorf("%+v", have)
		}
		g.withLock(func() { g.unavailable = nil })
		sleepAndSettle(10 * time.Second)
		m.checkState(t, "InService", "ready")
	})
}

// A stop is not an error, even when Serve ignores it.
func TestStopWhileServeHangs(t *testing.T) {
	runLives(t, newLaunchedGroup(), &fakeRole{deaf: true}, func(t *testing.T, m *machine) {
		t.Helper()
		sleepAndSettle(time.Minute)
		if err := m.kill(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour) // until Serve ends
		m.ended <- nil
	})
}

func TestServeEnds(t *testing.T) {
	for want, w := range map[string]*fakeRole{
		"serving as nat: the disk is full": {serveError: errWork},
		"stopped although nothing asked":   {idle: true},
		"did not stop within 1m0s":         {deaf: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			w.t = t
			m := &machine{group: newLaunchedGroup(), work: w}
			m.start()
			sleepAndSettle(time.Minute)
			if w.deaf {
				m.group.terminate()
			}
			err := <-m.ended
			if err == nil || !strings.Contains(err.Error(), want) || w.seen().drains > 0 {
				t.Errorf("%v, %+v, want %q", err, w.seen(), want)
			}
			if w.serveError != nil && !errors.Is(err, errWork) {
				t.Errorf("%v hides the reason", err)
			}
			time.Sleep(2 * time.Hour) // until Serve ends
		})
	}
}
