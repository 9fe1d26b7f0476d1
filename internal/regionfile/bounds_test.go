package regionfile

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// The last valid value of each bound causes no problem, and the next value causes problems only at its key.
func TestValuesAtTheirBounds(t *testing.T) {
	arm := func(change func(r *Runner, n int)) func(*Config, int) {
		return func(c *Config, n int) { c.editRunner("containers-arm64", func(r *Runner) { change(r, n) }) }
	}
	const fleet = "runners.containers-arm64."
	cases := []struct {
		path      string
		edit      func(c *Config, n int)
		last, bad int
	}{
		{"ready", func(c *Config, n int) { c.Ready = Duration(n) * Duration(time.Second) }, 60, 59},
		{"ready", func(c *Config, n int) { c.Ready = Duration(n) * Duration(time.Second) }, 86400, 86401},
		{"network.cidr", func(c *Config, n int) { c.Network.CIDR = netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), n) }, 16, 15},
		{"network.cidr", func(c *Config, n int) {
			c.Cache, c.Network.CIDR = nil, netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), n)
			c.editRunner("containers-arm64", func(r *Runner) { r.Cache = new(false) })
			c.editRunner("own-amd64", func(r *Runner) { r.Cache = new(false) })
		}, 20, 21},
		{fleet + "count.min", arm(func(r *Runner, n int) { r.Count.Min = n }), 24, 25},
		{fleet + "onDemand.base", arm(func(r *Runner, n int) { r.OnDemand.Base = new(n) }), 24, 25},
		{fleet + "onDemand.percent", arm(func(r *Runner, n int) { r.OnDemand.Percent = new(n) }), 100, 101},
		{fleet + "disk", arm(func(r *Runner, n int) { r.Disk = Size(n) }), 8, 7},
		{fleet + "disk", arm(func(r *Runner, n int) { r.Disk = Size(n) }), 64 * 1024, 64*1024 + 1},
		{fleet + "agent.concurrency", arm(func(r *Runner, n int) { r.Agent.Concurrency = n }), 64, 65},
		{fleet + "agent.tags[0]", arm(func(r *Runner, n int) { r.Agent.Tags = []string{strings.Repeat("a", n)} }), 64, 65},
		{fleet + "agent.token", arm(func(r *Runner, n int) { r.Agent.Token = strings.Repeat("a", n) }), 64, 65},
		{"cache.shards", func(c *Config, n int) { c.Network.CIDR, c.Cache.Shards = mustPrefix("10.42.0.0/20"), n }, 22, 23},
		{"cache.shards", func(c *Config, n int) { c.Network.CIDR, c.Cache.Shards = mustPrefix("10.42.0.0/19"), n }, 32, 33},
		{"cache.volume.size", func(c *Config, n int) { c.Cache.Volume.Size = Size(n) }, 64 * 1024, 64*1024 + 1},
		{"cache.volume.iops", func(c *Config, n int) { c.Cache.Volume = Volume{Size: 10, IOPS: n, Throughput: 125} }, 5000, 5001},
		{"cache.volume.iops", func(c *Config, n int) { c.Cache.Volume.IOPS, c.Cache.Volume.Throughput = n, 125 }, 3000, 2999},
		{"cache.volume.iops", func(c *Config, n int) { c.Cache.Volume.IOPS = n }, 80000, 80001},
		{"cache.volume.throughput", func(c *Config, n int) { c.Cache.Volume.IOPS, c.Cache.Volume.Throughput = 4000, n }, 1000, 1001},
		{"cache.pins", func(c *Config, n int) { c.Cache.Pins = manyPins(n) }, 50, 51},
		{"cache.pins.acme", func(c *Config, n int) { c.Cache.Pins = map[string]int{"acme": n} }, 3, 4},
		{"gcp.asn.aws", func(c *Config, n int) { c.GCP.ASN.AWS = int64(n) }, 64512, 64511},
		{"gcp.asn.aws", func(c *Config, n int) { c.GCP.ASN.AWS = int64(n) }, 65534, 65535},
		{"gcp.asn.aws", func(c *Config, n int) { c.GCP.ASN.AWS = int64(n) }, 4200000000, 4199999999},
		{"gcp.asn.aws", func(c *Config, n int) { c.GCP.ASN.AWS = int64(n) }, 4294967294, 4294967295},
		{"gcp.ranges[1]", func(c *Config, n int) {
			c.GCP.Ranges = append(c.GCP.Ranges, netip.PrefixFrom(netip.MustParseAddr("30.0.0.0"), n))
		}, 8, 7},
		{"gcp.services[0].ports[0]", func(c *Config, n int) { c.GCP.Services[0].Ports = []int{n} }, 65535, 65536},
		{"gcp.services[0].ports[0]", func(c *Config, n int) { c.GCP.Services[0].Ports = []int{n} }, 1, 0},
		{"gcp.services[0].host", func(c *Config, n int) { c.GCP.Services[0].Host = longHost(n) }, 253, 254},
		{"tags.k", func(c *Config, n int) { c.Tags["k"] = strings.Repeat("y", n) }, 256, 257},
		{"tags", func(c *Config, n int) {
			c.Tags = map[string]string{}
			for i := range n {
				c.Tags[strings.Repeat("k", i+1)] = ""
			}
		}, 40, 41},
	}
	for _, c := range cases {
		cfg := mustParse(t, validFile)
		c.edit(cfg, c.last)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s with %d: %v", c.path, c.last, err)
		}
		cfg = mustParse(t, validFile)
		c.edit(cfg, c.bad)
		ps := Problems(cfg.Validate())
		if others := slices.ContainsFunc(ps, func(p Problem) bool { return p.Path != c.path }); len(ps) == 0 || others {
			t.Errorf("%s with %d: %v; want a problem at this key and no other", c.path, c.bad, ps)
		}
	}
}

// The names of fleets, tenants, region files and tags have a maximum length.
func TestLongestNames(t *testing.T) {
	cases := []struct {
		path string
		edit func(c *Config, name string)
		last int
	}{
		{"runners", func(c *Config, name string) { c.Runners[name] = c.Runners["containers-arm64"] }, 24},
		{"cache.pins", func(c *Config, name string) { c.Cache.Pins = map[string]int{name: 0} }, 63},
		{"cache.seed.region", func(c *Config, name string) { c.Cache.Seed.Region = name }, 32},
		{"tags", func(c *Config, name string) { c.Tags[name] = "" }, 128},
	}
	for _, c := range cases {
		for _, length := range []int{c.last, c.last + 1} {
			cfg := mustParse(t, validFile)
			c.edit(cfg, strings.Repeat("a", length))
			ps := Problems(cfg.Validate())
			if valid := len(ps) == 0; valid != (length == c.last) || !valid && !strings.HasPrefix(ps[0].Path, c.path) {
				t.Errorf("%s with a name of %d characters: %v", c.path, length, ps)
			}
		}
	}
}

// longHost returns a DNS name of n characters whose labels are short enough.
func longHost(n int) string {
	name := strings.Repeat("aaaaaaa.", n/8+1)[:n-4]
	return strings.TrimSuffix(name, ".") + strings.Repeat("b", len(name)-len(strings.TrimSuffix(name, "."))) + ".com"
}
