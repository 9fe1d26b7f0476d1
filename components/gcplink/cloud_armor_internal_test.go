package gcplink

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// For any addresses and names, each address is one range, and the ranges are sorted.
func TestAdmitted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 4, 4), 1, MaxAdmitted).Draw(t, "addresses")
		addresses, want := map[string]string{}, map[string]bool{}
		for i, b := range bytes {
			text := netip.AddrFrom4([4]byte(b)).String()
			addresses[fmt.Sprint("nat-", i)], want[text+"/32"] = text, true
		}
		ranges, err := listRanges(addresses)
		if err != nil || len(ranges) != len(want) {
			t.Fatalf("%v, %v of %v", ranges, err, addresses)
		}
		for _, r := range ranges {
			if !want[r] {
				t.Fatalf("%s is none of %v", r, addresses)
			}
		}
		if !slices.IsSortedFunc(ranges, func(a, b string) int { return netip.MustParsePrefix(a).Compare(netip.MustParsePrefix(b)) }) {
			t.Fatalf("%v is not sorted", ranges)
		}
	})
}

func TestAdmittedRefusals(t *testing.T) {
	many := map[string]string{}
	for i := range MaxAdmitted + 1 {
		many[fmt.Sprint(i)] = fmt.Sprint("203.0.113.", i)
	}
	for what, c := range map[string]struct {
		addresses map[string]string
		want      string
	}{
		"none":        {nil, "no fixed addresses to let in"},
		"too many":    {many, "set network.addresses lower"},
		"a name":      {map[string]string{"a": "nat.example.com"}, `address a: "nat.example.com"; want an IPv4 address`},
		"a range":     {map[string]string{"a": "203.0.113.0/24"}, "want an IPv4 address"},
		"IPv6":        {map[string]string{"a": "2001:db8::1"}, "want an IPv4 address"},
		"no text yet": {map[string]string{"a": ""}, "want an IPv4 address"},
	} {
		if ranges, err := listRanges(c.addresses); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want %q", what, ranges, err, c.want)
		}
	}
}
