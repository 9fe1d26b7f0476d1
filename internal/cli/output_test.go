package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/engine"
)

func TestExitCodes(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	cases := []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"a failure", t.Context(), errors.New("broken"), 1},
		{"usage", t.Context(), usageError{errors.New("what?")}, 2},
		{"usage, wrapped", t.Context(), fmt.Errorf("drill: %w", usageError{errors.New("what?")}), 2},
		{"verification", t.Context(), fmt.Errorf("%w: 2 probes", errUnverified), 3},
		{"locked", t.Context(), fmt.Errorf("up: %w", engine.ErrLocked), 4},
		{"interrupted, whatever it broke", interrupted, engine.ErrLocked, 130},
	}
	for _, c := range cases {
		if got := exitCode(c.ctx, c.err); got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.want)
		}
	}
}

func TestSummary(t *testing.T) {
	steps := func(ops ...string) []engine.Step {
		var all []engine.Step
		for _, op := range ops {
			all = append(all, engine.Step{Op: op, Custom: true, Type: "aws:ec2/eip:Eip"})
		}
		return all
	}
	cases := []struct {
		changes engine.Changes
		want    string
	}{
		{engine.Changes{Unchanged: 1}, "nothing to do, 1 resource unchanged"},
		{engine.Changes{Steps: steps("create", "create", "delete"), Unchanged: 3}, "2 create, 1 delete, 3 unchanged"},
		{engine.Changes{Adopted: steps("create"), Unchanged: 3}, "1 adopted, 3 unchanged"},
		{engine.Changes{Steps: steps("update", "replace", "create-replacement", "delete-replaced")}, "1 update, 1 replace"},
	}
	for _, c := range cases {
		if got := summary(&c.changes); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestQuote(t *testing.T) {
	if got, want := quote("it's $HOME"), `'it'\''s $HOME'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Without a terminal: a line for each step that changes something, and nothing that only a terminal understands.
func TestProgressWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out)
	began := time.Now()
	vpc := engine.Step{URN: "urn:pulumi:a::b::aws:ec2/vpc:Vpc::net-vpc", Type: "aws:ec2/vpc:Vpc", Name: "net-vpc", Op: "create", Custom: true}
	route := engine.Step{URN: "urn:pulumi:a::b::aws:ec2/route:Route::r", Type: "aws:ec2/route:Route", Name: "r", Op: "delete", Custom: true}
	same := engine.Step{URN: "urn:pulumi:a::b::aws:ec2/eip:Eip::e", Type: "aws:ec2/eip:Eip", Name: "e", Op: "same", Custom: true}
	p.tell(engine.Event{Phase: engine.Started, Step: vpc, At: began})
	p.tell(engine.Event{Phase: engine.Done, Step: vpc, At: began.Add(15 * time.Second)})
	p.tell(engine.Event{Phase: engine.Failed, Step: route, At: began})
	p.tell(engine.Event{Phase: engine.Done, Step: same, At: began})
	p.tell(engine.Event{Phase: engine.Note, Message: "slow down\nmore"})
	p.close()
	want := "  created net-vpc (Vpc) 15s\n  failed r (Route)\n  slow down\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestBlockYAML(t *testing.T) {
	text, err := blockYAML(map[string]any{"b": []string{"x"}, "a": map[string]int{"n": 1}})
	if err != nil || string(text) != "a:\n  n: 1\nb:\n  - x\n" || strings.Contains(string(text), "{") {
		t.Errorf("%s %v", text, err)
	}
}
