package regionfile

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

var networkRules = []Rule{
	{"network.cidr", "Private (RFC 1918), /16 to /20, and written by its first address.", (*checker).cidr},
	{"network.keep", "Each mode once, and not the one that egress names. Keeping none keeps its interface endpoints.", (*checker).keep},
	{"network.addresses", "More than one takes a NAT gateway, which egress or keep must name; else a warning.", (*checker).addresses},
	{"network.addresses", "A warning when the region needs more public addresses than the 5 that a new account has (quota L-0263D0A3).", (*checker).addressQuota},
	{"network.aptMirror", "https on port 443, since cache servers are let out to no other, without user, password, query and fragment. It does not end in /debian: debian and debian-security are below it.", (*checker).aptMirror},
	{"network.egress", "none takes gcp.link ha-vpn, gcp.path private, gcp.googleApis private or restricted; with runners or a cache, network.aptMirror; and that, every runner's agent.url and registryMirror, and where agents of kind github, gitlab and buildkite come from, on a host of gcp.services.", (*checker).noEgress},
}

// rfc1918 is the private address space.
var rfc1918 = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

func (k *checker) cidr() {
	const p = "network.cidr"
	cidr := k.Network.CIDR
	const want = "/16 to /20, for example 10.42.0.0/16"
	private := func(r netip.Prefix) bool { return r.Bits() <= cidr.Bits() && r.Contains(cidr.Addr()) }
	switch {
	case !cidr.IsValid():
	case !cidr.Addr().Is4():
		k.bad(p, quote(cidr.String())+" is not IPv4", "a private range of "+want)
	case cidr.Bits() > 20:
		k.bad(p, quote(cidr.String())+" is too small", want)
	case cidr.Bits() < 16:
		k.bad(p, quote(cidr.String())+" is too large", want)
	case !slices.ContainsFunc(rfc1918, private):
		k.bad(p, quote(cidr.String())+" is not private", "a range inside "+either(texts(rfc1918))+", for example 10.42.0.0/16")
	case cidr.Masked() != cidr:
		k.bad(p, quote(cidr.String())+" does not start at its first address", cidr.Masked().String())
	}
}

func texts[T fmt.Stringer](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.String()
	}
	return out
}

func (k *checker) keep() {
	for i, m := range k.Network.Keep {
		p := place("network.keep").at(i)
		switch {
		case m == k.Network.Egress:
			k.bad(p, quote(string(m))+" is what network.egress names", "the mode that was there before, or no keep")
		case slices.Contains(k.Network.Keep[:i], m):
			k.bad(p, quote(string(m))+" is there twice", "each mode once")
		}
	}
}

func (k *checker) addresses() {
	if k.Network.Addresses > 1 && !k.Network.has(NATGateway) && !k.Network.has(NATGatewayPerZone) {
		k.warn("network.addresses", fmt.Sprintf("%d addresses and no NAT gateway to carry them", k.Network.Addresses),
			"addresses left out, or an egress with NAT gateways")
	}
}

// elasticIPs is the Elastic IP addresses that a new account may have in a region, quota L-0263D0A3. Source: Amazon VPC user
// guide, "Amazon VPC quotas".
const elasticIPs = 5

func (k *checker) addressQuota() {
	if !k.sound("aws.zones", "network") {
		return
	}
	needed := k.fixedAddresses()
	if needed > elasticIPs {
		k.warn("network.addresses", fmt.Sprintf("the region needs %d Elastic IP addresses, a new account has %d", needed, elasticIPs),
			"quota L-0263D0A3 raised first, or fewer addresses, zones or modes kept")
	}
}

// fixedAddresses counts the public addresses that stay with the region whatever its machines do: those of NAT gateways and NAT instances,
// of the modes kept as well.
func (c *Config) fixedAddresses() int {
	count, zones := 0, len(c.AWS.Zones)
	switch {
	case c.Network.has(NATGatewayPerZone):
		count = zones * c.Network.Addresses // a single NAT gateway beside them is the first zone's
	case c.Network.has(NATGateway):
		count = c.Network.Addresses
	}
	if c.Network.has(NATInstance) {
		count += zones
	}
	return count
}

