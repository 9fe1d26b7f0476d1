package plan

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// newConfig returns a valid region. Tests edit it.
func newConfig(edit func(*regionfile.Config)) *regionfile.Config {
	c := &regionfile.Config{
		Name:    "us-west-2",
		AWS:     regionfile.AWS{Account: "210987654321", Region: "us-west-2", Zones: []string{"us-west-2a", "us-west-2b", "us-west-2c"}},
		Network: regionfile.Network{CIDR: netip.MustParsePrefix("10.42.0.0/16"), Egress: regionfile.NATGatewayPerZone},
		Tags:    map[string]string{"cost-center": "ci"},
	}
	if edit != nil {
		edit(c)
	}
	c.Default()
	return c
}

func mustBuild(t *testing.T, edit func(*regionfile.Config)) *Plan {
	t.Helper()
	p, err := Build(newConfig(edit))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The gateways, instances, routes, addresses and endpoints of each egress mode, alone and with a kept mode.
func TestEgress(t *testing.T) {
	cases := []struct {
		name                         string
		egress                       regionfile.Egress
		keep                         []regionfile.Egress
		gateways, instances          int
		runner, cache                Route // of the second zone
		tier                         Tier
		internet                     bool
		addresses, interfaceServices int
	}{
		{"per zone", regionfile.NATGatewayPerZone, nil, 3, 0, Route{ViaNATGateway, "us-west-2b"}, Route{ViaNATGateway, "us-west-2b"},
			PrivateTier, true, 3, 0},
		{"single", regionfile.NATGateway, nil, 1, 0, Route{ViaNATGateway, "us-west-2a"}, Route{ViaNATGateway, "us-west-2a"}, PrivateTier, true,
			1, 0},
		{"instance", regionfile.NATInstance, nil, 0, 3, Route{ViaNATInstance, "us-west-2b"}, Route{ViaNATInstance, "us-west-2b"}, PrivateTier,
			true, 3, 0},
		{"public", regionfile.Public, nil, 0, 0, Route{Kind: NoRoute}, Route{Kind: ViaInternet}, PublicTier, true, 0, 0},
		{"none", regionfile.None, nil, 0, 0, Route{Kind: NoRoute}, Route{Kind: NoRoute}, PrivateTier, false, 0, 7},
		{
			"public, per zone kept", regionfile.Public, []regionfile.Egress{regionfile.NATGatewayPerZone}, 3, 0,
			Route{ViaNATGateway, "us-west-2b"}, Route{ViaNATGateway, "us-west-2b"}, PublicTier, true, 3, 0,
		},
		{
			"public, none and instance kept", regionfile.Public, []regionfile.Egress{regionfile.None, regionfile.NATInstance}, 0, 3,
			Route{ViaNATInstance, "us-west-2b"}, Route{ViaNATInstance, "us-west-2b"}, PublicTier, true, 3, 7,
		},
		{
			"none, single kept: the gateway stays, no route leads to it", regionfile.None, []regionfile.Egress{regionfile.NATGateway}, 1, 0,
			Route{Kind: NoRoute}, Route{Kind: NoRoute}, PrivateTier, true, 1, 7,
		},
		{
			"single and per zone share the first gateway", regionfile.NATGateway, []regionfile.Egress{regionfile.NATGatewayPerZone}, 3, 0,
			Route{ViaNATGateway, "us-west-2a"}, Route{ViaNATGateway, "us-west-2a"}, PrivateTier, true, 3, 0,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := mustBuild(t, func(f *regionfile.Config) { f.Network.Egress, f.Network.Keep = c.egress, c.keep })
			gateways, instances := 0, 0
			for _, z := range p.Network.Zones {
				if z.NATAddresses > 0 {
					gateways++
				}
				if z.NATInstance != nil {
					instances++
				}
			}
			if gateways != c.gateways || instances != c.instances {
				t.Errorf("%d gateways and %d instances, want %d and %d", gateways, instances, c.gateways, c.instances)
			}
			if z := p.Network.Zones[1]; z.RunnerRoute != c.runner || z.CacheRoute != c.cache {
				t.Errorf("routes %v and %v, want %v and %v", z.RunnerRoute, z.CacheRoute, c.runner, c.cache)
			}
			if p.Network.FleetTier != c.tier || p.Network.Internet != c.internet {
				t.Errorf("tier %s, internet %t, want %s, %t", p.Network.FleetTier, p.Network.Internet, c.tier, c.internet)
			}
			if got := neededQuota(p, "L-0263D0A3"); got != c.addresses {
				t.Errorf("%d addresses needed, want %d", got, c.addresses)
			}
			if got := len(p.Network.InterfaceEndpoints); got != c.interfaceServices {
				t.Errorf("%d interface endpoints, want %d", got, c.interfaceServices)
			}
		})
	}
}

func neededQuota(p *Plan, code string) int {
	i := slices.IndexFunc(p.Quotas, func(q Quota) bool { return q.Code == code })
	return p.Quotas[i].Needed
}

