package regionfile

import (
	"slices"
	"testing"
)

func TestEnumsAreClosed(t *testing.T) {
	for _, e := range []enum{Posture(""), Egress(""), Arch(""), Image(""), AgentKind(""), Link(""), Path(""), GoogleAPIs("")} {
		values := e.Values()
		if len(values) == 0 || slices.Contains(values, "") || !isAllowed(e, values[0]) || isAllowed(e, "nonsense") {
			t.Errorf("%T: %v", e, values)
		}
	}
	if got := joinOr([]string{"a", "b", "c"}); got != "a, b or c" {
		t.Errorf("either: %s", got)
	}
	if got := joinAnd([]string{"a"}); got != "a" {
		t.Errorf("both: %s", got)
	}
}
