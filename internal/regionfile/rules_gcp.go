package regionfile

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

var gcpRules = []Rule{
	{
		On: "gcp.asn",
		Says: "A link requires both numbers. They must be private (64512 to 65534 or 4200000000 to 4294967294) and " +
			"different.",
		check: (*checker).checkASNs,
	},
	{
		On: "gcp.tunnelRange",
		Says: "Must be a /28 of link-local addresses (169.254.0.0/16) outside 169.254.0.0/30 to 169.254.5.0/30 and " +
			"169.254.169.0/24, which AWS and GCP reserve.",
		check: (*checker).checkTunnelRange,
	},
	{
		On: "gcp.ranges",
		Says: "Lists IPv4 ranges of /8 to /32 without host bits. No range overlaps another range or network.cidr; the " +
			"latter is a warning without a link.",
		check: (*checker).checkRanges,
	},
	{
		On:    "gcp.path",
		Says:  "private requires a link.",
		check: (*checker).checkPath,
	},
	{
		On:    "gcp.googleApis",
		Says:  "private and restricted require a link.",
		check: (*checker).checkGoogleAPIs,
	},
	{
		On: "gcp.securityPolicy",
		Says: "Requires an egress mode with fixed addresses: NAT gateways or NAT instances. At most 10 addresses, " +
			"kept modes included, because a Cloud Armor rule has 10 ranges. A warning with gcp.path private, where " +
			"the rule has no effect, and with public in network.keep, whose machines the rule does not admit.",
		check: (*checker).checkSecurityPolicy,
	},
	{
		On:    "gcp.services",
		Says:  "Each name and each host is listed once. A host is a DNS name. Ports are 1 to 65535, each listed once.",
		check: (*checker).checkServices,
	},
	{
		On: "gcp.services",
		Says: "An address is IPv4, outside network.cidr and, with a link, inside gcp.ranges, because the link reaches " +
			"nothing else.",
		check: (*checker).checkServiceAddresses,
	},
}

// hasLink reports whether the region has a link to GCP.
func (c *Config) hasLink() bool { return c.GCP != nil && c.GCP.Link == HAVPN }

// isPrivateASN reports whether GCP accepts the number. Source: Terraform's google provider, verify/validation.go.
func isPrivateASN(n int64) bool {
	return n >= 64512 && n <= 65534 || n >= 4200000000 && n <= 4294967294
}

func (k *checker) checkASNs() {
	if !k.hasLink() {
		return
	}
	for _, side := range []struct {
		p keyPath
		n int64
		e string
	}{{"gcp.asn.aws", k.GCP.ASN.AWS, "64620"}, {"gcp.asn.gcp", k.GCP.ASN.GCP, "64520"}} {
		switch {
		case side.n == 0:
			k.reportError(side.p, "is missing, and the link requires it", "a private BGP number such as "+side.e)
		case side.n > 65534 && !isPrivateASN(side.n):
			k.reportError(side.p, fmt.Sprintf("%d is not a private BGP number", side.n),
				"64512 to 65534 or 4200000000 to 4294967294, for example "+side.e)
		}
	}
	if k.GCP.ASN.AWS == k.GCP.ASN.GCP && k.GCP.ASN.AWS != 0 {
		k.reportError("gcp.asn.gcp", fmt.Sprintf("%d is also the AWS side's number", k.GCP.ASN.GCP),
			"two different numbers, for example aws: 64620 and gcp: 64520")
	}
}

// reservedTunnelRanges are the link-local ranges that AWS and GCP reserve. Source: Terraform's AWS provider,
// vpnsite_connection.go, for the /30s. 169.254.169.0/24 contains the metadata servers of both clouds and Amazon's time and
// name servers.
var reservedTunnelRanges = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/30"), netip.MustParsePrefix("169.254.1.0/30"), netip.MustParsePrefix("169.254.2.0/30"),
	netip.MustParsePrefix("169.254.3.0/30"), netip.MustParsePrefix("169.254.4.0/30"), netip.MustParsePrefix("169.254.5.0/30"),
	netip.MustParsePrefix("169.254.169.0/24"),
}

var linkLocalRange = netip.MustParsePrefix("169.254.0.0/16")

func (k *checker) checkTunnelRange() {
	if k.GCP == nil || !k.GCP.TunnelRange.IsValid() {
		return
	}
	const p = "gcp.tunnelRange"
	r := k.GCP.TunnelRange
	example := deriveTunnelRange(k.Name).String()
	switch {
	case r.Bits() != 28 || !linkLocalRange.Contains(r.Addr()):
		k.reportError(p, quoteValue(r.String())+" is not a /28 of 169.254.0.0/16", "a /28 such as "+example)
	case r.Masked() != r:
		k.reportError(p, quoteValue(r.String())+" has host bits set", r.Masked().String())
	case slices.ContainsFunc(reservedTunnelRanges, r.Overlaps):
		k.reportError(p, quoteValue(r.String())+" contains addresses that AWS or GCP reserves", "a /28 such as "+example)
	}
}

