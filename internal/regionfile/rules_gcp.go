package regionfile

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

var gcpRules = []Rule{
	{"gcp.asn", "A link requires both numbers. They must be private (64512 to 65534 or 4200000000 to 4294967294) and different.", (*checker).asns},
	{"gcp.tunnelRange", "Must be a /28 of link-local addresses (169.254.0.0/16) outside 169.254.0.0/30 to 169.254.5.0/30 and 169.254.169.0/24, which AWS and GCP reserve.", (*checker).tunnelRange},
	{"gcp.ranges", "Lists IPv4 ranges of /8 to /32 without host bits. No range overlaps another range or network.cidr; the latter is a warning without a link.", (*checker).ranges},
	{"gcp.path", "private requires a link.", (*checker).path},
	{"gcp.googleApis", "private and restricted require a link.", (*checker).googleAPIs},
	{"gcp.securityPolicy", "Requires an egress mode with fixed addresses: NAT gateways or NAT instances. At most 10 addresses, kept modes included, because a Cloud Armor rule has 10 ranges. A warning with gcp.path private, where the rule has no effect, and with public in network.keep, whose machines the rule does not admit.", (*checker).securityPolicy},
	{"gcp.services", "Each name and each host is listed once. A host is a DNS name. Ports are 1 to 65535, each listed once.", (*checker).services},
	{"gcp.services", "An address is IPv4, outside network.cidr and, with a link, inside gcp.ranges, because the link reaches nothing else.", (*checker).serviceAddresses},
}

// linked says whether the region has a link to GCP.
func (c *Config) linked() bool { return c.GCP != nil && c.GCP.Link == HAVPN }

// privateASN says whether GCP takes the number. Source: Terraform's google provider, verify/validation.go.
func privateASN(n int64) bool {
	return n >= 64512 && n <= 65534 || n >= 4200000000 && n <= 4294967294
}

func (k *checker) asns() {
	if !k.linked() {
		return
	}
	for _, side := range []struct {
		p place
		n int64
		e string
	}{{"gcp.asn.aws", k.GCP.ASN.AWS, "64620"}, {"gcp.asn.gcp", k.GCP.ASN.GCP, "64520"}} {
		switch {
		case side.n == 0:
			k.bad(side.p, "is missing, and the link requires it", "a private BGP number such as "+side.e)
		case side.n > 65534 && !privateASN(side.n):
			k.bad(side.p, fmt.Sprintf("%d is not a private BGP number", side.n), "64512 to 65534 or 4200000000 to 4294967294, for example "+side.e)
		}
	}
	if k.GCP.ASN.AWS == k.GCP.ASN.GCP && k.GCP.ASN.AWS != 0 {
		k.bad("gcp.asn.gcp", fmt.Sprintf("%d is also the AWS side's number", k.GCP.ASN.GCP), "two different numbers, for example aws: 64620 and gcp: 64520")
	}
}

// kept is what AWS and GCP keep of the link-local range. Source: Terraform's AWS provider, vpnsite_connection.go, for the
// /30s; 169.254.169.0/24 holds the metadata servers of both clouds and Amazon's time and name servers.
var kept = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/30"), netip.MustParsePrefix("169.254.1.0/30"), netip.MustParsePrefix("169.254.2.0/30"),
	netip.MustParsePrefix("169.254.3.0/30"), netip.MustParsePrefix("169.254.4.0/30"), netip.MustParsePrefix("169.254.5.0/30"),
	netip.MustParsePrefix("169.254.169.0/24"),
}

var linkLocal = netip.MustParsePrefix("169.254.0.0/16")

func (k *checker) tunnelRange() {
	if k.GCP == nil || !k.GCP.TunnelRange.IsValid() {
		return
	}
	const p = "gcp.tunnelRange"
	r := k.GCP.TunnelRange
	example := tunnelRange(k.Name).String()
	switch {
	case r.Bits() != 28 || !linkLocal.Contains(r.Addr()):
		k.bad(p, quote(r.String())+" is not a /28 of 169.254.0.0/16", "a /28 such as "+example)
	case r.Masked() != r:
		k.bad(p, quote(r.String())+" has host bits set", r.Masked().String())
	case slices.ContainsFunc(kept, r.Overlaps):
		k.bad(p, quote(r.String())+" contains addresses that AWS or GCP reserves", "a /28 such as "+example)
	}
}

