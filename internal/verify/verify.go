// Package verify checks whether a region that is up agrees with its plan. The plan alone decides the probes; then they run.
//
// A probe reads from the stack's outputs which objects of the cloud to query: vpcId, the subnets by tier and zone, addresses, fleets.NAME,
// cache.volumeIds.KEY, cache.interfaceAddresses.KEY, cache.groups.KEY, cache.mapParameter, link.connectionIds.SIDE and
// link.tunnelNames.NUMBER.
package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// Outputs are the stack's outputs as plain values.
type Outputs map[string]any

// lookUp returns the text at a path of keys; empty when it is absent.
func (o Outputs) lookUp(keys ...string) string {
	var at any = map[string]any(o)
	for _, key := range keys {
		values, _ := at.(map[string]any)
		at = values[key]
	}
	text, _ := at.(string)
	return text
}

// Run runs every probe: of the network, of each fleet and shard, of the link. A probe whose output is missing is NotChecked.
func Run(ctx context.Context, p *plan.Plan, outputs Outputs, cloud Cloud) []check.Result {
	v := verification{plan: p, outputs: outputs, cloud: cloud}
	return slices.Concat(v.checkNetwork(ctx), v.checkFleets(ctx), v.checkCache(ctx), v.checkLink(ctx))
}

// verification is one run of all probes.
type verification struct {
	plan    *plan.Plan
	outputs Outputs
	cloud   Cloud
}

// probe checks one object of the cloud.
type probe[T any] struct {
	name, target, want string
	// needs are the outputs, by their keys, that identify the object.
	needs [][]string
	// query finds the object. It receives the values of the outputs, in the order of needs, and returns false when the object does not exist.
	query func(ctx context.Context, ids []string) (T, bool, error)
	// compare describes the object in the words of want, and reports whether it is as planned.
	compare func(T) (got string, ok bool)
	// nextStep is what to do when it is not.
	nextStep string
}

// run queries the object and compares it.
func (p probe[T]) run(ctx context.Context, o Outputs) check.Result {
	r := check.Result{Probe: p.name, Target: p.target, Want: p.want}
	var ids []string
	for _, keys := range p.needs {
		id := o.lookUp(keys...)
		if id == "" {
			r.Why = missingOutput(keys...)
			return r
		}
		ids = append(ids, id)
	}
	found, exists, err := p.query(ctx, ids)
	if err != nil {
		r.Why = err.Error()
		return r
	}
	ok := false
	if r.Got = "not found"; exists {
		r.Got, ok = p.compare(found)
	}
	if r.Outcome = check.Pass; !ok {
		r.Outcome, r.Why = check.Fail, p.nextStep
	}
	return r
}

// restore is the next step after somebody changed the cloud by hand: up compares with the stack's state and not with the cloud.
func (v verification) restore() string {
	const format = "run `pulumi refresh --stack %s`, then `beachhead up %[1]s --yes`; `beachhead preview %[1]s` shows what up will change back"
	return fmt.Sprintf(format, v.plan.Name)
}

func missingOutput(keys ...string) string {
	return "the stack has no output " + strings.Join(keys, ".") + ": run up with this version of beachhead, then verify again"
}

// listOrNone returns texts as one text; "none" without any.
func listOrNone(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
