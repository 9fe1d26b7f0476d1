package report

import (
	"fmt"
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
	got := ""
	for _, s := range CriticalPath(spans) {
		got += fmt.Sprintf("%s %g-%g ", s.Name, s.Start, s.End)
	}
	if want := "vpc 0-15 subnet 15-17 nat 17-122 route 122-123 "; got != want {
		t.Errorf("critical path %q, want %q", got, want)
	}
	if CriticalPath(nil) != nil {
		t.Error("an empty run has a critical path")
	}
}

func TestTimelineLeavesOutRings(t *testing.T) {
	spans := Timeline([]Node{{URN: "a", Seconds: 1, After: []string{"b"}}, {URN: "b", Seconds: 1, After: []string{"a"}}, {URN: "c", Seconds: 2}})
	if len(spans) == 0 || CriticalPath(spans)[0].URN == "" {
		t.Fatalf("no timeline beside a ring: %v", spans)
	}
}

// No span starts before what it waits for has ended, the path has no gaps, and it ends when the run does.
func TestTimelineProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 40).Draw(t, "count")
		nodes := make([]Node, count)
		for i := range nodes {
			nodes[i] = Node{URN: fmt.Sprint(i), Seconds: float64(rapid.IntRange(0, 300).Draw(t, "seconds"))}
			for range rapid.IntRange(0, 3).Draw(t, "edges") {
				if i > 0 {
					nodes[i].After = append(nodes[i].After, fmt.Sprint(rapid.IntRange(0, i-1).Draw(t, "after")))
				}
			}
		}
		spans := Timeline(nodes)
		if len(spans) != count {
			t.Fatalf("%d spans of %d nodes", len(spans), count)
		}
		byURN, end := map[string]Span{}, 0.0
		for _, s := range spans {
			byURN[s.URN] = s
			end = max(end, s.End)
		}
		for _, n := range nodes {
			for _, before := range n.After {
				if byURN[n.URN].Start < byURN[before].End {
					t.Fatalf("%s starts at %g, before %s ends at %g", n.URN, byURN[n.URN].Start, before, byURN[before].End)
				}
			}
		}
		path := CriticalPath(spans)
		at := 0.0
		for _, s := range path {
			if s.Start != at {
				t.Fatalf("gap in the critical path before %s: %g, want %g", s.URN, s.Start, at)
			}
			at = s.End
		}
		if at != end {
			t.Fatalf("critical path ends at %g, the run at %g", at, end)
		}
	})
}
