package regionfile

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/go-multierror"
)

func TestProblemForm(t *testing.T) {
	cases := []struct {
		p    Problem
		want string
	}{
		{Problem{File: "regions/us-west-1.yaml", Line: 7, Path: "network.cidr", Wrong: `"10.0.0.0/30" is too small`,
			Want: "/16 to /20, for example 10.42.0.0/16"},
			`regions/us-west-1.yaml:7: network.cidr: "10.0.0.0/30" is too small; want /16 to /20, for example 10.42.0.0/16`},
		{Problem{File: "a.yaml", Wrong: "no such file", Want: "a file"}, "a.yaml: no such file; want a file"},
		{Problem{File: "a.yaml", Line: 1, Wrong: "odd"}, "a.yaml:1: odd"},
	}
	for _, c := range cases {
		if got := c.p.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestErrorIsOneLineForEach(t *testing.T) {
	ps := problems{
		{File: "b.yaml", Line: 1, Wrong: "one"}, {File: "a.yaml", Line: 10, Wrong: "three"},
		{File: "a.yaml", Line: 9, Path: "b", Wrong: "two"}, {File: "a.yaml", Line: 9, Path: "a", Wrong: "two"},
		{File: "a.yaml", Line: 2, Wrong: "read this", Warning: true},
	}
	err := ps.toError()
	if got, want := err.Error(), "a.yaml:9: a: two\na.yaml:9: b: two\na.yaml:10: three\nb.yaml:1: one"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if many := (*multierror.Error)(nil); !errors.As(err, &many) {
		t.Errorf("the error is a %T", err)
	}
	compareProblems(t, ps.listWarnings(), []string{"a.yaml:2: read this"})
	if err := (problems{{Wrong: "read this", Warning: true}}).toError(); err != nil {
		t.Errorf("warnings alone are an error: %v", err)
	}
}

func TestProblems(t *testing.T) {
	inner := problems{{File: "b.yaml", Wrong: "two"}, {File: "a.yaml", Wrong: "one"}}.toError()
	err := multierror.Append(fmt.Errorf("loading: %w", inner), errors.New("disk on fire"))
	compareProblems(t, Problems(err), []string{"disk on fire", "a.yaml: one", "b.yaml: two"})
	compareProblems(t, Problems(fmt.Errorf("finding: %w", Problem{File: "c.yaml", Wrong: "three"})), []string{"c.yaml: three"})
	if got := Problems(nil); got != nil {
		t.Errorf("Problems(nil) = %v", got)
	}
}
