package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/tests/golden"
)

// exampleRun returns the run of the small region, with an edge that the clouds do not force.
func exampleRun() Run {
	forced := withoutNodes(smallRegion(func(n map[string]*Node) { n["cache-shard-00"+types.DNSRecord].Seconds = 35 }), "net-nat-instance")
	nodes := slices.Clone(forced)
	for i := range nodes {
		if nodes[i].Name == "link-connection" {
			nodes[i].After = []string{"net-vpc"}
		}
	}
	spans := Timeline(nodes)
	return Run{
		Region: "us-west-1", Kind: Model, Promised: 240, Times: types.TimesToReady(spans, machine, []string{"arm", "x86"}),
		Critical: CriticalPath(spans), Forced: CriticalPath(Timeline(forced)), Spans: spans,
	}
}

func TestWriteSummary(t *testing.T) {
	var b strings.Builder
	if err := WriteSummary(&b, exampleRun()); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "summary.txt", b.String())
}

// A region in standby has a cache and no fleets, and promises nothing.
func TestWriteSummaryOfStandby(t *testing.T) {
	r := exampleRun()
	r.Times, r.Promised, r.Forced = types.TimesToReady(r.Spans, machine, nil), 0, nil
	r.Times.Link = nil
	var b strings.Builder
	if err := WriteSummary(&b, r); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "standby.txt", b.String())
}

func TestWrite(t *testing.T) {
	r := exampleRun()
	r.Kind, r.Began = Measured, time.Date(2026, 3, 1, 4, 5, 6, 0, time.FixedZone("", 3600))
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "run.json", b.String())
	var read Run
	if err := json.Unmarshal(b.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	r.Began = r.Began.UTC()
	if !reflect.DeepEqual(read, r) {
		t.Errorf("read back:\n%+v\nwant\n%+v", read, r)
	}
}

// Empty lists are in the JSON, and the time at which a model began is not.
func TestWriteAnEmptyRun(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Run{Region: "none", Kind: Model}); err != nil {
		t.Fatal(err)
	}
	want := `{"region":"none","kind":"model","times":{},"critical":[],"spans":[]}`
	var got bytes.Buffer
	if err := json.Compact(&got, b.Bytes()); err != nil || got.String() != want {
		t.Errorf("%s %v, want %s", got.String(), err, want)
	}
}

var errFull = errors.New("full")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrors(t *testing.T) {
	for name, err := range map[string]error{"write": Write(fullWriter{}, exampleRun()), "summary": WriteSummary(fullWriter{}, exampleRun())} {
		if !errors.Is(err, errFull) || !strings.Contains(err.Error(), "us-west-1") {
			t.Errorf("%s: %v, want an error with the region and the cause", name, err)
		}
	}
}

func TestFormatSeconds(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0 s", 0.4: "0 s", 0.6: "1 s", 45: "45 s", 59.6: "1 min", 60: "1 min", 132: "2 min 12 s", 600: "10 min", 3600: "1 h",
		12600: "3 h 30 min", 3661: "1 h 1 min 1 s", 7920: "2 h 12 min",
	} {
		if got := FormatSeconds(seconds); got != want {
			t.Errorf("%g: %q, want %q", seconds, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	at := func(seconds float64) *Moment { return &Moment{Seconds: seconds} }
	for name, c := range map[string]struct {
		times    Times
		promised float64
		late     []bool
		said     []string
	}{
		"kept":       {Times{Builds: at(200)}, 600, []bool{false}, []string{"3 min 20 s of the 10 min promised"}},
		"kept just":  {Times{Yocto: at(600)}, 600, []bool{false}, []string{"10 min of the 10 min promised"}},
		"broken":     {Times{Link: at(720)}, 600, []bool{true}, []string{"12 min, 2 min more than the 10 min promised"}},
		"no promise": {Times{Link: at(720)}, 0, []bool{false}, []string{"12 min"}},
		"one of several": {Times{Builds: at(1), Link: at(61)}, 60, []bool{false, true},
			[]string{"1 s of the 1 min promised", "1 min 1 s, 1 s more than the 1 min promised"}},
		"none": {Times{}, 600, nil, nil},
	} {
		var late []bool
		var said []string
		for _, one := range Compare(c.times, c.promised) {
			late, said = append(late, one.Late()), append(said, one.String())
		}
		if !reflect.DeepEqual(late, c.late) || !reflect.DeepEqual(said, c.said) {
			t.Errorf("%s: %v %q, want %v %q", name, late, said, c.late, c.said)
		}
	}
}

func TestCompareTo(t *testing.T) {
	hour := Baseline{Goal: Builds, When: "May", What: "walking", Seconds: 3600}
	for _, c := range []struct {
		base    Baseline
		seconds float64
		want    string
	}{
		{hour, 60, "May: walking took 1 h; this is 60 times faster"},
		{hour, 2400, "May: walking took 1 h; this is 1.5 times faster"},
		{hour, 7200, "May: walking took 1 h, which is 2.0 times faster"},
		{hour, 0, "May: walking took 1 h"},
		{Baseline{When: "May", What: "nobody could walk"}, 60, "May: nobody could walk"},
	} {
		if got := c.base.CompareTo(c.seconds); got != c.want {
			t.Errorf("%g s: %q, want %q", c.seconds, got, c.want)
		}
	}
}

// The published figures, as the documentation quotes them.
func TestBaselines(t *testing.T) {
	var said []string
	for _, b := range Baselines() {
		said = append(said, string(b.Goal)+" "+b.When+" "+FormatSeconds(b.Seconds))
	}
	want := []string{"container builds April 2022 3 h 30 min", "container builds July 2022 25 min", "Yocto builds April 2022 0 s",
		"Yocto builds July 2022 2 h 12 min"}
	if !reflect.DeepEqual(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}
