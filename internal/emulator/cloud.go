// Package emulator is a cloud that is not there: the real Pulumi engine talks to it through Pulumi's provider protocol, and it
// holds state and obeys rules as the real one does.
//
// References must exist, address ranges must fit, quotas hold, what is in use cannot be deleted. Every operation has a model
// duration, faults can be injected, and everything lies in one journal on disk, so that separate processes see one cloud. It
// has no data plane: nothing is ever sent or reached.
package emulator

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Options says where an emulated cloud is kept and how it behaves.
type Options struct {
	// Dir is where it is kept; created when absent. Several processes may use one at the same time.
	Dir string
	// Pace is how many model seconds pass in a real one; 0: no waiting.
	Pace   float64
	Faults []Fault
	// Kill ends the process when a kill-after fault says so; nil: SIGKILL to this very process.
	Kill func()
}

// Cloud is an emulated cloud. Its methods may be called at the same time.
type Cloud struct {
	options  Options
	registry *Registry
	faults   *faultSet

	mu      sync.Mutex
	journal *journal
	state   *State
	seq     int
}

// Open opens the emulated cloud in a directory, and makes an empty one when there is none. It fails when the directory cannot be
// written or the journal is damaged other than at its torn end.
func OpenCloud(o Options, reg *Registry) (*Cloud, error) {
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

// CheckReachable refuses when a region does not answer, because a fault says so.
func (c *Cloud) CheckReachable(region string) error {
	if c.faults.isSilent(region) {
		return refuseSilent(region)
	}
	return nil
}

// AccountOverride returns the account that a fault sets, or an empty string.
func (c *Cloud) AccountOverride() string { return c.faults.accountOverride() }

// Close lets go of the journal. The cloud stays on disk.
func (c *Cloud) Close() error { return c.journal.file.Close() }

// withLock runs f while no other call and no other process works on the cloud, with everything read that others appended.
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

// Resources lists what lives in the cloud now, by type, account, region and id.
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

// Operations returns every operation since the cloud's beginning, in order.
func (c *Cloud) Operations() ([]Operation, error) {
	list := []Operation{}
	err := c.Replay(func(op Operation, _ *State) error {
		list = append(list, op)
		return nil
	})
	return list, err
}

// Replay goes through the journal from the cloud's beginning and shows the state after each operation. The state is valid during
// the visit only. An error of visit ends the replay and is returned.
func (c *Cloud) Replay(visit func(op Operation, after *State) error) error {
	return c.withLock(func() error {
		s := newState(c.registry)
		return c.journal.replayLines(func(l *journalLine) error {
			s.applyLine(l)
			return visit(l.Operation, s)
		})
	})
}

// Request is what a provider asks of the cloud.
type Request struct {
	Scope
	Tags  map[string]any
	Queue *Queue
	Kind  *Kind
	Op    string // create, update or delete
	ID    string // empty on create
	URN   string
	Run   func(*Call) error
}

// Reply is what came of it: what lives afterwards, with its outputs; nil after a delete.
type Reply struct {
	Record  *Record
	Outputs map[string]any
	// Failed says that the change stands and that the wait for what it should bring about failed.
	Failed error
}

// Do checks and commits a request under the lock, at the beginning of its duration, and then waits: quotas and overlaps hold
// between concurrent calls, and a process that dies while it waits leaves the thing in the cloud, as in life.
func (c *Cloud) Do(ctx context.Context, q *Request) (*Reply, error) {
	asked := time.Now()
	hitch, err := c.faults.delayOf(q)
	if err != nil {
		c.waitSeconds(ctx, asked, hitch.seconds)
		return nil, err
	}
	var out *Reply
	var seconds float64
	err = c.withLock(func() error {
		var err error
		out, seconds, err = c.commitRequest(q, hitch)
		return err
	})
	if err != nil {
		var r *Refusal
		if asRefusal(err, &r) {
			c.waitSeconds(ctx, asked, hitch.seconds+r.AfterSeconds)
		}
		return nil, err
	}
	if seconds >= 0 && c.faults.killsAfter(q) {
		c.options.Kill()
	}
	c.waitSeconds(ctx, asked, seconds)
	return out, nil
}

// commitRequest runs a request on the state and, when nothing speaks against it, writes it to the journal. It returns the model seconds,
// or -1 when there was nothing to do.
func (c *Cloud) commitRequest(q *Request, hitch delay) (*Reply, float64, error) {
	call := &Call{State: c.state, cloud: c, Scope: q.Scope, Tags: q.Tags, queue: q.Queue, Kind: q.Kind, Now: time.Now().UTC()}
	ids, addresses := c.state.ids, c.state.addresses
	undo := func() {
		call.rollBack()
		c.state.ids, c.state.addresses = ids, addresses
	}
	if err := q.Run(call); err != nil {
		undo()
		return nil, 0, err
	}
	if len(call.touched) == 0 {
		return &Reply{}, -1, nil
	}
	l := c.buildLine(q, call, hitch)
	undo()
	if err := c.appendLine(l); err != nil {
		return nil, 0, err
	}
	out := &Reply{Failed: call.Failed}
	if call.New != nil {
		out.Record = c.state.records[call.New.Key]
		out.Outputs = c.state.OutputsOf(out.Record)
	}
	return out, l.ModelSeconds, nil
}

// buildLine writes down what a call did.
func (c *Cloud) buildLine(q *Request, call *Call, hitch delay) *journalLine {
	subject := call.New
	if subject == nil {
		subject = call.Old
	}
	l := &journalLine{IDs: c.state.ids, Addresses: c.state.addresses, Operation: Operation{
		Seq: c.seq + 1, At: call.Now, Op: q.Op, Type: q.Kind.Type, ID: subject.ID, URN: q.URN, Region: subject.Region,
		ModelSeconds: OperationSeconds(q.Kind, q.Op, subject) + call.ExtraSeconds + hitch.seconds, Throttled: hitch.throttled,
	}}
	for _, k := range call.touched {
		if r := c.state.records[k]; r != nil {
			l.Put = append(l.Put, r)
		} else {
			l.Gone = append(l.Gone, k)
		}
	}
	return l
}

// appendLine appends a line and applies what was written, decoded again: what lives here is what any other process reads.
func (c *Cloud) appendLine(l *journalLine) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("writing the operation down: %w", err)
	}
	if err := c.journal.appendLine(raw); err != nil {
		return err
	}
	read := &journalLine{}
	if err := json.Unmarshal(raw, read); err != nil {
		return fmt.Errorf("reading the operation back: %w", err)
	}
	c.state.applyLine(read)
	c.seq = read.Seq
	return nil
}

