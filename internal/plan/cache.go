package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// Cache is the plan of a region's sharded NFS cache.
type Cache struct {
	// Domain is the private DNS zone of the shards' names.
	Domain string `json:"domain"`
	// Map is the shard map. MapParameter is the parameter that stores its document.
	Map          shardmap.Table `json:"map"`
	MapParameter string         `json:"mapParameter"`
	// InstanceTypes are the servers' types, best first, all of one architecture.
	InstanceTypes []string        `json:"instanceTypes"`
	Arch          regionfile.Arch `json:"arch"`
	// ImageParameter is the public parameter that contains the id of the newest image.
	ImageParameter string `json:"imageParameter"`
	// Threads is the number of threads of the NFS server.
	Threads int    `json:"threads"`
	Volume  Volume `json:"volume"`
	// Seed is the region file whose snapshots the volumes start from. Empty means that they start empty.
	Seed string `json:"seed,omitempty"`
	// CopyTo lists the regions that receive copies of the daily snapshots: those that are seeded from this region.
	CopyTo []CopyTarget `json:"copyTo,omitempty"`
	// HashPort is the TCP port of the hash-equivalence server on shard 0.
	HashPort int `json:"hashPort"`
	// Clients are the only ranges that can reach NFS and the hash-equivalence server: the runner subnets.
	Clients []netip.Prefix `json:"clients"`
	// Reserved are the blocks of the cache subnets for fixed addresses. AWS must not assign their addresses to servers.
	Reserved []Reservation `json:"reserved"`
	Shards   []Shard       `json:"shards"`
}

// Volume is the gp3 data volume of each shard.
type Volume struct {
	SizeGiB int `json:"sizeGiB"`
	IOPS    int `json:"iops"`
	// Throughput is in MiB/s.
	Throughput int `json:"throughput"`
}

// CopyTarget is a region that receives copies of the snapshots.
type CopyTarget struct {
	// Name is the name of the region file. Region is the AWS region.
	Name   string `json:"name"`
	Region string `json:"region"`
}

// Reservation is a reserved block of a zone's cache subnet.
type Reservation struct {
	Zone  string       `json:"zone"`
	Block netip.Prefix `json:"block"`
}

// Shard is one part of the cache: its server, and the volume, interface and names that outlive the server. All fields depend
// only on the shard's number.
type Shard struct {
	Number int `json:"number"`
	// Name is the key of the shard's resources: cache-shard-00.
	Name string `json:"name"`
	Zone string `json:"zone"`
	// Address is the fixed address of the shard's network interface. Host is the DNS name of that address.
	Address netip.Addr `json:"address"`
	Host    string     `json:"host"`
	// MovedParameter is the parameter in which the server records what it has copied from other shards.
	MovedParameter string `json:"movedParameter"`
}

// shardZones is the number of zones with shards. Shards alternate between the first two zones.
//
// A volume cannot change its zone, so a new shard or zone must not change the zone of an existing shard. Refused: the shard
// number modulo all zones, because a new zone would move most shards. Refused: all shards in the first zone, because a power
// failure in one zone would take down the whole cache. Refused: a zone for each shard in the region file, because a tired
// operator would have to get it right. The costs of two zones: machines in a third zone read across zones, and several shards
// require two zones from the start, because a zone that is added later would be too late for them.
const shardZones = 2

// The fixed addresses are an aligned /28 of the cache subnet, so that AWS can reserve it: hosts 16 to 31. They do not touch
// the first four hosts, which AWS reserves, or the servers' own addresses. In the smallest subnet, a /27, AWS also reserves
// the last host of the block. The rule for cache.shards accounts for that.
const (
	shardBlockHost = 16
	shardBlockBits = 28
)

// buildCache returns the plan of the cache, or nil for a region without a cache. others are the region files that may be
// seeded from this one.
func buildCache(c *regionfile.Config, n Network, others []*regionfile.Config) (*Cache, error) {
	if c.Cache == nil {
		return nil, nil
	}
	table, err := shardmap.New(c.Cache.Shards, c.Cache.Pins)
	if err != nil {
		return nil, err
	}
	types, err := lookUpWeights(c.Cache.InstanceTypes)
	if err != nil {
		return nil, err
	}
	// Use the best type, which most servers have. All types have its architecture.
	first, _ := ec2types.Lookup(types[0].Name)
	v := c.Cache.Volume
	cache := &Cache{
		Domain: "cache." + c.Name + ".beachhead.internal",
		Map:    table, MapParameter: "/beachhead/" + c.Name + "/cache/map",
		InstanceTypes: c.Cache.InstanceTypes, Arch: regionfile.Arch(first.Arch), ImageParameter: imageParameters[regionfile.Arch(first.Arch)],
		Threads: nfsThreads(first.VCPU), HashPort: hashPort,
		Volume: Volume{SizeGiB: v.Size.GiB(), IOPS: v.IOPS, Throughput: v.Throughput},
		CopyTo: listCopyTargets(c.Name, others), Clients: n.listRunnerRanges(),
	}
	if c.Cache.Seed != nil {
		cache.Seed = c.Cache.Seed.Region
	}
	if err := cache.placeShards(n); err != nil {
		return nil, err
	}
	_, err = cache.Map.MarshalDocument()
	return cache, err
}

// placeShards assigns a zone, an address and names to each shard.
func (c *Cache) placeShards(n Network) error {
	zones := n.Zones[:min(shardZones, len(n.Zones))]
	if c.Map.ShardCount() > 1 && len(zones) < shardZones {
		return fmt.Errorf("%d shards need two zones, and aws.zones has one; want a second zone: a shard stays in its first zone",
			c.Map.ShardCount())
	}
	var blocks []netip.Prefix
	for _, z := range zones {
		block := netip.PrefixFrom(addressAfter(z.Subnets[CacheTier].Addr(), shardBlockHost), shardBlockBits)
		c.Reserved, blocks = append(c.Reserved, Reservation{Zone: z.Name, Block: block}), append(blocks, block)
	}
	c.Map = c.Map.WithBlocks(blocks...)
	for number := range c.Map.ShardCount() {
		r := c.Reserved[number%len(zones)]
		c.Shards = append(c.Shards, Shard{
			Number: number, Name: fmt.Sprintf("cache-shard-%02d", number), Zone: r.Zone,
			Address: c.Map.ShardAddress(number), Host: fmt.Sprintf("shard-%02d.%s", number, c.Domain),
			MovedParameter: shardmap.MovedParameter(c.MapParameter, number),
		})
	}
	return nil
}

// hashPort is the usual port of bitbake's hash-equivalence server. The agent has the same constant. A test fails if the two
// differ.
const hashPort = 8686

// nfsThreads returns the number of NFS threads for a server with vCPU processors: four per processor, at least 8 and at most
// 256. Source: AWS ParallelCluster, which chose it after too few threads had refused the connections of a thousand clients.
func nfsThreads(vCPU int) int { return min(256, max(8, 4*vCPU)) }

// listCopyTargets returns the regions whose caches are seeded from the named region, sorted by name. A target in the same AWS
// region is a copy within the region.
func listCopyTargets(name string, others []*regionfile.Config) []CopyTarget {
	var targets []CopyTarget
	for _, o := range others {
		if o.Cache != nil && o.Cache.Seed != nil && o.Cache.Seed.Region == name && o.Name != name {
			targets = append(targets, CopyTarget{Name: o.Name, Region: o.AWS.Region})
		}
	}
	slices.SortFunc(targets, func(a, b CopyTarget) int { return strings.Compare(a.Name, b.Name) })
	return targets
}
