package regionfile

import (
	"net/netip"
	"slices"
)

// suggestNetwork suggests a network of the given size that meets none of the taken ones: the first from 10.0.0.0/16 on, by /16s. It
// gives words when there is none.
func suggestNetwork(bits int, taken []netip.Prefix) string {
	for second := range 256 {
		wide := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second), 0, 0}), 16)
		if !slices.ContainsFunc(taken, wide.Overlaps) {
			return netip.PrefixFrom(wide.Addr(), max(min(bits, 20), 16)).String()
		}
	}
	return "a range inside 172.16.0.0/12"
}
