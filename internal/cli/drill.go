package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/internal/verify"
)

// drillReport is what a drill found.
type drillReport struct {
	Region    string      `json:"region"`
	Resources int         `json:"resources"`
	Steps     []drillStep `json:"steps"`
	// Run is the timeline of the up, in model seconds, with the longest chain that the clouds force.
	Run report.Run `json:"run"`
	// Timeline is the file that has it too, and Kept are the ids of what down left in the cloud on purpose.
	Timeline string   `json:"timeline"`
	Kept     []string `json:"kept,omitempty"`
	// Unverified are the probes that did not pass.
	Unverified []verify.Result `json:"unverified,omitempty"`
}

// drillStep is one step of a drill, with the real seconds that it took on this machine.
type drillStep struct {
	Name    string  `json:"name"`
	Outcome string  `json:"outcome"`
	Seconds float64 `json:"seconds"`
}

func (a *app) drill() *cobra.Command {
	t := target{emulated: true, plans: true, makes: true}
	var asJSON bool
	cmd := a.regionCommand("drill", "Rehearse: stand the region up in a fresh emulated cloud, verify it, report, take it down",
		func(ctx context.Context, name string) error {
			if err := t.check(); err != nil {
				return err
			}
			found, err := a.rehearse(ctx, name, t)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(a.out, found)
			} else {
				err = a.writeDrill(found)
			}
			switch {
			case err != nil:
				return err
			case len(found.Unverified) > 0:
				return fmt.Errorf("%w: %s did not pass", errUnverified, plural(len(found.Unverified), "probe"))
			}
			return late(name, found.Run)
		})
	cmd.Long = "Rehearse everything from validate to verify on a fresh emulated cloud, report, and take it down again. No account is needed\n" +
		"and nothing real is touched."
	jsonFlag(cmd, &asJSON)
	t.emulationFlags(cmd)
	return cmd
}

// rehearsal is a drill under way.
type rehearsal struct {
	app  *app
	name string
	pace float64
	run  *run
	seen *timekeeper
	// given are the ids of what was in the cloud before: what the region file says that others have.
	given map[string]bool
	found *drillReport
}

// rehearse runs the drill in a folder of its own, so that neither an earlier rehearsal nor the emulated cloud of .beachhead/ shows.
func (a *app) rehearse(ctx context.Context, name string, t target) (*drillReport, error) {
	base := filepath.Join(a.dir, ".beachhead")
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder for the drill: %w", err)
	}
	dir, err := os.MkdirTemp(base, "drill-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the drill: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder that stays behind is git-ignored and harms nothing
	shown := newProgress(a.err)
	defer shown.close()
	d := &rehearsal{app: a, name: name, pace: t.pace, seen: newTimekeeper(), given: map[string]bool{}, found: &drillReport{}}
	steps := []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"validate", func(ctx context.Context) (string, error) {
			r, err := a.load(name)
			if err != nil {
				return "", err
			}
			d.found.Region, shown.remark = r.plan.Name, r.remark
			d.run, err = a.openEmulated(ctx, r, dir, t, func(e engine.Event) { d.tell(shown, e) })
			return r.path, err // d.run stays nil when it could not be opened
		}},
		{"preview", d.preview}, {"up", d.up}, {"verify", d.verify}, {"up again", d.upAgain}, {"down", d.down},
	}
	defer func() {
		if d.run != nil {
			d.run.close()
		}
	}()
	for _, step := range steps {
		began := time.Now()
		a.note(step.name)
		outcome, err := step.do(ctx)
		if err != nil {
			return nil, fmt.Errorf("the drill of %s stopped at %s: %w", name, step.name, err)
		}
		d.found.Steps = append(d.found.Steps, drillStep{Name: step.name, Outcome: outcome, Seconds: time.Since(began).Seconds()})
	}
	return d.found, nil
}

func (d *rehearsal) preview(ctx context.Context) (string, error) {
	there, err := d.run.cloud.Resources()
	if err != nil {
		return "", err
	}
	for _, r := range there {
		d.given[r.ID] = true
	}
	changes, err := d.run.stack.Preview(ctx)
	if err != nil {
		return "", err
	}
	return summary(changes), nil
}