func (k *checker) ranges() {
	if k.GCP == nil {
		return
	}
	for i, r := range k.GCP.Ranges {
		p := place("gcp.ranges").at(i)
		overlaps := slices.IndexFunc(k.GCP.Ranges[:i], r.Overlaps)
		switch {
		case !r.IsValid():
		case !r.Addr().Is4() || r.Bits() < 8:
			k.bad(p, quote(r.String())+" cannot be announced", "an IPv4 range of /8 to /32, for example 10.128.0.0/9")
		case r.Masked() != r:
			k.bad(p, quote(r.String())+" has host bits set", r.Masked().String())
		case overlaps >= 0:
			k.bad(p, quote(r.String())+" overlaps "+k.GCP.Ranges[overlaps].String(), "ranges that do not overlap")
		case k.sound("network.cidr") && r.Overlaps(k.Network.CIDR):
			k.overlap(p, r)
		}
	}
}

// overlap reports a GCP range that meets the region's own. At the network, since that is what the region's author chose;
// without a link nothing breaks until somebody wants one.
func (k *checker) overlap(p place, r netip.Prefix) {
	at, want := place("network.cidr"), "a range outside "+r.String()+", for example "+free(k.Network.CIDR.Bits(), k.GCP.Ranges)
	wrong := quote(k.Network.CIDR.String()) + " overlaps " + r.String() + " of " + string(p)
	if k.linked() {
		k.bad(at, wrong, want)
		return
	}
	k.warn(at, wrong+", so the two networks can never be linked", want)
}

func (k *checker) path() {
	if k.GCP != nil && k.GCP.Link == NoLink && k.GCP.Path == PrivatePath {
		k.bad("gcp.path", "private requires a link, and gcp.link is none", "public, or gcp.link: ha-vpn")
	}
}

func (k *checker) googleAPIs() {
	if k.GCP != nil && k.GCP.Link == NoLink && (k.GCP.GoogleAPIs == PrivateAPIs || k.GCP.GoogleAPIs == RestrictedAPIs) {
		k.bad("gcp.googleApis", string(k.GCP.GoogleAPIs)+" requires a link, and gcp.link is none", "public, or gcp.link: ha-vpn")
	}
}

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (k *checker) services() {
	if k.GCP == nil {
		return
	}
	names, hosts := map[string]bool{}, map[string]bool{}
	for i, s := range k.GCP.Services {
		p := place("gcp.services").at(i)
		if s.Name != "" && names[s.Name] {
			k.bad(p+".name", quote(s.Name)+" is listed twice", "each name once")
		}
		switch {
		case s.Host == "":
		case len(s.Host) > 253 || !hostName.MatchString(s.Host):
			k.bad(p+".host", quote(s.Host)+" is not a DNS name", "a DNS name in lower case such as api.example.com")
		case hosts[s.Host]:
			k.bad(p+".host", quote(s.Host)+" is listed twice", "each host once, with all of its ports")
		}
		names[s.Name], hosts[s.Host] = true, true
		k.ports(p+".ports", s.Ports)
	}
}

func (k *checker) ports(list place, ports []int) {
	for i, port := range ports {
		switch {
		case port < 1 || port > 65535:
			k.bad(list.at(i), fmt.Sprintf("%d is not a TCP port", port), "1 to 65535, for example 443")
		case slices.Contains(ports[:i], port):
			k.bad(list.at(i), fmt.Sprintf("%d is listed twice", port), "each port once")
		}
	}
}

func (k *checker) serviceAddresses() {
	if k.GCP == nil {
		return
	}
	for i, s := range k.GCP.Services {
		p := place("gcp.services").at(i) + ".address"
		inside := func(r netip.Prefix) bool { return r.Contains(s.Address) }
		switch {
		case !s.Address.IsValid():
		case !s.Address.Is4():
			k.bad(p, quote(s.Address.String())+" is not IPv4", "an IPv4 address such as 10.128.0.10")
		case k.sound("network.cidr") && k.Network.CIDR.Contains(s.Address):
			k.bad(p, s.Address.String()+" is inside network.cidr, which is this region's own network", "the service's address in GCP")
		case k.linked() && k.sound("gcp.ranges") && !slices.ContainsFunc(k.GCP.Ranges, inside):
			k.bad(p, s.Address.String()+" is outside gcp.ranges, so the link does not reach it", "an address inside "+joinOr(texts(k.GCP.Ranges))+", or its range under gcp.ranges")
		}
	}
}
