package session

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/internal/restype"
	"github.com/beachhead-build/beachhead/stacks"
)

// Region is one region file with everything derived from it.
type Region struct {
	Config *regionfile.Config
	Plan   *plan.Plan
	// Path is the region file's.
	Path string
}

// LoadRegion finds and reads a region file, validates it by itself and against the other region files, and plans the region. A mistake
// is a UsageError. A mistake in another region file is only a remark: at night a colleague's half-written file must not keep a region down.
func (p Project) LoadRegion(name string) (*Region, error) {
	path, err := regionfile.FindFile(p.Dir, name)
	if err != nil {
		return nil, UsageError{err}
	}
	loaded, err := regionfile.LoadRegion(path)
	if err != nil {
		return nil, UsageError{err}
	}
	for _, other := range loaded.Invalid {
		p.sendNote(fmt.Sprintf("%s is not valid, and the cross-check leaves it out; `beachhead validate %s` lists its problems", other, other))
	}
	for _, warning := range loaded.Warnings() {
		p.sendNote(warning.Error())
	}
	planned, err := plan.Build(loaded.Config, loaded.Neighbours...)
	if err != nil {
		return nil, UsageError{err}
	}
	return &Region{Config: loaded.Config, Plan: planned, Path: path}, nil
}

// RunProgram is the Pulumi program. It declares the resources of the region file that has the stack's name, in the project in the
// working folder.
func RunProgram(ctx *pulumi.Context) error {
	project := Project{Dir: "."}
	region, err := project.LoadRegion(ctx.Stack())
	if err != nil {
		return err
	}
	return project.regionProgram(region)(ctx)
}

// regionProgram returns the Pulumi program that declares a region's resources.
func (p Project) regionProgram(r *Region) pulumi.RunFunc { return stacks.Region(r.Plan, p.agentDir()) }

// warnAbout returns what an operator needs to know about a step of an up or a preview; empty when that is nothing.
func (r *Region) warnAbout(s engine.Step) string {
	isNewVolume := s.Type == restype.Volume && s.Op == "create"
	if r.Plan.Cache == nil || r.Plan.Cache.Seed == "" || !isNewVolume || s.Inputs["snapshotId"] != nil {
		return ""
	}
	return fmt.Sprintf("%s starts empty: no snapshot of %s has been copied to this region yet (cache.seed)", s.Name, r.Plan.Cache.Seed)
}
