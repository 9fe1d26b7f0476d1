package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestZeroOutcomeIsNoSuccess(t *testing.T) {
	if text, err := (Result{}).Outcome.MarshalText(); err != nil || string(text) != "not checked" {
		t.Errorf("the zero outcome is %q, %v", text, err)
	}
	if (Result{}).Passed() {
		t.Error("the zero result has passed")
	}
}

func TestOutcomesWithoutAWordReadAsNotChecked(t *testing.T) {
	for _, o := range []Outcome{-1, Fail + 1} {
		if got := o.String(); got != "not checked" || (Result{Outcome: o}).Passed() {
			t.Errorf("outcome %d reads %q, passed %t", int(o), got, Result{Outcome: o}.Passed())
		}
	}
}

// Programs read the results as JSON: these bytes do not change.
func TestJSON(t *testing.T) {
	results := []Result{
		{Probe: "tunnel", Target: "3", Outcome: Fail, Want: "up", Got: "down", Why: "keys differ"},
		{Probe: "fleet", Target: "arm", Outcome: Pass, Want: "2", Got: "2"},
		{Probe: "quota", Target: "addresses", Outcome: Warn}, {},
	}
	text, err := json.Marshal(results)
	want := `[{"probe":"tunnel","target":"3","outcome":"fail","want":"up","got":"down","why":"keys differ"},` +
		`{"probe":"fleet","target":"arm","outcome":"pass","want":"2","got":"2"},` +
		`{"probe":"quota","target":"addresses","outcome":"warn","want":"","got":""},` +
		`{"probe":"","target":"","outcome":"not checked","want":"","got":""}]`
	if err != nil || string(text) != want {
		t.Errorf("%s %v, want %s", text, err, want)
	}
	var read []Result
	if err := json.Unmarshal(text, &read); err != nil || fmt.Sprint(read) != fmt.Sprint(results) {
		t.Errorf("read back %v %v, want %v", read, err, results)
	}
	if err := json.Unmarshal([]byte(`"fine"`), new(Outcome)); err == nil || !strings.Contains(err.Error(), `"fine"`) {
		t.Errorf("an unknown outcome: %v", err)
	}
}

func TestNotPassed(t *testing.T) {
	cases := []struct {
		outcomes []Outcome
		want     int
		text     string
	}{
		{nil, 0, ""},
		{[]Outcome{Pass, Warn, Pass}, 0, ""},
		{[]Outcome{Pass, NotChecked}, 1, "verification failed: 1 probe did not pass"},
		{[]Outcome{Fail, Pass, NotChecked, Warn}, 2, "verification failed: 2 probes did not pass"},
	}
	for _, c := range cases {
		var results []Result
		for _, o := range c.outcomes {
			results = append(results, Result{Outcome: o})
		}
		if got := len(NotPassed(results)); got != c.want {
			t.Errorf("%v: %d not passed, want %d", c.outcomes, got, c.want)
		}
		if err := ErrorFrom(results); errors.Is(err, ErrNotPassed) != (c.want > 0) || err != nil && err.Error() != c.text {
			t.Errorf("%v: error %v, want %q", c.outcomes, err, c.text)
		}
	}
}

func TestWriteTable(t *testing.T) {
	results := []Result{
		{Probe: "fleet", Target: "arm", Outcome: Pass, Want: "2", Got: "2"},
		{Probe: "tunnel", Target: "3", Want: "up", Why: "AccessDenied"},
	}
	var out strings.Builder
	if err := WriteTable(&out, results, func(o Outcome, word string) string {
		if o == Pass {
			return "<" + word + ">"
		}
		return word
	}); err != nil {
		t.Fatal(err)
	}
	want := "  <pass       >  fleet, arm  want 2, got 2\n  not checked  tunnel, 3   want up: AccessDenied\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if err := WriteTable(failingWriter{}, results, nil); !errors.Is(err, errFull) {
		t.Errorf("a writer that fails: %v", err)
	}
}

var errFull = errors.New("full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }
