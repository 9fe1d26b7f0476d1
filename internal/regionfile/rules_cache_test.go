package regionfile

import (
	"testing"
)

func TestCacheRules(t *testing.T) {
	checkRules(t, []ruleCase{
		{"shards", func(c *Config) { c.Cache.Shards = 33 }, []string{`:33: cache.shards: 33 is too large; want a whole number from 1 to 32`}},
		{"shards do not fit", func(c *Config) { c.Network.CIDR, c.Cache.Shards = mustPrefix("10.42.0.0/20"), 27 },
			[]string{`:33: cache.shards: 27 servers do not fit: the cache subnets of 10.42.0.0/20 have room for 22`}},
		{"shards in one zone", func(c *Config) { c.AWS.Zones = c.AWS.Zones[:1] },
			[]string{`:33: cache.shards: 4 shards need two zones, and aws.zones has one; want 1, or a second zone`}},
		{"too many pins", func(c *Config) { c.Cache.Pins = manyPins(51) }, []string{`cache.pins: has 51 pins; want at most 50`}},
		{"cache types of two architectures", func(c *Config) { c.Cache.InstanceTypes = []string{"m7g.4xlarge", "m7i.4xlarge"} },
			[]string{`cache.instanceTypes[1]: m7i.4xlarge is x86_64, and the types before it are arm64`}},
		{"cache type unknown", func(c *Config) { c.Cache.InstanceTypes[0] = "m7g.5xlarge" },
			[]string{`:34: cache.instanceTypes[0]: "m7g.5xlarge" is not a known EC2 instance type`}},
		{"no volume", func(c *Config) { c.Cache.Volume = Volume{} },
			[]string{`:35: cache.volume: is missing`, `cache.volume.size: 0GiB is out of range for a volume`}},
		{"volume too large", func(c *Config) { c.Cache.Volume.Size = 65 * TiB },
			[]string{`:35: cache.volume.size: 65TiB is out of range for a volume; want 1GiB to 64TiB`}},
		{"IOPS too low", func(c *Config) { c.Cache.Volume.IOPS = 2999; c.Cache.Volume.Throughput = 125 },
			[]string{`cache.volume.iops: 2999 is too small; want a whole number from 3000 to 80000`}},
		{"volume of the smallest size", func(c *Config) { c.Cache.Volume = Volume{Size: 1, IOPS: 3000, Throughput: 125} },
			[]string{`cache.volume.iops: 3000 is more than 500 for each of 1 GiB; want at most 500, or a larger volume`}},
		{"IOPS for the size", func(c *Config) { c.Cache.Volume = Volume{Size: 10, IOPS: 5001, Throughput: 125} },
			[]string{`cache.volume.iops: 5001 is more than 500 for each of 10 GiB; want at most 5000, or a larger volume`}},
		{"throughput too high", func(c *Config) { c.Cache.Volume.Throughput, c.Cache.Volume.IOPS = 2001, 40000 },
			[]string{`cache.volume.throughput: 2001 is too large; want a whole number from 125 to 2000`}},
		{"throughput for the IOPS", func(c *Config) { c.Cache.Volume.IOPS = 3999 },
			[]string{`cache.volume.throughput: 1000 MiB/s needs more than 3999 IOPS; want at most 999, or iops of at least 4000`}},
		{"pin to no shard", func(c *Config) { c.Cache.Pins = map[string]int{"acme": 4} },
			[]string{`:37: cache.pins.acme: shard 4 does not exist; want 0 to 3`}},
		{"pin to a negative shard", func(c *Config) { c.Cache.Pins = map[string]int{"acme": -1} },
			[]string{`cache.pins.acme: shard -1 does not exist`}},
		{"pin of an odd name", func(c *Config) { c.Cache.Pins = map[string]int{"../etc": 1} },
			[]string{`cache.pins["../etc"]: is not a valid tenant name`}},
		{"seed from itself", func(c *Config) { c.Cache.Seed.Region = "us-west-1" },
			[]string{`:36: cache.seed.region: "us-west-1" is this region itself`}},
		{"seed from a path", func(c *Config) { c.Cache.Seed.Region = "../us-east-2.yaml" },
			[]string{`cache.seed.region: "../us-east-2.yaml" is not the name of a region file`}},
	})
}
