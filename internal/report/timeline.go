// Package report turns what happened into what people read: the timeline of a run, its critical path, the summary.
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

// Timeline puts nodes on a clock on which each starts as soon as everything it waits for has ended: what the cloud forces, whatever
// the machine that runs the engine does. Spans come in order of their start. Nodes that wait for each other in a ring are left out,
// since no engine can have run them.
func Timeline(nodes []Node) []Span {
	byURN := map[string]Node{}
	for _, n := range nodes {
		byURN[n.URN] = n
	}
	placed, under := map[string]Span{}, map[string]bool{}
	var place func(urn string) (Span, bool)
	place = func(urn string) (Span, bool) {
		if span, done := placed[urn]; done {
			return span, true
		}
		node, ours := byURN[urn]
		if !ours || under[urn] {
			return Span{}, false
		}
		under[urn] = true
		span := Span{URN: urn, Name: node.Name, Type: node.Type}
		for _, before := range node.After {
			if b, ok := place(before); ok && b.End > span.Start {
				span.Start, span.WaitedFor = b.End, before
			}
		}
		span.End = span.Start + node.Seconds
		placed[urn] = span
		return span, true
	}
	var spans []Span
	for _, n := range nodes {
		if span, ok := place(n.URN); ok {
			spans = append(spans, span)
		}
	}
	slices.SortStableFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.URN, b.URN))
	})
	return spans
}

// CriticalPath is the chain of spans that decides when the last one ends, first to last.
func CriticalPath(spans []Span) []Span {
	if len(spans) == 0 {
		return nil
	}
	byURN := map[string]Span{}
	last := spans[0]
	for _, s := range spans {
		byURN[s.URN] = s
		if s.End > last.End {
			last = s
		}
	}
	path := []Span{last}
	for last.WaitedFor != "" {
		last = byURN[last.WaitedFor]
		path = append(path, last)
	}
	slices.Reverse(path)
	return path
}
