package verify

import (
	"context"
	"fmt"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// routeKinds maps the plan's kinds of egress route to the cloud's kinds of route target.
var routeKinds = map[plan.RouteKind]string{
	plan.NoRoute: "", plan.ViaNATGateway: "nat-gateway", plan.ViaNATInstance: "network-interface", plan.ViaInternet: "internet-gateway",
}

// outputOfTier names the output that holds a tier's subnets.
var outputOfTier = map[plan.Tier]string{
	plan.PrivateTier: "privateSubnets", plan.PublicTier: "publicSubnets", plan.CacheTier: "cacheSubnets", plan.LinkTier: "linkSubnets",
}

// checkNetwork checks that each subnet has its planned range and zone, that each default route has the target of the egress mode and
// reaches the internet, and that the stack publishes the planned number of addresses.
func (v verification) checkNetwork(ctx context.Context) []check.Result {
	var results []check.Result
	addresses := 0
	for _, z := range v.plan.Network.Zones {
		for _, tier := range plan.Tiers {
			results = append(results, v.subnetProbe(z, tier).run(ctx, v.outputs), v.defaultRouteProbe(z, tier).run(ctx, v.outputs))
		}
		addresses += z.NATAddresses
		if z.NATInstance != nil {
			addresses++
		}
	}
	return append(results, v.checkAddresses(addresses))
}

func (v verification) subnetProbe(z plan.Zone, tier plan.Tier) probe[string] {
	want := z.Subnets[tier].String() + " in " + z.Name
	return probe[string]{
		name: "subnet", target: subnetName(z, tier), want: want, needs: [][]string{{outputOfTier[tier], z.Name}},
		query: func(ctx context.Context, ids []string) (string, bool, error) {
			cidr, zone, ok, err := v.cloud.FindSubnet(ctx, ids[0])
			return cidr + " in " + zone, ok, err
		},
		compare:  func(got string) (string, bool) { return got, got == want },
		nextStep: v.restore(),
	}
}

func subnetName(z plan.Zone, tier plan.Tier) string { return string(tier) + " subnet in " + z.Name }

func (v verification) defaultRouteProbe(z plan.Zone, tier plan.Tier) probe[Route] {
	want := routeKinds[plannedRoute(v.plan, z, tier)]
	return probe[Route]{
		name: "default route", target: subnetName(z, tier), want: kindOrNone(want), needs: [][]string{{outputOfTier[tier], z.Name}},
		query: func(ctx context.Context, ids []string) (Route, bool, error) {
			route, err := v.cloud.FindDefaultRoute(ctx, ids[0])
			return route, true, err
		},
		compare: func(route Route) (string, bool) {
			got := kindOrNone(route.Kind)
			if route.Kind != "" && !route.Live {
				got += ", which does not reach the internet"
			}
			if route.Why != "" {
				got += ": " + route.Why
			}
			return got, route.Kind == want && (route.Live || want == "")
		},
		nextStep: v.restore() + "; if the gateway itself is broken, change network.egress to another mode",
	}
}

func kindOrNone(kind string) string {
	if kind == "" {
		return "none"
	}
	return kind
}

// plannedRoute returns the kind of a tier's planned default route.
func plannedRoute(p *plan.Plan, z plan.Zone, tier plan.Tier) plan.RouteKind {
	switch tier {
	case plan.PrivateTier:
		return z.RunnerRoute.Kind
	case plan.CacheTier:
		return z.CacheRoute.Kind
	case plan.PublicTier:
		if p.Network.Internet {
			return plan.ViaInternet
		}
	case plan.LinkTier:
	}
	return plan.NoRoute
}

// checkAddresses counts the published addresses. It queries no cloud: allow-lists contain what the stack publishes.
func (v verification) checkAddresses(planned int) check.Result {
	r := check.Result{Probe: "addresses", Target: "published for allow-lists", Want: fmt.Sprint(planned)}
	published, ok := v.outputs["addresses"].(map[string]any)
	switch {
	case !ok:
		r.Why = missingOutput("addresses")
	case len(published) != planned:
		r.Outcome, r.Got = check.Fail, fmt.Sprint(len(published))
		r.Why = fmt.Sprintf("allow-lists elsewhere would be wrong: run `beachhead up %s --yes`, then publish the addresses again", v.plan.Name)
	default:
		r.Outcome, r.Got = check.Pass, r.Want
	}
	return r
}
