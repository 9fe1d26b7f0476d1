package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/report"
)

// paced brings the shipped us-west-1 up at a pace, in model seconds per real second. It returns the run that a preview predicted and the
// run of the timeline. All times are model seconds.
func paced(t testing.TB, pace string) (predicted, measured report.Run) {
	t.Helper()
	w := shippedWorld(t)
	var preview struct{ Predicted report.Run }
	code, out, errs := w.run("preview", "us-west-1", "--emulated", "--json")
	if err := json.Unmarshal([]byte(out), &preview); code != 0 || err != nil {
		t.Fatalf("preview: exit code %d, %v\n%s", code, err, errs)
	}
	var done changes
	code, out, errs = w.run("up", "us-west-1", "--emulated", "--json", "--pace", pace)
	if err := json.Unmarshal([]byte(out), &done); code != 0 || err != nil {
		t.Fatalf("up: exit code %d, %v\n%s", code, err, errs)
	}
	timeline, err := os.ReadFile(done.Timeline)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(timeline, &measured); err != nil {
		t.Fatal(err)
	}
	return preview.Predicted, measured
}

// lastEnd returns when the last span of a critical path ends.
func lastEnd(t testing.TB, spans []report.Span) float64 {
	t.Helper()
	if len(spans) == 0 {
		t.Fatal("a run without a critical path")
	}
	return spans[len(spans)-1].End
}

// TestPacedRun verifies what holds on a busy machine too: the run is reported as measured, and no resource begins before the resource that
// it waited for has ended. BenchmarkPaced compares the times.
func TestPacedRun(t *testing.T) {
	predicted, measured := paced(t, "600")
	if predicted.Kind != report.Model || measured.Kind != report.Measured || measured.Began.IsZero() {
		t.Errorf("predicted is %q, measured %q and began at %v", predicted.Kind, measured.Kind, measured.Began)
	}
	for what, times := range comparedTimes(t, predicted, measured) {
		if times[0] <= 0 || times[1] <= 0 {
			t.Errorf("%s: predicted %.0f s, measured %.0f s; want both above 0", what, times[0], times[1])
		}
	}
	ends := map[string]float64{}
	for _, s := range measured.Spans {
		ends[s.URN] = s.End
	}
	for _, s := range measured.Spans {
		if s.End < s.Start || s.WaitedFor != "" && s.Start < ends[s.WaitedFor] {
			t.Errorf("%s from %.0f to %.0f s waited for %s, which ended at %.0f", s.Name, s.Start, s.End, s.WaitedFor, ends[s.WaitedFor])
		}
	}
}

// comparedTimes returns the predicted and the measured model seconds of each time that a report shows.
func comparedTimes(t testing.TB, predicted, measured report.Run) map[string][2]float64 {
	t.Helper()
	return map[string][2]float64{
		"the critical path": {lastEnd(t, predicted.Critical), lastEnd(t, measured.Critical)},
		"container builds":  {predicted.Times.Builds.Seconds, measured.Times.Builds.Seconds},
		"Yocto builds":      {predicted.Times.Yocto.Seconds, measured.Times.Yocto.Seconds},
		"the link":          {predicted.Times.Link.Seconds, measured.Times.Link.Seconds},
	}
}

// early is the part by which a paced run may seem faster than the model. The report of the first step arrives a moment after the step
// began, and a busy machine makes that moment longer.
const early = 0.05

// BenchmarkPaced reports a run against the clock as a multiple of the model: the time that the engine and this machine add. They add the
// same real seconds at every pace, and a slower pace therefore comes nearer to a real region. The benchmark fails when the run is faster
// than the model, or when builds, Yocto builds and the link are ready in another order than the model's.
func BenchmarkPaced(b *testing.B) {
	for _, pace := range []string{"60", "10"} {
		b.Run(pace, func(b *testing.B) {
			for b.Loop() {
				predicted, measured := paced(b, pace)
				b.ReportMetric(lastEnd(b, measured.Critical)/lastEnd(b, predicted.Critical), "measured/model")
				for what, times := range comparedTimes(b, predicted, measured) {
					if least := times[0] * (1 - early); times[1] < least {
						b.Errorf("%s: after %.0f s; the model predicts %.0f", what, times[1], times[0])
					}
				}
				if m := measured.Times; m.Builds.Seconds > m.Yocto.Seconds || m.Yocto.Seconds > m.Link.Seconds {
					b.Errorf("builds are ready after %.0f s, Yocto builds after %.0f and the link after %.0f, which is another order than the model's",
						m.Builds.Seconds, m.Yocto.Seconds, m.Link.Seconds)
				}
			}
		})
	}
}

// TestUpWithoutTimeline verifies that an up that has done its work does not fail when it cannot write its timeline.
func TestUpWithoutTimeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 1, egress: "public"})
	if err := os.MkdirAll(filepath.Join(w.dir, ".beachhead"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, ".beachhead", "timelines"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := w.run("up", name, "--emulated")
	if code != 0 || !strings.Contains(out, name+" is up") || !strings.Contains(errs, "no timeline of this run") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
