package session

import (
	"time"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/report"
)

// timer records which resources an operation creates or changes, and when.
type timer struct {
	// began is when the first step began.
	began  time.Time
	worked map[string]report.Interval
	// ops are the model's operations on the resources that are complete, by URN.
	ops     map[string]string
	stopped bool
}

func newTimer() *timer {
	return &timer{worked: map[string]report.Interval{}, ops: map[string]string{}}
}

// modelOps maps the engine's operations that bring a region nearer to ready to those that the model knows. Deletions are not among them:
// nobody waits for those.
var modelOps = map[string]string{"create": "create", "create-replacement": "create", "import": "create", "update": "update"}

// recordEvent records an event.
func (k *timer) recordEvent(e engine.Event) {
	op, counts := modelOps[e.Step.Op]
	if k.stopped || !counts || !e.Step.ChangesCloud() {
		return
	}
	if e.Phase == engine.Started && k.began.IsZero() {
		k.began = e.At
	}
	at, urn := e.At.Sub(k.began).Seconds(), e.Step.URN
	switch e.Phase {
	case engine.Started:
		k.worked[urn] = report.Interval{Start: at, End: at}
	case engine.Done:
		k.worked[urn], k.ops[urn] = report.Interval{Start: k.worked[urn].Start, End: at}, op
	case engine.Failed, engine.Planned, engine.Note:
	}
}

// stopRecording ends the recording.
func (k *timer) stopRecording() { k.stopped = true }
