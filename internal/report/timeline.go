// Package report turns what happened into what people read: the timeline of a run, its critical path, the times to ready against what
// was promised and what took how long by hand, and what the clouds alone force.
//
// It has no clock and asks nobody: times come in as numbers, and the same numbers give the same report.
package report

import (
	"cmp"
	"slices"
)

// Node is one resource of a run: how long the cloud took for it, and what had to be there first.
type Node struct {
	URN     string
	Name    string
	Type    string
	Seconds float64
	// After are URNs; those that are not in the run are taken to be there already.
	After []string
	// Turn names what this takes turns at with all others of the same Turn, such as the one router of several BGP peers; empty: nothing.
	// Seconds is then without the wait for the turn.
	Turn string
}

// Span is a resource's place on the clock, in seconds since the run began.
type Span struct {
	URN   string  `json:"urn"`
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	// WaitedFor is the URN of what ended last before it could start; empty: nothing.
	WaitedFor string `json:"waitedFor,omitempty"`
}

// Interval is when a resource was worked on, in seconds since the run began.
type Interval struct{ Start, End float64 }

// turns is what a timeline knows while it is made.
type turns struct {
	placed map[string]Span
	last   map[string]Span // by turn, the one that had it last
}

// span is where a node would come, given what is placed: after everything that it waits for, and after whoever has its turn.
func (t turns) span(n Node) Span {
	s := Span{URN: n.URN, Name: n.Name, Type: n.Type}
	s.Start, s.WaitedFor = latest(n, t.placed)
	if last, busy := t.last[n.Turn]; busy && n.Turn != "" && last.End > s.Start {
		s.Start, s.WaitedFor = last.End, last.URN
	}
	s.End = s.Start + n.Seconds
	return s
}

// latest is when the last of those that a node waits for has ended, and which one it is; of several, the first that the node names.
func latest(n Node, spans map[string]Span) (end float64, urn string) {
	for _, before := range n.After {
		if b, ok := spans[before]; ok && b.End > end {
			end, urn = b.End, before
		}
	}
	return end, urn
}

// Timeline puts nodes on a clock on which each starts as soon as everything it waits for has ended: what the cloud forces, whatever
// the machine that runs the engine does. Of nodes with the same Turn, whichever can start first does, and of several such the one with
// the lower URN; where they differ in length, another order may end earlier, but clouds serve them as they come too. Spans come in order
// of their start. Nodes that wait for each other in a ring, or for such a node, are left out, since no engine can have run them. Of
// nodes with the same URN the last one counts.
func Timeline(nodes []Node) []Span {
	waiting := map[string]Node{}
	for _, n := range nodes {
		waiting[n.URN] = n
	}
	t := turns{placed: map[string]Span{}, last: map[string]Span{}}
	spans := make([]Span, 0, len(waiting))
	for {
		// Seconds are never negative, so spans are found in the order of their start, and nothing found later can start earlier.
		var next *Span
		for _, n := range waiting {
			if slices.ContainsFunc(n.After, func(urn string) bool { _, there := waiting[urn]; return there }) {
				continue
			}
			if s := t.span(n); next == nil || cmp.Or(cmp.Compare(s.Start, next.Start), cmp.Compare(s.URN, next.URN)) < 0 {
				next = &s
			}
		}
		if next == nil {
			return inOrder(spans)
		}
		t.placed[next.URN], t.last[waiting[next.URN].Turn] = *next, *next
		delete(waiting, next.URN)
		spans = append(spans, *next)
	}
}

// Observed puts nodes on the clock of a real run, by URN: those that were not worked on are left out, and Seconds and Turn have no say.
// A span may start later than what it waited for has ended, by as much as the engine and the provider took.
func Observed(nodes []Node, worked map[string]Interval) []Span {
	ended := map[string]Span{}
	for urn, at := range worked {
		ended[urn] = Span{End: at.End}
	}
	spans := []Span{}
	for _, n := range nodes {
		if at, ok := worked[n.URN]; ok {
			s := Span{URN: n.URN, Name: n.Name, Type: n.Type, Start: at.Start, End: at.End}
			_, s.WaitedFor = latest(n, ended)
			spans = append(spans, s)
		}
	}
	return inOrder(spans)
}

func inOrder(spans []Span) []Span {
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.URN, b.URN))
	})
	return spans
}

// CriticalPath is the chain of spans that decides when the last one ends, first to last.
func CriticalPath(spans []Span) []Span {
	last, found := lastOf(spans)
	if !found {
		return nil
	}
	return pathTo(last, spans)
}

// lastOf is the span that ends last, of several the first; false when there is none.
func lastOf(spans []Span) (last Span, found bool) {
	for _, s := range spans {
		if !found || s.End > last.End {
			last, found = s, true
		}
	}
	return last, found
}

// pathTo is the chain of spans that decides when one ends, first to last.
func pathTo(last Span, spans []Span) []Span {
	byURN := map[string]Span{}
	for _, s := range spans {
		byURN[s.URN] = s
	}
	path := []Span{}
	for there := true; there && len(path) <= len(spans); last, there = byURN[last.WaitedFor] {
		path = append(path, last)
	}
	slices.Reverse(path)
	return path
}
