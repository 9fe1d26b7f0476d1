// Package verify asks whether a region that stands does what its plan says. Probes are decided from the plan alone, then run.
//
// What a probe needs to know of the cloud it takes from the stack's outputs: vpcId, the subnets by tier and zone, addresses, fleets.NAME,
// cache.volumeIds.KEY, cache.interfaceAddresses.KEY, cache.groups.KEY, cache.mapParameter, link.connectionIds.SIDE, link.tunnelNames.NUMBER.
package verify

import (
	"context"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// Outcome is the result of a probe. The zero value is not a success.
type Outcome int

// The outcomes.
const (
	NotChecked Outcome = iota
	Pass
	Fail
)

// String is the outcome as reports show it.
func (o Outcome) String() string {
	switch o {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	case NotChecked:
	}
	return "not checked"
}

// MarshalText gives JSON the same words.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Result is what one probe found.
type Result struct {
	Probe   string  `json:"probe"`
	Target  string  `json:"target"`
	Outcome Outcome `json:"outcome"`
	Want    string  `json:"want"`
	Got     string  `json:"got"`
	Why     string  `json:"why,omitempty"`
}

// Outputs are the stack's outputs as plain values.
type Outputs map[string]any

// text gives one value, inside of maps when there are several keys; empty when it is absent.
func (o Outputs) text(keys ...string) string {
	var at any = map[string]any(o)
	for _, key := range keys {
		values, _ := at.(map[string]any)
		at = values[key]
	}
	text, _ := at.(string)
	return text
}

// Run runs every probe: of the network, of each fleet and shard, of the link. A probe whose output is missing is NotChecked.
func Run(ctx context.Context, p *plan.Plan, outputs Outputs, cloud Cloud) []Result {
	return slices.Concat(
		network(ctx, p, outputs, cloud), fleets(ctx, p, outputs, cloud), cache(ctx, p, outputs, cloud), link(ctx, p, outputs, cloud),
	)
}

// question is a probe about one thing of the cloud.
type question[T any] struct {
	probe, target, want string
	// needs are the outputs, by their keys, that tell what to ask about.
	needs [][]string
	// ask gets what the outputs hold, in the order of needs. It gives false when the thing is not there.
	ask func(ids []string) (T, bool, error)
	// tell says what is there in the words of want, and whether that will do.
	tell func(T) (got string, right bool)
	// next is what to do when it will not.
	next string
}

func (q question[T]) answer(o Outputs) Result {
	r := Result{Probe: q.probe, Target: q.target, Want: q.want}
	var ids []string
	for _, keys := range q.needs {
		id := o.text(keys...)
		if id == "" {
			r.Why = noOutput(keys...)
			return r
		}
		ids = append(ids, id)
	}
	found, ok, err := q.ask(ids)
	if err != nil {
		r.Why = err.Error()
		return r
	}
	right := false
	if r.Got = "nothing"; ok {
		r.Got, right = q.tell(found)
	}
	if r.Outcome = Pass; !right {
		r.Outcome, r.Why = Fail, q.next
	}
	return r
}

// mend is the way out where somebody changed the cloud by hand: up compares with the stack's state and not with the cloud.
const mend = "run `pulumi refresh` on the stack, then up: preview shows what it will put back"

func noOutput(keys ...string) string {
	return "the stack has no output " + strings.Join(keys, ".") + ": run up with this program, then verify again"
}

// Failed gives the results that are not Pass.
func Failed(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Outcome == Pass })
}
