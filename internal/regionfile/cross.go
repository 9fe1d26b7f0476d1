package regionfile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// crossRules says what CrossCheck and LoadAll enforce, for the reference page. They have no check of their own: that takes all
// regions at once.
var crossRules = []Rule{
	{On: "regions together", Says: "Names differ: the file's name is the stack's."},
	{On: "regions together", Says: "Networks are apart from each other, and from the gcp.ranges of every region that is linked to the same GCP network."},
	{On: "regions together", Says: "Of regions linked to the same GCP network, each has a gcp.asn.aws of its own, which is no region's gcp.asn.gcp either, and a tunnel range of its own."},
	{On: "regions together", Says: "Of regions that name the same gcp.securityPolicy of one project, each has a priority of its own."},
	{On: "regions together", Says: "cache.seed.region names a file in the same directory, and that region has a cache. Two regions may seed each other."},
}

// CrossCheck judges what only shows across regions: names, networks, BGP numbers, tunnel ranges and seeds. Each problem
// stands at the later of the two files, by name, and names the other with its line. It expects Default to have been called
// on every config. Regions that seed each other are fine: each takes snapshots that the other has made already.
func CrossCheck(cfgs []*Config) error { return crossCheck(cfgs).err() }

func crossCheck(cfgs []*Config) problems {
	cfgs = slices.Clone(cfgs)
	slices.SortStableFunc(cfgs, func(a, b *Config) int { return strings.Compare(a.Name, b.Name) })
	x := &crossing{}
	for _, c := range cfgs {
		if c.source.sound("network.cidr") && c.Network.CIDR.IsValid() {
			x.networks = append(x.networks, c.Network.CIDR)
		}
	}
	for i, b := range cfgs {
		for _, a := range cfgs[:i] {
			x.pair(a, b)
		}
		for _, a := range cfgs {
			x.seed(a, b)
		}
	}
	return x.problems
}

// crossing gathers problems between regions.
type crossing struct {
	problems problems
	networks []netip.Prefix // of all regions, so that a suggestion meets none of them
}

// bad reports a problem at b, whose value meets another of a.
func (x *crossing) bad(b *Config, p place, a *Config, other place, wrong, want string) {
	if !b.source.sound(p) || !a.source.sound(other) {
		return
	}
	at := a.source.problem(a.Name, other, "", "", false)
	where := at.File
	if at.Line > 0 {
		where += fmt.Sprintf(":%d", at.Line)
	}
	x.problems = append(x.problems, b.source.problem(b.Name, p, wrong+" of "+where, want, false))
}

func (x *crossing) pair(a, b *Config) {
	if a.Name == b.Name {
		x.bad(b, "", a, "", quote(b.Name)+" is the name", "files with different names: the name is the stack's")
		return
	}
	if a.Network.CIDR.IsValid() && a.Network.CIDR.Overlaps(b.Network.CIDR) {
		x.bad(b, "network.cidr", a, "network.cidr", quote(b.Network.CIDR.String())+" overlaps "+a.Network.CIDR.String(),
			"a range that no other region has, for example "+x.freeNetwork(b))
	}
	if a.linked() && b.linked() && a.GCP.Project == b.GCP.Project && a.GCP.Network == b.GCP.Network {
		x.oneNetwork(a, b)
	}
	x.onePolicy(a, b)
}

// onePolicy checks two regions with rules in the same policy, whose priorities are its rules' names.
func (x *crossing) onePolicy(a, b *Config) {
	const p = place("gcp.securityPolicy.priority")
	if a.GCP == nil || b.GCP == nil || a.GCP.SecurityPolicy == nil || b.GCP.SecurityPolicy == nil || a.GCP.Project != b.GCP.Project {
		return
	}
	if *a.GCP.SecurityPolicy == *b.GCP.SecurityPolicy {
		x.bad(b, p, a, p, fmt.Sprintf("%d is the priority", b.GCP.SecurityPolicy.Priority), "a priority that no other rule of the policy has")
	}
}

// freeNetwork suggests a range for a region that is free of all others and of what its link announces.
func (x *crossing) freeNetwork(b *Config) string {
	taken := slices.Clone(x.networks)
	if b.GCP != nil {
		taken = append(taken, b.GCP.Ranges...)
	}
	return free(b.Network.CIDR.Bits(), taken)
}

// oneNetwork checks two regions whose links end in the same GCP network.
func (x *crossing) oneNetwork(a, b *Config) {
	const asnAWS, asnGCP, tunnels = place("gcp.asn.aws"), place("gcp.asn.gcp"), place("gcp.tunnelRange")
	n, m := a.GCP.ASN, b.GCP.ASN
	const want = "a number that no other region has"
	if n.AWS == m.AWS && n.AWS != 0 {
		x.bad(b, asnAWS, a, asnAWS, fmt.Sprintf("%d is the AWS side's number", m.AWS), want)
	}
	if n.GCP == m.AWS && n.GCP != 0 && n.GCP != m.GCP { // equal in one file is that file's own problem
		x.bad(b, asnAWS, a, asnGCP, fmt.Sprintf("%d is the GCP side's number", m.AWS), want)
	}
	if n.AWS == m.GCP && n.AWS != 0 && n.AWS != n.GCP {
		x.bad(b, asnGCP, a, asnAWS, fmt.Sprintf("%d is the AWS side's number", m.GCP), "a number that no region has for AWS")
	}
	if a.GCP.TunnelRange.Overlaps(b.GCP.TunnelRange) {
		x.bad(b, tunnels, a, tunnels, quote(b.GCP.TunnelRange.String())+" overlaps "+a.GCP.TunnelRange.String(), "another /28, for example "+tunnelRange(b.Name+"-2").String())
	}
	x.ranges(a, b)
	x.ranges(b, a)
}

// ranges checks that what the link of a announces is not b's own network: the routes of one would draw off the other's.
func (x *crossing) ranges(a, b *Config) {
	for i, r := range a.GCP.Ranges {
		// The same range in b is reported by b's own rules.
		if r.Overlaps(b.Network.CIDR) && !slices.ContainsFunc(b.GCP.Ranges, b.Network.CIDR.Overlaps) {
			x.bad(b, "network.cidr", a, place("gcp.ranges").at(i), quote(b.Network.CIDR.String())+" overlaps "+r.String(),
				"a range outside it, for example "+x.freeNetwork(b))
		}
	}
}

// seed checks that the region that b's cache is seeded from, when it is a, has a cache.
func (x *crossing) seed(a, b *Config) {
	if b.Cache == nil || b.Cache.Seed == nil || b.Cache.Seed.Region != a.Name || a == b || a.Cache != nil {
		return
	}
	x.bad(b, "cache.seed.region", a, "cache", "there is no cache to seed from in the region", "a region with a cache, or no seed")
}