// waitSeconds lets model seconds pass since something was asked, or less when the caller gives up: what was committed stands either way. The time
// that the answer took to find is part of them.
func (c *Cloud) waitSeconds(ctx context.Context, asked time.Time, seconds float64) {
	if c.options.Pace == 0 || seconds <= 0 {
		return
	}
	t := time.NewTimer(time.Until(asked.Add(time.Duration(seconds / c.options.Pace * float64(time.Second)))))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// ReadRecord finds a thing by its id or by what an import takes; nil when there is none. It never writes.
func (c *Cloud) ReadRecord(ctx context.Context, q *Request) (*Reply, error) {
	hitch, err := c.faults.delayOf(q)
	c.waitSeconds(ctx, time.Now(), hitch.seconds)
	if err != nil {
		return nil, err
	}
	var out *Reply
	err = c.withLock(func() error {
		call := &Call{State: c.state, cloud: c, Scope: q.Scope, Kind: q.Kind}
		rec := call.Find(q.ID, q.Kind.Type)
		if rec == nil && q.Kind.ImportID != nil {
			here := call.ListHere(q.Kind.Type)
			if i := slices.IndexFunc(here, func(r *Record) bool { return q.Kind.ImportID(r) == q.ID }); i >= 0 {
				rec = here[i]
			}
		}
		if rec != nil {
			out = &Reply{Record: rec, Outputs: c.state.OutputsOf(rec)}
		}
		return nil
	})
	return out, err
}
