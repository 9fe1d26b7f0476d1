package plan

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// configWithCache returns a valid region with a cache. Tests edit it.
func configWithCache(shards int, edit func(*regionfile.Config)) *regionfile.Config {
	return newConfig(func(c *regionfile.Config) {
		c.Cache = &regionfile.Cache{
			Shards: shards, InstanceTypes: []string{"m7g.4xlarge", "m6g.4xlarge"},
			Volume: regionfile.Volume{Size: 2 * regionfile.TiB, IOPS: 8000, Throughput: 1000}, Pins: map[string]int{"acme": 0},
		}
		if edit != nil {
			edit(c)
		}
	})
}

func buildCacheOf(t rapid.TB, c *regionfile.Config, others ...*regionfile.Config) (*Cache, Network) {
	t.Helper()
	p, err := Build(c, others...)
	if err != nil {
		t.Fatal(err)
	}
	return p.Cache, p.Network
}

func TestCache(t *testing.T) {
	c, _ := buildCacheOf(t, configWithCache(3, func(c *regionfile.Config) { c.Cache.Seed = &regionfile.Seed{Region: "us-east-2"} }))
	want := []Shard{
		{0, "cache-shard-00", "us-west-2a", netip.MustParseAddr("10.42.224.16"), "shard-00.cache.us-west-2.beachhead.internal",
			"/beachhead/us-west-2/cache/moved/00"},
		{1, "cache-shard-01", "us-west-2b", netip.MustParseAddr("10.42.226.16"), "shard-01.cache.us-west-2.beachhead.internal",
			"/beachhead/us-west-2/cache/moved/01"},
		{2, "cache-shard-02", "us-west-2a", netip.MustParseAddr("10.42.224.17"), "shard-02.cache.us-west-2.beachhead.internal",
			"/beachhead/us-west-2/cache/moved/02"},
	}
	if !slices.Equal(c.Shards, want) {
		t.Errorf("shards\n%v\nwant\n%v", c.Shards, want)
	}
	if c.Volume != (Volume{SizeGiB: 2048, IOPS: 8000, Throughput: 1000}) || c.Threads != 64 || c.Arch != regionfile.ARM64 {
		t.Errorf("volume %+v, %d threads, %s", c.Volume, c.Threads, c.Arch)
	}
	if c.MapParameter != "/beachhead/us-west-2/cache/map" ||
		c.ImageParameter != "/aws/service/debian/release/12/latest/arm64" || c.Seed != "us-east-2" {
		t.Errorf("map in %s, image in %s, seed %q", c.MapParameter, c.ImageParameter, c.Seed)
	}
}

func TestNoCache(t *testing.T) {
	p := mustBuild(t, nil)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if p.Cache != nil || p.Link != nil || strings.Contains(string(text), `"cache":{`) || strings.Contains(string(text), `"link":{`) {
		t.Errorf("a region without cache and link has the plan %s", text)
	}
}

func TestNFSThreads(t *testing.T) {
	for vCPU, want := range map[int]int{1: 8, 2: 8, 4: 16, 16: 64, 64: 256, 192: 256} {
		if got := nfsThreads(vCPU); got != want {
			t.Errorf("%d threads for %d vCPUs, want %d", got, vCPU, want)
		}
	}
}

// drawCached draws a region with two to five zones, and with a cache of as many shards as its network has room for.
func drawCached(t *rapid.T) *regionfile.Config {
	bits := rapid.IntRange(16, 20).Draw(t, "bits")
	most := shardmap.MaxShards
	if bits == 20 {
		most = 22
	}
	zones := rapid.IntRange(2, MaxZones-1).Draw(t, "zones")
	return configWithCache(rapid.IntRange(1, most).Draw(t, "shards"), func(c *regionfile.Config) {
		c.Network.CIDR = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 255).Draw(t, "second")), 0, 0}), bits)
		c.AWS.Region, c.AWS.Zones = "us-east-1", []string{"us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1e"}[:zones]
	})
}

