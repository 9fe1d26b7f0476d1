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

// wave is when a down terminates the machines of a scaling group. The machines of a wave start to drain when all machines of the wave
// before it are gone.
type wave int

// The last job of a runner uses the cache until it ends, and its results stay there; a cache server needs internet access to detach its
// volume. The dependencies show what a group's machines are for. (Refused: names and components. They belong to the program, and the
// engine runs any program.)
const (
	// runnerWave is for machines that no other machine needs.
	runnerWave wave = iota
	// cacheWave is for machines that hold data: their group depends on a volume.
	cacheWave
	// natWave is for machines that carry the traffic of others: a route depends on their group.
	natWave
	// noWave is for every resource that depends on no group.
	noWave
)

// drainOrder is how a state must change so that a destroy terminates machines in order. A machine that AWS terminates waits for its job,
// removes itself from the CI server and completes its group's hook, for which it needs its permissions, its parameters, internet access,
// the link and more. It needs them only while it runs, so a program does not declare them as a group's dependencies: every group would
// start as late as the slowest of them. A destroy by the program's dependencies alone takes them from machines that then cannot drain.
// It waits for each of these until its hook times out, while the CI server still lists the runner.
//
// Therefore every group gets a dependency on everything in the cloud that depends neither on it nor on another group of the same or an
// earlier wave. A dependency that the group does not need costs nothing, and no list of needs has to be complete. An up restores the
// program's own dependencies. (Refused: three destroys, one for each wave. One down would be three operations, each with a start and a
// record of its own.)
type drainOrder struct {
	// extraDeps are the URNs that an entry's dependencies get in addition, by the entry's place.
	extraDeps map[int][]resource.URN
	// order holds the entries' places in an order in which every entry follows its dependencies.
	order []int
}

// planDrain decides the order from what the state holds: entries sorted by their first wave, the last wave first. Then every entry follows
// its dependencies, and there are no cycles: an entry's new dependencies have a later first wave than the entry, and its own dependencies
// have none that is earlier.
func planDrain(resources []apitype.ResourceV3) drainOrder {
	groups := groupWaves(resources)
	first := firstWaves(resources, groups)
	d := drainOrder{extraDeps: map[int][]resource.URN{}}
	for i, r := range resources {
		d.order = append(d.order, i)
		if !isGroup(r) {
			continue
		}
		for _, other := range resources {
			if isInCloud(other) && !other.Delete && first[other.URN] > groups[r.URN] && !slices.Contains(r.Dependencies, other.URN) {
				d.extraDeps[i] = append(d.extraDeps[i], other.URN)
			}
		}
	}
	slices.SortStableFunc(d.order, func(a, b int) int { return cmp.Compare(first[resources[b].URN], first[resources[a].URN]) })
	return d
}

// edit changes a state's resources. They must be those that planDrain has seen.
func (d drainOrder) editResources(resources []json.RawMessage) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for _, i := range d.order {
		text := resources[i]
		if len(d.extraDeps[i]) > 0 {
			var err error
			if text, err = addDependencies(text, d.extraDeps[i]); err != nil {
				return nil, err
			}
		}
		all = append(all, text)
	}
	return all, nil
}

// addDependencies adds to an entry's dependencies, and not to those of its properties: only the latter make the engine replace an entry
// together with its dependency.
func addDependencies(text json.RawMessage, more []resource.URN) (json.RawMessage, error) {
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, err
	}
	var deps []resource.URN
	if known := parts["dependencies"]; len(known) > 0 {
		if err := json.Unmarshal(known, &deps); err != nil {
			return nil, err
		}
	}
	var err error
	if parts["dependencies"], err = json.Marshal(append(deps, more...)); err != nil {
		return nil, err
	}
	return json.Marshal(parts)
}

// firstWaves returns for each entry the first wave of the groups that it depends on, or of itself.
func firstWaves(resources []apitype.ResourceV3, groups map[resource.URN]wave) map[resource.URN]wave {
	first := map[resource.URN]wave{}
	for _, r := range resources {
		first[r.URN] = noWave
	}
	for w := natWave; w >= runnerWave; w-- {
		for urn := range findDependents(resources, func(r apitype.ResourceV3) bool { return isGroup(r) && groups[r.URN] == w }) {
			first[urn] = w
		}
	}
	return first
}

// groupWaves returns the wave of each scaling group.
func groupWaves(resources []apitype.ResourceV3) map[resource.URN]wave {
	holdData := findDependents(resources, func(r apitype.ResourceV3) bool { return r.Type == restype.Volume })
	waves := map[resource.URN]wave{}
	for _, group := range resources {
		if !isGroup(group) {
			continue
		}
		after := findDependents(resources, func(r apitype.ResourceV3) bool { return r.URN == group.URN })
		switch {
		case slices.ContainsFunc(resources, func(r apitype.ResourceV3) bool { return r.Type == restype.Route && after[r.URN] }):
			waves[group.URN] = natWave
		case holdData[group.URN]:
			waves[group.URN] = cacheWave
		default:
			waves[group.URN] = runnerWave
		}
	}
	return waves
}

// findDependents returns the URNs of the entries that isFirst selects, and of all that depend on one of them, directly or through others.
// It follows URNs, as dependencies do: one URN may stand for a resource and for the replaced one that is yet to be deleted.
func findDependents(resources []apitype.ResourceV3, isFirst func(apitype.ResourceV3) bool) map[resource.URN]bool {
	found := map[resource.URN]bool{}
	for before := -1; before < len(found); {
		before = len(found)
		for _, r := range resources {
			if isFirst(r) || slices.ContainsFunc(dependenciesOf(r), func(urn resource.URN) bool { return found[urn] }) {
				found[r.URN] = true
			}
		}
	}
	return found
}

// dependenciesOf returns everything that an entry refers to and that a state must therefore have before it.
func dependenciesOf(r apitype.ResourceV3) []resource.URN {
	all := slices.Concat(r.Dependencies, r.ReplaceWith)
	for _, urns := range r.PropertyDependencies {
		all = append(all, urns...)
	}
	return append(all, r.Parent, r.DeletedWith, resource.URN(providerURN(r.Provider)))
}

// isInCloud reports whether an entry is a resource in the cloud that the stack created: components, providers and resources that the stack
// only reads are not.
func isInCloud(r apitype.ResourceV3) bool {
	return r.Custom && !r.External && !strings.HasPrefix(string(r.Type), pulumiTypes)
}

func isGroup(r apitype.ResourceV3) bool { return r.Type == restype.ScalingGroup && isInCloud(r) }
