package engine

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// turn says when the machines of a scaling group leave: those of one turn are gone before those of the next are told to go.
type turn int

// A runner's last job works with the cache until it ends, and what it leaves there is kept; a cache server needs the way out to let go of its
// volume. What a group's machines are for shows in what depends on what. (Refused: names and components, which are the program's own, and the
// engine runs any program.)
const (
	// working is the turn of machines that nothing else needs.
	working turn = iota
	// serving is that of machines that hold data: their group comes after a volume.
	serving
	// passing is that of machines that carry what others send: a route comes after their group.
	passing
	// never is that of everything that comes after no group.
	never
)

// leave is how a state must be changed so that a destroy lets machines leave in order. A machine that is told to go waits for its job, takes
// itself off the CI server and tells its group that it may go, for which it needs its rights, its parameters, the way out, the link and more.
// It needs them only while it runs, so a program names them as no group's dependencies: every group would start as late as the slowest of
// them. A destroy by the program's dependencies alone takes them from machines that then cannot leave, and waits for each of these until its
// hook times out, while the CI server keeps it as a runner that is gone.
//
// So every group comes to depend on everything in the cloud that comes neither after it nor after another group whose turn is no later: what
// it does not need costs nothing, and nobody has to know what it needs. An up puts the program's own dependencies back. (Refused: three
// destroys, of the groups of one turn after those of the other, since one down would be three operations, each with a start and a record of
// its own.)
type leave struct {
	// needs are the URNs that the dependencies of an entry get in addition, by the entry's place.
	needs map[int][]resource.URN
	// order holds the entries' places in an order in which none precedes what it depends on.
	order []int
}

// leaving decides it from what the state holds, in the order of first turns, the last of them first. Nothing then precedes what it depends
// on, and there are no cycles: what an entry comes to depend on has a later first turn than the entry, and what it depends on has none earlier.
func leaving(resources []apitype.ResourceV3) leave {
	groups := turns(resources)
	after := firstTurns(resources, groups)
	l := leave{needs: map[int][]resource.URN{}}
	for i, r := range resources {
		l.order = append(l.order, i)
		if !isGroup(r) {
			continue
		}
		for _, other := range resources {
			if inCloud(other) && !other.Delete && after[other.URN] > groups[r.URN] && !slices.Contains(r.Dependencies, other.URN) {
				l.needs[i] = append(l.needs[i], other.URN)
			}
		}
	}
	slices.SortStableFunc(l.order, func(a, b int) int { return cmp.Compare(after[resources[b].URN], after[resources[a].URN]) })
	return l
}

// edit changes a state's resources, which are those that it was decided for.
func (l leave) edit(resources []json.RawMessage) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for _, i := range l.order {
		text := resources[i]
		if len(l.needs[i]) > 0 {
			var err error
			if text, err = needing(text, l.needs[i]); err != nil {
				return nil, err
			}
		}
		all = append(all, text)
	}
	return all, nil
}

// needing adds to an entry's dependencies and leaves those of its properties alone: only by these does the engine replace an entry with what
// it depends on.
func needing(text json.RawMessage, more []resource.URN) (json.RawMessage, error) {
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, err
	}
	var needs []resource.URN
	if known := parts["dependencies"]; len(known) > 0 {
		if err := json.Unmarshal(known, &needs); err != nil {
			return nil, err
		}
	}
	var err error
	if parts["dependencies"], err = json.Marshal(append(needs, more...)); err != nil {
		return nil, err
	}
	return json.Marshal(parts)
}

// firstTurns gives for each entry the first turn of the groups that it comes after, itself among them.
func firstTurns(resources []apitype.ResourceV3, groups map[resource.URN]turn) map[resource.URN]turn {
	first := map[resource.URN]turn{}
	for _, r := range resources {
		first[r.URN] = never
	}
	for t := passing; t >= working; t-- {
		for urn := range dependents(resources, func(r apitype.ResourceV3) bool { return isGroup(r) && groups[r.URN] == t }) {
			first[urn] = t
		}
	}
	return first
}

// turns gives the turn of each scaling group.
func turns(resources []apitype.ResourceV3) map[resource.URN]turn {
	holding := dependents(resources, func(r apitype.ResourceV3) bool { return r.Type == restype.Volume })
	all := map[resource.URN]turn{}
	for _, group := range resources {
		if !isGroup(group) {
			continue
		}
		after := dependents(resources, func(r apitype.ResourceV3) bool { return r.URN == group.URN })
		switch {
		case slices.ContainsFunc(resources, func(r apitype.ResourceV3) bool { return r.Type == restype.Route && after[r.URN] }):
			all[group.URN] = passing
		case holding[group.URN]:
			all[group.URN] = serving
		default:
			all[group.URN] = working
		}
	}
	return all
}

// dependents gives the URNs of what is among the first, or depends on one of them by way of any others. It goes by URNs, as dependencies do:
// one may stand for a thing and for what it replaced, which is yet to be deleted.
func dependents(resources []apitype.ResourceV3, first func(apitype.ResourceV3) bool) map[resource.URN]bool {
	found := map[resource.URN]bool{}
	for before := -1; before < len(found); {
		before = len(found)
		for _, r := range resources {
			if first(r) || slices.ContainsFunc(needs(r), func(urn resource.URN) bool { return found[urn] }) {
				found[r.URN] = true
			}
		}
	}
	return found
}

// needs gives everything that an entry names and that a state must therefore have before it.
func needs(r apitype.ResourceV3) []resource.URN {
	all := slices.Concat(r.Dependencies, r.ReplaceWith)
	for _, urns := range r.PropertyDependencies {
		all = append(all, urns...)
	}
	return append(all, r.Parent, r.DeletedWith, resource.URN(providerURN(r.Provider)))
}

// inCloud says whether an entry is a thing in the cloud that the stack made: components, providers and what it only read are not.
func inCloud(r apitype.ResourceV3) bool {
	return r.Custom && !r.External && !strings.HasPrefix(string(r.Type), "pulumi:")
}

func isGroup(r apitype.ResourceV3) bool { return r.Type == restype.ScalingGroup && inCloud(r) }
