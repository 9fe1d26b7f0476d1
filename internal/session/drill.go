package session

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/clouds/emulated"
	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/internal/verify"
)

// DrillReport is the result of a drill. The tags are those of the JSON of drill.
type DrillReport struct {
	Region    string      `json:"region"`
	Resources int         `json:"resources"`
	Steps     []DrillStep `json:"steps"`
	// Run is the timeline of the up, in model seconds, with the longest chain that the clouds force.
	Run report.Run `json:"run"`
	// Timeline is the path of the file with the run, and Kept are the ids of what down left in the cloud on purpose.
	Timeline string   `json:"timeline"`
	Kept     []string `json:"kept,omitempty"`
	// Unverified are the probes that did not pass.
	Unverified []check.Result `json:"unverified,omitempty"`
}

// DrillStep is one step of a drill, with the real seconds that it took on this machine.
type DrillStep struct {
	Name    string  `json:"name"`
	Outcome string  `json:"outcome"`
	Seconds float64 `json:"seconds"`
}

// rehearsal is a drill under way.
type rehearsal struct {
	*Session
	// existing are the ids of what was in the cloud before the first up: what the region file expects others to have.
	existing map[string]bool
	report   *DrillReport
}

// RunDrill brings a region up in a fresh emulated cloud, verifies it, brings it up again, and takes it down. It stops at the first step
// that fails. It runs in a folder of its own, so that neither an earlier drill nor the emulated cloud in .beachhead/ influences it, and
// notes the name of each step when it begins.
func (p Project) RunDrill(ctx context.Context, name string, target Target) (*DrillReport, error) {
	if err := os.MkdirAll(p.privateDir(), 0o700); err != nil {
		return nil, fmt.Errorf("creating a folder for the drill: %w", err)
	}
	dir, err := os.MkdirTemp(p.privateDir(), "drill-")
	if err != nil {
		return nil, fmt.Errorf("creating a folder for the drill: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // git ignores a folder that stays behind, and nothing reads it
	d := &rehearsal{existing: map[string]bool{}, report: &DrillReport{}}
	steps := []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"validate", func(ctx context.Context) (string, error) {
			region, err := p.LoadRegion(name)
			if err != nil {
				return "", err
			}
			d.report.Region = region.Plan.Name
			d.Session, err = p.openEmulated(ctx, region, dir, Drill, target)
			return region.Path, err // the session stays nil if it could not be opened
		}},
		{"preview", d.previewRegion}, {"up", d.bringUp}, {"verify", d.verifyRegion}, {"up again", d.bringUpAgain}, {"down", d.takeDown},
	}
	defer func() {
		if d.Session != nil {
			d.Close()
		}
	}()
	for _, step := range steps {
		began := time.Now()
		p.sendNote(step.name)
		outcome, err := step.run(ctx)
		if err != nil {
			return nil, fmt.Errorf("the drill of %s stopped at %s: %w", name, step.name, err)
		}
		d.report.Steps = append(d.report.Steps, DrillStep{Name: step.name, Outcome: outcome, Seconds: time.Since(began).Seconds()})
	}
	return d.report, nil
}

func (d *rehearsal) previewRegion(ctx context.Context) (string, error) {
	existing, err := d.emulator.cloud.Resources()
	if err != nil {
		return "", err
	}
	for _, r := range existing {
		d.existing[r.ID] = true
	}
	changes, err := d.stack.Preview(ctx)
	if err != nil {
		return "", err
	}
	return SummarizeChanges(changes), nil
}

// bringUp runs the first up, which alone has a timeline: the second changes nothing, and nobody waits for down.
func (d *rehearsal) bringUp(ctx context.Context) (string, error) {
	changes, err := d.stack.Up(ctx)
	if err != nil {
		return "", err
	}
	d.timer.stopRecording()
	if d.report.Run, err = d.measureRun(); err != nil {
		return "", err
	}
	created, err := d.emulator.cloud.Resources()
	if err != nil {
		return "", err
	}
	d.report.Run.Forced = forcedPath(created)
	d.report.Resources = len(d.report.Run.Spans)
	if d.report.Timeline, err = d.project.writeTimeline(Drill, d.report.Run); err != nil {
		return "", err
	}
	return SummarizeChanges(changes), nil
}

// forcedPath returns the longest chain that the clouds force on the resources of an emulated one.
func forcedPath(all []emulator.Resource) []report.Span {
	var made []report.Made
	for _, r := range all {
		if r.Managed {
			made = append(made, report.Made{
				Type: r.Type, ID: r.ID, Name: r.Name, Inputs: r.Inputs, Outputs: r.Outputs,
				Seconds: emulator.ModelSeconds(r.Type, "create", r.Inputs),
			})
		}
	}
	return report.CriticalPath(reportTypes.ForcedSpans(made))
}

func (d *rehearsal) verifyRegion(ctx context.Context) (string, error) {
	outputs, err := d.stack.Outputs(ctx)
	if err != nil {
		return "", err
	}
	var results []check.Result
	if err := d.emulator.cloud.View(func(now *emulator.State) error {
		results = verify.Run(ctx, d.Plan, outputs, emulated.Queries{State: now})
		return nil
	}); err != nil {
		return "", err
	}
	d.report.Unverified = check.NotPassed(results)
	return fmt.Sprintf("%d of %s passed", len(results)-len(d.report.Unverified), FormatCount(len(results), "probe")), nil
}

func (d *rehearsal) bringUpAgain(ctx context.Context) (string, error) {
	changes, err := d.stack.Up(ctx)
	if err != nil {
		return "", err
	}
	if len(changes.Steps) > 0 {
		return "", fmt.Errorf("a second up changes something: %s; please report this as a bug", SummarizeChanges(changes))
	}
	return SummarizeChanges(changes), nil
}

// takeDown runs a down, and fails if the cloud holds more than before the first up and what down keeps.
func (d *rehearsal) takeDown(ctx context.Context) (string, error) {
	changes, err := d.stack.Down(ctx)
	if err != nil {
		return "", err
	}
	kept := map[string]bool{}
	for _, step := range changes.Kept {
		kept[step.ID] = true
		d.report.Kept = append(d.report.Kept, step.ID)
	}
	left, err := d.emulator.cloud.Resources()
	if err != nil {
		return "", err
	}
	for _, r := range left {
		if !kept[r.ID] && !d.existing[r.ID] {
			return "", fmt.Errorf("down left %s %s behind; please report this as a bug", r.Type, r.ID)
		}
	}
	if len(kept) > 0 {
		return fmt.Sprintf("%s, nothing left but %s", SummarizeChanges(changes), FormatCount(len(kept), "data volume")), nil
	}
	return SummarizeChanges(changes) + ", nothing left", nil
}
