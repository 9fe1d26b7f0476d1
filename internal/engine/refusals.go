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

// No change of a region file may replace a permanent resource. Deletions are another matter: a mode that no longer needs an address
// releases it, and down deletes everything.

// refuseSteps returns an error that wraps ErrRefused, with a line for each step that would remove a resource that must stay; nil when
// there are none.
func refuseSteps(steps []Step) error {
	var errs *multierror.Error
	for _, s := range steps {
		if err := s.refusal(); err != nil && !s.repeatsRefusal(steps) {
			errs = multierror.Append(errs, err)
		}
	}
	return refusalError(errs)
}

// refusal returns why a step must not happen and what to do instead; nil when it may happen.
func (s Step) refusal() error {
	row := restype.Lookup(s.Type)
	switch {
	case s.Protected && s.RemovesResource():
		return s.protectionError()
	case s.replaces() && row.IsPermanent():
		return fmt.Errorf("%s (%s) would be %s: %s", s.Name, s.Type, s.describeRemoval(), row.ReplaceAdvice)
	case s.shrinks():
		return fmt.Errorf("%s (%s) has a %s of %s and would get %s: %s", s.Name, s.Type, row.GrowsOnly,
			formatInput(s.oldInputs[row.GrowsOnly]), formatInput(s.Inputs[row.GrowsOnly]), row.GrowAdvice)
	case s.isMisplaced():
		return fmt.Errorf("%s (%s) exists as %s in %s, but the region file puts it in %s: put aws.zones back as it was, or, to start without "+
			"its data, remove the beachhead:stack tag from the existing one",
			s.Name, s.Type, s.ID, formatInput(s.oldInputs[row.PlacedBy]), formatInput(s.Inputs[row.PlacedBy]))
	}
	return nil
}

// protectionError reports that the step would remove a protected resource.
func (s Step) protectionError() error {
	row := restype.Lookup(s.Type)
	advice := row.DeleteAdvice
	if s.replaces() {
		advice = row.ReplaceAdvice
	}
	return fmt.Errorf("%s (%s) is protected and would be %s: %s",
		s.Name, s.Type, s.describeRemoval(), cmp.Or(advice, "put its part of the region file back as it was"))
}

// repeatsRefusal reports whether another refused step explains more: a replacement is several steps, of which one has the reason, and a
// network that is replaced replaces its subnets too.
func (s Step) repeatsRefusal(all []Step) bool {
	return s.replaces() && !s.Protected && slices.ContainsFunc(all, func(o Step) bool {
		sameResource := o.URN == s.URN && len(s.Diffs) == 0 && len(o.Diffs) > 0
		itsNetwork := o.Type == restype.VPC && slices.Contains(s.Diffs, "vpcId")
		return o.replaces() && (sameResource || itsNetwork)
	})
}

// shrinks reports whether the step reduces an input that may only grow. It is false while one of the two is not known as a number.
func (s Step) shrinks() bool {
	input := restype.Lookup(s.Type).GrowsOnly
	before, beforeErr := strconv.ParseFloat(formatInput(s.oldInputs[input]), 64)
	after, afterErr := strconv.ParseFloat(formatInput(s.Inputs[input]), 64)
	return beforeErr == nil && afterErr == nil && after < before
}

// isMisplaced reports whether the resource to adopt is in another place than the program declares.
func (s Step) isMisplaced() bool {
	place := restype.Lookup(s.Type).PlacedBy
	existing, declared := formatInput(s.oldInputs[place]), formatInput(s.Inputs[place])
	return s.Op == string(apitype.OpCreate) && existing != "" && declared != "" && existing != declared
}

// planDeletions returns the steps of a down. A resource that stays in the cloud counts as unprotected.
func planDeletions(resources []apitype.ResourceV3) []Step {
	var steps []Step
	for _, r := range resources {
		steps = append(steps, Step{
			URN: string(r.URN), Type: string(r.Type), Name: r.URN.Name(), Op: string(apitype.OpDelete), Custom: r.Custom,
			Protected: r.Protect && !isKept(r), Retained: r.RetainOnDelete,
		})
	}
	return steps
}

// readProtections returns what the engine itself refused in a preview. The preview ends at the first protected resource, and reports no
// step for it.
func readProtections(diagnostics []Diagnostic) error {
	var errs *multierror.Error
	for _, d := range diagnostics {
		if strings.Contains(d.Message, "marked for protection") || strings.Contains(d.Message, "is protected") {
			urn, op := resource.URN(d.URN), apitype.OpDelete
			if strings.Contains(d.Message, "unable to replace") {
				op = apitype.OpReplace
			}
			errs = multierror.Append(errs, Step{Name: urn.Name(), Type: string(urn.Type()), Op: string(op)}.protectionError())
		}
	}
	return refusalError(errs)
}

// refusalError returns an error that wraps ErrRefused, with a line for each reason; nil when there are none.
func refusalError(reasons *multierror.Error) error {
	if reasons == nil {
		return nil
	}
	reasons.ErrorFormat = func(all []error) string {
		seen, lines := map[string]bool{}, []string{}
		for _, err := range all {
			if !seen[err.Error()] {
				seen[err.Error()] = true
				lines = append(lines, "  "+err.Error())
			}
		}
		return strings.Join(lines, "\n")
	}
	return fmt.Errorf("%w:\n%w", ErrRefused, reasons.ErrorOrNil())
}

// describeRemoval returns what the step would do to the resource, with the reason.
func (s Step) describeRemoval() string {
	switch {
	case !s.replaces():
		return "deleted"
	case len(s.Diffs) == 0:
		return "replaced"
	}
	return "replaced because of " + strings.Join(s.Diffs, ", ")
}
