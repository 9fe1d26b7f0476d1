package clouds_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/clouds"
	"github.com/beachhead-build/beachhead/internal/inventory"
)

// fakeFinder finds one resource, or fails.
type fakeFinder struct {
	id  string
	err error
}

func (f fakeFinder) FindOwned(_ context.Context, stack string) ([]inventory.Resource, error) {
	return []inventory.Resource{{Type: "t", ID: stack + "/" + f.id}}, f.err
}

func TestJoinedFindsWhatAnyCloudHas(t *testing.T) {
	all, err := clouds.Joined{fakeFinder{id: "a"}, fakeFinder{id: "b"}}.FindOwned(t.Context(), "us")
	if err != nil || len(all) != 2 || all[0].ID != "us/a" || all[1].ID != "us/b" {
		t.Errorf("%v, %v; want what both found, in their order", all, err)
	}
}

// One cloud that fails makes the whole answer worthless, and each that fails is reported.
func TestJoinedReportsEveryFailure(t *testing.T) {
	one, two := errors.New("one"), errors.New("two")
	all, err := clouds.Joined{fakeFinder{err: one}, fakeFinder{id: "b"}, fakeFinder{err: two}}.FindOwned(t.Context(), "us")
	if len(all) != 0 || !errors.Is(err, one) || !errors.Is(err, two) {
		t.Errorf("%v, %v; want both errors and nothing found", all, err)
	}
}

func TestRunAllRunsEveryQueryToItsEnd(t *testing.T) {
	broken := errors.New("it broke")
	both := make(chan struct{})
	errs := clouds.RunAll(t.Context(), []clouds.Query{
		func(context.Context) error { both <- struct{}{}; return broken },
		func(context.Context) error { <-both; return nil }, // the two meet, so they run at the same time
	})
	if len(errs) != 2 || !errors.Is(errs[0], broken) || errs[1] != nil {
		t.Errorf("%v, want the first query's error in its place", errs)
	}
}

func TestSummarize(t *testing.T) {
	denied := func(permission string) clouds.Failure {
		return clouds.Failure{Permission: permission, Denied: true, Cause: "AccessDenied", Err: errors.New("denied")}
	}
	broken := errors.New("request id 1\nattempt 5")
	expired := clouds.Failure{Permission: "iam:GetRole", Cause: "ExpiredToken", Err: broken}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	interrupted, stop := context.WithCancel(t.Context())
	stop()
	cases := []struct {
		name     string
		ctx      context.Context
		failures []clouds.Failure
		want     string
		is       error
	}{
		{"no failure", t.Context(), nil, "", nil},
		{"no failure, at the deadline", late, nil, "", nil},
		{
			"missing permissions, sorted and each once", t.Context(), []clouds.Failure{denied("b:B"), expired, denied("a:A"), denied("b:B")},
			"AWS denies a:A, b:B; allow these actions", clouds.ErrNotAllowed,
		},
		{"the first failure, in one line", t.Context(), []clouds.Failure{expired, {Permission: "x"}},
			`AWS: iam:GetRole failed with "ExpiredToken"`, broken},
		{"a deadline", late, []clouds.Failure{expired}, "AWS did not answer iam:GetRole within 1m0s; run the command again",
			context.DeadlineExceeded},
		{"missing permissions, at the deadline", late, []clouds.Failure{denied("a:A")}, "denies a:A", clouds.ErrNotAllowed},
		{"an interruption", interrupted, []clouds.Failure{expired}, "context canceled", context.Canceled},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := clouds.Summarize(c.ctx, "AWS", c.failures)
			if (err == nil) != (c.want == "") {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if err != nil && (!strings.Contains(err.Error(), c.want) || !errors.Is(err, c.is) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%v, want one line with %q that wraps %v", err, c.want, c.is)
			}
		})
	}
}

func TestInnermostCause(t *testing.T) {
	if got := clouds.InnermostCause(fmt.Errorf("outer: %w", fmt.Errorf("middle: %w", errors.New("inner")))); got != "inner" {
		t.Errorf("%q, want the innermost text", got)
	}
}
