// Package verify asks whether a region that stands does what its plan says. Probes are decided from the plan alone, then run.
package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/beachhead-build/beachhead/regions/plan"
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

// Way is where a subnet's default route leads, as the cloud has it.
type Way struct {
	// Kind is nat-gateway, internet-gateway, network-interface, or empty when there is no default route.
	Kind string
	// Live says whether it really leads out; Why says what is in the way when it does not.
	Live bool
	Why  string
}

// Cloud is what probes ask. Its errors make a probe NotChecked, never failed: not being allowed to look proves nothing.
type Cloud interface {
	DefaultRoute(ctx context.Context, subnetID string) (Way, error)
	// Subnet gives a subnet's range and zone; ok is false when there is no such subnet.
	Subnet(ctx context.Context, subnetID string) (cidr, zone string, ok bool, err error)
}

// Outputs are the stack's outputs as plain values.
type Outputs map[string]any

// text gives one value of an output that is a map; empty when it is absent.
func (o Outputs) text(output, key string) string {
	values, _ := o[output].(map[string]any)
	value, _ := values[key].(string)
	return value
}

// kinds maps what the plan calls a way to what the cloud calls its target.
var kinds = map[plan.WayKind]string{
	plan.NoWay: "", plan.ViaNATGateway: "nat-gateway", plan.ViaNATInstance: "network-interface", plan.ViaInternet: "internet-gateway",
}

// outputOf names the output that holds a tier's subnets.
var outputOf = map[plan.Tier]string{
	plan.PrivateTier: "privateSubnets", plan.PublicTier: "publicSubnets", plan.CacheTier: "cacheSubnets", plan.LinkTier: "linkSubnets",
}

// Run runs every probe of the network: each subnet is where the plan puts it, each default route leads where the mode says and
// really leads out, and as many addresses are published as were planned.
func Run(ctx context.Context, p *plan.Plan, outputs Outputs, cloud Cloud) []Result {
	var results []Result
	addresses := 0
	for _, z := range p.Network.Zones {
		for _, tier := range plan.Tiers {
			id := outputs.text(outputOf[tier], z.Name)
			target := string(tier) + " subnet in " + z.Name
			results = append(results, probeSubnet(ctx, cloud, target, id, z.Subnets[tier].String(), z.Name))
			results = append(results, probeWay(ctx, cloud, target, id, wayOf(p, z, tier)))
		}
		addresses += z.NATAddresses
		if z.NATInstance != nil {
			addresses++
		}
	}
	published, _ := outputs["addresses"].(map[string]any)
	return append(results, judge("addresses", "published for allow-lists", fmt.Sprint(addresses), fmt.Sprint(len(published)), ""))
}

// wayOf is where the plan sends a tier's default route.
func wayOf(p *plan.Plan, z plan.Zone, tier plan.Tier) plan.WayKind {
	switch tier {
	case plan.PrivateTier:
		return z.RunnerWay.Kind
	case plan.CacheTier:
		return z.CacheWay.Kind
	case plan.PublicTier:
		if p.Network.Internet {
			return plan.ViaInternet
		}
	case plan.LinkTier:
	}
	return plan.NoWay
}

func probeSubnet(ctx context.Context, cloud Cloud, target, id, cidr, zone string) Result {
	want := cidr + " in " + zone
	gotCIDR, gotZone, ok, err := cloud.Subnet(ctx, id)
	switch {
	case err != nil:
		return Result{Probe: "subnet", Target: target, Want: want, Why: err.Error()}
	case !ok:
		return judge("subnet", target, want, "nothing", "the cloud has no subnet "+id)
	}
	return judge("subnet", target, want, gotCIDR+" in "+gotZone, "")
}

func probeWay(ctx context.Context, cloud Cloud, target, id string, want plan.WayKind) Result {
	way, err := cloud.DefaultRoute(ctx, id)
	if err != nil {
		return Result{Probe: "default route", Target: target, Want: string(want), Why: err.Error()}
	}
	got := way.Kind
	if got != "" && !way.Live {
		got += ", which leads nowhere"
	}
	r := judge("default route", target, kinds[want], got, way.Why)
	if r.Want == "" {
		r.Want = "none"
	}
	if r.Got == "" {
		r.Got = "none"
	}
	return r
}

func judge(probe, target, want, got, why string) Result {
	r := Result{Probe: probe, Target: target, Want: want, Got: got, Outcome: Pass}
	if want != got {
		r.Outcome, r.Why = Fail, why
	}
	return r
}

// Failed gives the results that are not Pass.
func Failed(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Outcome == Pass })
}
