package verify

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// learners are the tiers that reach GCP over the link: runners are in either tier while a change of the egress mode rolls over them.
var learners = []plan.Tier{plan.PrivateTier, plan.PublicTier, plan.CacheTier}

// link asks whether all tunnels are up, GCP's ranges are known wherever something talks to GCP, and names resolve the planned way.
func link(ctx context.Context, p *plan.Plan, o Outputs, cloud Cloud) []Result {
	if p.Link == nil {
		return nil
	}
	var results []Result
	for _, t := range p.Link.Tunnels {
		results = append(results, tunnelOf(ctx, t, cloud).answer(o))
	}
	for _, z := range p.Network.Zones {
		for _, tier := range learners {
			results = append(results, routesOf(ctx, p.Link, tier, z.Name, cloud).answer(o))
		}
	}
	return append(results, names(ctx, p.Link, o, cloud)...)
}

func tunnelOf(ctx context.Context, t plan.Tunnel, cloud Cloud) question[Tunnel] {
	const want = "BGP established on both sides"
	return question[Tunnel]{
		probe: "tunnel", target: strconv.Itoa(t.Number), want: want,
		needs: [][]string{{"link", "connectionIds", strconv.Itoa(t.Connection)}, {"link", "tunnelNames", strconv.Itoa(t.Number)}},
		ask:   func(ids []string) (Tunnel, bool, error) { return cloud.Tunnel(ctx, ids[0], t.InConnection, ids[1]) },
		tell: func(found Tunnel) (string, bool) {
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
		next: "a session takes minutes to come up: verify again; if it stays down, " + mend,
	}
}

func routesOf(ctx context.Context, l *plan.Link, tier plan.Tier, zone string, cloud Cloud) question[[]string] {
	var want []string
	for _, r := range l.Advertised {
		want = append(want, r.String())
	}
	return question[[]string]{
		probe: "routes to GCP", target: string(tier) + " subnet in " + zone, want: strings.Join(want, ", "), needs: [][]string{{outputOf[tier], zone}},
		ask: func(ids []string) ([]string, bool, error) { return cloud.PropagatedRoutes(ctx, ids[0]) },
		tell: func(found []string) (string, bool) {
			unknown := func(r string) bool { return !slices.Contains(found, r) }
			return orNone(found), !slices.ContainsFunc(want, unknown)
		},
		next: "tunnels that are down come first; if all are up, GCP's router does not announce the ranges, or the subnet's route table does not " +
			"take what the VPN gateway learns: " + mend,
	}
}

// names asks about each planned private name, and about each service that is to be reached by its public one.
func names(ctx context.Context, l *plan.Link, o Outputs, cloud Cloud) []Result {
	var records []Record
	var err error
	vpc := o.text("vpcId")
	if vpc != "" { // without it no question is asked
		records, err = cloud.PrivateRecords(ctx, vpc)
	}
	about := private{needs: [][]string{{"vpcId"}}, ask: func([]string) ([]Record, bool, error) { return records, true, err }}
	var results []Result
	for _, z := range l.Zones {
		for _, r := range z.Records {
			results = append(results, named(about, r).answer(o))
		}
	}
	for _, s := range l.Services {
		if !slices.ContainsFunc(l.Zones, func(z plan.DNSZone) bool { return leadsTo(z, s.Address) }) {
			results = append(results, unnamed(about, s).answer(o))
		}
	}
	return results
}

func leadsTo(z plan.DNSZone, address netip.Addr) bool {
	return slices.ContainsFunc(z.Records, func(r plan.DNSRecord) bool { return slices.Contains(r.Values, address.String()) })
}

// private asks about the records of a VPC's private zones.
type private = question[[]Record]

// named asks whether a private name leads where it is to.
func named(about private, r plan.DNSRecord) private {
	words := func(typ string, values []string) string {
		return typ + " " + strings.Join(slices.Sorted(slices.Values(values)), ", ")
	}
	about.probe, about.target, about.want = "private name", r.Name, words(r.Type, r.Values)
	about.tell = func(all []Record) (string, bool) {
		var got []string
		for _, found := range all {
			if strings.EqualFold(found.Name, r.Name) {
				got = append(got, words(found.Type, found.Values))
			}
		}
		return orNone(got), len(got) == 1 && got[0] == about.want
	}
	about.next = "runners reach another address, or none: " + mend + "; or set gcp.path to public"
	return about
}

// unnamed asks whether no private name leads to a service, so that its public name is what resolves.
func unnamed(about private, s plan.Service) private {
	about.probe, about.target, about.want = "public name", "service "+s.Name, "no private name for "+s.Address.String()
	about.tell = func(all []Record) (string, bool) {
		var got []string
		for _, found := range all {
			if slices.Contains(found.Values, s.Address.String()) {
				got = append(got, found.Name)
			}
		}
		if len(got) == 0 {
			return about.want, true
		}
		return fmt.Sprintf("private name %s", strings.Join(got, ", ")), false
	}
	about.next = "a private zone hides the public name: " + mend + "; a zone of somebody else's must let go of this VPC"
	return about
}

func orNone(all []string) string {
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
