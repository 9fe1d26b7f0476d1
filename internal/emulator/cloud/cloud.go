// Package cloud is the machinery of an emulated cloud: journal, state, references, faults, quotas and model durations.
//
// It knows no single public cloud. Platforms bring the rules of their resources as values: see Platform and Kind.
package cloud

import (
	"fmt"
	"math"
	"sync"
	"syscall"
)

// Options states where an emulated cloud is stored and how it behaves.
type Options struct {
	// Dir is the directory of the journal; Open creates it. Several processes can use one directory at the same time.
	Dir string
	// Pace is the number of model seconds in a real second; 0 means no waiting.
	Pace   float64
	Faults []Fault
	// Kill ends the process when a kill-after fault applies; nil means SIGKILL to this process.
	Kill func()
}

// Cloud is an emulated cloud. Its methods are safe for concurrent use.
type Cloud struct {
	options  Options
	registry *Registry
	faults   *faultSet

	mu      sync.Mutex
	journal *journal
	state   *State
	seq     int
}

// Open opens the emulated cloud in a directory, and creates an empty one when the directory holds none. It returns an error when the
// directory cannot be written, or when the journal is damaged anywhere but at its torn end.
func Open(o Options, reg *Registry) (*Cloud, error) {
	if o.Kill == nil {
		o.Kill = func() { _ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL) }
	}
	if o.Pace < 0 || math.IsNaN(o.Pace) {
		return nil, fmt.Errorf("pace %v: want 0 for no waiting, or model seconds per second", o.Pace)
	}
	j, err := openJournal(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &Cloud{options: o, registry: reg, faults: newFaultSet(o.Faults), journal: j, state: newState(reg)}
	if err := c.withLock(func() error { return nil }); err != nil {
		_ = j.file.Close()
		return nil, err
	}
	return c, nil
}

// Platforms lists the public clouds that this one emulates.
func (c *Cloud) Platforms() []*Platform { return c.registry.Platforms() }

// KindOf returns the rules of a type, or nil.
func (c *Cloud) KindOf(typ string) *Kind { return c.registry.KindOf(typ) }

// CheckReachable returns an error when a fault makes a region silent.
func (c *Cloud) CheckReachable(region string) error {
	if c.faults.isSilent(region) {
		return refuseSilent(region)
	}
	return nil
}

// AccountOverride returns the account that a fault sets, or an empty string.
func (c *Cloud) AccountOverride() string { return c.faults.accountOverride() }

// Close releases the journal. The cloud stays on disk.
func (c *Cloud) Close() error { return c.journal.file.Close() }

// withLock runs f while no other call and no other process works on the cloud. It first reads all lines that others appended.
func (c *Cloud) withLock(f func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.journal.acquireLock(); err != nil {
		return fmt.Errorf("locking the emulated cloud: %w", err)
	}
	err := c.journal.readNewLines(func(l *journalLine) error {
		c.state.applyLine(l)
		c.seq = l.Seq
		return nil
	})
	if err == nil {
		err = f()
	}
	if unlock := c.journal.releaseLock(); err == nil && unlock != nil {
		err = fmt.Errorf("unlocking the emulated cloud: %w", unlock)
	}
	return err
}

// Resources lists the resources that exist now, by type, account, region and id.
func (c *Cloud) Resources() ([]Resource, error) {
	list := []Resource{}
	err := c.withLock(func() error {
		for _, r := range c.state.allRecords() {
			list = append(list, c.state.describeRecord(r))
		}
		return nil
	})
	return list, err
}

// Operations returns every operation since the cloud was created, in order.
func (c *Cloud) Operations() ([]Operation, error) {
	list := []Operation{}
	err := c.Replay(func(op Operation, _ *State) error {
		list = append(list, op)
		return nil
	})
	return list, err
}

// Replay visits every operation since the cloud was created, with the state after it. The state is valid during the visit only. An
// error of visit ends the replay, and Replay returns it.
func (c *Cloud) Replay(visit func(op Operation, after *State) error) error {
	return c.withLock(func() error {
		s := newState(c.registry)
		return c.journal.replayLines(func(l *journalLine) error {
			s.applyLine(l)
			return visit(l.Operation, s)
		})
	})
}

// View passes the current state to f. The state is valid during f only, and no call is answered meanwhile.
func (c *Cloud) View(f func(now *State) error) error {
	return c.withLock(func() error { return f(c.state) })
}
