package engine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// permanent lists what no change of a region file may replace, with the way to get there all the same. Deleting is another matter:
// a mode that no longer needs an address gives it back, and down takes everything.
var permanent = map[string]string{
	"aws:ec2/vpc:Vpc": "the network's range is for the life of a region: write a second region file with the new range, bring it " +
		"up, and take this one down",
	"aws:ec2/subnet:Subnet": "zones keep their place in the address plan: append new zones to aws.zones and leave the order",
	"aws:ec2/eip:Eip":       "others may have the address on their allow-lists: keep it, or take the region down first",
}

// growing lists the properties that may only grow. A cloud refuses to make them smaller too, but only when it is asked to, in the middle
// of an up.
var growing = map[string]string{"aws:ebs/volume:Volume": "size"}

// placed lists the properties that say where a thing is. What is taken up from somewhere else would have to be replaced at once, and only
// a cloud's provider could tell.
var placed = map[string]string{"aws:ebs/volume:Volume": "availabilityZone"}

// refusals finds the steps that would take away what must stay. It returns nil or an error that wraps ErrRefused and has a line for
// each.
func refusals(steps []Step) error {
	var errs *multierror.Error
	for _, s := range steps {
		switch {
		case s.Protected && s.Deletes():
			errs = multierror.Append(errs, fmt.Errorf("%s (%s) is protected and would be %s", s.Name, s.Type, deed(s)))
		case s.replaces() && permanent[s.Type] != "":
			errs = multierror.Append(errs, fmt.Errorf("%s (%s) would be replaced because of %s: %s",
				s.Name, s.Type, strings.Join(s.Diffs, ", "), permanent[s.Type]))
		case s.shrinks():
			key := growing[s.Type]
			errs = multierror.Append(errs, fmt.Errorf("%s (%s) has a %s of %s and would get %s: it can only grow, so put the %s back",
				s.Name, s.Type, key, text(s.was[key]), text(s.Inputs[key]), key))
		case s.misplaced():
			key := placed[s.Type]
			errs = multierror.Append(errs, fmt.Errorf("%s (%s) is there as %s in %s and would be in %s: put it back, or take the "+
				"beachhead:stack tag off the one that is there", s.Name, s.Type, s.ID, text(s.was[key]), text(s.Inputs[key])))
		}
	}
	return refused(errs)
}

// shrinks says whether the step makes something smaller that may only grow. What is not a number yet, or was none, is no reason.
func (s Step) shrinks() bool {
	key := growing[s.Type]
	was, wasErr := strconv.ParseFloat(text(s.was[key]), 64)
	will, willErr := strconv.ParseFloat(text(s.Inputs[key]), 64)
	return wasErr == nil && willErr == nil && will < was
}

// misplaced says whether what would be taken up is somewhere else than the program has it.
func (s Step) misplaced() bool {
	was, will := text(s.was[placed[s.Type]]), text(s.Inputs[placed[s.Type]])
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
			urn := resource.URN(d.URN)
			errs = multierror.Append(errs, fmt.Errorf("%s (%s) is protected: put back what the region file said about it", urn.Name(), urn.Type()))
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

func deed(s Step) string {
	if s.replaces() {
		return "replaced because of " + strings.Join(s.Diffs, ", ")
	}
	return "deleted"
}
