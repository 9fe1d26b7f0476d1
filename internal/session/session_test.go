package session

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/report"
)

const validRegion = `aws: {account: "210987654321", region: us-west-1, zones: [us-west-1a]}
network: {cidr: 10.42.0.0/16, egress: public}
`

// newProject returns a project with one region file for each text, by name, and the list that receives its notes.
func newProject(t *testing.T, files map[string]string) (Project, *[]string) {
	t.Helper()
	notes := &[]string{}
	p := Project{Dir: t.TempDir(), Note: func(text string) { *notes = append(*notes, text) }}
	if err := os.Mkdir(filepath.Join(p.Dir, "regions"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.Dir, "regions", name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p, notes
}

// A colleague's mistake in another region file is a note; a mistake in the region's own file is a usage error.
func TestLoadRegion(t *testing.T) {
	p, notes := newProject(t, map[string]string{"us-west-1": validRegion, "us-west-2": "aws: {}\n"})
	r, err := p.LoadRegion("us-west-1")
	if err != nil || r.Plan.Name != "us-west-1" || r.Config.Name != "us-west-1" || filepath.Base(r.Path) != "us-west-1.yaml" {
		t.Fatalf("%+v %v", r, err)
	}
	if len(*notes) == 0 || !strings.Contains((*notes)[0], "us-west-2.yaml is not valid") ||
		!strings.Contains((*notes)[0], "`beachhead validate ") {
		t.Errorf("notes %q, want one about us-west-2", *notes)
	}
	p.Note = nil
	for _, name := range []string{"us-west-2", "us-west-9"} {
		var usage UsageError
		if _, err := p.LoadRegion(name); !errors.As(err, &usage) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want a usage error", name, err)
		}
	}
}

func TestRegionFiles(t *testing.T) {
	p, _ := newProject(t, map[string]string{"us-west-1": "", "us-east-2": ""})
	files, err := p.RegionFiles()
	if err != nil || len(files) != 2 || filepath.Base(files[0]) != "us-east-2.yaml" {
		t.Errorf("%q %v", files, err)
	}
	var usage UsageError
	if _, err := (Project{Dir: t.TempDir()}).RegionFiles(); !errors.As(err, &usage) {
		t.Errorf("no region files: %v, want a usage error", err)
	}
}

func TestOperations(t *testing.T) {
	for _, c := range []struct {
		op                              Operation
		exclusive, secrets, makes, runs bool
	}{
		{Outputs, false, false, false, false}, {Preview, false, true, false, false}, {Up, true, true, true, true},
		{Down, true, false, false, true}, {Drill, false, true, true, false},
	} {
		if o := c.op; o.Exclusive != c.exclusive || o.NeedsSecrets != c.secrets || o.MakesResources != c.makes || (o.change != nil) != c.runs {
			t.Errorf("%+v, want %+v", c.op, c)
		}
	}
}

// An emulated cloud can be opened again after Close, and the environment leads a Pulumi command line to it.
func TestServeEmulator(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		served, err := ServeEmulator(dir, Target{Emulated: true})
		if err != nil {
			t.Fatal(err)
		}
		env, err := served.PulumiEnv()
		if err != nil {
			t.Fatal(err)
		}
		if env["PULUMI_BACKEND_URL"] != "file://"+filepath.Join(dir, "state") || !strings.Contains(env["PULUMI_DEBUG_PROVIDERS"], "aws:") ||
			env["PULUMI_CONFIG_PASSPHRASE"] == "" || env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] != "true" {
			t.Errorf("environment %v", env)
		}
		if err := served.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := ServeEmulator(filepath.Join(dir, "cloud", "no\x00folder"), Target{}); err == nil {
		t.Error("an emulated cloud in a folder that cannot exist")
	}
}

func TestAddFault(t *testing.T) {
	var target Target
	if err := target.AddFault("kill-after=7"); err != nil || len(target.Faults) != 1 || target.Faults[0].String() != "kill-after=7" {
		t.Errorf("%v %v", target.Faults, err)
	}
	if err := target.AddFault("flood=1"); err == nil || len(target.Faults) != 1 {
		t.Errorf("an unknown fault: %v, %v", target.Faults, err)
	}
}

