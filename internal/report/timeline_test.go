package report

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCriticalPath(t *testing.T) {
	spans := Timeline([]Node{
		{URN: "route", Name: "route", Seconds: 1, After: []string{"nat", "table", "elsewhere"}},
		{URN: "vpc", Name: "vpc", Seconds: 15},
		{URN: "subnet", Name: "subnet", Seconds: 2, After: []string{"vpc"}},
		{URN: "table", Name: "table", Seconds: 1, After: []string{"vpc"}},
		{URN: "nat", Name: "nat", Seconds: 105, After: []string{"subnet", "address"}},
		{URN: "address", Name: "address", Seconds: 1},
	})
	if got, want := formatSpans(CriticalPath(spans)), "vpc 0-15 subnet 15-17 nat 17-122 route 122-123 "; got != want {
		t.Errorf("critical path %q, want %q", got, want)
	}
	if CriticalPath(nil) != nil {
		t.Error("an empty run has a critical path")
	}
}

func formatSpans(spans []Span) string {
	text := ""
	for _, s := range spans {
		text += fmt.Sprintf("%s %g-%g ", cmp.Or(s.Name, s.URN), s.Start, s.End)
	}
	return text
}

func TestTimelineLeavesOutRings(t *testing.T) {
	spans := Timeline([]Node{
		{URN: "a", Seconds: 1, After: []string{"b"}}, {URN: "b", Seconds: 1, After: []string{"a"}},
		{URN: "behind", Seconds: 1, After: []string{"a"}}, {URN: "c", Seconds: 2},
	})
	if got, want := formatSpans(spans), "c 0-2 "; got != want {
		t.Errorf("beside a ring: %q, want %q", got, want)
	}
}

