package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/spf13/cobra"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/internal/verify"
)

// drillReport is what a drill found.
type drillReport struct {
	Region    string        `json:"region"`
	Resources int           `json:"resources"`
	Steps     []drillStep   `json:"steps"`
	Ready     float64       `json:"modelSecondsToReady"`
	Critical  []report.Span `json:"criticalPath"`
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
	t := target{emulated: true}
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
			if err == nil && len(found.Unverified) > 0 {
				err = fmt.Errorf("%w: %s did not pass", errUnverified, plural(len(found.Unverified), "probe"))
			}
			return err
		})
	cmd.Long = "Rehearse everything from validate to verify on a fresh emulated cloud, report, and take it down again. No account is needed\n" +
		"and nothing real is touched."
	jsonFlag(cmd, &asJSON)
	t.emulationFlags(cmd)
	return cmd
}

// rehearsal is a drill under way.
type rehearsal struct {
	app   *app
	name  string
	run   *run
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
	d := &rehearsal{app: a, name: name, found: &drillReport{Critical: []report.Span{}}}
	steps := []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"validate", func(ctx context.Context) (string, error) {
			r, err := a.load(name)
			if err != nil {
				return "", err
			}
			d.found.Region = r.plan.Name
			d.run, err = a.openEmulated(ctx, r, dir, t, shown.tell)
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
	changes, err := d.run.stack.Preview(ctx)
	if err != nil {
		return "", err
	}
	return summary(changes), nil
}

func (d *rehearsal) up(ctx context.Context) (string, error) {
	changes, err := d.run.stack.Up(ctx)
	if err != nil {
		return "", err
	}
	resources, err := d.run.stack.Resources(ctx)
	if err != nil {
		return "", err
	}
	operations, err := d.run.cloud.Operations()
	if err != nil {
		return "", err
	}
	nodes := nodesOf(resources, operations)
	d.found.Resources = len(nodes)
	d.found.Critical = report.CriticalPath(report.Timeline(nodes))
	if last := len(d.found.Critical) - 1; last >= 0 {
		d.found.Ready = d.found.Critical[last].End
	}
	return summary(changes), nil
}

// nodesOf joins what the state says of dependencies with what the emulated cloud says of times.
func nodesOf(resources []apitype.ResourceV3, operations []emulator.Operation) []report.Node {
	seconds := map[string]float64{}
	for _, o := range operations {
		if o.Op == "create" {
			seconds[o.Type+"\x00"+o.ID] = o.ModelSeconds
		}
	}
	var nodes []report.Node
	for _, r := range resources {
		if !r.Custom || strings.HasPrefix(string(r.Type), "pulumi:") {
			continue
		}
		node := report.Node{URN: string(r.URN), Name: r.URN.Name(), Type: string(r.Type), Seconds: seconds[string(r.Type)+"\x00"+string(r.ID)]}
		for _, before := range r.Dependencies {
			node.After = append(node.After, string(before))
		}
		nodes = append(nodes, node)
	}
	return nodes
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
	left, err := d.run.cloud.Resources()
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		return "", fmt.Errorf("down left %s behind, the first is %s %s; please report this as a bug",
			plural(len(left), "thing"), left[0].Type, left[0].ID)
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
	fmt.Fprintf(a.out, "\n  resources      %d\n  time to ready  %s (model)\n  critical path  ", found.Resources, clock(found.Ready))
	for i, span := range found.Critical {
		if i > 0 {
			fmt.Fprint(a.out, "\n                 ")
		}
		fmt.Fprintf(a.out, "%s  %s (%s)", clock(span.End-span.Start), span.Name, shortType(span.Type))
	}
	fmt.Fprintln(a.out)
	for _, r := range found.Unverified {
		fmt.Fprintf(a.out, "  %s  %s, %s: want %s, got %s %s\n", colour(a.out, red, r.Outcome.String()), r.Probe, r.Target, r.Want, r.Got, r.Why)
	}
	return nil
}
