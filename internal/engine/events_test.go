package engine

import (
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// An engine that fails before it opens its stream never closes it; the operation must end all the same, with what was heard.
func TestReadEventsEndsWithTheOperation(t *testing.T) {
	stream, ended := make(chan events.EngineEvent, 1), make(chan struct{})
	var e events.EngineEvent
	e.DiagnosticEvent = &apitype.DiagnosticEvent{Severity: "error", Message: "it broke"}
	stream <- e
	close(ended)
	done := make(chan *record)
	go func() { done <- readEvents(stream, ended, nil) }()
	select {
	case r := <-done:
		if len(r.errors) != 1 || r.errors[0].Message != "it broke" {
			t.Errorf("heard %v", r.errors)
		}
	case <-time.After(10 * streamTimeout):
		t.Fatal("still listening")
	}
}

func TestStripColors(t *testing.T) {
	for text, want := range map[string]string{
		"<{%fg 1%}>error: <{%reset%}>broken": "error: broken", "plain": "plain", "cut off <{%fg": "cut off <{%fg",
	} {
		if got := stripColors(text); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
