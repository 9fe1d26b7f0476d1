package regionfile

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

var networkRules = []Rule{
	{
		On:    "network.cidr",
		Says:  "Must be a private IPv4 range (RFC 1918) of /16 to /20 without host bits.",
		check: (*checker).checkCIDR,
	},
	{
		On: "network.keep",
		Says: "Lists each mode once, and not the mode in network.egress. none in the list keeps the interface " +
			"endpoints of that mode.",
		check: (*checker).checkKeep,
	},
	{
		On:    "network.addresses",
		Says:  "More than one address without a NAT gateway in egress or keep is a warning.",
		check: (*checker).checkAddresses,
	},
	{
		On: "network.addresses",
		Says: "A region that needs more Elastic IP addresses than the 5 of a new account (quota L-0263D0A3) is a " +
			"warning.",
		check: (*checker).checkAddressQuota,
	},
	{
		On: "network.aptMirror",
		Says: "Must be an https address on port 443, because cache servers can connect to no other port, without " +
			"user, password, query and fragment. It must not end in /debian: machines look for debian and " +
			"debian-security below it.",
		check: (*checker).checkAptMirror,
	},
	{
		On: "network.egress",
		Says: "none requires gcp.link ha-vpn, gcp.path private, and gcp.googleApis private or restricted. With " +
			"runners or a cache it also requires network.aptMirror. The hosts of network.aptMirror, of every runner's " +
			"agent.url and registryMirror, and of the downloads of agents of kind github, gitlab and buildkite must " +
			"all be hosts of gcp.services.",
		check: (*checker).checkEgressNone,
	},
}

// rfc1918 is the private address space.
var rfc1918 = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

func (k *checker) checkCIDR() {
	const p = "network.cidr"
	cidr := k.Network.CIDR
	const want = "/16 to /20, for example 10.42.0.0/16"
	private := func(r netip.Prefix) bool { return r.Bits() <= cidr.Bits() && r.Contains(cidr.Addr()) }
	switch {
	case !cidr.IsValid():
	case !cidr.Addr().Is4():
		k.reportError(p, quoteValue(cidr.String())+" is not IPv4", "a private range of "+want)
	case cidr.Bits() > 20:
		k.reportError(p, quoteValue(cidr.String())+" is too small", want)
	case cidr.Bits() < 16:
		k.reportError(p, quoteValue(cidr.String())+" is too large", want)
	case !slices.ContainsFunc(rfc1918, private):
		k.reportError(p, quoteValue(cidr.String())+" is not private", "a range inside "+joinOr(formatAll(rfc1918))+", for example 10.42.0.0/16")
	case cidr.Masked() != cidr:
		k.reportError(p, quoteValue(cidr.String())+" has host bits set", cidr.Masked().String())
	}
}

func formatAll[T fmt.Stringer](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v.String()
	}
	return out
}

func (k *checker) checkKeep() {
	for i, m := range k.Network.Keep {
		p := keyPath("network.keep").item(i)
		switch {
		case m == k.Network.Egress:
			k.reportError(p, quoteValue(string(m))+" is already the mode in network.egress", "the previous mode, or no keep")
		case slices.Contains(k.Network.Keep[:i], m):
			k.reportError(p, quoteValue(string(m))+" is listed twice", "each mode once")
		}
	}
}

func (k *checker) checkAddresses() {
	if k.Network.Addresses > 1 && !k.Network.hasMode(NATGateway) && !k.Network.hasMode(NATGatewayPerZone) {
		k.reportWarning("network.addresses", fmt.Sprintf("%d addresses, but no NAT gateway uses them", k.Network.Addresses),
			"no addresses, or an egress mode with NAT gateways")
	}
}

// defaultElasticIPs is the number of Elastic IP addresses that a new account may have in a region, quota L-0263D0A3. Source:
// Amazon VPC user guide, "Amazon VPC quotas".
const defaultElasticIPs = 5

func (k *checker) checkAddressQuota() {
	if !k.areIntact("aws.zones", "network") {
		return
	}
	needed := k.countFixedAddresses()
	if needed > defaultElasticIPs {
		k.reportWarning("network.addresses", fmt.Sprintf("the region needs %d Elastic IP addresses, and a new account may "+
			"have %d", needed, defaultElasticIPs),
			"quota L-0263D0A3 raised first, or fewer addresses, zones or kept modes")
	}
}

