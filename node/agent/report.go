package agent

import (
	"context"

	"github.com/beachhead-build/beachhead/node/aws"
)

// reportCall reports the outcome of a call that is made again and again, unless the context's end is what it failed of.
func (l *life) reportCall(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() == nil {
		l.report(what, err)
	}
}

// report logs the first failure of a kind and the first success after it, and nothing in between: a control plane that is away for a day must
// not fill the journal.
func (l *life) report(what string, err error) {
	kind := ""
	if err != nil {
		kind = aws.Kind(err)
	}
	if !l.changed(what, kind) {
		return
	}
	if err != nil {
		l.log.Warn(what+" fails; said once", "error", err)
	} else {
		l.log.Info(what + " works again")
	}
}

// once logs something the first time.
func (l *life) once(what, text string) {
	if l.changed(what, text) {
		l.log.Info(text)
	}
}

func (l *life) changed(what, kind string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	before := l.said[what]
	l.said[what] = kind
	return before != kind
}
