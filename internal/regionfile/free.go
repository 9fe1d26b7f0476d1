package regionfile

import (
	"net/netip"
	"slices"
)

// suggestNetwork returns the first network of the given size from 10.0.0.0/16 on, in steps of /16, that overlaps no taken
// network. If it finds none, it returns a description in words.
func suggestNetwork(bits int, taken []netip.Prefix) string {
	for second := range 256 {
		wide := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second), 0, 0}), 16)
		if !slices.ContainsFunc(taken, wide.Overlaps) {
			return netip.PrefixFrom(wide.Addr(), max(min(bits, 20), 16)).String()
		}
	}
	return "a range inside 172.16.0.0/12"
}
