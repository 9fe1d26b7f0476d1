package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// Phase is what an event says about a step.
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

// Event is one thing that happened in an operation.
type Event struct {
	Phase Phase
	Step  Step
	// At is when this program heard of it; the engine's own times have no fractions of a second.
	At      time.Time
	Message string
}

// Step is what the engine does, or would do, to one resource.
type Step struct {
	URN  string `json:"urn"`
	Type string `json:"type"`
	Name string `json:"name"`
	// Op is create, update, replace, delete, same and so on.
	Op string `json:"op"`
	// ID is the cloud's name for it; empty before it is made.
	ID string `json:"id,omitempty"`
	// Diffs are the properties that differ, for update and replace.
	Diffs []string `json:"diffs,omitempty"`
	// Custom is false for components, which are nothing in the cloud.
	Custom    bool `json:"-"`
	Protected bool `json:"-"`
	// Retained says that it stays in the cloud when the stack lets go of it.
	Retained bool           `json:"-"`
	Inputs   map[string]any `json:"-"`
	// was are the inputs of what is there already; nil before it is made.
	was      map[string]any
	parent   string
	provider string
}

// quiet are the operations that change nothing in the cloud, removing those that take something away, ending those of them that the
// engine leaves out where something is retained, and replacing those that are part of a replacement.
var (
	quiet = []apitype.OpType{
		apitype.OpSame, apitype.OpRead, apitype.OpRefresh, apitype.OpReadDiscard, apitype.OpDiscardReplaced, apitype.OpRemovePendingReplace,
	}
	removing  = []apitype.OpType{apitype.OpDelete, apitype.OpDeleteReplaced, apitype.OpReplace, apitype.OpCreateReplacement}
	ending    = []apitype.OpType{apitype.OpDelete, apitype.OpDeleteReplaced}
	replacing = []apitype.OpType{apitype.OpReplace, apitype.OpCreateReplacement, apitype.OpDeleteReplaced}
)

// Changes says whether the step changes anything in the cloud. What stays there when it is deleted is no change.
func (s Step) Changes() bool {
	return s.inCloud() && !slices.Contains(quiet, apitype.OpType(s.Op)) && !s.stays()
}

// Deletes says whether the step takes away what is there, be it from the stack alone.
func (s Step) Deletes() bool { return s.inCloud() && slices.Contains(removing, apitype.OpType(s.Op)) }

// stays says whether the step takes something from the stack that stays in the cloud. The engine reports it as any other deletion.
func (s Step) stays() bool {
	return s.inCloud() && s.Retained && slices.Contains(ending, apitype.OpType(s.Op))
}

// inCloud says whether it is a thing in the cloud: components and providers are not.
func (s Step) inCloud() bool { return s.Custom && !strings.HasPrefix(s.Type, "pulumi:") }

// replaces says whether the step is part of a replacement.
func (s Step) replaces() bool { return slices.Contains(replacing, apitype.OpType(s.Op)) }

// silence is how long listen waits for more once the operation has ended. The engine closes its stream when it ends; when it fails
// before it has opened the stream, nobody ever closes it.
const silence = time.Second

// listen turns the engine's stream into Events until the stream closes, or the operation has ended and the stream is silent. It keeps the
// steps and the errors, and returns both.
func listen(stream <-chan events.EngineEvent, ended <-chan struct{}, tell func(Event)) *record {
	r := &record{tell: tell}
	if r.tell == nil {
		r.tell = func(Event) {}
	}
	var enough <-chan time.Time
	for {
		select {
		case e, open := <-stream:
			if !open {
				return r
			}
			r.hear(e)
		case <-ended:
			ended, enough = nil, time.After(silence)
		case <-enough:
			return r
		}
	}
}

// record is what an operation did.
type record struct {
	tell   func(Event)
	steps  []Step
	failed []Step
	errors []Diagnostic
}

// Diagnostic is an error of the engine about one resource, or about none.
type Diagnostic struct {
	URN, Message string
}

func (r *record) hear(e events.EngineEvent) {
	now := time.Now()
	switch {
	case e.ResourcePreEvent != nil:
		step := stepOf(e.ResourcePreEvent.Metadata)
		r.steps = append(r.steps, step)
		phase := Started
		if e.ResourcePreEvent.Planning {
			phase = Planned
		}
		r.tell(Event{Phase: phase, Step: step, At: now})
	case e.ResOutputsEvent != nil && !e.ResOutputsEvent.Planning:
		r.tell(Event{Phase: Done, Step: stepOf(e.ResOutputsEvent.Metadata), At: now})
	case e.ResOpFailedEvent != nil:
		step := stepOf(e.ResOpFailedEvent.Metadata)
		r.failed = append(r.failed, step)
		r.tell(Event{Phase: Failed, Step: step, At: now})
	case e.DiagnosticEvent != nil:
		r.diagnose(*e.DiagnosticEvent, now)
	}
}

func (r *record) diagnose(d apitype.DiagnosticEvent, now time.Time) {
	message := strings.TrimSpace(plain(d.Prefix + d.Message))
	if message == "" {
		return
	}
	switch d.Severity {
	case "error":
		r.errors = append(r.errors, Diagnostic{URN: d.URN, Message: strings.TrimPrefix(message, "error: ")})
	case "warning", "info#err":
		r.tell(Event{Phase: Note, At: now, Message: message})
	}
}

func stepOf(m apitype.StepEventMetadata) Step {
	step := Step{URN: m.URN, Type: m.Type, Op: string(m.Op), Diffs: m.Diffs, Name: resource.URN(m.URN).Name(), provider: m.Provider}
	if m.Old != nil {
		step.Retained, step.was = m.Old.RetainOnDelete, m.Old.Inputs
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

// plain takes the engine's colour directives out: colour is for the command line to decide.
func plain(text string) string {
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
