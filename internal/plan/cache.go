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
	// Map is the table of tenants and shards, and MapParameter the parameter that its document goes to.
	Map          shardmap.Table `json:"map"`
	MapParameter string         `json:"mapParameter"`
	// InstanceTypes are those of the servers, best first, all of one architecture.
	InstanceTypes []string        `json:"instanceTypes"`
	Arch          regionfile.Arch `json:"arch"`
	// ImageParameter is the public parameter that holds the id of the newest image.
	ImageParameter string `json:"imageParameter"`
	// Threads counts the NFS server's threads.
	Threads int    `json:"threads"`
	Volume  Volume `json:"volume"`
	// Seed is the region file whose snapshots the volumes start from; empty: they start empty.
	Seed string `json:"seed,omitempty"`
	// CopyTo is where the daily snapshots are copied to: the regions that seed from this one.
	CopyTo []CopyTarget `json:"copyTo,omitempty"`
	// HashPort is the TCP port of the hash-equivalence server on shard 0.
	HashPort int `json:"hashPort"`
	// Clients are the ranges that reach NFS and the hash-equivalence server: the runner subnets and nothing else.
	Clients []netip.Prefix `json:"clients"`
	// Reserved are the blocks of the cache subnets that AWS must not give to servers, since fixed addresses come from them.
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

// CopyTarget is a region that gets copies of the snapshots.
type CopyTarget struct {
	// Name is the region file's and Region the AWS region's.
	Name   string `json:"name"`
	Region string `json:"region"`
}

// Reservation is a block of a zone's cache subnet.
type Reservation struct {
	Zone  string       `json:"zone"`
	Block netip.Prefix `json:"block"`
}

// Shard is one server of the cache with what outlives it. Everything in it depends on the shard's number alone.
type Shard struct {
	Number int `json:"number"`
	// Name keys the shard's resources: cache-shard-00.
	Name string `json:"name"`
	Zone string `json:"zone"`
	// Address is the fixed one of the shard's network interface, and Host the DNS name that leads to it.
	Address netip.Addr `json:"address"`
	Host    string     `json:"host"`
	// MovedParameter is where the server says what it has copied from where it was before.
	MovedParameter string `json:"movedParameter"`
}

// shardZones is how many zones hold shards: the first two, by turns.
//
// A volume cannot change its zone, so neither a new shard nor a new zone may change the zone of a shard that is there. Refused: the
// shard modulo all zones, which moves most shards when a zone is added; all shards in the first zone, where one zone without power
// takes the whole cache with it; and a zone written beside each shard in the file, which a tired person would have to get right. The
// price is that the third zone on reads across zones, and that several shards take two zones from the start: with one zone, a second
// one would come too late for them.
const shardZones = 2

// The fixed addresses are a /28 of the cache subnet, aligned so that it can be reserved: hosts 16 to 31, clear of the first four, which
// AWS keeps, and of what servers get by themselves. In the smallest subnet, a /27, the last of them is AWS's too; the rules for
// cache.shards stay below it.
const (
	shardBlockHost = 16
	shardBlockBits = 28
)

// buildCache plans the cache; nil without one. Others are the region files that may seed from this one.
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
	// The best type decides: it is the one that a server mostly has. Its architecture is every type's.
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

// placeShards gives each shard its zone, address and names.
func (c *Cache) placeShards(n Network) error {
	zones := n.Zones[:min(shardZones, len(n.Zones))]
	if c.Map.ShardCount() > 1 && len(zones) < shardZones {
		return fmt.Errorf("%d shards need two zones, and aws.zones has one; want a second zone: a shard stays in its first zone", c.Map.ShardCount())
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

// hashPort is the port by which bitbake's own hash-equivalence server is known. The agent has the same; what fails if the two differ is a test.
const hashPort = 8686

// nfsThreads is the count for a server with so many processors: four for each, at least 8, at most 256. Source: AWS ParallelCluster,
// which came to it after too few threads refused connections of a thousand clients.
func nfsThreads(vCPU int) int { return min(256, max(8, 4*vCPU)) }

// listCopyTargets lists the regions whose caches are seeded from the named one, by name. One whose AWS region is the same file's own
// is listed too: the copy is then within the region.
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
