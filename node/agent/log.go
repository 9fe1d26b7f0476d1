package agent

import (
	"context"

	"github.com/beachhead-build/beachhead/node/aws"
)

// Messages that the tests on machines read from the journal, to measure the time from the agent's start to ready.
const (
	StartedMessage = "agent started"
	ReadyMessage   = "machine is ready"
)

// logCall logs the outcome of a call that the agent repeats, unless the call failed because the context ended.
func (l *lifecycle) logCall(ctx context.Context, call string, err error) {
	if err == nil || ctx.Err() == nil {
		l.logChange(call, err)
	}
}

// logChange logs the first failure of a kind and the first success after it, and nothing in between: a control plane
// that is down for a day must not fill the journal.
func (l *lifecycle) logChange(call string, err error) {
	kind := ""
	if err != nil {
		kind = aws.ErrorKind(err)
	}
	if !l.recordState(call, kind) {
		return
	}
	if err != nil {
		l.log.Warn("call failed; retrying, further failures of this kind are not logged", "call", call, "error", err)
	} else {
		l.log.Info("call works again", "call", call)
	}
}

// logOnce logs a text the first time that it is the latest for its subject.
func (l *lifecycle) logOnce(subject, text string) {
	if l.recordState(subject, text) {
		l.log.Info(text)
	}
}

// recordState stores the state of a subject and reports whether it changed.
func (l *lifecycle) recordState(subject, state string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	before := l.lastLogged[subject]
	l.lastLogged[subject] = state
	return before != state
}