// Nodes of one turn run one at a time: first the one that can start first, then by URN. Other nodes do not wait for them.
func TestTurns(t *testing.T) {
	for name, c := range map[string]struct {
		nodes []Node
		want  string
	}{
		"by URN": {[]Node{
			{URN: "c", Seconds: 32, Turn: "router"}, {URN: "a", Seconds: 32, Turn: "router"}, {URN: "b", Seconds: 32, Turn: "router"},
		}, "a 0-32 b 32-64 c 64-96 "},
		"the first that can": {[]Node{
			{URN: "a", Seconds: 32, Turn: "router", After: []string{"slow"}}, {URN: "b", Seconds: 32, Turn: "router"}, {URN: "slow", Seconds: 20},
		}, "slow 0-20 b 0-32 a 32-64 "},
		"a gap": {[]Node{
			{URN: "a", Seconds: 1, Turn: "router", After: []string{"slow"}}, {URN: "b", Seconds: 1, Turn: "router"}, {URN: "slow", Seconds: 20},
		}, "b 0-1 slow 0-20 a 20-21 "},
		"two turns": {[]Node{
			{URN: "a", Seconds: 32, Turn: "one"}, {URN: "b", Seconds: 32, Turn: "other"}, {URN: "c", Seconds: 32},
		}, "a 0-32 b 0-32 c 0-32 "},
		"behind a turn": {[]Node{
			{URN: "a", Seconds: 5, Turn: "router"}, {URN: "b", Seconds: 5, Turn: "router"}, {URN: "end", Seconds: 1, After: []string{"b"}},
		}, "a 0-5 b 5-10 end 10-11 "},
	} {
		spans := Timeline(c.nodes)
		if got := formatSpans(spans); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	path := CriticalPath(Timeline([]Node{{URN: "a", Seconds: 5, Turn: "router"}, {URN: "b", Seconds: 5, Turn: "router"}}))
	if got, want := formatSpans(path), "a 0-5 b 5-10 "; got != want {
		t.Errorf("critical path %q, want %q: waiting for a turn is waiting", got, want)
	}
}

// drawNodes draws a run without rings, shuffled. With equal turns, nodes of a turn take equally long and nothing waits for them, as with
// the BGP peers of a router; without that, an earlier start can push others back.
func drawNodes(t *rapid.T, equalTurns bool) []Node {
	nodes := make([]Node, rapid.IntRange(1, 40).Draw(t, "count"))
	for i := range nodes {
		nodes[i] = Node{URN: fmt.Sprint(i), Seconds: float64(rapid.IntRange(0, 300).Draw(t, "seconds"))}
		if turn := rapid.IntRange(0, 5).Draw(t, "turn"); turn < 2 {
			nodes[i].Turn = fmt.Sprint("turn", turn)
			if equalTurns {
				nodes[i].Seconds = 32
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "edges") {
			if i == 0 {
				continue
			}
			if before := nodes[rapid.IntRange(0, i-1).Draw(t, "after")]; before.Turn == "" || !equalTurns {
				nodes[i].After = append(nodes[i].After, before.URN)
			}
		}
	}
	return rapid.Permutation(nodes).Draw(t, "order")
}

// No span starts before what it waits for has ended, those of one turn never overlap, each takes as long as its node, the path has no gaps
// and ends when the run does, and the order in which nodes are given does not matter.
func TestTimelineProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t, false)
		spans := Timeline(nodes)
		if len(spans) != len(nodes) {
			t.Fatalf("%d spans of %d nodes", len(spans), len(nodes))
		}
		byURN, byTurn, end := map[string]Span{}, map[string][]Span{}, 0.0
		for _, s := range spans {
			byURN[s.URN] = s
			end = max(end, s.End)
		}
		for _, n := range nodes {
			s := byURN[n.URN]
			if s.End-s.Start != n.Seconds {
				t.Fatalf("%s takes %g, want %g", n.URN, s.End-s.Start, n.Seconds)
			}
			for _, before := range n.After {
				if s.Start < byURN[before].End {
					t.Fatalf("%s starts at %g, before %s ends at %g", n.URN, s.Start, before, byURN[before].End)
				}
			}
			if n.Turn != "" {
				byTurn[n.Turn] = append(byTurn[n.Turn], s)
			}
		}
		for turn, all := range byTurn {
			all = sortByStart(all)
			for i := range all[1:] {
				if all[i+1].Start < all[i].End {
					t.Fatalf("%s: %s and %s overlap", turn, all[i].URN, all[i+1].URN)
				}
			}
		}
		at := 0.0
		for _, s := range CriticalPath(spans) {
			if s.Start != at {
				t.Fatalf("gap in the critical path before %s: %g, want %g", s.URN, s.Start, at)
			}
			at = s.End
		}
		if at != end {
			t.Fatalf("critical path ends at %g, the run at %g", at, end)
		}
		slices.Reverse(nodes)
		if again := Timeline(nodes); !reflect.DeepEqual(again, spans) {
			t.Fatalf("in another order:\n%v, want\n%v", again, spans)
		}
	})
}

// In a real run, only resources with an interval have a span, and each span names the resource that it waited for.
func TestObserved(t *testing.T) {
	nodes := []Node{
		{URN: "route", After: []string{"vpc", "nat", "there"}}, {URN: "nat", After: []string{"vpc"}}, {URN: "vpc"}, {URN: "there"},
	}
	spans := Observed(nodes, map[string]Interval{"route": {31, 32}, "nat": {16, 30}, "vpc": {0.5, 15}})
	want := []Span{
		{URN: "vpc", Start: 0.5, End: 15}, {URN: "nat", Start: 16, End: 30, WaitedFor: "vpc"},
		{URN: "route", Start: 31, End: 32, WaitedFor: "nat"},
	}
	if !reflect.DeepEqual(spans, want) {
		t.Errorf("%v, want %v", spans, want)
	}
	if path := CriticalPath(spans); !reflect.DeepEqual(path, want) {
		t.Errorf("critical path %v, want %v", path, want)
	}
}

// Observing the intervals of a timeline results in the same timeline.
func TestObservedProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t, true)
		for i := range nodes {
			nodes[i].Turn = ""
		}
		spans, worked := Timeline(nodes), map[string]Interval{}
		for _, s := range spans {
			worked[s.URN] = Interval{Start: s.Start, End: s.End}
		}
		if again := Observed(nodes, worked); !reflect.DeepEqual(again, spans) {
			t.Fatalf("%v, want %v", again, spans)
		}
	})
}
