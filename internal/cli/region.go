package cli

import (
	"fmt"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// region is one region file with everything derived from it.
type region struct {
	config *regionfile.Config
	plan   *plan.Plan
	path   string
}

// load finds, reads and judges a region file, by itself and against those beside it, and plans it. What is wrong within another file is a
// remark here: at night a colleague's half-written file must not keep a region down.
func (a *app) load(name string) (*region, error) {
	path, err := regionfile.Find(a.dir, name)
	if err != nil {
		return nil, usageError{err}
	}
	r, err := regionfile.LoadRegion(path)
	if err != nil {
		return nil, usageError{err}
	}
	for _, other := range r.Unsound {
		a.note(fmt.Sprintf("%s is not valid and was left out of the cross-check; `beachhead validate %s` says why", other, other))
	}
	for _, w := range r.Warnings() {
		a.note(w.Error())
	}
	p, err := plan.Build(r.Config, r.Neighbours...)
	if err != nil {
		return nil, usageError{err}
	}
	return &region{config: r.Config, plan: p, path: path}, nil
}

// note writes a remark to the log.
func (a *app) note(text string) { fmt.Fprintln(a.err, colour(a.err, faint, "note:"), text) }

// regionFiles are the files to validate: those named, or all in regions/.
func (a *app) regionFiles(args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	files, err := regionfile.Files(a.dir)
	if err != nil {
		return nil, usageError{err}
	}
	return files, nil
}

// remark says what whoever runs an up or a preview should know about a step; empty: nothing.
func (r *region) remark(s engine.Step) string {
	if r.plan.Cache == nil || r.plan.Cache.Seed == "" || s.Type != "aws:ebs/volume:Volume" || s.Op != "create" || s.Inputs["snapshotId"] != nil {
		return ""
	}
	return fmt.Sprintf("%s starts empty: no snapshot of %s has been copied here yet (cache.seed)", s.Name, r.plan.Cache.Seed)
}
