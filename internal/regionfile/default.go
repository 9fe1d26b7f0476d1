package regionfile

import (
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// autoModeRange is what auto-mode networks of GCP take their subnets from. Source: Google Cloud, "Auto mode VPC network
// IP ranges" (cloud.google.com/vpc/docs/subnets#ip-ranges).
var autoModeRange = netip.MustParsePrefix("10.128.0.0/9")

// Default fills in what the file leaves out, and nothing else. It looks at the config alone; done twice it does no more
// than once. Maps and sections are copied before they are filled, so that configs which share them stay apart.
func (c *Config) Default() {
	absent(&c.Posture, Active)
	absent(&c.Ready, Duration(15*time.Minute))
	absent(&c.Network.Egress, NATGatewayPerZone)
	absent(&c.Network.Addresses, 1)
	c.Runners = maps.Clone(c.Runners)
	for name, r := range c.Runners {
		r.fill(c.Cache != nil)
		c.Runners[name] = r
	}
	if c.Cache != nil {
		cache := *c.Cache
		cache.fill()
		c.Cache = &cache
	}
	if c.GCP != nil {
		gcp := *c.GCP
		gcp.fill(c.Name)
		c.GCP = &gcp
	}
}

func (r *Runner) fill(regionHasCache bool) {
	absent(&r.OnDemand.Base, new(0))
	absent(&r.OnDemand.Percent, new(0))
	absent(&r.Disk, 100*GiB)
	absent(&r.Image, Debian12)
	absent(&r.Cache, new(regionHasCache))
	absent(&r.Agent.Concurrency, 1)
}

func (c *Cache) fill() {
	// What every gp3 volume has without further charge, whatever its size.
	absent(&c.Volume.IOPS, 3000)
	absent(&c.Volume.Throughput, 125)
}

func (g *GCP) fill(regionName string) {
	absent(&g.Network, "default")
	absent(&g.Link, HAVPN)
	if len(g.Ranges) == 0 {
		g.Ranges = []netip.Prefix{autoModeRange}
	}
	if g.Link == NoLink {
		absent(&g.Path, PublicPath)
		absent(&g.GoogleAPIs, PublicAPIs)
		return
	}
	absent(&g.Path, PrivatePath)
	absent(&g.GoogleAPIs, PrivateAPIs)
	absent(&g.TunnelRange, tunnelRange(regionName))
}

// absent sets a value that is the zero value.
func absent[T comparable](v *T, value T) {
	if zero := *new(T); *v == zero {
		*v = value
	}
}

// tunnelRange derives the /28 of a region's four tunnels from its name: one of the 1792 in 169.254.16.0 to
// 169.254.127.255, a stretch free of everything that AWS and GCP keep for themselves (169.254.0.0/30 to 169.254.5.0/30
// and 169.254.169.x; facts of both VPN services).
//
// A hash and not the next free one: the range must not depend on which other files exist. Two names that meet are
// reported by CrossCheck, and one of them sets gcp.tunnelRange.
func tunnelRange(regionName string) netip.Prefix {
	const first, count = 16 << 4, 112 << 4 // in /28s from 169.254.0.0
	h := fnv.New32a()
	h.Write([]byte(regionName)) // a hash never fails to write
	n := first + h.Sum32()%count
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, byte(n >> 4), byte(n&15) << 4}), 28)
}

// modes lists the egress modes that are up: the chosen one and those kept alongside.
func (n Network) modes() []Egress { return append([]Egress{n.Egress}, n.Keep...) }

// has says whether one of the modes is up.
func (n Network) has(m Egress) bool { return slices.Contains(n.modes(), m) }
