package agent

import (
	"context"

	"github.com/beachhead-build/beachhead/node/aws"
)

// logCall reports the outcome of a call that is made again and again, unless the context's end is what it failed of.
func (l *lifecycle) logCall(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() == nil {
		l.logChange(what, err)
	}
}

// logChange logs the first failure of a kind and the first success after it, and nothing in between: a control plane that is away for a day must
// not fill the journal.
func (l *lifecycle) logChange(what string, err error) {
	kind := ""
	if err != nil {
		kind = aws.ErrorKind(err)
	}
	if !l.recordState(what, kind) {
		return
	}
	if err != nil {
		l.log.Warn(what+" fails; said once", "error", err)
	} else {
		l.log.Info(what + " works again")
	}
}

// logOnce logs something the first time.
func (l *lifecycle) logOnce(what, text string) {
	if l.recordState(what, text) {
		l.log.Info(text)
	}
}

func (l *lifecycle) recordState(what, kind string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	before := l.lastLogged[what]
	l.lastLogged[what] = kind
	return before != kind
}
