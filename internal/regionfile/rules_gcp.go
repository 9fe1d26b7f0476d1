package regionfile

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

var gcpRules = []Rule{
	{"gcp.asn", "A link takes both; private (64512 to 65534 or 4200000000 to 4294967294) and different.", (*checker).asns},
	{"gcp.tunnelRange", "A /28 of link-local addresses, 169.254.0.0/16, that holds none of 169.254.0.0/30 to 169.254.5.0/30 and nothing of 169.254.169.0/24, which the clouds keep for themselves.", (*checker).tunnelRange},
	{"gcp.ranges", "IPv4, /8 to /32, each written by its first address, and none overlapping another or network.cidr (a warning without a link).", (*checker).ranges},
	{"gcp.path", "private takes a link.", (*checker).path},
	{"gcp.googleApis", "private and restricted take a link.", (*checker).googleAPIs},
	{"gcp.securityPolicy", "Takes an egress with addresses that stay: a NAT gateway or NAT instances; at most 10 of them, kept modes included, since a rule of Cloud Armor has 10 ranges. A warning on the private path, where it does nothing, and with public kept, whose machines it does not admit.", (*checker).securityPolicy},
	{"gcp.services", "Names and hosts are there once; hosts are DNS names; ports are 1 to 65535, each once.", (*checker).services},
	{"gcp.services", "Addresses are IPv4, outside network.cidr and, with a link, inside gcp.ranges, since the link leads nowhere else.", (*checker).serviceAddresses},
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
			k.bad(side.p, "is missing, and the link needs it", "a private BGP number such as "+side.e)
		case side.n > 65534 && !privateASN(side.n):
			k.bad(side.p, fmt.Sprintf("%d is not private", side.n), "64512 to 65534 or 4200000000 to 4294967294, for example "+side.e)
		}
	}
	if k.GCP.ASN.AWS == k.GCP.ASN.GCP && k.GCP.ASN.AWS != 0 {
		k.bad("gcp.asn.gcp", fmt.Sprintf("%d is the AWS side's number too", k.GCP.ASN.GCP), "two different numbers, for example aws: 64620 and gcp: 64520")
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
		k.bad(p, quote(r.String())+" is no /28 of 169.254.0.0/16", "a /28 such as "+example)
	case r.Masked() != r:
		k.bad(p, quote(r.String())+" does not start at its first address", r.Masked().String())
	case slices.ContainsFunc(kept, r.Overlaps):
		k.bad(p, quote(r.String())+" holds addresses that the clouds keep for themselves", "a /28 such as "+example)
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
			k.bad(p, quote(r.String())+" does not start at its first address", r.Masked().String())
		case overlaps >= 0:
			k.bad(p, quote(r.String())+" overlaps "+k.GCP.Ranges[overlaps].String(), "ranges apart from each other")
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
	k.warn(at, wrong+", so that the two could never be linked", want)
}

func (k *checker) path() {
	if k.GCP != nil && k.GCP.Link == NoLink && k.GCP.Path == PrivatePath {
		k.bad("gcp.path", "private takes a link, and gcp.link is none", "public, or gcp.link: ha-vpn")
	}
}

func (k *checker) googleAPIs() {
	if k.GCP != nil && k.GCP.Link == NoLink && (k.GCP.GoogleAPIs == PrivateAPIs || k.GCP.GoogleAPIs == RestrictedAPIs) {
		k.bad("gcp.googleApis", string(k.GCP.GoogleAPIs)+" takes a link, and gcp.link is none", "public, or gcp.link: ha-vpn")
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
			k.bad(p+".name", quote(s.Name)+" is there twice", "each name once")
		}
		switch {
		case s.Host == "":
		case len(s.Host) > 253 || !hostName.MatchString(s.Host):
			k.bad(p+".host", quote(s.Host)+" is no DNS name", "a DNS name in lower case such as api.example.com")
		case hosts[s.Host]:
			k.bad(p+".host", quote(s.Host)+" is there twice", "each host once, with all of its ports")
		}
		names[s.Name], hosts[s.Host] = true, true
		k.ports(p+".ports", s.Ports)
	}
}

func (k *checker) ports(list place, ports []int) {
	for i, port := range ports {
		switch {
		case port < 1 || port > 65535:
			k.bad(list.at(i), fmt.Sprintf("%d is no TCP port", port), "1 to 65535, for example 443")
		case slices.Contains(ports[:i], port):
			k.bad(list.at(i), fmt.Sprintf("%d is there twice", port), "each port once")
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
			k.bad(p, s.Address.String()+" is inside network.cidr, which is this region's own", "the service's address in GCP")
		case k.linked() && k.sound("gcp.ranges") && !slices.ContainsFunc(k.GCP.Ranges, inside):
			k.bad(p, s.Address.String()+" is in none of gcp.ranges, so that the link does not lead there", "an address inside "+either(texts(k.GCP.Ranges))+", or its range under gcp.ranges")
		}
	}
}
