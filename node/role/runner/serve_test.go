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

func job(t *testing.T, b *bench, verb, id string) {
	t.Helper()
	if err := ci.Job(b.host, verb, id); err != nil {
		t.Fatal(err)
	}
}

// The group is told at the first job's start and at the last job's end, and never in between.
func TestProtection(t *testing.T) {
	b := newBench(t, nil)
	b.prepare(t)
	stop := b.serve(t)
	told := func(want ...bool) func() bool {
		return func() bool { return fmt.Sprint(b.account.told()) == fmt.Sprint(want) }
	}
	until(t, "unprotected at the start", told(false))
	job(t, b, "started", "1")
	until(t, "protected by a job", told(false, true))
	job(t, b, "started", "2")
	job(t, b, "finished", "1")
	time.Sleep(20 * time.Millisecond)
	if !told(false, true)() {
		t.Errorf("told %v while a job ran", b.account.told())
	}
	// The end of the last job is told as soon as AWS can be told, and its absence once.
	b.account.lose(true)
	job(t, b, "finished", "2")
	time.Sleep(20 * time.Millisecond)
	b.account.lose(false)
	until(t, "unprotected", told(false, true, false))
	if n := b.journal.count("setting the protection from scale-in failed"); n != 1 {
		t.Errorf("the failure was told %d times", n)
	}
	until(t, "told that it works again", func() bool { return b.journal.count("setting the protection from scale-in works again") == 1 })
	// A new start of the agent does not know what the group was told.
	stop()
	b.again()
	stop = b.serve(t)
	until(t, "told again", told(false, true, false, false))
	stop()
}

// A machine that is not in service, at both ends of its life, cannot be protected. That is no failure, and nothing of it is told.
func TestProtectionOutOfService(t *testing.T) {
	b := newBench(t, nil)
	b.prepare(t)
	b.account.leave(true)
	job(t, b, "started", "1")
	stop := b.serve(t)
	time.Sleep(20 * time.Millisecond)
	b.account.leave(false)
	until(t, "protected once it is in service", func() bool { return fmt.Sprint(b.account.told()) == "[true]" })
	stop()
	job(t, b, "finished", "1")
	b.account.leave(true)
	if err := b.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if n := b.journal.count("protection"); n != 0 {
		t.Errorf("told %d times", n)
	}
}

// draining ends the running jobs and removes the machine; active brings it back.
func TestPostures(t *testing.T) {
	b := newBench(t, func(r *spec.Runner) {
		r.Agent.Commands.Drain = `while [ -e "$ROOT/job" ]; do sleep 0.01; done; echo drain >>"$ROOT/ran"`
	})
	b.prepare(t)
	b.machine.Put("/job", "")
	stop := b.serve(t)
	b.account.set(fleetPath+"/posture", "draining")
	until(t, "the drain begins", func() bool { return b.journal.count("takes no new job") == 1 })
	// Back to active while the drain is under way: it cannot be taken back, and ends first.
	b.account.set(fleetPath+"/posture", active)
	time.Sleep(30 * time.Millisecond)
	if got := b.ran(); got != "install register" {
		t.Errorf("ran %q while a job ran", got)
	}
	if err := b.machine.Host.Path("/job"); err == "" {
		t.Fatal("no job")
	}
	remove(t, b, "/job")
	until(t, "drained and back", func() bool { return b.ran() == "install register drain unregister register" })
	b.account.set(fleetPath+"/posture", "standby")
	until(t, "drained again", func() bool { return b.ran() == "install register drain unregister register drain unregister" })
	time.Sleep(20 * time.Millisecond)
	stop()
	if got := b.ran(); got != "install register drain unregister register drain unregister" {
		t.Errorf("ran %q: a drained machine drains again", got)
	}
}

// An end of the agent while it drains is no end of the drain: the next one goes on.
func TestRestartWhileDraining(t *testing.T) {
	b := newBench(t, func(r *spec.Runner) {
		r.Agent.Commands.Drain = `[ ! -e "$ROOT/job" ] || exec sleep 30; echo drain >>"$ROOT/ran"`
	})
	b.prepare(t)
	b.machine.Put("/job", "")
	b.account.set(fleetPath+"/posture", "draining")
	stop := b.serve(t)
	until(t, "the drain runs", func() bool { return b.machine.Ran("systemd-run") == 3 })
	stop()
	remove(t, b, "/job")
	b.again()
	b.prepare(t)
	stop = b.serve(t)
	until(t, "drained", func() bool { return b.ran() == "install register drain unregister" })
	stop()
}

// recorder is a CI system whose names are used up by a removal.
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

func (r *recorder) made() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.calls
}

func (r *recorder) Install(context.Context) error        { return r.call("I") }
func (r *recorder) Start(context.Context) error          { return nil }
func (r *recorder) Running(context.Context) (int, error) { return 1, r.call("") }
func (r *recorder) Drain(context.Context) error          { return r.call("D") }
func (r *recorder) Unregister(context.Context) error     { return r.call("U") }
func (r *recorder) Final() bool                          { return true }

// A name that cannot be used again is kept until the machine itself ends.
func TestNameIsKept(t *testing.T) {
	b := newBench(t, nil)
	system := &recorder{}
	b.system = system
	b.account.set(fleetPath+"/posture", "draining")
	stop := b.serve(t)
	until(t, "drained", func() bool { return system.made() == "D" })
	time.Sleep(20 * time.Millisecond)
	stop()
	if got := system.made(); got != "D" {
		t.Errorf("calls %s, want a drain alone", got)
	}
	if err := b.Drain(t.Context()); err != nil || system.made() != "DDU" {
		t.Errorf("%v, calls %s", err, system.made())
	}
}

// A count that fails is the last one: a machine with a job keeps its protection.
func TestCountFails(t *testing.T) {
	b := newBench(t, nil)
	system := &recorder{}
	b.system = system
	stop := b.serve(t)
	until(t, "protected", func() bool { return len(b.account.told()) == 1 && b.account.told()[0] })
	system.mutex.Lock()
	system.fails = errors.New("planted")
	system.mutex.Unlock()
	until(t, "told", func() bool { return b.journal.count("counting the running jobs failed") == 1 })
	time.Sleep(20 * time.Millisecond)
	stop()
	if told := b.account.told(); len(told) != 1 || b.journal.count("counting the running jobs failed") != 1 {
		t.Errorf("protections %v", told)
	}
}
