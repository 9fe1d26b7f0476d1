package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/ci"
	"github.com/beachhead-build/beachhead/node/spec"
)

func markJob(t *testing.T, b *testRunner, verb, id string) {
	t.Helper()
	if err := ci.MarkJob(b.host, verb, id); err != nil {
		t.Fatal(err)
	}
}

// The machine calls the group at the first job's start and at the last job's end, and never in between.
func TestProtection(t *testing.T) {
	b := newTestRunner(t, nil)
	b.mustPrepare(t)
	stop := b.startServing(t)
	told := func(want ...bool) func() bool {
		return func() bool { return fmt.Sprint(b.account.protectionCalls()) == fmt.Sprint(want) }
	}
	waitUntil(t, "unprotected at the start", told(false))
	markJob(t, b, "started", "1")
	waitUntil(t, "protected by a job", told(false, true))
	markJob(t, b, "started", "2")
	markJob(t, b, "finished", "1")
	time.Sleep(20 * time.Millisecond)
	if !told(false, true)() {
		t.Errorf("told %v while a job ran", b.account.protectionCalls())
	}
	// The machine reports the end of the last job as soon as AWS answers, and logs the outage once.
	b.account.setUnavailable(true)
	markJob(t, b, "finished", "2")
	time.Sleep(20 * time.Millisecond)
	b.account.setUnavailable(false)
	waitUntil(t, "unprotected", told(false, true, false))
	if n := b.journal.count("step failed; retrying\" step=\"setting the scale-in protection\""); n != 1 {
		t.Errorf("the failure was told %d times", n)
	}
	waitUntil(t, "told that it works again", func() bool {
		return b.journal.count("step works again\" step=\"setting the scale-in protection\"") == 1
	})
	// A restarted agent does not know the protection that is set.
	stop()
	b.restartAgent()
	stop = b.startServing(t)
	waitUntil(t, "told again", told(false, true, false, false))
	stop()
}

// A machine that is not in service, at both ends of its life, cannot be protected. This is not an error, and nothing is
// logged.
func TestProtectionOutOfService(t *testing.T) {
	b := newTestRunner(t, nil)
	b.mustPrepare(t)
	b.account.setPending(true)
	markJob(t, b, "started", "1")
	stop := b.startServing(t)
	time.Sleep(20 * time.Millisecond)
	b.account.setPending(false)
	waitUntil(t, "protected once it is in service", func() bool { return fmt.Sprint(b.account.protectionCalls()) == "[true]" })
	stop()
	markJob(t, b, "finished", "1")
	b.account.setPending(true)
	if err := b.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if n := b.journal.count("protection"); n != 0 {
		t.Errorf("told %d times", n)
	}
}

// In draining, the running jobs end and the machine unregisters; active brings it back.
func TestPostures(t *testing.T) {
	b := newTestRunner(t, func(r *spec.Runner) {
		r.Agent.Commands.Drain = `while [ -e "$ROOT/job" ]; do sleep 0.01; done; echo drain >>"$ROOT/ran"`
	})
	b.mustPrepare(t)
	b.machine.WriteFile("/job", "")
	stop := b.startServing(t)
	b.account.setParameter(fleetPath+"/posture", "draining")
	waitUntil(t, "the drain begins", func() bool { return b.journal.count("accepts no new job") == 1 })
	// When the posture returns to active during a drain, the drain ends first.
	b.account.setParameter(fleetPath+"/posture", activePosture)
	time.Sleep(30 * time.Millisecond)
	if got := b.recordedCommands(); got != "install register" {
		t.Errorf("ran %q while a job ran", got)
	}
	if err := b.machine.Host.Path("/job"); err == "" {
		t.Fatal("no job")
	}
	removeFile(t, b, "/job")
	waitUntil(t, "drained and back", func() bool { return b.recordedCommands() == "install register drain unregister register" })
	b.account.setParameter(fleetPath+"/posture", "standby")
	waitUntil(t, "drained again", func() bool {
		return b.recordedCommands() == "install register drain unregister register drain unregister"
	})
	time.Sleep(20 * time.Millisecond)
	stop()
	if got := b.recordedCommands(); got != "install register drain unregister register drain unregister" {
		t.Errorf("ran %q: a drained machine drains again", got)
	}
}

// An end of the agent during a drain does not end the drain: the next agent continues it.
func TestRestartWhileDraining(t *testing.T) {
	b := newTestRunner(t, func(r *spec.Runner) {
		r.Agent.Commands.Drain = `[ ! -e "$ROOT/job" ] || exec sleep 30; echo drain >>"$ROOT/ran"`
	})
	b.mustPrepare(t)
	b.machine.WriteFile("/job", "")
	b.account.setParameter(fleetPath+"/posture", "draining")
	stop := b.startServing(t)
	waitUntil(t, "the drain runs", func() bool { return b.machine.CountCommands("systemd-run") == 3 })
	stop()
	removeFile(t, b, "/job")
	b.restartAgent()
	b.mustPrepare(t)
	stop = b.startServing(t)
	waitUntil(t, "drained", func() bool { return b.recordedCommands() == "install register drain unregister" })
	stop()
}

// recorder is a CI system whose names work only once.
type recorder struct {
	mutex sync.Mutex
	calls string
	fails error
}

func (r *recorder) call(name string) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.calls += name
	return r.fails
}

func (r *recorder) recordedCalls() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.calls
}

func (r *recorder) InstallAgent(context.Context) error      { return r.call("I") }
func (r *recorder) EnsureRunning(context.Context) error     { return nil }
func (r *recorder) CountJobs(context.Context) (int, error)  { return 1, r.call("") }
func (r *recorder) DrainJobs(context.Context) error         { return r.call("D") }
func (r *recorder) UnregisterMachine(context.Context) error { return r.call("U") }
func (r *recorder) UsesNameOnce() bool                      { return true }

// A machine whose name works only once stays registered until it terminates.
func TestNameIsKept(t *testing.T) {
	b := newTestRunner(t, nil)
	system := &recorder{}
	b.system = system
	b.account.setParameter(fleetPath+"/posture", "draining")
	stop := b.startServing(t)
	waitUntil(t, "drained", func() bool { return system.recordedCalls() == "D" })
	time.Sleep(20 * time.Millisecond)
	stop()
	if got := system.recordedCalls(); got != "D" {
		t.Errorf("calls %s, want a drain alone", got)
	}
	if err := b.Drain(t.Context()); err != nil || system.recordedCalls() != "DDU" {
		t.Errorf("%v, calls %s", err, system.recordedCalls())
	}
}

// When the count fails, the last one stays: a machine with a job keeps its protection.
func TestCountFails(t *testing.T) {
	b := newTestRunner(t, nil)
	system := &recorder{}
	b.system = system
	stop := b.startServing(t)
	waitUntil(t, "protected", func() bool { return len(b.account.protectionCalls()) == 1 && b.account.protectionCalls()[0] })
	system.mutex.Lock()
	system.fails = errors.New("planted")
	system.mutex.Unlock()
	waitUntil(t, "told", func() bool { return b.journal.count("step failed; retrying\" step=\"counting the running jobs\"") == 1 })
	time.Sleep(20 * time.Millisecond)
	stop()
	if told := b.account.protectionCalls(); len(told) != 1 ||
		b.journal.count("step failed; retrying\" step=\"counting the running jobs\"") != 1 {
		t.Errorf("protections %v", told)
	}
}