// aptMirror refuses what machines could not install from. The path with which Debian's archive ends is the likeliest mistake; a mirror that has
// /debian/debian is not known.
func (k *checker) aptMirror() {
	text := k.Network.AptMirror
	if text == "" {
		return
	}
	wrong, secret := httpsFault(text)
	want := "an https address such as https://deb.example.com"
	if secret {
		want = "the address alone: machines have no password for a mirror"
	}
	if u, err := url.Parse(text); wrong == "" && err == nil {
		base, ends := strings.CutSuffix(strings.TrimRight(u.Path, "/"), "/debian")
		switch port := u.Port(); {
		case port != "" && port != "443":
			wrong, want = quote(text)+" has the port "+port+", and cache servers are let out to 443 alone", "https://"+u.Hostname()+u.Path
		case ends:
			wrong, want = quote(text)+" ends in /debian, and machines look for debian and debian-security below it", "https://"+u.Host+base
		}
	}
	if wrong != "" {
		k.bad("network.aptMirror", wrong, want)
	}
}

// agentSources are where CI systems' agents are downloaded from, and Buildkite's server, which no key of the region file names (node/ci). JobServ's
// worker comes from its server, and commands are the user's.
var agentSources = map[AgentKind][]string{
	GitHub: {"https://github.com"}, GitLab: {"https://s3.dualstack.us-east-1.amazonaws.com"},
	Buildkite: {"https://github.com", "https://agent.buildkite.com"},
}

func (k *checker) noEgress() {
	if k.Network.Egress != None {
		return
	}
	k.linkForNoEgress()
	// NAT instances that are kept are in public subnets and have a way of their own.
	if k.Network.AptMirror == "" && (len(k.Runners) > 0 || k.Cache != nil) {
		k.bad("network.aptMirror", "is missing, and network.egress is none: machines install packages, and no way leads to Debian's own archive",
			"the address of a mirror behind the link, for example https://deb.example.com, with a service of that host under gcp.services")
	}
	if k.GCP == nil || !k.sound("gcp.services") {
		return
	}
	k.onTheLink("network.aptMirror", k.Network.AptMirror)
	k.eachRunner(func(p place, r Runner) {
		k.onTheLink(p+".agent.url", r.Agent.URL)
		for _, source := range agentSources[r.Agent.Kind] {
			k.onTheLink(p+".agent.kind", source)
		}
		k.onTheLink(p+".registryMirror", r.RegistryMirror)
	})
}

// onTheLink checks that an address is that of a backend service. What is missing or no address is reported by the rule for its key.
func (k *checker) onTheLink(p place, text string) {
	u, err := url.Parse(text)
	if text == "" || err != nil {
		return
	}
	reachable := func(s Service) bool { return s.Host == u.Hostname() }
	if !slices.ContainsFunc(k.GCP.Services, reachable) {
		k.bad(p, "network.egress is none, and the link leads to no "+quote(u.Hostname()),
			"a service with that host under gcp.services, or another egress")
	}
}

// linkForNoEgress checks that a region without internet has the private ways instead.
func (k *checker) linkForNoEgress() {
	if k.GCP == nil || k.GCP.Link != HAVPN {
		if k.sound("gcp.link") {
			k.bad("network.egress", "none leaves runners without any way out: there is no link to GCP", "gcp.link: ha-vpn, or another egress")
		}
		return
	}
	if k.GCP.Path == PublicPath {
		k.bad("gcp.path", "public names lead nowhere: network.egress is none", "private")
	}
	if k.GCP.GoogleAPIs == PublicAPIs {
		k.bad("gcp.googleApis", "public Google APIs cannot be reached: network.egress is none", "private or restricted")
	}
}
