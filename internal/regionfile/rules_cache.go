package regionfile

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

var cacheRules = []Rule{
	{
		On: "cache.instanceTypes",
		Says: "Lists EC2 instance types of one architecture that the region offers, each once. A type that only some " +
			"of the zones offer is a warning.",
		check: (*checker).checkCacheTypes,
	},
	{
		On:    "cache.volume",
		Says:  "size must be 1GiB to 64TiB, iops at most 500 per GiB, and throughput at most 0.25 MiB/s per IOPS.",
		check: (*checker).checkVolume,
	},
	{
		On: "cache.volume",
		Says: "iops or throughput above the limits of all instance types is a warning: the region would pay for it " +
			"without using it.",
		check: (*checker).checkVolumeAgainstTypes,
	},
	{
		On: "cache.shards",
		Says: "More than one shard requires two zones. Shards alternate between the first two zones and stay there, " +
			"because a volume cannot change its zone. A /20 network has addresses for 22 shards, a larger network for " +
			"all 32.",
		check: (*checker).checkShardsFit,
	},
	{
		On: "cache.pins",
		Says: "A tenant's name has 1 to 63 lower-case letters, digits, dots, hyphens and underscores. Shard numbers " +
			"start at 0. At most 50 pins, because the shard map must fit into one parameter of 4 KiB.",
		check: (*checker).checkPins,
	},
	{
		On:    "cache.seed.region",
		Says:  "Must name another region file that has a cache.",
		check: (*checker).checkSeed,
	},
}

func (k *checker) checkCacheTypes() {
	if k.Cache == nil {
		return
	}
	const list = keyPath("cache.instanceTypes")
	k.checkInstanceTypes(list, k.Cache.InstanceTypes)
	arch := ""
	for i, name := range k.Cache.InstanceTypes {
		t, known := ec2types.Lookup(name)
		switch {
		case !known:
		case arch == "":
			arch = t.Arch
		case t.Arch != arch:
			k.reportError(list.item(i), name+" is "+t.Arch+", and the types before it are "+arch,
				"types of one architecture: a server has one image")
		}
	}
}

// Ratios between the figures of gp3 volumes. Source: aws-sdk-go-v2, documentation of CreateVolume.
const (
	iopsPerGiB   = 500
	iopsPerMiBps = 4
)

func (k *checker) checkVolume() {
	if k.Cache == nil {
		return
	}
	const p = keyPath("cache.volume")
	v := k.Cache.Volume
	if v.Size < 1 || v.Size > maxVolume {
		k.reportError(p+".size", v.Size.String()+" is out of range for a volume", "1GiB to 64TiB, for example 2TiB")
	} else if most := int(v.Size) * iopsPerGiB; v.IOPS > most && k.areIntact(p+".size") {
		k.reportError(p+".iops", fmt.Sprintf("%d is more than 500 for each of %d GiB", v.IOPS, v.Size.GiB()),
			fmt.Sprintf("at most %d, or a larger volume", most))
	}
	if v.Throughput > v.IOPS/iopsPerMiBps && k.areIntact(p+".iops") {
		k.reportError(p+".throughput", fmt.Sprintf("%d MiB/s needs more than %d IOPS", v.Throughput, v.IOPS),
			fmt.Sprintf("at most %d, or iops of at least %d", v.IOPS/iopsPerMiBps, v.Throughput*iopsPerMiBps))
	}
}

func (k *checker) checkVolumeAgainstTypes() {
	if k.Cache == nil || !k.areIntact("cache.instanceTypes") {
		return
	}
	mibps, iops := 0, 0
	for _, name := range k.Cache.InstanceTypes {
		t, known := ec2types.Lookup(name)
		if !known {
			return
		}
		mibps = max(mibps, int(int64(t.EBSMaxMbps)*1_000_000/8/(1<<20)))
		iops = max(iops, t.EBSMaxIOPS)
	}
	const p = keyPath("cache.volume")
	if v := k.Cache.Volume; v.Throughput > mibps {
		k.reportWarning(p+".throughput", fmt.Sprintf("%d MiB/s is more than any of the instance types supports (%d)", v.Throughput, mibps),
			fmt.Sprintf("at most %d, or larger types", mibps))
	}
	if v := k.Cache.Volume; v.IOPS > iops {
		k.reportWarning(p+".iops", fmt.Sprintf("%d is more than any of the instance types supports (%d)", v.IOPS, iops),
			fmt.Sprintf("at most %d, or larger types", iops))
	}
}

// Package plan places shards alternately in the first two zones. Each zone's cache subnet reserves sixteen addresses for the
// shards' fixed addresses.
const (
	shardZones   = 2
	fixedInZone  = 16
	spareServers = 1 // a new server starts before the old server has stopped
)

func (k *checker) checkShardsFit() {
	cidr, zones := k.Network.CIDR, len(k.AWS.Zones)
	if k.Cache == nil || zones == 0 || !k.areIntact("network.cidr", "aws.zones") || !cidr.Addr().Is4() || cidr.Bits() > 20 {
		return
	}
	// The cache subnet is a 128th of the network. own is what remains for the servers' own addresses. In the smallest subnet,
	// a /27, the last address counts both as AWS's and as a fixed address. In larger subnets the difference has no effect.
	own := 1<<(32-cidr.Bits()-7) - (reservedAddresses - 1) - fixedInZone - spareServers
	room := shardZones * min(fixedInZone, own)
	switch n := k.Cache.Shards; {
	case n > 1 && zones < shardZones:
		k.reportError("cache.shards", fmt.Sprintf("%d shards need two zones, and aws.zones has one", n),
			"1, or a second zone in aws.zones: shards alternate between two zones, and a shard cannot change its zone later")
	case n > room && own < fixedInZone: // otherwise all 32 shards fit, and the key's own bound limits them
		k.reportError("cache.shards", fmt.Sprintf("%d servers do not fit: the cache subnets of %s have room for %d", n, cidr, room),
			"fewer shards or a larger network.cidr")
	}
}

// maxPins is the number of pins with the longest names that fit into the map's parameter beside the slots.
const maxPins = 50

var tenantPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

func (k *checker) checkPins() {
	if k.Cache == nil {
		return
	}
	if n := len(k.Cache.Pins); n > maxPins {
		k.reportError("cache.pins", fmt.Sprintf("has %d pins", n), fmt.Sprintf("at most %d: all other tenants are placed by hash", maxPins))
	}
	for tenant, shard := range k.Cache.Pins {
		p := keyPath("cache.pins").child(tenant)
		if !tenantPattern.MatchString(tenant) {
			k.reportError(p, "is not a valid tenant name", "1 to 63 lower-case letters, digits, dots, hyphens and underscores")
		}
		if n := k.Cache.Shards; (shard < 0 || shard >= n) && n > 0 && k.areIntact("cache.shards") {
			k.reportError(p, fmt.Sprintf("shard %d does not exist", shard), fmt.Sprintf("0 to %d", n-1))
		}
	}
}

func (k *checker) checkSeed() {
	if k.Cache == nil || k.Cache.Seed == nil || k.Cache.Seed.Region == "" {
		return
	}
	const p = keyPath("cache.seed.region")
	switch name := k.Cache.Seed.Region; {
	case name == k.Name:
		k.reportError(p, quoteValue(name)+" is this region itself", "the name of another region file, or no seed")
	case !namePattern.MatchString(name):
		k.reportError(p, quoteValue(name)+" is not the name of a region file", "the name without directory and .yaml, for example us-east-2")
	}
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
