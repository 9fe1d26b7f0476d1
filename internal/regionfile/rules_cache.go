package regionfile

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

var cacheRules = []Rule{
	{"cache.instanceTypes", "Types that EC2 has, each once, all of one architecture, and offered in the region. One that only some of the zones offer is a warning.", (*checker).cacheTypes},
	{"cache.volume", "1GiB to 64TiB; iops at most 500 for each GiB; throughput at most a quarter MiB/s for each of iops.", (*checker).volume},
	{"cache.volume", "iops or throughput that none of the instance types can carry is a warning: it is paid for and never seen.", (*checker).carried},
	{"cache.shards", "More than one shard takes two zones: shards alternate between the first two and stay there, since a volume cannot change its zone. A network of /20 has addresses for 22 shards, a larger one for all 32.", (*checker).shardsFit},
	{"cache.pins", "A tenant's name has 1 to 63 lower-case letters, digits, dots, hyphens and underscores; shards count from 0. At most 50 pins, since the map of the shards is one parameter of 4 KiB.", (*checker).pins},
	{"cache.seed.region", "Another region file that has a cache, never this one.", (*checker).seed},
}

func (k *checker) cacheTypes() {
	if k.Cache == nil {
		return
	}
	const list = place("cache.instanceTypes")
	k.instanceTypes(list, k.Cache.InstanceTypes)
	arch := ""
	for i, name := range k.Cache.InstanceTypes {
		t, known := ec2types.Lookup(name)
		switch {
		case !known:
		case arch == "":
			arch = t.Arch
		case t.Arch != arch:
			k.bad(list.at(i), name+" is "+t.Arch+" and the types before it "+arch, "types of one architecture: a server has one image")
		}
	}
}

// Bounds of gp3 volumes between their figures. Source: aws-sdk-go-v2, documentation of CreateVolume.
const (
	iopsPerGiB   = 500
	iopsPerMiBps = 4
)

func (k *checker) volume() {
	if k.Cache == nil {
		return
	}
	const p = place("cache.volume")
	v := k.Cache.Volume
	if v.Size < 1 || v.Size > largestVolume {
		k.bad(p+".size", v.Size.String()+" is no size for a volume", "1GiB to 64TiB, for example 2TiB")
	} else if most := int(v.Size) * iopsPerGiB; v.IOPS > most && k.sound(p+".size") {
		k.bad(p+".iops", fmt.Sprintf("%d is more than 500 for each of %d GiB", v.IOPS, v.Size.GiB()),
			fmt.Sprintf("at most %d, or a larger volume", most))
	}
	if v.Throughput > v.IOPS/iopsPerMiBps && k.sound(p+".iops") {
		k.bad(p+".throughput", fmt.Sprintf("%d MiB/s is more than %d IOPS carry", v.Throughput, v.IOPS),
			fmt.Sprintf("at most %d, or iops of at least %d", v.IOPS/iopsPerMiBps, v.Throughput*iopsPerMiBps))
	}
}

func (k *checker) carried() {
	if k.Cache == nil || !k.sound("cache.instanceTypes") {
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
	const p = place("cache.volume")
	if v := k.Cache.Volume; v.Throughput > mibps {
		k.warn(p+".throughput", fmt.Sprintf("%d MiB/s, and the best of the instance types carries %d", v.Throughput, mibps), fmt.Sprintf("at most %d, or larger types", mibps))
	}
	if v := k.Cache.Volume; v.IOPS > iops {
		k.warn(p+".iops", fmt.Sprintf("%d, and the best of the instance types carries %d", v.IOPS, iops), fmt.Sprintf("at most %d, or larger types", iops))
	}
}

// Shards lie in the first two zones by turns, as package plan places them. Sixteen addresses of each zone's cache subnet are kept for
// their fixed ones.
const (
	shardZones   = 2
	fixedInZone  = 16
	spareServers = 1 // comes while the server that it replaces goes
)

func (k *checker) shardsFit() {
	cidr, zones := k.Network.CIDR, len(k.AWS.Zones)
	if k.Cache == nil || zones == 0 || !k.sound("network.cidr", "aws.zones") || !cidr.Addr().Is4() || cidr.Bits() > 20 {
		return
	}
	// What is left of a 128th of the network for the servers' own addresses. The last address is both AWS's and among the fixed ones
	// in the smallest subnet, a /27; in larger ones it makes no difference.
	own := 1<<(32-cidr.Bits()-7) - (reserved - 1) - fixedInZone - spareServers
	room := shardZones * min(fixedInZone, own)
	switch n := k.Cache.Shards; {
	case n > 1 && zones < shardZones:
		k.bad("cache.shards", fmt.Sprintf("%d shards and one zone", n), "1, or a second zone under aws.zones: shards alternate between two zones, and cannot change theirs later")
	case n > room && own < fixedInZone: // else 32 shards fit, and more are out of the bounds of the key
		k.bad("cache.shards", fmt.Sprintf("%d servers do not fit: the cache subnets of %s hold %d", n, cidr, room), "fewer shards or a larger network.cidr")
	}
}

// mostPins is how many pins with the longest names fit into the map's parameter beside its slots.
const mostPins = 50

var tenantName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

func (k *checker) pins() {
	if k.Cache == nil {
		return
	}
	if n := len(k.Cache.Pins); n > mostPins {
		k.bad("cache.pins", fmt.Sprintf("has %d pins", n), fmt.Sprintf("at most %d; all other tenants are placed by hash", mostPins))
	}
	for tenant, shard := range k.Cache.Pins {
		p := place("cache.pins").key(tenant)
		if !tenantName.MatchString(tenant) {
			k.bad(p, "the tenant's name does not fit", "1 to 63 lower-case letters, digits, dots, hyphens and underscores")
		}
		if n := k.Cache.Shards; (shard < 0 || shard >= n) && n > 0 && k.sound("cache.shards") {
			k.bad(p, fmt.Sprintf("there is no shard %d", shard), fmt.Sprintf("0 to %d", n-1))
		}
	}
}

func (k *checker) seed() {
	if k.Cache == nil || k.Cache.Seed == nil || k.Cache.Seed.Region == "" {
		return
	}
	const p = place("cache.seed.region")
	switch name := k.Cache.Seed.Region; {
	case name == k.Name:
		k.bad(p, quote(name)+" is this region itself", "the name of another region file, or no seed")
	case !fileName.MatchString(name):
		k.bad(p, quote(name)+" is no region file's name", "the name without directory and .yaml, for example us-east-2")
	}
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