func TestAddressesPerGateway(t *testing.T) {
	p := mustBuild(t, func(c *regionfile.Config) { c.Network.Addresses = 2 })
	q := p.Quotas[slices.IndexFunc(p.Quotas, func(q Quota) bool { return q.Code == "L-0263D0A3" })]
	if q.Needed != 6 || !q.ExceedsDefault() {
		t.Errorf("three gateways with two addresses each: %+v, want 6 needed, which exceeds the default", q)
	}
}

// A new zone changes nothing in the plan of the existing zones: names, subnets, routes.
func TestAddingAZoneMovesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, MaxZones-1).Draw(t, "zones")
		egress := regionfile.Egress(rapid.SampledFrom(regionfile.Egress("").Values()).Draw(t, "egress"))
		zones := func(n int) *Plan {
			p, err := Build(newConfig(func(c *regionfile.Config) {
				c.AWS.Region, c.AWS.Zones, c.Network.Egress = "us-east-1", nil, egress
				for i := range n {
					c.AWS.Zones = append(c.AWS.Zones, "us-east-1"+string(rune('a'+i)))
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		before, after := zones(count), zones(count+1)
		one, err := json.Marshal(before.Network.Zones)
		if err != nil {
			t.Fatal(err)
		}
		two, err := json.Marshal(after.Network.Zones[:count])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) {
			t.Fatalf("adding a zone moved something:\n%s\n%s", one, two)
		}
	})
}

// The subnets of a network of any size and number of zones are inside it, do not overlap, and are not smaller than AWS
// allows.
func TestSubnetsFitAndAreDisjoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(16, 20).Draw(t, "bits")
		base := netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 255).Draw(t, "second")), byte(rapid.IntRange(0, 255).Draw(t, "third")), 0})
		network := netip.PrefixFrom(base, bits).Masked()
		var all []netip.Prefix
		for ordinal := range MaxZones {
			for _, tier := range Tiers {
				block, err := cutSubnet(network, tier, ordinal)
				if err != nil {
					t.Fatal(err)
				}
				if block != block.Masked() || !network.Contains(block.Addr()) || block.Bits() <= bits || block.Bits() > 28 {
					t.Fatalf("%s subnet %s of zone %d does not fit in %s", tier, block, ordinal, network)
				}
				for _, other := range all {
					if block.Overlaps(other) {
						t.Fatalf("%s overlaps %s in %s", block, other, network)
					}
				}
				all = append(all, block)
			}
		}
	})
}

func TestSubnetRefuses(t *testing.T) {
	for name, try := range map[string]func() (netip.Prefix, error){
		"a seventh zone":     func() (netip.Prefix, error) { return cutSubnet(netip.MustParsePrefix("10.0.0.0/16"), CacheTier, 6) },
		"a small network":    func() (netip.Prefix, error) { return cutSubnet(netip.MustParsePrefix("10.0.0.0/21"), CacheTier, 0) },
		"an unknown tier":    func() (netip.Prefix, error) { return cutSubnet(netip.MustParsePrefix("10.0.0.0/16"), "cellar", 0) },
		"an IPv6 network":    func() (netip.Prefix, error) { return cutSubnet(netip.MustParsePrefix("fd00::/16"), CacheTier, 0) },
		"a negative ordinal": func() (netip.Prefix, error) { return cutSubnet(netip.MustParsePrefix("10.0.0.0/16"), CacheTier, -1) },
	} {
		if got, err := try(); err == nil {
			t.Errorf("%s was given %s", name, got)
		}
	}
}

// The same file produces the same bytes, whatever the order of maps.
func TestSameBytes(t *testing.T) {
	first, err := json.Marshal(mustBuild(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := json.Marshal(mustBuild(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Fatalf("two plans of one file differ:\n%s\n%s", first, again)
		}
	}
}

func TestTagsNameTheStack(t *testing.T) {
	p := mustBuild(t, nil)
	if p.Tags[StackTag] != "us-west-2" || p.Tags["cost-center"] != "ci" {
		t.Errorf("tags %v lack the stack's or the user's", p.Tags)
	}
}

func TestNATInstanceTypeIsOffered(t *testing.T) {
	p := mustBuild(t, func(c *regionfile.Config) {
		c.AWS.Region, c.AWS.Zones, c.Network.Egress = "us-west-1", []string{"us-west-1a", "us-west-1c"}, regionfile.NATInstance
	})
	if got := p.Network.Zones[0].NATInstance.InstanceType; got != "c6gn.medium" {
		t.Errorf("us-west-1a, which does not offer c7gn.medium, gets %s", got)
	}
	if got := p.Network.Zones[1].NATInstance.InstanceType; got != "t4g.medium" {
		t.Errorf("a zone letter that the offline data does not know gets %s, want the type that is offered everywhere", got)
	}
	if _, err := Build(newConfig(func(c *regionfile.Config) {
		c.AWS.Zones, c.Network.Egress = []string{"xx-nowhere-1a"}, regionfile.NATInstance
	})); err == nil || !strings.Contains(err.Error(), "xx-nowhere-1a") {
		t.Errorf("a zone of no region: %v", err)
	}
}

func BenchmarkBuild(b *testing.B) {
	c := newConfig(nil)
	for b.Loop() {
		if _, err := Build(c); err != nil {
			b.Fatal(err)
		}
	}
}
