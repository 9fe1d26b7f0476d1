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
)

const (
	vpcType    = "aws:ec2/vpc:Vpc"
	volumeType = "aws:ebs/volume:Volume"
)

// permanent lists what no change of a region file may replace, with the way to get there all the same. Deleting is another matter:
// a mode that no longer needs an address gives it back, and down takes everything.
var permanent = map[string]string{
	vpcType: "the network's range is for the life of a region: write a second region file with the new range, bring it " +
		"up, and take this one down",
	"aws:ec2/subnet:Subnet": "zones keep their place in the address plan: append new zones to aws.zones and leave the order",
	"aws:ec2/eip:Eip":       "others may have the address on their allow-lists: keep it, or take the region down first",
	volumeType: "a data volume cannot leave its zone: put aws.zones back as it was; for a cache in other zones write a second region file " +
		"that is seeded from this one (cache.seed), bring it up, and take this one down",
}

// lasting lists what no change of a region file may take away, with the way to get there all the same.
var lasting = map[string]string{
	volumeType: "it holds a part of the cache: put cache.shards back as it was, or the cache itself; to do without it, run `beachhead down`, " +
		"which keeps all volumes, then `beachhead up` with the new file, and delete the volumes that are left over by their ids",
}

// growing lists the properties that may only grow, with what to do. A cloud refuses to make them smaller too, but only when it is asked to,
// in the middle of an up.
var growing = map[string]struct{ key, way string }{
	volumeType: {"size", "a volume can only grow, so put cache.volume.size back"},
}

// placed lists the properties that say where a thing is. What is taken up from somewhere else would have to be replaced at once, and only
// a cloud's provider could tell.
var placed = map[string]string{volumeType: "availabilityZone"}

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
	switch {
	case s.Protected && s.Deletes():
		return s.protected()
	case s.replaces() && permanent[s.Type] != "":
		return fmt.Errorf("%s (%s) would be %s: %s", s.Name, s.Type, s.deed(), permanent[s.Type])
	case s.shrinks():
		grows := growing[s.Type]
		return fmt.Errorf("%s (%s) has a %s of %s and would get %s: %s",
			s.Name, s.Type, grows.key, text(s.was[grows.key]), text(s.Inputs[grows.key]), grows.way)
	case s.misplaced():
		key := placed[s.Type]
		return fmt.Errorf("%s (%s) is there as %s in %s and would be in %s: put aws.zones back as it was, or, to start without what is in it, "+
			"take the beachhead:stack tag off the one that is there", s.Name, s.Type, s.ID, text(s.was[key]), text(s.Inputs[key]))
	}
	return nil
}

// protected says that the step would take away what is protected.
func (s Step) protected() error {
	ways := lasting
	if s.replaces() {
		ways = permanent
	}
	return fmt.Errorf("%s (%s) is protected and would be %s: %s",
		s.Name, s.Type, s.deed(), cmp.Or(ways[s.Type], "put back what the region file said about it"))
}

// echoes says whether another refused step tells more: a replacement is several steps, of which one says why, and a network that is
// replaced takes its subnets along.
func (s Step) echoes(all []Step) bool {
	return s.replaces() && !s.Protected && slices.ContainsFunc(all, func(o Step) bool {
		sameThing := o.URN == s.URN && len(s.Diffs) == 0 && len(o.Diffs) > 0
		itsNetwork := o.Type == vpcType && slices.Contains(s.Diffs, "vpcId")
		return o.replaces() && (sameThing || itsNetwork)
	})
}

// shrinks says whether the step makes something smaller that may only grow. What is not a number yet, or was none, is no reason.
func (s Step) shrinks() bool {
	key := growing[s.Type].key
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
