package gcplink

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"pgregory.net/rapid"
)

// label is the form of names in RFC 1035, as GCP accepts it.
var label = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

func TestNamesAreWhatGCPTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9._-]{0,80}`))
		a := rapid.SliceOfN(part, 0, 4).Draw(t, "parts")
		b := rapid.SliceOfN(part, 0, 4).Draw(t, "other parts")
		name := joinName(a...)
		if !label.MatchString(name) {
			t.Fatalf("%q is no name", name)
		}
		// Only parts that are equal when joined have the same name.
		if strings.Join(a, "-") != strings.Join(b, "-") && name == joinName(b...) {
			t.Fatalf("%q and %q are both %s", a, b, name)
		}
	})
}

// The names are fixed for ever: with another name, GCP's resource is replaced.
func TestNames(t *testing.T) {
	long := strings.Repeat("long-", 12)
	for want, parts := range map[string][]string{
		"beachhead-us-west-1-tunnel-0":                                    {"beachhead-us-west-1", "tunnel", "0"},
		"long-long-long-long-long-long-long-long-long-long-long-ca379c75": {long, "tunnel", "0"},
		"long-long-long-long-long-long-long-long-long-long-long-90e70326": {long, "tunnel", "1"},
		"x-1a-a73fcf33": {"1a"},
	} {
		if got := joinName(parts...); got != want {
			t.Errorf("%v is named %s, want %s", parts, got, want)
		}
	}
}

func TestInterfacesAreTakenByNumber(t *testing.T) {
	number := func(n int) *int { return &n }
	address := func(s string) *string { return &s }
	backwards := []compute.HaVpnGatewayVpnInterface{
		{Id: number(1), IpAddress: address("35.0.0.2")}, {Id: number(0), IpAddress: address("35.0.0.1")},
	}
	if got, err := findInterfaceAddress(backwards, 0); err != nil || got != "35.0.0.1" {
		t.Errorf("interface 0 has %q, %v", got, err)
	}
	for name, all := range map[string][]compute.HaVpnGatewayVpnInterface{
		"none": nil, "no such": backwards[:1], "no address": {{Id: number(0)}}, "no number": {{IpAddress: address("35.0.0.1")}},
	} {
		if got, err := findInterfaceAddress(all, 0); err == nil {
			t.Errorf("%s: %q, want an error and no panic", name, got)
		}
	}
}
