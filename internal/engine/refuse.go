package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// refusals finds the steps that would take away what must stay. It returns nil or an error that wraps ErrRefused and has a line for
// each.
func refusals(steps []Step) error {
	var errs *multierror.Error
	for _, s := range steps {
		if err := s.refusal(); err != nil && !s.echoes(steps) {
			errs = multierror.Append(errs, err)
		}
	}
	return refused(errs)
}

// refusal says why a step must not happen and what to do instead; nil: it may.
func (s Step) refusal() error {
	row := restype.Lookup(s.Type)
	switch {
	case s.Protected && s.Deletes():
		return s.protected()
	case s.replaces() && row.Permanent():
		return fmt.Errorf("%s (%s) would be %s: %s", s.Name, s.Type, s.deed(), row.ReplaceAdvice)
	case s.shrinks():
		return fmt.Errorf("%s (%s) has a %s of %s and would get %s: %s",
			s.Name, s.Type, row.GrowsOnly, text(s.was[row.GrowsOnly]), text(s.Inputs[row.GrowsOnly]), row.GrowAdvice)
	case s.misplaced():
		return fmt.Errorf("%s (%s) is there as %s in %s and would be in %s: put aws.zones back as it was, or, to start without what is in it, "+
			"take the beachhead:stack tag off the one that is there", s.Name, s.Type, s.ID, text(s.was[row.PlacedBy]), text(s.Inputs[row.PlacedBy]))
	}
	return nil
}

// protected says that the step would take away what is protected.
func (s Step) protected() error {
	row := restype.Lookup(s.Type)
	advice := row.DeleteAdvice
	if s.replaces() {
		advice = row.ReplaceAdvice
	}
	return fmt.Errorf("%s (%s) is protected and would be %s: %s",
		s.Name, s.Type, s.deed(), cmp.Or(advice, "put back what the region file said about it"))
}

// echoes says whether another refused step tells more: a replacement is several steps, of which one says why, and a network that is
// replaced takes its subnets along.
func (s Step) echoes(all []Step) bool {
	return s.replaces() && !s.Protected && slices.ContainsFunc(all, func(o Step) bool {
		sameThing := o.URN == s.URN && len(s.Diffs) == 0 && len(o.Diffs) > 0
		itsNetwork := o.Type == restype.VPC && slices.Contains(s.Diffs, "vpcId")
		return o.replaces() && (sameThing || itsNetwork)
	})
}

// shrinks says whether the step makes something smaller that may only grow. What is not a number yet, or was none, is no reason.
func (s Step) shrinks() bool {
	key := restype.Lookup(s.Type).GrowsOnly
	was, wasErr := strconv.ParseFloat(text(s.was[key]), 64)
	will, willErr := strconv.ParseFloat(text(s.Inputs[key]), 64)
	return wasErr == nil && willErr == nil && will < was
}

// misplaced says whether what would be taken up is somewhere else than the program has it.
func (s Step) misplaced() bool {
	place := restype.Lookup(s.Type).PlacedBy
	was, will := text(s.was[place]), text(s.Inputs[place])
	return s.Op == string(apitype.OpCreate) && was != "" && will != "" && was != will
}

// deletions are the steps that taking everything away consists of. What stays in the cloud counts as unprotected.
func deletions(resources []apitype.ResourceV3) []Step {
	var steps []Step
	for _, r := range resources {
		steps = append(steps, Step{
			URN: string(r.URN), Type: string(r.Type), Name: r.URN.Name(), Op: string(apitype.OpDelete), Custom: r.Custom,
			Protected: r.Protect && !kept(r), Retained: r.RetainOnDelete,
		})
	}
	return steps
}

// protections finds what the engine itself refused in a preview, which ends at the first such thing and reports no step for it.
func protections(diagnostics []Diagnostic) error {
	var errs *multierror.Error
	for _, d := range diagnostics {
		if strings.Contains(d.Message, "marked for protection") || strings.Contains(d.Message, "is protected") {
			urn, op := resource.URN(d.URN), apitype.OpDelete
			if strings.Contains(d.Message, "unable to replace") {
				op = apitype.OpReplace
			}
			errs = multierror.Append(errs, Step{Name: urn.Name(), Type: string(urn.Type()), Op: string(op)}.protected())
		}
	}
	return refused(errs)
}

func refused(errs *multierror.Error) error {
	if errs == nil {
		return nil
	}
	errs.ErrorFormat = func(all []error) string {
		seen, lines := map[string]bool{}, []string{}
		for _, err := range all {
			if !seen[err.Error()] {
				seen[err.Error()] = true
				lines = append(lines, "  "+err.Error())
			}
		}
		return strings.Join(lines, "\n")
	}
	return fmt.Errorf("%w:\n%w", ErrRefused, errs.ErrorOrNil())
}

func (s Step) deed() string {
	switch {
	case !s.replaces():
		return "deleted"
	case len(s.Diffs) == 0:
		return "replaced"
	}
	return "replaced because of " + strings.Join(s.Diffs, ", ")
}
