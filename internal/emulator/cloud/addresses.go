package cloud

import (
	"net/netip"
)

// PublicPool is the range of public addresses: the range for benchmarks (RFC 2544), which routes nowhere.
var PublicPool = netip.MustParsePrefix("198.18.0.0/15")

// NewAddress returns the next public address. Addresses repeat after 131,072.
func (c *Call) NewAddress() string {
	c.State.addresses++
	base := PublicPool.Addr().As4()
	n := c.State.addresses
	base[1] += byte(n >> 16 & 1)
	base[2], base[3] = byte(n>>8), byte(n)
	return netip.AddrFrom4(base).String()
}

// IsIPv4 reports whether a text is an IPv4 address.
func IsIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// IsPrivateASN reports whether an ASN is for private use (RFC 6996). Cloud Routers (docs/facts.md, section 2) and AWS's VPN gateways
// both require one.
func IsPrivateASN(asn float64) bool {
	return asn >= 64512 && asn <= 65534 || asn >= 4200000000 && asn <= 4294967294
}

// LinkLocal is the range of the inside addresses of tunnels.
var LinkLocal = netip.MustParsePrefix("169.254.0.0/16")
