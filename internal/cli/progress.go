package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/session"
)

// progress shows an operation while it runs: a line for each finished step and, on a terminal, a status line at the bottom with the steps
// under way.
type progress struct {
	w    io.Writer
	live bool

	mu      sync.Mutex
	started map[string]time.Time
	order   []string
	done    int
	stop    chan struct{}
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, live: isTerminal(w), started: map[string]time.Time{}, stop: make(chan struct{})}
	if p.live {
		go p.redrawEverySecond()
	}
	return p
}

// redrawEverySecond keeps the clock of the status line running while no event arrives.
func (p *progress) redrawEverySecond() {
	for {
		select {
		case <-p.stop:
			return
		case <-time.After(time.Second):
			p.mu.Lock()
			p.drawStatus()
			p.mu.Unlock()
		}
	}
}

func (p *progress) close() {
	close(p.stop)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearStatus()
}

// pastTense maps the engine's operations to the words for a finished step.
var pastTense = map[string]string{
	"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced", "import": "adopted",
	"create-replacement": "created", "delete-replaced": "deleted",
}

// show shows one event. It is a session's Progress.
func (p *progress) show(e session.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Phase == engine.Note:
		p.writeLine("  " + firstLine(e.Message))
	case !e.Step.ChangesCloud():
		return
	case e.Phase == engine.Started:
		p.started[e.Step.URN] = e.At
		p.order = append(p.order, e.Step.URN)
		if e.Warning != "" {
			p.writeLine("  " + colour(p.w, yellow, "warning:") + " " + e.Warning)
		}
		p.drawStatus()
	case e.Phase == engine.Done:
		p.done++
		p.finishStep(e, colour(p.w, green, pastTense[e.Step.Op]))
	case e.Phase == engine.Failed:
		p.finishStep(e, colour(p.w, red, "failed"))
	}
}

// finishStep writes the line of a step that is complete or has failed.
func (p *progress) finishStep(e session.Event, verb string) {
	took := ""
	if began, ok := p.started[e.Step.URN]; ok {
		if d := e.At.Sub(began); d >= time.Second {
			took = colour(p.w, faint, " "+d.Round(time.Second).String())
		}
	}
	delete(p.started, e.Step.URN)
	p.writeLine(fmt.Sprintf("  %s %s (%s)%s", verb, e.Step.Name, shortType(e.Step.Type), took))
}

// writeLine writes a line above the status line.
func (p *progress) writeLine(text string) {
	p.clearStatus()
	fmt.Fprintln(p.w, text)
	p.drawStatus()
}

func (p *progress) clearStatus() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// drawStatus writes the status line, with the step that has been under way for the longest time.
func (p *progress) drawStatus() {
	if !p.live || len(p.started) == 0 {
		return
	}
	for len(p.order) > 0 && p.started[p.order[0]].IsZero() {
		p.order = p.order[1:]
	}
	if len(p.order) == 0 {
		return
	}
	oldest := p.order[0]
	name := oldest[strings.LastIndex(oldest, "::")+2:]
	p.clearStatus()
	fmt.Fprintf(p.w, "  %d done, %d under way, longest %s (%s)", p.done, len(p.started), name,
		time.Since(p.started[oldest]).Round(time.Second))
}

// shortType returns the last part of a type token: Vpc of aws:ec2/vpc:Vpc.
func shortType(token string) string { return token[strings.LastIndex(token, ":")+1:] }

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
