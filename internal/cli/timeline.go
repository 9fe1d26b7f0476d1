package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/stacks"
)

// errLate says that a region would break its promise.
var errLate = errors.New("not ready in time")

// timekeeper notes what an operation makes or changes, and when.
type timekeeper struct {
	// began is when the first step began.
	began  time.Time
	worked map[string]report.Interval
	ops    map[string]string
}

func newTimekeeper() *timekeeper {
	return &timekeeper{worked: map[string]report.Interval{}, ops: map[string]string{}}
}

// modelOps are the engine's operations that bring something nearer to ready, as the model knows them. Deletions are not among them: nobody
// waits for those.
var modelOps = map[string]string{"create": "create", "create-replacement": "create", "import": "create", "update": "update"}

// tell is an engine's Progress.
func (k *timekeeper) tell(e engine.Event) {
	op, counts := modelOps[e.Step.Op]
	if !counts || !e.Step.Changes() {
		return
	}
	if e.Phase == engine.Started && k.began.IsZero() {
		k.began = e.At
	}
	at, urn := e.At.Sub(k.began).Seconds(), e.Step.URN
	switch e.Phase {
	case engine.Started:
		k.worked[urn] = report.Interval{Start: at, End: at}
	case engine.Done:
		k.worked[urn], k.ops[urn] = report.Interval{Start: k.worked[urn].Start, End: at}, op
	case engine.Failed, engine.Planned, engine.Note:
	}
}

// both passes events on to two.
func both(first, second func(engine.Event)) func(engine.Event) {
	return func(e engine.Event) {
		first(e)
		second(e)
	}
}

// graph is everything that the region's program makes.
func (r *region) graph(dir string) ([]engine.Node, error) {
	return engine.Graph(r.plan.Name, stacks.Region(r.plan, filepath.Join(dir, "bin")), r.plan.Secrets())
}

// node gives a resource its place in a timeline, with the model duration of an operation on it.
func node(n engine.Node, op string) report.Node {
	return report.Node{
		URN: n.URN, Name: n.Name, Type: n.Type, After: n.After,
		Turn: report.TurnOf(n.Type, n.Inputs), Seconds: emulator.ModelSeconds(n.Type, op, n.Inputs),
	}
}

// predict says how long the region takes to stand up from nothing, by the model durations.
func (r *region) predict(dir string) (report.Run, error) {
	graph, err := r.graph(dir)
	if err != nil {
		return report.Run{}, err
	}
	var nodes []report.Node
	for _, n := range graph {
		nodes = append(nodes, node(n, "create"))
	}
	return r.runOf(report.Model, report.Timeline(nodes)), nil
}

// happened says how long the steps took that a timekeeper has seen: by the model durations where pace is 0, since an emulated cloud that
// does not wait tells nothing, and else by the clock, on which pace seconds go by in one.
func (r *region) happened(dir string, seen *timekeeper, pace float64) (report.Run, error) {
	graph, err := r.graph(dir)
	if err != nil {
		return report.Run{}, err
	}
	var nodes []report.Node
	paced := map[string]report.Interval{}
	for _, n := range graph {
		if op, done := seen.ops[n.URN]; done {
			nodes = append(nodes, node(n, op))
			at := seen.worked[n.URN]
			paced[n.URN] = report.Interval{Start: at.Start * pace, End: at.End * pace}
		}
	}
	run := r.runOf(report.Model, report.Timeline(nodes))
	if pace > 0 {
		run = r.runOf(report.Measured, report.Observed(nodes, paced))
	}
	run.Began = seen.began
	return run, nil
}

func (r *region) runOf(kind report.Kind, spans []report.Span) report.Run {
	m := emulator.MachineModel()
	var starting []string
	for _, f := range r.plan.Fleets {
		if f.Launching {
			starting = append(starting, f.Name)
		}
	}
	return report.Run{
		Region: r.plan.Name, Kind: kind, Promised: time.Duration(r.config.Ready).Seconds(), Spans: spans, Critical: report.CriticalPath(spans),
		Times: report.Ready(spans, report.Machine{
			LaunchToLogin: m.LaunchToLogin, Packages: m.Packages, SelfCheck: m.SelfCheck, Register: m.Register,
			AttachVolume: emulator.ModelSeconds("aws:ec2/volumeAttachment:VolumeAttachment", "create", nil),
			OverLink:     r.config.Network.Egress == regionfile.None,
		}, starting),
	}
}

// late makes an error of each time that is longer than what the region file promises.
func late(path string, run report.Run) error {
	for _, c := range report.Compare(run.Times, run.Promised) {
		if c.Late() {
			return fmt.Errorf("%w: %s after %s; the timeline says what takes long; mend that, or raise ready in %s", errLate, c.Goal, c, path)
		}
	}
	return nil
}

// writeTimeline writes a run into .beachhead/timelines and gives the file's path.
func (a *app) writeTimeline(what string, run report.Run) (path string, err error) {
	dir := filepath.Join(a.dir, ".beachhead", "timelines")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("a folder for timelines: %w", err)
	}
	path = filepath.Join(dir, fmt.Sprintf("%s-%s-%s.json", run.Region, time.Now().UTC().Format("20060102T150405Z"), what))
	file, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("the timeline: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return path, report.Write(file, run)
}