func (k *checker) checkRanges() {
	if k.GCP == nil {
		return
	}
	for i, r := range k.GCP.Ranges {
		p := keyPath("gcp.ranges").item(i)
		overlaps := slices.IndexFunc(k.GCP.Ranges[:i], r.Overlaps)
		switch {
		case !r.IsValid():
		case !r.Addr().Is4() || r.Bits() < 8:
			k.reportError(p, quoteValue(r.String())+" cannot be announced", "an IPv4 range of /8 to /32, for example 10.128.0.0/9")
		case r.Masked() != r:
			k.reportError(p, quoteValue(r.String())+" has host bits set", r.Masked().String())
		case overlaps >= 0:
			k.reportError(p, quoteValue(r.String())+" overlaps "+k.GCP.Ranges[overlaps].String(), "ranges that do not overlap")
		case k.areIntact("network.cidr") && r.Overlaps(k.Network.CIDR):
			k.reportOverlap(p, r)
		}
	}
}

// reportOverlap reports a GCP range that overlaps the region's network. It reports it at network.cidr, because the author of
// the region file chose that value. Without a link it is a warning, because nothing fails until someone adds a link.
func (k *checker) reportOverlap(p keyPath, r netip.Prefix) {
	at, want := keyPath("network.cidr"), "a range outside "+r.String()+", for example "+suggestNetwork(k.Network.CIDR.Bits(), k.GCP.Ranges)
	wrong := quoteValue(k.Network.CIDR.String()) + " overlaps " + r.String() + " of " + string(p)
	if k.hasLink() {
		k.reportError(at, wrong, want)
		return
	}
	k.reportWarning(at, wrong+", so the two networks can never be linked", want)
}

func (k *checker) checkPath() {
	if k.GCP != nil && k.GCP.Link == NoLink && k.GCP.Path == PrivatePath {
		k.reportError("gcp.path", "private requires a link, and gcp.link is none", "public, or gcp.link: ha-vpn")
	}
}

func (k *checker) checkGoogleAPIs() {
	if k.GCP != nil && k.GCP.Link == NoLink && (k.GCP.GoogleAPIs == PrivateAPIs || k.GCP.GoogleAPIs == RestrictedAPIs) {
		k.reportError("gcp.googleApis", string(k.GCP.GoogleAPIs)+" requires a link, and gcp.link is none", "public, or gcp.link: ha-vpn")
	}
}

var hostPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (k *checker) checkServices() {
	if k.GCP == nil {
		return
	}
	names, hosts := map[string]bool{}, map[string]bool{}
	for i, s := range k.GCP.Services {
		p := keyPath("gcp.services").item(i)
		if s.Name != "" && names[s.Name] {
			k.reportError(p+".name", quoteValue(s.Name)+" is listed twice", "each name once")
		}
		switch {
		case s.Host == "":
		case len(s.Host) > 253 || !hostPattern.MatchString(s.Host):
			k.reportError(p+".host", quoteValue(s.Host)+" is not a DNS name", "a DNS name in lower case such as api.example.com")
		case hosts[s.Host]:
			k.reportError(p+".host", quoteValue(s.Host)+" is listed twice", "each host once, with all of its ports")
		}
		names[s.Name], hosts[s.Host] = true, true
		k.checkPorts(p+".ports", s.Ports)
	}
}

func (k *checker) checkPorts(list keyPath, ports []int) {
	for i, port := range ports {
		switch {
		case port < 1 || port > 65535:
			k.reportError(list.item(i), fmt.Sprintf("%d is not a TCP port", port), "1 to 65535, for example 443")
		case slices.Contains(ports[:i], port):
			k.reportError(list.item(i), fmt.Sprintf("%d is listed twice", port), "each port once")
		}
	}
}

func (k *checker) checkServiceAddresses() {
	if k.GCP == nil {
		return
	}
	for i, s := range k.GCP.Services {
		p := keyPath("gcp.services").item(i) + ".address"
		inside := func(r netip.Prefix) bool { return r.Contains(s.Address) }
		switch {
		case !s.Address.IsValid():
		case !s.Address.Is4():
			k.reportError(p, quoteValue(s.Address.String())+" is not IPv4", "an IPv4 address such as 10.128.0.10")
		case k.areIntact("network.cidr") && k.Network.CIDR.Contains(s.Address):
			k.reportError(p, s.Address.String()+" is inside network.cidr, which is this region's own network", "the service's address in GCP")
		case k.hasLink() && k.areIntact("gcp.ranges") && !slices.ContainsFunc(k.GCP.Ranges, inside):
			k.reportError(p, s.Address.String()+" is outside gcp.ranges, so the link does not reach it",
				"an address inside "+joinOr(formatAll(k.GCP.Ranges))+", or its range under gcp.ranges")
		}
	}
}
