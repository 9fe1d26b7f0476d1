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

// match pairs what a preview would create with what is there already. Where two things fit one resource, or one thing two, it refuses:
// the wrong one would be an empty volume for a full one.
func match(steps []Step, orphans []inventory.Resource) ([]Step, error) {
	var found []Step
	var errs *multierror.Error
	taken := map[string]Step{}
	for _, step := range steps {
		if step.Op != string(apitype.OpCreate) || !step.Changes() {
			continue
		}
		fitting := fits(step, orphans)
		if len(fitting) == 0 {
			continue
		}
		thing := fitting[0]
		other, again := taken[thing.Key()]
		switch {
		case len(fitting) > 1:
			errs = multierror.Append(errs, ambiguous(step, fitting))
		case again:
			errs = multierror.Append(errs, fmt.Errorf("%s (%s) in the cloud may be %s or %s: delete it there",
				thing.ID, thing.Type, other.Name, step.Name))
		default:
			taken[thing.Key()] = step
			step.ID, step.was = thing.ImportID, thing.Inputs
			found = append(found, step)
		}
	}
	if errs == nil {
		return found, refusals(found)
	}
	return nil, refused(errs)
}

// fits gives the things that a step's resource may be, each once.
func fits(step Step, orphans []inventory.Resource) []inventory.Resource {
	var all []inventory.Resource
	for _, o := range orphans {
		if isResourceOf(o, step) && !slices.ContainsFunc(all, func(other inventory.Resource) bool { return other.Key() == o.Key() }) {
			all = append(all, o)
		}
	}
	return all
}

func ambiguous(step Step, things []inventory.Resource) error {
	var ids []string
	for _, o := range things {
		ids = append(ids, o.ID)
	}
	slices.Sort(ids)
	advice := "take its beachhead:stack tag off the one that is not wanted, or delete that"
	if len(restype.Lookup(step.Type).Identity) > 0 {
		advice = "delete the one that is not wanted"
	}
	return fmt.Errorf("%s (%s) is there %d times, as %s: %s", step.Name, step.Type, len(ids), strings.Join(ids, " and "), advice)
}

func isResourceOf(o inventory.Resource, step Step) bool {
	if o.Type != step.Type {
		return false
	}
	keys := restype.Lookup(o.Type).Identity
	if len(keys) == 0 {
		return o.Name != "" && o.Name == step.Name
	}
	for _, key := range keys {
		planned, owned := text(step.Inputs[key]), text(o.Inputs[key])
		if planned == "" || planned != owned {
			return false
		}
	}
	return true
}

// text writes a text or a number as both sides do: what comes as JSON has other types than what an API's client gives. Empty for all
// else, and for what a preview does not know yet.
func text(value any) string {
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

// without gives the steps that are not of any resource among those.
func without(steps, those []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool {
		return slices.ContainsFunc(those, func(o Step) bool { return o.URN == s.URN })
	})
}
