package regionfile

import (
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// autoModeRange is the range from which auto-mode networks of GCP take their subnets. Source: Google Cloud, "Auto mode VPC
// network IP ranges" (cloud.google.com/vpc/docs/subnets#ip-ranges).
var autoModeRange = netip.MustParsePrefix("10.128.0.0/9")

// Default fills in the keys that the file does not set. It reads only the config, and calling it twice has no further effect.
// It copies maps and sections before it changes them, so configs that share them stay independent.
func (c *Config) Default() {
	setDefault(&c.Posture, Active)
	setDefault(&c.Ready, Duration(15*time.Minute))
	setDefault(&c.Network.Egress, NATGatewayPerZone)
	setDefault(&c.Network.Addresses, 1)
	c.Runners = maps.Clone(c.Runners)
	for name, r := range c.Runners {
		r.fillDefaults(c.Cache != nil)
		c.Runners[name] = r
	}
	if c.Cache != nil {
		cache := *c.Cache
		cache.fillDefaults()
		c.Cache = &cache
	}
	if c.GCP != nil {
		gcp := *c.GCP
		gcp.fillDefaults(c.Name)
		c.GCP = &gcp
	}
}

func (r *Runner) fillDefaults(regionHasCache bool) {
	setDefault(&r.OnDemand.Base, new(0))
	setDefault(&r.OnDemand.Percent, new(0))
	setDefault(&r.Disk, 100*GiB)
	setDefault(&r.Image, Debian12)
	setDefault(&r.Cache, new(regionHasCache))
	setDefault(&r.Agent.Concurrency, 1)
}

func (c *Cache) fillDefaults() {
	// The values that every gp3 volume has without extra cost, whatever its size.
	setDefault(&c.Volume.IOPS, 3000)
	setDefault(&c.Volume.Throughput, 125)
}

func (g *GCP) fillDefaults(regionName string) {
	setDefault(&g.Network, "default")
	setDefault(&g.Link, HAVPN)
	if len(g.Ranges) == 0 {
		g.Ranges = []netip.Prefix{autoModeRange}
	}
	if g.Link == NoLink {
		setDefault(&g.Path, PublicPath)
		setDefault(&g.GoogleAPIs, PublicAPIs)
		return
	}
	setDefault(&g.Path, PrivatePath)
	setDefault(&g.GoogleAPIs, PrivateAPIs)
	setDefault(&g.TunnelRange, deriveTunnelRange(regionName))
}

// setDefault sets *v to value if *v is the zero value.
func setDefault[T comparable](v *T, value T) {
	if zero := *new(T); *v == zero {
		*v = value
	}
}

// deriveTunnelRange derives the /28 of a region's four tunnels from the region's name. It returns one of the 1792 ranges in
// 169.254.16.0 to 169.254.127.255, which contain no address that AWS or GCP reserves (169.254.0.0/30 to 169.254.5.0/30 and
// 169.254.169.x, according to the documentation of both VPN services).
//
// It uses a hash, because the range must not depend on which other files exist. CrossCheck reports two names with the same
// range, and one of the regions then sets gcp.tunnelRange.
func deriveTunnelRange(regionName string) netip.Prefix {
	const first, count = 16 << 4, 112 << 4 // in /28s from 169.254.0.0
	h := fnv.New32a()
	h.Write([]byte(regionName)) // writing to a hash never fails
	n := first + h.Sum32()%count
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, byte(n >> 4), byte(n&15) << 4}), 28)
}

// activeModes returns the egress modes that are up: the chosen mode and the kept modes.
func (n Network) activeModes() []Egress { return append([]Egress{n.Egress}, n.Keep...) }

// hasMode reports whether an egress mode is up.
func (n Network) hasMode(m Egress) bool { return slices.Contains(n.activeModes(), m) }
