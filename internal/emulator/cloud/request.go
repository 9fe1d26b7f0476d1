package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Request is one request of a provider to the cloud.
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

// Reply is the result of a request: the record afterwards, with its outputs; nil after a delete.
type Reply struct {
	Record  *Record
	Outputs map[string]any
	// Failed reports that the change stands, and that the wait for its effect failed.
	Failed error
}

// Do checks and commits a request under the lock, at the beginning of its duration, and then waits. Therefore quotas and overlaps hold
// between concurrent calls, and a process that dies during the wait leaves the resource in the cloud, as in a real cloud.
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
		var r *RefusalError
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

// commitRequest runs a request on the state and writes it to the journal when it succeeds. It returns the model seconds, or -1 when the
// request changed nothing.
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

// buildLine returns the journal line of a call.
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

// appendLine appends a line and applies it after decoding it again. This process therefore has the state that any other process reads.
func (c *Cloud) appendLine(l *journalLine) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encoding the operation: %w", err)
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

// waitSeconds waits until some model seconds have passed since the request, or until the caller gives up. The committed change stands
// in both cases. The time that the answer took counts towards the wait.
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

// ReadRecord returns a record by its id or by its import id, or nil. It never writes.
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
