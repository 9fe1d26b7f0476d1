package cloud

import (
	"time"
)

// Queue delays the operations of a run on a record while another one is in progress there. It lives as long as a provider's
// configuration: one run.
type Queue struct {
	free  map[Key]time.Time // when a thing is free again, with a pace
	ahead map[Key]float64   // the model seconds that a run has queued; without a pace all requests arrive at once
}

// NewQueue returns a queue in which no operation is in progress.
func NewQueue() *Queue { return &Queue{free: map[Key]time.Time{}, ahead: map[Key]float64{}} }

// reserveTurn returns how many model seconds pass before a record is free, and occupies it from then on.
func (q *Queue) reserveTurn(k Key, seconds float64, now time.Time, pace float64) float64 {
	if pace == 0 {
		before := q.ahead[k]
		q.ahead[k] += seconds
		return before
	}
	real := func(model float64) time.Duration { return time.Duration(model / pace * float64(time.Second)) }
	from := now
	if q.free[k].After(now) {
		from = q.free[k]
	}
	q.free[k] = from.Add(real(seconds))
	return from.Sub(now).Seconds() * pace
}

// WaitTurn adds the wait for a record that does one operation at a time, as a router does with its peers.
func (c *Call) WaitTurn(k Key) {
	op := "update" // and a delete takes as long
	if c.Old == nil {
		op = "create"
	}
	if c.queue != nil {
		c.ExtraSeconds += c.queue.reserveTurn(k, OperationSeconds(c.Kind, op, &Record{}), c.Now, c.cloud.options.Pace)
	}
}