// countFixedAddresses counts the public addresses that the region keeps while machines come and go: those of NAT gateways and
// NAT instances, including kept modes.
func (c *Config) countFixedAddresses() int {
	count, zones := 0, len(c.AWS.Zones)
	switch {
	case c.Network.hasMode(NATGatewayPerZone):
		count = zones * c.Network.Addresses // the single NAT gateway of the other mode is the first zone's
	case c.Network.hasMode(NATGateway):
		count = c.Network.Addresses
	}
	if c.Network.hasMode(NATInstance) {
		count += zones
	}
	return count
}

// checkAptMirror refuses addresses from which machines cannot install. The most likely error is the final /debian of Debian's
// archive. No known mirror has /debian/debian.
func (k *checker) checkAptMirror() {
	text := k.Network.AptMirror
	if text == "" {
		return
	}
	wrong, secret := findHTTPSFault(text)
	want := "an https address such as https://deb.example.com"
	if secret {
		want = "the address alone: machines send no password to a mirror"
	}
	if u, err := url.Parse(text); wrong == "" && err == nil {
		base, ends := strings.CutSuffix(strings.TrimRight(u.Path, "/"), "/debian")
		switch port := u.Port(); {
		case port != "" && port != "443":
			wrong, want = quoteValue(text)+" uses port "+port+", and cache servers can connect to port 443 only", "https://"+u.Hostname()+u.Path
		case ends:
			wrong, want = quoteValue(text)+" ends in /debian, and machines look for debian and debian-security below it", "https://"+u.Host+base
		}
	}
	if wrong != "" {
		k.reportError("network.aptMirror", wrong, want)
	}
}

// agentSources lists the hosts from which machines download CI agents, and Buildkite's server. No key of the region file
// names these hosts (see node/ci). JobServ's worker comes from its own server, and commands are the user's.
var agentSources = map[AgentKind][]string{
	GitHub: {"https://github.com"}, GitLab: {"https://s3.dualstack.us-east-1.amazonaws.com"},
	Buildkite: {"https://github.com", "https://agent.buildkite.com"},
}

func (k *checker) checkEgressNone() {
	if k.Network.Egress != None {
		return
	}
	k.checkLinkForEgressNone()
	// Kept NAT instances need no mirror: they are in public subnets and have internet access.
	if k.Network.AptMirror == "" && (len(k.Runners) > 0 || k.Cache != nil) {
		k.reportError("network.aptMirror", "is missing, and network.egress is none: machines install packages and cannot "+
			"reach Debian's own archive",
			"the address of a mirror behind the link, for example https://deb.example.com, and a service with that host under gcp.services")
	}
	if k.GCP == nil || !k.areIntact("gcp.services") {
		return
	}
	k.checkLinkReaches("network.aptMirror", k.Network.AptMirror)
	k.forEachRunner(func(p keyPath, r Runner) {
		k.checkLinkReaches(p+".agent.url", r.Agent.URL)
		for _, source := range agentSources[r.Agent.Kind] {
			k.checkLinkReaches(p+".agent.kind", source)
		}
		k.checkLinkReaches(p+".registryMirror", r.RegistryMirror)
	})
}

// checkLinkReaches checks that an address belongs to a backend service. The rule of the key reports a missing or invalid
// address.
func (k *checker) checkLinkReaches(p keyPath, text string) {
	u, err := url.Parse(text)
	if text == "" || err != nil {
		return
	}
	reachable := func(s Service) bool { return s.Host == u.Hostname() }
	if !slices.ContainsFunc(k.GCP.Services, reachable) {
		k.reportError(p, "network.egress is none, and the link does not reach "+quoteValue(u.Hostname()),
			"a service with that host under gcp.services, or another egress")
	}
}

// checkLinkForEgressNone checks that a region without internet access has the link and private paths.
func (k *checker) checkLinkForEgressNone() {
	if k.GCP == nil || k.GCP.Link != HAVPN {
		if k.areIntact("gcp.link") {
			k.reportError("network.egress", "none requires a link to GCP, and the region has no link", "gcp.link: ha-vpn, or another egress")
		}
		return
	}
	if k.GCP.Path == PublicPath {
		k.reportError("gcp.path", "is public, and network.egress is none: runners cannot reach public addresses", "private")
	}
	if k.GCP.GoogleAPIs == PublicAPIs {
		k.reportError("gcp.googleApis", "is public, and network.egress is none: runners cannot reach public Google APIs", "private or restricted")
	}
}
