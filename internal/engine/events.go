package engine

import (
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Phase is what an event reports about a step.
type Phase string

// The phases.
const (
	Planned Phase = "planned"
	Started Phase = "started"
	Done    Phase = "done"
	Failed  Phase = "failed"
	// Note is a message that belongs to no step.
	Note Phase = "note"
)

// Event is one report of a running operation.
type Event struct {
	Phase Phase
	Step  Step
	// At is when this program received the event; the engine's own times have no fractions of a second.
	At      time.Time
	Message string
}

// streamTimeout is how long readEvents waits for more once the operation has ended. The engine closes its stream when it ends; when it
// fails before it has opened the stream, nothing ever closes it.
const streamTimeout = time.Second

// readEvents turns the engine's stream into Events until the stream closes, or until the operation has ended and the stream stays silent.
// It returns all steps and errors.
func readEvents(stream <-chan events.EngineEvent, ended <-chan struct{}, report func(Event)) *record {
	r := &record{report: report}
	if r.report == nil {
		r.report = func(Event) {}
	}
	var timeout <-chan time.Time
	for {
		select {
		case e, open := <-stream:
			if !open {
				return r
			}
			r.addEvent(e)
		case <-ended:
			ended, timeout = nil, time.After(streamTimeout)
		case <-timeout:
			return r
		}
	}
}

// record is what an operation did.
type record struct {
	report func(Event)
	steps  []Step
	failed []Step
	errors []Diagnostic
}

// Diagnostic is an error of the engine about one resource, or about none.
type Diagnostic struct {
	URN, Message string
}

func (r *record) addEvent(e events.EngineEvent) {
	now := time.Now()
	switch {
	case e.ResourcePreEvent != nil:
		step := readStep(e.ResourcePreEvent.Metadata)
		r.steps = append(r.steps, step)
		phase := Started
		if e.ResourcePreEvent.Planning {
			phase = Planned
		}
		r.report(Event{Phase: phase, Step: step, At: now})
	case e.ResOutputsEvent != nil && !e.ResOutputsEvent.Planning:
		r.report(Event{Phase: Done, Step: readStep(e.ResOutputsEvent.Metadata), At: now})
	case e.ResOpFailedEvent != nil:
		step := readStep(e.ResOpFailedEvent.Metadata)
		r.failed = append(r.failed, step)
		r.report(Event{Phase: Failed, Step: step, At: now})
	case e.DiagnosticEvent != nil:
		r.addDiagnostic(*e.DiagnosticEvent, now)
	}
}

func (r *record) addDiagnostic(d apitype.DiagnosticEvent, now time.Time) {
	message := strings.TrimSpace(stripColors(d.Prefix + d.Message))
	if message == "" {
		return
	}
	switch d.Severity {
	case "error":
		r.errors = append(r.errors, Diagnostic{URN: d.URN, Message: strings.TrimPrefix(message, "error: ")})
	case "warning", "info#err":
		r.report(Event{Phase: Note, At: now, Message: message})
	}
}

func readStep(m apitype.StepEventMetadata) Step {
	step := Step{URN: m.URN, Type: m.Type, Op: string(m.Op), Diffs: m.Diffs, Name: resource.URN(m.URN).Name(), provider: m.Provider}
	if m.Old != nil {
		step.Retained, step.oldInputs = m.Old.RetainOnDelete, m.Old.Inputs
	}
	for _, state := range []*apitype.StepEventStateMetadata{m.Old, m.New} {
		if state == nil {
			continue
		}
		step.Custom = state.Custom
		step.parent = state.Parent
		step.Protected = step.Protected || state.Protect
		step.Inputs = state.Inputs
		if state.ID != "" {
			step.ID = state.ID
		}
	}
	return step
}

// stripColors removes the engine's colour directives: the command line decides about colour.
func stripColors(text string) string {
	for {
		start := strings.Index(text, "<{%")
		if start < 0 {
			return text
		}
		end := strings.Index(text[start:], "%}>")
		if end < 0 {
			return text
		}
		text = text[:start] + text[start+end+len("%}>"):]
	}
}
