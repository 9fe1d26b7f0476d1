package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// matchSteps pairs what a preview would create with resources that already exist, and returns the steps with the ids of those. It refuses
// when two resources fit one step, or one resource two steps: the wrong one would be an empty volume in place of a full one.
func matchSteps(steps []Step, orphans []inventory.Resource) ([]Step, error) {
	var found []Step
	var errs *multierror.Error
	adopters := map[string]Step{} // by the key of the resource
	for _, step := range steps {
		if step.Op != string(apitype.OpCreate) || !step.ChangesCloud() {
			continue
		}
		fitting := findFitting(step, orphans)
		if len(fitting) == 0 {
			continue
		}
		r := fitting[0]
		other, adopted := adopters[r.Key()]
		switch {
		case len(fitting) > 1:
			errs = multierror.Append(errs, ambiguityError(step, fitting))
		case adopted:
			errs = multierror.Append(errs, fmt.Errorf("%s (%s) in the cloud may be %s or %s; delete it there", r.ID, r.Type, other.Name, step.Name))
		default:
			adopters[r.Key()] = step
			step.ID, step.oldInputs = r.ImportID, r.Inputs
			found = append(found, step)
		}
	}
	if errs == nil {
		return found, refuseSteps(found)
	}
	return nil, refusalError(errs)
}

// findFitting returns the resources that may be a step's resource, each once.
func findFitting(step Step, orphans []inventory.Resource) []inventory.Resource {
	var all []inventory.Resource
	for _, o := range orphans {
		if fitsStep(o, step) && !slices.ContainsFunc(all, func(other inventory.Resource) bool { return other.Key() == o.Key() }) {
			all = append(all, o)
		}
	}
	return all
}

func ambiguityError(step Step, found []inventory.Resource) error {
	var ids []string
	for _, o := range found {
		ids = append(ids, o.ID)
	}
	slices.Sort(ids)
	advice := "remove the beachhead:stack tag from the one you do not want, or delete it"
	if len(restype.Lookup(step.Type).Identity) > 0 {
		advice = "delete the one you do not want"
	}
	return fmt.Errorf("%s (%s): found %d in the cloud, %s; %s", step.Name, step.Type, len(ids), strings.Join(ids, " and "), advice)
}

// fitsStep reports whether a resource may be the one of a step: by its Name tag, or by the inputs that identify its type.
func fitsStep(o inventory.Resource, step Step) bool {
	if o.Type != step.Type {
		return false
	}
	identity := restype.Lookup(o.Type).Identity
	if len(identity) == 0 {
		return o.Name != "" && o.Name == step.Name
	}
	for _, input := range identity {
		planned, existing := formatInput(step.Inputs[input]), formatInput(o.Inputs[input])
		if planned == "" || planned != existing {
			return false
		}
	}
	return true
}

// formatInput returns a text or a number as a text that both sides agree on: a value that comes as JSON has another type than the one
// that an API's client returns. It returns "" for any other value, and for a value that a preview does not know yet.
func formatInput(value any) string {
	switch v := value.(type) {
	case string:
		if v != plugin.UnknownStringValue {
			return v
		}
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int, int32, int64, uint32, uint64:
		return fmt.Sprint(v)
	}
	return ""
}