// The fixed addresses differ. Each is in the cache subnet of its shard's zone and in the reserved block, and none is one of
// the five addresses that AWS reserves. The rest of the subnet has an address for every server and for one server that is
// being replaced.
func TestShardAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, n := buildCacheOf(t, drawCached(t))
		seen := map[netip.Addr]bool{}
		for _, s := range c.Shards {
			zone := n.Zones[slices.IndexFunc(n.Zones, func(z Zone) bool { return z.Name == s.Zone })]
			block := c.Reserved[slices.IndexFunc(c.Reserved, func(r Reservation) bool { return r.Zone == s.Zone })].Block
			sub := zone.Subnets[CacheTier]
			last := addressAfter(sub.Addr(), 1<<(32-sub.Bits())-1)
			if seen[s.Address] || !block.Contains(s.Address) || block != block.Masked() || !sub.Contains(block.Addr()) || block.Bits() < sub.Bits() {
				t.Fatalf("%+v, block %s, subnet %s; taken %v", s, block, sub, seen)
			}
			if s.Address.Compare(addressAfter(sub.Addr(), 4)) < 0 || s.Address == last {
				t.Fatalf("%s in %s is kept by AWS", s.Address, sub)
			}
			seen[s.Address] = true
		}
		for _, r := range c.Reserved {
			servers := 0
			for _, s := range c.Shards {
				if s.Zone == r.Zone {
					servers++
				}
			}
			size := 1 << (32 - n.Zones[0].Subnets[CacheTier].Bits())
			if free := size - 4 - 16; servers+1 > free {
				t.Fatalf("%d servers in a subnet of %d addresses", servers, size)
			}
		}
	})
}

// A further shard or zone changes no existing shard and no reserved block.
func TestAddingAShardOrAZoneMovesNoShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		config := drawCached(t)
		before, _ := buildCacheOf(t, config)
		if config.Cache.Shards < shardmap.MaxShards {
			config.Cache.Shards++
			grown, _ := buildCacheOf(t, config)
			if !slices.Equal(grown.Shards[:len(before.Shards)], before.Shards) || !slices.Equal(grown.Reserved, before.Reserved) {
				t.Fatalf("a shard more: %v became %v", before.Shards, grown.Shards)
			}
			config.Cache.Shards--
		}
		config.AWS.Zones = append(slices.Clone(config.AWS.Zones), "us-east-1f")
		wider, _ := buildCacheOf(t, config)
		if !slices.Equal(wider.Shards, before.Shards) || !slices.Equal(wider.Reserved, before.Reserved) {
			t.Fatalf("a zone more: %v became %v", before.Shards, wider.Shards)
		}
	})
}

// A region with one zone has one shard. The shard stays in its zone when a second zone is added.
func TestOneZoneHasOneShard(t *testing.T) {
	one, _ := buildCacheOf(t, configWithCache(1, func(c *regionfile.Config) { c.AWS.Zones = c.AWS.Zones[:1] }))
	two, _ := buildCacheOf(t, configWithCache(2, func(c *regionfile.Config) { c.AWS.Zones = c.AWS.Zones[:2] }))
	if one.Shards[0] != two.Shards[0] {
		t.Errorf("the shard moved from %+v to %+v", one.Shards[0], two.Shards[0])
	}
	_, err := Build(configWithCache(2, func(c *regionfile.Config) { c.AWS.Zones = c.AWS.Zones[:1] }))
	if err == nil || !strings.Contains(err.Error(), "us-west-2: 2 shards need two zones, and aws.zones has one; want a second zone") {
		t.Errorf("two shards in one zone: %v", err)
	}
}

func TestCopyTargets(t *testing.T) {
	other := func(name, region, seed string) *regionfile.Config {
		return configWithCache(1, func(c *regionfile.Config) {
			c.Name, c.AWS.Region, c.Cache.Seed = name, region, &regionfile.Seed{Region: seed}
		})
	}
	mine := configWithCache(1, nil)
	c, _ := buildCacheOf(t, mine, other("us-west-1", "us-west-1", "us-west-2"), mine, other("eu", "eu-west-1", "us-west-1"), newConfig(nil),
		other("drill", "us-east-2", "us-west-2"))
	if want := []CopyTarget{{"drill", "us-east-2"}, {"us-west-1", "us-west-1"}}; !reflect.DeepEqual(c.CopyTo, want) {
		t.Errorf("copies to %v, want %v", c.CopyTo, want)
	}
}

func TestCacheRefuses(t *testing.T) {
	for name, edit := range map[string]func(*regionfile.Config){
		"an unknown type": func(c *regionfile.Config) { c.Cache.InstanceTypes = []string{"m99.large"} },
		"no types":        func(c *regionfile.Config) { c.Cache.InstanceTypes = nil },
		"a pin beyond":    func(c *regionfile.Config) { c.Cache.Pins = map[string]int{"acme": 4} },
		"no shards":       func(c *regionfile.Config) { c.Cache.Shards = 0 },
	} {
		if _, err := Build(configWithCache(4, edit)); err == nil || !strings.Contains(err.Error(), "the cache of us-west-2: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
