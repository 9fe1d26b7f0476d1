package regionfile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// crossRules describes what CrossCheck and LoadAll check, for the reference page. The rules have no check function, because
// the check needs all regions at once.
var crossRules = []Rule{
	{
		On:   "regions together",
		Says: "Names differ: the file's name is the stack's name.",
	},
	{
		On: "regions together",
		Says: "Networks do not overlap each other, or the gcp.ranges of any region that is linked to the same GCP " +
			"network.",
	},
	{
		On: "regions together",
		Says: "Regions linked to the same GCP network have different values of gcp.asn.aws and different tunnel " +
			"ranges. The gcp.asn.aws of one region is not the gcp.asn.gcp of another.",
	},
	{
		On:   "regions together",
		Says: "Regions that name the same gcp.securityPolicy of one project have different priorities.",
	},
	{
		On: "regions together",
		Says: "cache.seed.region names a region file in the same directory, and that region has a cache. Two regions " +
			"may seed each other.",
	},
}

// CrossCheck checks regions against each other: names, networks, BGP numbers, tunnel ranges and seeds. It reports each
// problem at the later of the two files, by name, and names the line in the other file. Call Default on every config first.
// Two regions may seed each other: each copies snapshots that the other has already.
func CrossCheck(cfgs []*Config) error { return crossCheck(cfgs).toError() }

func crossCheck(cfgs []*Config) problems {
	cfgs = slices.Clone(cfgs)
	slices.SortStableFunc(cfgs, func(a, b *Config) int { return strings.Compare(a.Name, b.Name) })
	x := &crossChecker{}
	for _, c := range cfgs {
		if c.source.isIntact("network.cidr") && c.Network.CIDR.IsValid() {
			x.networks = append(x.networks, c.Network.CIDR)
		}
	}
	for i, b := range cfgs {
		for _, a := range cfgs[:i] {
			x.checkPair(a, b)
		}
		for _, a := range cfgs {
			x.checkSeed(a, b)
		}
	}
	return x.problems
}

// crossChecker collects problems between regions.
type crossChecker struct {
	problems problems
	networks []netip.Prefix // of all regions, so that a suggested network overlaps none of them
}

// reportError reports a problem at b, whose value conflicts with a value of a.
func (x *crossChecker) reportError(b *Config, p keyPath, a *Config, other keyPath, wrong, want string) {
	if !b.source.isIntact(p) || !a.source.isIntact(other) {
		return
	}
	at := a.source.newProblem(a.Name, other, "", "", false)
	where := at.File
	if at.Line > 0 {
		where += fmt.Sprintf(":%d", at.Line)
	}
	x.problems = append(x.problems, b.source.newProblem(b.Name, p, wrong+" of "+where, want, false))
}

func (x *crossChecker) checkPair(a, b *Config) {
	if a.Name == b.Name {
		x.reportError(b, "", a, "", quoteValue(b.Name)+" is already the name", "files with different names: the file's name is the stack's name")
		return
	}
	if a.Network.CIDR.IsValid() && a.Network.CIDR.Overlaps(b.Network.CIDR) {
		x.reportError(b, "network.cidr", a, "network.cidr", quoteValue(b.Network.CIDR.String())+" overlaps "+a.Network.CIDR.String(),
			"a range that no other region uses, for example "+x.suggestNetworkFor(b))
	}
	if a.hasLink() && b.hasLink() && a.GCP.Project == b.GCP.Project && a.GCP.Network == b.GCP.Network {
		x.checkSameGCPNetwork(a, b)
	}
	x.checkSamePolicy(a, b)
}

// checkSamePolicy checks two regions with rules in the same policy. The priority identifies a rule there.
func (x *crossChecker) checkSamePolicy(a, b *Config) {
	const p = keyPath("gcp.securityPolicy.priority")
	if a.GCP == nil || b.GCP == nil || a.GCP.SecurityPolicy == nil || b.GCP.SecurityPolicy == nil || a.GCP.Project != b.GCP.Project {
		return
	}
	if *a.GCP.SecurityPolicy == *b.GCP.SecurityPolicy {
		x.reportError(b, p, a, p, fmt.Sprintf("%d is already the priority", b.GCP.SecurityPolicy.Priority),
			"a priority that no other rule of the policy uses")
	}
}

// suggestNetworkFor returns a range for region b that overlaps no other region and no range that b's link announces.
func (x *crossChecker) suggestNetworkFor(b *Config) string {
	taken := slices.Clone(x.networks)
	if b.GCP != nil {
		taken = append(taken, b.GCP.Ranges...)
	}
	return suggestNetwork(b.Network.CIDR.Bits(), taken)
}

// checkSameGCPNetwork checks two regions whose links lead to the same GCP network.
func (x *crossChecker) checkSameGCPNetwork(a, b *Config) {
	const asnAWS, asnGCP, tunnels = keyPath("gcp.asn.aws"), keyPath("gcp.asn.gcp"), keyPath("gcp.tunnelRange")
	n, m := a.GCP.ASN, b.GCP.ASN
	const want = "a number that no other region uses"
	if n.AWS == m.AWS && n.AWS != 0 {
		x.reportError(b, asnAWS, a, asnAWS, fmt.Sprintf("%d is already the AWS side's number", m.AWS), want)
	}
	if n.GCP == m.AWS && n.GCP != 0 && n.GCP != m.GCP { // equal numbers in one file are that file's own problem
		x.reportError(b, asnAWS, a, asnGCP, fmt.Sprintf("%d is already the GCP side's number", m.AWS), want)
	}
	if n.AWS == m.GCP && n.AWS != 0 && n.AWS != n.GCP {
		x.reportError(b, asnGCP, a, asnAWS, fmt.Sprintf("%d is already the AWS side's number", m.GCP), "a number that no region uses for AWS")
	}
	if a.GCP.TunnelRange.Overlaps(b.GCP.TunnelRange) {
		x.reportError(b, tunnels, a, tunnels, quoteValue(b.GCP.TunnelRange.String())+" overlaps "+a.GCP.TunnelRange.String(),
			"another /28, for example "+deriveTunnelRange(b.Name+"-2").String())
	}
	x.checkAnnouncedRanges(a, b)
	x.checkAnnouncedRanges(b, a)
}

// checkAnnouncedRanges checks that a's link does not announce a range of b's network. Such a route would attract b's traffic.
func (x *crossChecker) checkAnnouncedRanges(a, b *Config) {
	for i, r := range a.GCP.Ranges {
		// The rules of b itself report the same range in b.
		if r.Overlaps(b.Network.CIDR) && !slices.ContainsFunc(b.GCP.Ranges, b.Network.CIDR.Overlaps) {
			x.reportError(b, "network.cidr", a, keyPath("gcp.ranges").item(i), quoteValue(b.Network.CIDR.String())+" overlaps "+r.String(),
				"a range outside it, for example "+x.suggestNetworkFor(b))
		}
	}
}

// checkSeed checks that region a has a cache if b's cache is seeded from a.
func (x *crossChecker) checkSeed(a, b *Config) {
	if b.Cache == nil || b.Cache.Seed == nil || b.Cache.Seed.Region != a.Name || a == b || a.Cache != nil {
		return
	}
	x.reportError(b, "cache.seed.region", a, "cache", "no cache to seed from exists in the region", "a region with a cache, or no seed")
}