// tell shows what happens, and notes the times of the first up: the second changes nothing, and nobody waits for down.
func (d *rehearsal) tell(shown *progress, e engine.Event) {
	shown.tell(e)
	if d.found.Resources == 0 {
		d.seen.tell(e)
	}
}

func (d *rehearsal) up(ctx context.Context) (string, error) {
	changes, err := d.run.stack.Up(ctx)
	if err != nil {
		return "", err
	}
	if d.found.Run, err = d.run.happened(d.app.dir, d.seen, d.pace); err != nil {
		return "", err
	}
	made, err := d.run.cloud.Resources()
	if err != nil {
		return "", err
	}
	d.found.Run.Forced = forced(made)
	d.found.Resources = len(d.found.Run.Spans)
	if d.found.Timeline, err = d.app.writeTimeline("drill", d.found.Run); err != nil {
		return "", err
	}
	return summary(changes), nil
}

// forced is the longest chain that the clouds force on what is in an emulated one.
func forced(all []emulator.Resource) []report.Span {
	var made []report.Made
	for _, r := range all {
		if r.Managed {
			made = append(made, report.Made{
				Type: r.Type, ID: r.ID, Name: r.Name, Inputs: r.Inputs, Outputs: r.Outputs,
				Seconds: emulator.ModelSeconds(r.Type, "create", r.Inputs),
			})
		}
	}
	return report.CriticalPath(report.Forced(made))
}

func (d *rehearsal) verify(ctx context.Context) (string, error) {
	outputs, err := d.run.stack.Outputs(ctx)
	if err != nil {
		return "", err
	}
	var results []verify.Result
	if err := d.run.cloud.View(func(now *emulator.State) error {
		results = verify.Run(ctx, d.run.plan, outputs, emulatedCloud{now})
		return nil
	}); err != nil {
		return "", err
	}
	d.found.Unverified = verify.Failed(results)
	return fmt.Sprintf("%d of %s passed", len(results)-len(d.found.Unverified), plural(len(results), "probe")), nil
}

func (d *rehearsal) upAgain(ctx context.Context) (string, error) {
	changes, err := d.run.stack.Up(ctx)
	if err != nil {
		return "", err
	}
	if len(changes.Steps) > 0 {
		return "", fmt.Errorf("a second up is not quiet: %s; please report this as a bug", summary(changes))
	}
	return summary(changes), nil
}

func (d *rehearsal) down(ctx context.Context) (string, error) {
	changes, err := d.run.stack.Down(ctx)
	if err != nil {
		return "", err
	}
	kept := map[string]bool{}
	for _, step := range changes.Kept {
		kept[step.ID] = true
		d.found.Kept = append(d.found.Kept, step.ID)
	}
	left, err := d.run.cloud.Resources()
	if err != nil {
		return "", err
	}
	for _, r := range left {
		if !kept[r.ID] && !d.given[r.ID] {
			return "", fmt.Errorf("down left %s %s behind; please report this as a bug", r.Type, r.ID)
		}
	}
	if len(kept) > 0 {
		return fmt.Sprintf("%s, nothing left but %s", summary(changes), plural(len(kept), "data volume")), nil
	}
	return summary(changes) + ", nothing left", nil
}

func (a *app) writeDrill(found *drillReport) error {
	fmt.Fprintf(a.out, "Drill of %s in the emulated cloud; nothing real was touched\n\n", found.Region)
	table := a.table()
	for _, step := range found.Steps {
		fmt.Fprintf(table, "  %s\t%s\t%.1f s\n", step.Name, step.Outcome, step.Seconds)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\n%s\n", plural(found.Resources, "resource"))
	if err := report.Summary(a.out, found.Run); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "The whole timeline is in %s\n", found.Timeline)
	for _, r := range found.Unverified {
		fmt.Fprintf(a.out, "  %s  %s, %s: want %s, got %s: %s\n", colour(a.out, red, r.Outcome.String()), r.Probe, r.Target, r.Want, r.Got, r.Why)
	}
	return nil
}
