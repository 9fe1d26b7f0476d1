package session

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/internal/report"
)

// addAgents writes stand-ins for the builds of the agent into a project.
func addAgents(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, agent := range []string{"beachhead-node-linux-amd64", "beachhead-node-linux-arm64"} {
		if err := os.WriteFile(filepath.Join(dir, "bin", agent), []byte(agent), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// predictShippedRegions predicts the runs of the shipped regions, after the test's edits of the region files.
func predictShippedRegions(t *testing.T, edit func(*regionfile.Config)) map[string]report.Run {
	t.Helper()
	dir := t.TempDir()
	addAgents(t, dir)
	files, err := regionfile.ListFiles(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	configs, err := regionfile.LoadAll(files)
	if err != nil || len(configs) < 2 {
		t.Fatalf("%d region files, want the two that the project ships: %v", len(configs), err)
	}
	runs := map[string]report.Run{}
	for _, c := range configs {
		edit(c)
		p, err := plan.Build(c, configs...)
		if err != nil {
			t.Fatal(err)
		}
		if runs[c.Name], err = (Project{Dir: dir}).PredictRun(&Region{Config: c, Plan: p}); err != nil {
			t.Fatal(err)
		}
	}
	return runs
}

// The times that the project promises for its own regions, in model seconds.
func TestTimesToReady(t *testing.T) {
	const never = math.MaxFloat64 // where nothing is promised
	cases := []struct {
		name                string
		edit                func(*regionfile.Config)
		builds, yocto, link float64
	}{
		{"as shipped, with NAT gateways", func(*regionfile.Config) {}, 240, 300, 540},
		{"one NAT gateway", func(c *regionfile.Config) { c.Network.Egress = regionfile.NATGateway }, 240, 300, 540},
		{"public addresses", func(c *regionfile.Config) { c.Network.Egress = regionfile.Public }, 150, never, 540},
	}
	for _, c := range cases {
		for name, run := range predictShippedRegions(t, c.edit) {
			for goal, moment := range map[float64]*report.Moment{c.builds: run.Times.Builds, c.yocto: run.Times.Yocto, c.link: run.Times.Link} {
				switch {
				case moment == nil:
					t.Errorf("%s, %s: no time for what may take %g s", name, c.name, goal)
				case moment.Seconds <= 0 || moment.Seconds > goal:
					t.Errorf("%s, %s: %g s, want at most %g: %+v", name, c.name, moment.Seconds, goal, moment.Steps)
				}
			}
		}
	}
}

// Runners never wait for the link: without a link, builds are ready at the same second.
func TestNothingWaitsForTheLink(t *testing.T) {
	for _, egress := range []regionfile.Egress{regionfile.NATGatewayPerZone, regionfile.Public} {
		with := predictShippedRegions(t, func(c *regionfile.Config) { c.Network.Egress = egress })
		without := predictShippedRegions(t, func(c *regionfile.Config) {
			c.Network.Egress = egress
			c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs = regionfile.NoLink, regionfile.PublicPath, regionfile.PublicAPIs
		})
		for name, w := range with {
			o := without[name]
			if w.Times.Builds.Seconds != o.Times.Builds.Seconds || w.Times.Yocto.Seconds != o.Times.Yocto.Seconds || o.Times.Link != nil {
				t.Errorf("%s, %s: %+v with a link, %+v without", name, egress, w.Times, o.Times)
			}
		}
	}
}

// A drill previews before its up: the clock starts when the first step does, and planned steps and deletions are not on it.
func TestTimerStartsWithTheFirstStep(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	step := func(name, op string) engine.Step {
		return engine.Step{URN: name, Name: name, Type: "aws:ec2/vpc:Vpc", Op: op, Custom: true}
	}
	k := newTimer()
	for _, e := range []struct {
		phase  engine.Phase
		step   engine.Step
		second int
	}{
		{engine.Planned, step("vpc", "create"), 0}, {engine.Started, step("vpc", "create"), 10}, {engine.Started, step("old", "delete"), 11},
		{engine.Done, step("vpc", "create"), 12}, {engine.Started, step("subnet", "create"), 12}, {engine.Failed, step("subnet", "create"), 13},
	} {
		k.recordEvent(engine.Event{Phase: e.phase, Step: e.step, At: noon.Add(time.Duration(e.second) * time.Second)})
	}
	if want := (report.Interval{Start: 0, End: 2}); k.worked["vpc"] != want || !k.began.Equal(noon.Add(10*time.Second)) {
		t.Errorf("the first step is at %v of a run that began at %v; want %v and 12:00:10", k.worked["vpc"], k.began, want)
	}
	if len(k.ops) != 1 || k.ops["vpc"] != "create" {
		t.Errorf("done: %v, want the VPC alone", k.ops)
	}
}

// A time longer than promised is an error with the difference and the next step. A time that is exactly as long keeps the promise.
func TestCheckPromise(t *testing.T) {
	run := report.Run{Promised: 600, Times: report.Times{Builds: &report.Moment{Seconds: 600}, Link: &report.Moment{Seconds: 660}}}
	err := CheckPromise(run, "regions/us-west-1.yaml")
	if !errors.Is(err, ErrLate) || !strings.Contains(err.Error(), "link to GCP after 11 min, 1 min more") ||
		!strings.Contains(err.Error(), "raise ready in regions/us-west-1.yaml") {
		t.Errorf("%v", err)
	}
	run.Times.Link.Seconds = 600
	if err := CheckPromise(run, "regions/us-west-1.yaml"); err != nil {
		t.Errorf("%v, want the promise kept", err)
	}
}

// Only a new volume without a snapshot, of a cache with a seed, gets a warning.
func TestWarnAboutVolumesThatStartEmpty(t *testing.T) {
	seeded := &Region{Plan: &plan.Plan{Cache: &plan.Cache{Seed: "us-east-2"}}}
	volume := engine.Step{Name: "cache-shard-00", Type: "aws:ebs/volume:Volume", Op: "create"}
	if got := seeded.warnAbout(volume); !strings.Contains(got, "cache-shard-00 starts empty") || !strings.Contains(got, "us-east-2") {
		t.Errorf("warning %q", got)
	}
	from, kept, bucket := volume, volume, volume
	from.Inputs, kept.Op, bucket.Type = map[string]any{"snapshotId": "snap-1"}, "update", "aws:s3/bucketV2:BucketV2"
	for what, step := range map[string]engine.Step{"seeded": from, "there already": kept, "a bucket": bucket} {
		if got := seeded.warnAbout(step); got != "" {
			t.Errorf("%s: warning %q", what, got)
		}
	}
	for _, without := range []*plan.Plan{{}, {Cache: &plan.Cache{}}} {
		if got := (&Region{Plan: without}).warnAbout(volume); got != "" {
			t.Errorf("nothing is to be seeded: warning %q", got)
		}
	}
}
