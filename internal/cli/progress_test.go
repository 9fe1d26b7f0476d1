package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/session"
)

// Without a terminal, progress is a line for each step that changes something, without control characters.
func TestProgressWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	began := time.Now()
	vpc := engine.Step{URN: "urn:pulumi:a::b::aws:ec2/vpc:Vpc::net-vpc", Type: "aws:ec2/vpc:Vpc", Name: "net-vpc", Op: "create", Custom: true}
	route := engine.Step{URN: "urn:pulumi:a::b::aws:ec2/route:Route::r", Type: "aws:ec2/route:Route", Name: "r", Op: "delete", Custom: true}
	same := engine.Step{URN: "urn:pulumi:a::b::aws:ec2/eip:Eip::e", Type: "aws:ec2/eip:Eip", Name: "e", Op: "same", Custom: true}
	p.show(session.Event{Event: engine.Event{Phase: engine.Started, Step: vpc, At: began}})
	p.show(session.Event{Event: engine.Event{Phase: engine.Done, Step: vpc, At: began.Add(15 * time.Second)}})
	p.show(session.Event{Event: engine.Event{Phase: engine.Failed, Step: route, At: began}})
	p.show(session.Event{Event: engine.Event{Phase: engine.Done, Step: same, At: began}})
	p.show(session.Event{Event: engine.Event{Phase: engine.Note, Message: "slow down\nmore"}})
	p.close()
	want := "  created net-vpc (Vpc) 15s\n  failed r (Route)\n  slow down\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
