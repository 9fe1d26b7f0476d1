package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/beachhead-build/beachhead/internal/engine"
)

// progress shows an operation while it goes on: a line for each finished step and, on a terminal, one line at the bottom that says what
// is under way.
type progress struct {
	w    io.Writer
	live bool
	// remark gives what to say about a step when it starts; empty: nothing. Nil: there are no remarks.
	remark func(engine.Step) string

	mu      sync.Mutex
	started map[string]time.Time
	order   []string
	done    int
	stop    chan struct{}
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, live: isTerminal(w), started: map[string]time.Time{}, stop: make(chan struct{})}
	if p.live {
		go p.tick()
	}
	return p
}

// tick redraws the bottom line so that its clock goes on while nothing happens.
func (p *progress) tick() {
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

var verbs = map[string]string{
	"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced", "import": "adopted",
	"create-replacement": "created", "delete-replaced": "deleted",
}

// tell is the engine's Progress.
func (p *progress) tell(e engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case e.Phase == engine.Note:
		p.line("  " + firstLine(e.Message))
	case !e.Step.Changes():
		return
	case e.Phase == engine.Started:
		p.started[e.Step.URN] = e.At
		p.order = append(p.order, e.Step.URN)
		if p.remark != nil && p.remark(e.Step) != "" {
			p.line("  " + colour(p.w, yellow, "warning:") + " " + p.remark(e.Step))
		}
		p.drawStatus()
	case e.Phase == engine.Done:
		p.done++
		p.finish(e, colour(p.w, green, verbs[e.Step.Op]))
	case e.Phase == engine.Failed:
		p.finish(e, colour(p.w, red, "failed"))
	}
}

func (p *progress) finish(e engine.Event, verb string) {
	took := ""
	if began, ok := p.started[e.Step.URN]; ok {
		if d := e.At.Sub(began); d >= time.Second {
			took = colour(p.w, faint, " "+d.Round(time.Second).String())
		}
	}
	delete(p.started, e.Step.URN)
	p.line(fmt.Sprintf("  %s %s (%s)%s", verb, e.Step.Name, shortType(e.Step.Type), took))
}

func (p *progress) line(text string) {
	p.clearStatus()
	fmt.Fprintln(p.w, text)
	p.drawStatus()
}

func (p *progress) clearStatus() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// drawStatus names the step that has been under way for the longest.
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

// shortType is the last part of a type token: Vpc of aws:ec2/vpc:Vpc.
func shortType(token string) string { return token[strings.LastIndex(token, ":")+1:] }

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
