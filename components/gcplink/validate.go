package gcplink

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/components/kit"
)

// maxRoutes is the number of routes that AWS accepts from one BGP session. With one more it drops the session. Source: AWS Site-to-Site
// VPN quotas.
const maxRoutes = 100

var (
	linkLocal = netip.MustParsePrefix("169.254.0.0/16")
	// reserved cannot be in a tunnel. Source: the AWS provider's vpnsite_connection.go for the first seven. The last range contains the
	// addresses of instance metadata and of the time service.
	reserved = []netip.Prefix{
		netip.MustParsePrefix("169.254.0.0/30"), netip.MustParsePrefix("169.254.1.0/30"), netip.MustParsePrefix("169.254.2.0/30"),
		netip.MustParsePrefix("169.254.3.0/30"), netip.MustParsePrefix("169.254.4.0/30"), netip.MustParsePrefix("169.254.5.0/30"),
		netip.MustParsePrefix("169.254.169.252/30"), netip.MustParsePrefix("169.254.169.0/24"),
	}
)

// Validate returns an error that lists everything that a cloud would refuse minutes later, or would accept although no tunnel could come
// up.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("arguments are missing")
	}
	p := &kit.Problems{}
	for _, check := range []func(*kit.Problems){
		a.checkNetworks, a.checkASNs, a.checkTunnels, a.checkRanges, a.checkServices, a.checkZones,
	} {
		check(p)
	}
	return p.Combine()
}

func (a *Args) checkNetworks(p *kit.Problems) {
	p.RefuseIf(joinName(a.Names) != a.Names, "names: %q; want at most 63 small letters, digits and hyphens, a letter first", a.Names)
	p.RefuseIf(a.VPC == nil || a.Network == "", "networks: the link needs one in each cloud")
	p.RefuseIf(len(a.RouteTables) == 0, "route tables: none; no machine would have a route to GCP")
	for _, key := range slices.Sorted(maps.Keys(a.RouteTables)) {
		p.RefuseIf(a.RouteTables[key] == nil, "route tables: %s has no id", key)
	}
}

func (a *Args) checkASNs(p *kit.Problems) {
	for _, side := range []struct {
		name string
		asn  int64
	}{{"AWS", a.AWSASN}, {"GCP", a.GCPASN}} {
		p.RefuseIf((side.asn < 64512 || side.asn > 65534) && (side.asn < 4200000000 || side.asn > 4294967294),
			"ASN of %s: %d; want 64512 to 65534 or 4200000000 to 4294967294", side.name, side.asn)
	}
	p.RefuseIf(a.AWSASN == a.GCPASN, "ASNs: both sides have %d; with equal numbers BGP treats the two sides as one network", a.AWSASN)
}

func (a *Args) checkTunnels(p *kit.Problems) {
	for i, r := range a.Inside {
		switch {
		case !r.IsValid() || r.Bits() != 30 || r != r.Masked() || !linkLocal.Overlaps(r):
			p.RefuseIf(true, "tunnel %d: inside range %s; want a /30 of 169.254.0.0/16", i, r)
		case slices.ContainsFunc(reserved, r.Overlaps):
			p.RefuseIf(true, "tunnel %d: inside range %s is reserved", i, r)
		case slices.ContainsFunc(a.Inside[:i], r.Overlaps):
			p.RefuseIf(true, "tunnel %d: another tunnel has the inside range %s too", i, r)
		}
	}
}

func (a *Args) checkRanges(p *kit.Problems) {
	p.RefuseIf(len(a.Advertised) == 0 || len(a.Advertised) > maxRoutes, "advertised: %d ranges; want 1 to %d", len(a.Advertised), maxRoutes)
	// GCP treats a firewall rule without sources as one that lets everybody in.
	p.RefuseIf(len(a.Sources) == 0, "sources: none; want the runners' ranges")
	for _, r := range slices.Concat(a.Advertised, a.Sources) {
		p.RefuseIf(!r.IsValid() || !r.Addr().Is4() || r != r.Masked() || r.Bits() == 0,
			"range %s; want an IPv4 range that does not contain every address", r)
	}
}

func (a *Args) checkServices(p *kit.Problems) {
	seen := map[string]bool{}
	for _, s := range a.Services {
		contains := func(r netip.Prefix) bool { return r.Contains(s.Address) }
		p.RefuseIf(s.Name == "" || seen[s.Name], "service %q: want a unique name", s.Name)
		p.RefuseIf(!slices.ContainsFunc(a.Advertised, contains),
			"service %s: address %s is not in an advertised range, so no route leads to it", s.Name, s.Address)
		// A rule without ports opens all of them.
		p.RefuseIf(len(s.Ports) == 0 || slices.Min(s.Ports) < 1 || slices.Max(s.Ports) > 65535,
			"service %s: ports %v; want at least one, from 1 to 65535", s.Name, s.Ports)
		seen[s.Name] = true
	}
}

func (a *Args) checkZones(p *kit.Problems) {
	zones, records := map[string]bool{}, map[string]bool{}
	for _, z := range a.Zones {
		p.RefuseIf(z.Name == "" || zones[z.Name], "zone %q: want a unique name", z.Name)
		zones[z.Name] = true
		p.RefuseIf(len(z.Records) == 0, "zone %s: records are missing; an empty zone would hide the public name", z.Name)
		for _, r := range z.Records {
			problem := r.findProblem(z.Name)
			p.RefuseIf(problem != "", "zone %s: record %s: %s", z.Name, r.Name, problem)
			// Also if the two are in different zones: the nearer zone would hide the other's record, and the two resources would have one name.
			p.RefuseIf(records[r.Name], "zone %s: record %s is listed twice", z.Name, r.Name)
			records[r.Name] = true
		}
	}
}

// findProblem returns what Route 53 would refuse about a record of the zone, or an empty text.
func (r Record) findProblem(zone string) string {
	switch {
	case r.Name != zone && !strings.HasSuffix(r.Name, "."+zone):
		return "it is outside the zone"
	case r.Type != "A" && r.Type != "CNAME":
		return "type " + r.Type + "; want A or CNAME"
	case r.Type == "CNAME" && (r.Name == zone || len(r.Values) != 1):
		return "a CNAME must have one value and a name other than the zone's"
	case len(r.Values) == 0 || r.TTL <= 0:
		return "values or the time to live are missing"
	}
	return ""
}
