package verify

import (
	"context"
	"fmt"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// kinds maps what the plan calls a way to what the cloud calls its target.
var kinds = map[plan.WayKind]string{
	plan.NoWay: "", plan.ViaNATGateway: "nat-gateway", plan.ViaNATInstance: "network-interface", plan.ViaInternet: "internet-gateway",
}

// outputOf names the output that holds a tier's subnets.
var outputOf = map[plan.Tier]string{
	plan.PrivateTier: "privateSubnets", plan.PublicTier: "publicSubnets", plan.CacheTier: "cacheSubnets", plan.LinkTier: "linkSubnets",
}

// network asks whether each subnet is where the plan puts it, each default route leads where the mode says and really leads out, and as
// many addresses are published as were planned.
func network(ctx context.Context, p *plan.Plan, o Outputs, cloud Cloud) []Result {
	var results []Result
	count := 0
	for _, z := range p.Network.Zones {
		for _, tier := range plan.Tiers {
			results = append(results, subnetOf(ctx, z, tier, cloud).answer(o), defaultRouteOf(ctx, p, z, tier, cloud).answer(o))
		}
		count += z.NATAddresses
		if z.NATInstance != nil {
			count++
		}
	}
	return append(results, addresses(o, count))
}

func subnetOf(ctx context.Context, z plan.Zone, tier plan.Tier, cloud Cloud) question[string] {
	want := z.Subnets[tier].String() + " in " + z.Name
	return question[string]{
		probe: "subnet", target: subnetName(z, tier), want: want, needs: [][]string{{outputOf[tier], z.Name}},
		ask: func(ids []string) (string, bool, error) {
			cidr, zone, ok, err := cloud.Subnet(ctx, ids[0])
			return cidr + " in " + zone, ok, err
		},
		tell: func(got string) (string, bool) { return got, got == want },
		next: mend,
	}
}

func subnetName(z plan.Zone, tier plan.Tier) string { return string(tier) + " subnet in " + z.Name }

func defaultRouteOf(ctx context.Context, p *plan.Plan, z plan.Zone, tier plan.Tier, cloud Cloud) question[Way] {
	want := kinds[wayOf(p, z, tier)]
	return question[Way]{
		probe: "default route", target: subnetName(z, tier), want: orNothing(want), needs: [][]string{{outputOf[tier], z.Name}},
		ask: func(ids []string) (Way, bool, error) {
			way, err := cloud.DefaultRoute(ctx, ids[0])
			return way, true, err
		},
		tell: func(way Way) (string, bool) {
			got := orNothing(way.Kind)
			if way.Kind != "" && !way.Live {
				got += ", which leads nowhere"
			}
			if way.Why != "" {
				got += ": " + way.Why
			}
			return got, way.Kind == want && (way.Live || want == "")
		},
		next: mend + "; if the way out itself is broken, change network.egress to another one",
	}
}

func orNothing(kind string) string {
	if kind == "" {
		return "none"
	}
	return kind
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

// addresses asks nobody: what others let in is what the stack publishes.
func addresses(o Outputs, count int) Result {
	r := Result{Probe: "addresses", Target: "published for allow-lists", Want: fmt.Sprint(count)}
	published, ok := o["addresses"].(map[string]any)
	switch {
	case !ok:
		r.Why = noOutput("addresses")
	case len(published) != count:
		r.Outcome, r.Got, r.Why = Fail, fmt.Sprint(len(published)), "allow-lists elsewhere would be wrong: run up again, then publish the addresses anew"
	default:
		r.Outcome, r.Got = Pass, r.Want
	}
	return r
}
