package session

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/engine"
)

func TestSummarizeChanges(t *testing.T) {
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
		if got := SummarizeChanges(&c.changes); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
