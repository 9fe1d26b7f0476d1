// Package report turns what happened into what people read: the timeline of a run, its critical path, and the times to ready compared with
// the promise, with work by hand and with what the clouds force.
//
// It has no clock and queries nothing: times come in as numbers, and the same numbers make the same report.
package report

import (
	"cmp"
	"slices"
)

// Node is one resource of a run: how long the cloud takes for it, and which resources come before it.
type Node struct {
	URN     string
	Name    string
	Type    string
	Seconds float64
	// After are URNs. Resources that are not in the run exist already.
	After []string
	// Turn names the object at which all nodes of the same Turn wait for each other, such as the one router of several BGP peers. Empty: the
	// node does not take turns. Seconds does not include the wait for a turn.
	Turn string
}

// Span is a resource's place on the clock, in seconds since the run began.
type Span struct {
	URN   string  `json:"urn"`
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	// WaitedFor is the URN of the resource that ended last before this one could start; empty if there is none.
	WaitedFor string `json:"waitedFor,omitempty"`
}

// Interval is when a cloud created or changed a resource, in seconds since the run began.
type Interval struct{ Start, End float64 }

// schedule is a timeline under construction.
type schedule struct {
	placed     map[string]Span
	lastOfTurn map[string]Span
}

// nextSpan returns the earliest span for a node: after every placed node that it waits for, and after the last node of its turn.
func (t schedule) nextSpan(n Node) Span {
	s := Span{URN: n.URN, Name: n.Name, Type: n.Type}
	s.Start, s.WaitedFor = lastWaitedFor(n, t.placed)
	if last, busy := t.lastOfTurn[n.Turn]; busy && n.Turn != "" && last.End > s.Start {
		s.Start, s.WaitedFor = last.End, last.URN
	}
	s.End = s.Start + n.Seconds
	return s
}

// lastWaitedFor returns when the last of the nodes that a node waits for ends, and its URN; of several, the one that the node names first.
func lastWaitedFor(n Node, spans map[string]Span) (end float64, urn string) {
	for _, before := range n.After {
		if b, ok := spans[before]; ok && b.End > end {
			end, urn = b.End, before
		}
	}
	return end, urn
}

// Timeline puts nodes on a clock on which each starts as soon as every node that it waits for has ended: the time that the cloud needs,
// whatever the machine that runs the engine does. If several nodes have the same Turn, the one that can start first does, and of several
// such the one with the lower URN. If they differ in length, another order may end earlier, but clouds serve them as they come too. Spans
// are in the order of their start. Nodes that wait for each other in a ring, or for such a node, are left out, since no engine can run
// them. If several nodes have the same URN, the last one counts.
func Timeline(nodes []Node) []Span {
	waiting := map[string]Node{}
	for _, n := range nodes {
		waiting[n.URN] = n
	}
	t := schedule{placed: map[string]Span{}, lastOfTurn: map[string]Span{}}
	spans := make([]Span, 0, len(waiting))
	for {
		// Seconds are never negative, so this loop finds spans in the order of their start, and no span found later can start earlier.
		var next *Span
		for _, n := range waiting {
			if slices.ContainsFunc(n.After, func(urn string) bool { _, exists := waiting[urn]; return exists }) {
				continue
			}
			if s := t.nextSpan(n); next == nil || cmp.Or(cmp.Compare(s.Start, next.Start), cmp.Compare(s.URN, next.URN)) < 0 {
				next = &s
			}
		}
		if next == nil {
			return sortByStart(spans)
		}
		t.placed[next.URN], t.lastOfTurn[waiting[next.URN].Turn] = *next, *next
		delete(waiting, next.URN)
		spans = append(spans, *next)
	}
}

// Observed puts nodes on the clock of a real run, by URN. It leaves out nodes without an interval, and ignores Seconds and Turn. A span may
// start later than the end of the resource it waited for, by the time that the engine and the provider took.
func Observed(nodes []Node, worked map[string]Interval) []Span {
	ended := map[string]Span{}
	for urn, at := range worked {
		ended[urn] = Span{End: at.End}
	}
	spans := []Span{}
	for _, n := range nodes {
		if at, ok := worked[n.URN]; ok {
			s := Span{URN: n.URN, Name: n.Name, Type: n.Type, Start: at.Start, End: at.End}
			_, s.WaitedFor = lastWaitedFor(n, ended)
			spans = append(spans, s)
		}
	}
	return sortByStart(spans)
}

func sortByStart(spans []Span) []Span {
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.URN, b.URN))
	})
	return spans
}

// CriticalPath returns the chain of spans that decides when the last one ends, first to last.
func CriticalPath(spans []Span) []Span {
	last, found := lastOf(spans)
	if !found {
		return nil
	}
	return pathTo(last, spans)
}

// lastOf returns the span that ends last, of several the first. It returns false if there are no spans.
func lastOf(spans []Span) (last Span, found bool) {
	for _, s := range spans {
		if !found || s.End > last.End {
			last, found = s, true
		}
	}
	return last, found
}

// pathTo returns the chain of spans that decides when one ends, first to last.
func pathTo(last Span, spans []Span) []Span {
	byURN := map[string]Span{}
	for _, s := range spans {
		byURN[s.URN] = s
	}
	path := []Span{}
	for exists := true; exists && len(path) <= len(spans); last, exists = byURN[last.WaitedFor] {
		path = append(path, last)
	}
	slices.Reverse(path)
	return path
}