// Listeners receive every event, with a warning where an empty volume starts, and the timer records it.
func TestReportEvent(t *testing.T) {
	r := &Region{Plan: &plan.Plan{Cache: &plan.Cache{Seed: "us-east-2"}}}
	var p Project
	var events []Event
	p.Progress = func(e Event) { events = append(events, e) }
	s := &Session{Region: r, project: p, timer: newTimer()}
	volume := engine.Step{URN: "v", Name: "cache-shard-00", Type: "aws:ebs/volume:Volume", Op: "create", Custom: true}
	for _, phase := range []engine.Phase{engine.Planned, engine.Started, engine.Done} {
		s.reportEvent(engine.Event{Phase: phase, Step: volume, At: time.Now()})
	}
	warned := slices.ContainsFunc(events, func(e Event) bool { return e.Warning != "" && e.Phase != engine.Started })
	if len(events) != 3 || events[1].Warning == "" || warned {
		t.Errorf("%+v, want three events and a warning with the second", events)
	}
	if s.timer.ops["v"] != "create" {
		t.Errorf("the timer recorded %v", s.timer.ops)
	}
	s.timer.stopRecording()
	other := volume
	other.URN = "w"
	s.project.Progress = nil
	s.reportEvent(engine.Event{Phase: engine.Done, Step: other, At: time.Now()})
	if len(s.timer.ops) != 1 || len(events) != 3 {
		t.Errorf("after stopRecording: %v, %d events", s.timer.ops, len(events))
	}
}

// A run is measured by the clock where time passes, and by the model where a cloud does not wait.
func TestMeasureRun(t *testing.T) {
	p, _ := newProject(t, map[string]string{"us-west-1": validRegion})
	addAgents(t, p.Dir)
	r, err := p.LoadRegion("us-west-1")
	if err != nil {
		t.Fatal(err)
	}
	predicted, err := p.PredictRun(r)
	if err != nil || predicted.Kind != report.Model || !predicted.Began.IsZero() {
		t.Fatalf("%v, kind %q, began %v", err, predicted.Kind, predicted.Began)
	}
	vpc := predicted.Spans[slices.IndexFunc(predicted.Spans, func(s report.Span) bool { return s.Name == "net-vpc" })]
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for pace, want := range map[float64]float64{0: vpc.End - vpc.Start, 1: 7, 10: 70} {
		s := &Session{Region: r, project: p, timer: newTimer(), pace: pace}
		step := engine.Step{URN: vpc.URN, Name: vpc.Name, Type: vpc.Type, Op: "create", Custom: true}
		s.reportEvent(engine.Event{Phase: engine.Started, Step: step, At: began})
		s.reportEvent(engine.Event{Phase: engine.Done, Step: step, At: began.Add(7 * time.Second)})
		done := &Changed{}
		if err := s.keepTimeline(Up, done); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(done.Timeline)
		if err != nil {
			t.Fatal(err)
		}
		var run report.Run
		if err := json.Unmarshal(text, &run); err != nil {
			t.Fatal(err)
		}
		if kind := map[bool]report.Kind{true: report.Measured, false: report.Model}[pace > 0]; run.Kind != kind || !run.Began.Equal(began) {
			t.Errorf("pace %g: kind %q, began %v", pace, run.Kind, run.Began)
		}
		if len(run.Spans) != 1 || run.Spans[0].End-run.Spans[0].Start != want {
			t.Errorf("pace %g: spans %+v, want the VPC alone for %g s", pace, run.Spans, want)
		}
		name := filepath.Base(done.Timeline)
		if filepath.Dir(done.Timeline) != filepath.Join(p.Dir, ".beachhead", "timelines") || !strings.HasPrefix(name, "us-west-1-") ||
			!strings.HasSuffix(name, "-up.json") || done.Times == nil {
			t.Errorf("timeline %s, times %v", done.Timeline, done.Times)
		}
	}
}

func TestFormatCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 probes", 1: "1 probe", 2: "2 probes"} {
		if got := FormatCount(n, "probe"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Only an operation that makes resources, and has made some, has a timeline. A timeline that cannot be written is a note.
func TestTryKeepTimeline(t *testing.T) {
	p, notes := newProject(t, map[string]string{"us-west-1": validRegion})
	addAgents(t, p.Dir)
	r, err := p.LoadRegion("us-west-1")
	if err != nil {
		t.Fatal(err)
	}
	idle := &Session{Region: r, project: p, timer: newTimer()}
	busy := &Session{Region: r, project: p, timer: newTimer()}
	busy.timer.ops["a resource"] = "create"
	for name, c := range map[string]struct {
		session *Session
		op      Operation
		want    bool
	}{"an up": {busy, Up, true}, "an up that changed nothing": {idle, Up, false}, "a down": {busy, Down, false}} {
		done := &Changed{}
		c.session.tryKeepTimeline(c.op, done)
		if (done.Timeline != "") != c.want || (done.Times != nil) != c.want || len(*notes) > 0 {
			t.Errorf("%s: timeline %q, times %v, notes %q", name, done.Timeline, done.Times, *notes)
		}
	}
	if err := os.RemoveAll(filepath.Join(p.Dir, ".beachhead")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.Dir, ".beachhead"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy.tryKeepTimeline(Up, &Changed{})
	if len(*notes) != 1 || !strings.Contains((*notes)[0], "no timeline of this run") {
		t.Errorf("notes %q", *notes)
	}
}
