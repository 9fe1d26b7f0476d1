package verify

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// linkedTiers are the tiers that reach GCP over the link: runners are in either tier while a change of the egress mode rolls over them.
var linkedTiers = []plan.Tier{plan.PrivateTier, plan.PublicTier, plan.CacheTier}

// checkLink checks that all tunnels are up, that every subnet that talks to GCP has routes to GCP's ranges, and that names resolve to the
// planned addresses.
func (v verification) checkLink(ctx context.Context) []check.Result {
	if v.plan.Link == nil {
		return nil
	}
	var results []check.Result
	for _, t := range v.plan.Link.Tunnels {
		results = append(results, v.tunnelProbe(t).run(ctx, v.outputs))
	}
	for _, z := range v.plan.Network.Zones {
		for _, tier := range linkedTiers {
			results = append(results, v.routesProbe(z, tier).run(ctx, v.outputs))
		}
	}
	return append(results, v.checkNames(ctx)...)
}

func (v verification) tunnelProbe(t plan.Tunnel) probe[Tunnel] {
	const want = "BGP established on both sides"
	return probe[Tunnel]{
		name: "tunnel", target: strconv.Itoa(t.Number), want: want,
		needs: [][]string{{"link", "connectionIds", strconv.Itoa(t.Connection)}, {"link", "tunnelNames", strconv.Itoa(t.Number)}},
		query: func(ctx context.Context, ids []string) (Tunnel, bool, error) {
			return v.cloud.FindTunnel(ctx, ids[0], t.InConnection, ids[1])
		},
		compare: func(found Tunnel) (string, bool) {
			var got string
			switch {
			case found.AWS && found.GCP:
				return want, true
			case found.AWS:
				got = "no BGP session on GCP's side"
			case found.GCP:
				got = "no BGP session on AWS's side"
			default:
				got = "no BGP session on either side"
			}
			if found.Why != "" {
				got += ": " + found.Why
			}
			return got, false
		},
		nextStep: "a session needs minutes to come up: verify again; if it stays down, " + v.restore(),
	}
}

func (v verification) routesProbe(z plan.Zone, tier plan.Tier) probe[[]string] {
	var want []string
	for _, r := range v.plan.Link.Advertised {
		want = append(want, r.String())
	}
	return probe[[]string]{
		name: "routes to GCP", target: subnetName(z, tier), want: strings.Join(want, ", "), needs: [][]string{{outputOfTier[tier], z.Name}},
		query: func(ctx context.Context, ids []string) ([]string, bool, error) {
			return v.cloud.ListPropagatedRoutes(ctx, ids[0])
		},
		compare: func(found []string) (string, bool) {
			isMissing := func(r string) bool { return !slices.Contains(found, r) }
			return listOrNone(found), !slices.ContainsFunc(want, isMissing)
		},
		nextStep: "first fix tunnels that are down; if all are up, GCP's router does not announce the ranges, or the subnet's route " +
			"table does not accept routes from the VPN gateway: " + v.restore(),
	}
}

// checkNames checks each planned private name, and that the public name resolves for each service that has no private one.
func (v verification) checkNames(ctx context.Context) []check.Result {
	var records []Record
	var err error
	vpc := v.outputs.lookUp("vpcId")
	if vpc != "" { // without it, no probe reads the records
		records, err = v.cloud.ListPrivateRecords(ctx, vpc)
	}
	query := func(context.Context, []string) ([]Record, bool, error) { return records, true, err }
	all := recordsProbe{needs: [][]string{{"vpcId"}}, query: query}
	var results []check.Result
	for _, z := range v.plan.Link.Zones {
		for _, r := range z.Records {
			results = append(results, v.privateNameProbe(all, r).run(ctx, v.outputs))
		}
	}
	for _, s := range v.plan.Link.Services {
		if !slices.ContainsFunc(v.plan.Link.Zones, func(z plan.DNSZone) bool { return resolvesTo(z, s.Address) }) {
			results = append(results, v.publicNameProbe(all, s).run(ctx, v.outputs))
		}
	}
	return results
}

// resolvesTo reports whether a zone has a name for an address.
func resolvesTo(z plan.DNSZone, address netip.Addr) bool {
	return slices.ContainsFunc(z.Records, func(r plan.DNSRecord) bool { return slices.Contains(r.Values, address.String()) })
}

// recordsProbe checks the records of a VPC's private zones.
type recordsProbe = probe[[]Record]

// privateNameProbe checks that a private name has the planned values.
func (v verification) privateNameProbe(p recordsProbe, r plan.DNSRecord) recordsProbe {
	describe := func(typ string, values []string) string {
		return typ + " " + strings.Join(slices.Sorted(slices.Values(values)), ", ")
	}
	p.name, p.target, p.want = "private name", r.Name, describe(r.Type, r.Values)
	p.compare = func(all []Record) (string, bool) {
		var got []string
		for _, found := range all {
			if strings.EqualFold(found.Name, r.Name) {
				got = append(got, describe(found.Type, found.Values))
			}
		}
		return listOrNone(got), len(got) == 1 && got[0] == p.want
	}
	p.nextStep = "runners reach another address, or none: " + v.restore() + "; or set gcp.path to public"
	return p
}

// publicNameProbe checks that no private name leads to a service, so that its public name resolves.
func (v verification) publicNameProbe(p recordsProbe, s plan.Service) recordsProbe {
	p.name, p.target, p.want = "public name", "service "+s.Name, "no private name for "+s.Address.String()
	p.compare = func(all []Record) (string, bool) {
		var got []string
		for _, found := range all {
			if slices.Contains(found.Values, s.Address.String()) {
				got = append(got, found.Name)
			}
		}
		if len(got) == 0 {
			return p.want, true
		}
		return fmt.Sprintf("private name %s", strings.Join(got, ", ")), false
	}
	p.nextStep = "a private zone hides the public name: " + v.restore() + "; disassociate a zone that this stack does not own from the VPC"
	return p
}
