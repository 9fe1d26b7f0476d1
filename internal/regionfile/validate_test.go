package regionfile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

// edit changes a fleet of a config.
func (c *Config) edit(name string, change func(r *Runner)) {
	r := c.Runners[name]
	change(&r)
	c.Runners[name] = r
}

func arm(change func(r *Runner)) func(*Config) {
	return func(c *Config) { c.edit("containers-arm64", change) }
}

// inland edits a config without a way to the internet, whose mirror of Debian's archive is behind the link.
func inland(change func(c *Config)) func(*Config) {
	return func(c *Config) {
		c.Network.Egress, c.Network.AptMirror = None, "https://ci.example.com/apt"
		if change != nil {
			change(c)
		}
	}
}

func archive(address string) func(*Config) {
	return func(c *Config) { c.Network.AptMirror = address }
}

// policy edits a config that is admitted to the public addresses by a rule of its own.
func policy(change func(c *Config)) func(*Config) {
	return func(c *Config) {
		c.GCP.Path, c.GCP.SecurityPolicy = PublicPath, &SecurityPolicy{Name: "edge", Priority: 4200}
		if change != nil {
			change(c)
		}
	}
}

func webhook(addresses ...string) func(*Config) {
	return func(c *Config) { c.Alerts.Webhooks = addresses }
}

// manyPins pins so many tenants to the first shard.
func manyPins(n int) map[string]int {
	pins := map[string]int{}
	for i := range n {
		pins[fmt.Sprintf("tenant-%d", i)] = 0
	}
	return pins
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// One valid config, one edit a case. The lines are those of the valid file.
func TestValidate(t *testing.T) {
	cases := []struct {
		name string
		edit func(c *Config)
		want []string
	}{
		{"nothing", func(*Config) {}, nil},
		{"account", func(c *Config) { c.AWS.Account = "12" }, []string{`:2: aws.account: "12" does not fit; want the twelve digits`}},
		{"no account", func(c *Config) { c.AWS.Account = "" }, []string{`:2: aws.account: is missing; want the twelve digits`}},
		{"region, near", func(c *Config) { c.AWS.Region = "us-wset-1" }, []string{`:3: aws.region: "us-wset-1" is no AWS region; want us-west-1`}},
		{"region, far", func(c *Config) { c.AWS.Region = "mars" }, []string{`:3: aws.region: "mars" is no AWS region; want one of af-south-1, `}},
		{"zone of another region", func(c *Config) { c.AWS.Zones[1] = "us-east-2b" }, []string{`:4: aws.zones[1]: "us-east-2b" is no zone of us-west-1; want us-west-1a or us-west-1b`}},
		{"local zone", func(c *Config) { c.AWS.Zones[1] = "us-west-1-sfo-1a" }, []string{`aws.zones[1]: "us-west-1-sfo-1a" is no zone of us-west-1`}},
		{"zone twice", func(c *Config) { c.AWS.Zones[1] = "us-west-1a" }, []string{`aws.zones[1]: "us-west-1a" is there twice`}},
		{"no zones", func(c *Config) { c.AWS.Zones = nil }, []string{`:4: aws.zones: is missing; want a list of one to six zones`}},
		{"ready too short", func(c *Config) { c.Ready = 1 }, []string{`:6: ready: 1ns is no time to wait for a region; want 1m to 24h`}},
		{"ready too long", func(c *Config) { c.Ready *= 1000 }, []string{`:6: ready: 166h40m is no time to wait`}},
		{"posture", func(c *Config) { c.Posture = "on" }, []string{`:5: posture: "on" is not one of them; want active, standby or draining`}},

		{"network too small", func(c *Config) { c.Network.CIDR = prefix("10.0.0.0/30") }, []string{`:8: network.cidr: "10.0.0.0/30" is too small; want /16 to /20, for example 10.42.0.0/16`}},
		{"network too large", func(c *Config) { c.Network.CIDR = prefix("10.0.0.0/15") }, []string{`:8: network.cidr: "10.0.0.0/15" is too large; want /16 to /20`}},
		{"network public", func(c *Config) { c.Network.CIDR = prefix("11.0.0.0/16") }, []string{`:8: network.cidr: "11.0.0.0/16" is not private; want a range inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16`}},
		{"network with host bits", func(c *Config) { c.Network.CIDR = prefix("10.42.1.0/16") }, []string{`:8: network.cidr: "10.42.1.0/16" does not start at its first address; want 10.42.0.0/16`}},
		{"network IPv6", func(c *Config) { c.Network.CIDR = prefix("fd00::/48") }, []string{`:8: network.cidr: "fd00::/48" is not IPv4`}},
		{"network in GCP's", func(c *Config) { c.Network.CIDR = prefix("10.200.0.0/16") }, []string{`:8: network.cidr: "10.200.0.0/16" overlaps 10.128.0.0/9 of gcp.ranges[0]; want a range outside 10.128.0.0/9, for example 10.0.0.0/16`}},
		{"keep egress", func(c *Config) { c.Network.Keep = []Egress{NATGatewayPerZone} }, []string{`:7: network.keep[0]: "nat-gateway-per-zone" is what network.egress names`}},
		{"keep twice", func(c *Config) { c.Network.Keep = []Egress{Public, Public} }, []string{`network.keep[1]: "public" is there twice`}},
		{"egress", func(c *Config) { c.Network.Egress = "nat" }, []string{`:9: network.egress: "nat" is not one of them`}},
		{"addresses", func(c *Config) { c.Network.Addresses = 9 }, []string{`network.addresses: 9 is too large; want a whole number from 1 to 8`}},
		{"no egress", inland(nil), nil},
		{"no egress, no gcp", inland(func(c *Config) { c.GCP = nil }), []string{`:9: network.egress: none leaves runners without any way out: there is no link to GCP; want gcp.link: ha-vpn, or another egress`}},
		{"no egress, no link", inland(func(c *Config) {
			c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs = NoLink, PublicPath, PublicAPIs
		}), []string{`network.egress: none leaves runners without any way out`}},
		{"no egress, public ways", inland(func(c *Config) { c.GCP.Path, c.GCP.GoogleAPIs = PublicPath, PublicAPIs }),
			[]string{`gcp.googleApis: public Google APIs cannot be reached`, `gcp.path: public names lead nowhere`}},
		{"no egress, agent elsewhere", inland(arm(func(r *Runner) { r.Agent.URL = "https://github.com/acme" })), []string{`:21: runners.containers-arm64.agent.url: network.egress is none, and the link leads to no "github.com"; want a service with that host under gcp.services, or another egress`}},
		{"no egress, agent from elsewhere", inland(arm(func(r *Runner) { r.Agent.Kind = GitLab })), []string{`:20: runners.containers-arm64.agent.kind: network.egress is none, and the link leads to no "s3.dualstack.us-east-1.amazonaws.com"; want a service`}},
		{"no egress, mirror elsewhere", inland(arm(func(r *Runner) { r.RegistryMirror = "https://mirror.gcr.io" })), []string{`runners.containers-arm64.registryMirror: network.egress is none, and the link leads to no "mirror.gcr.io"; want a service with that host`}},
		{"no egress, no archive", inland(func(c *Config) { c.Network.AptMirror = "" }), []string{
			`:7: network.aptMirror: is missing, and network.egress is none: machines install packages, and no way leads to Debian's own archive; want the address of a mirror`,
		}},
		{"no egress, no archive, a cache alone", inland(func(c *Config) { c.Network.AptMirror, c.Runners = "", nil }), []string{`network.aptMirror: is missing`}},
		{"no egress, no archive, runners alone", inland(func(c *Config) {
			c.Network.AptMirror, c.Cache = "", nil
			for name := range c.Runners {
				c.edit(name, func(r *Runner) { r.Cache = new(false) })
			}
		}), []string{`network.aptMirror: is missing`}},
		{"no egress, no archive, no machines", inland(func(c *Config) { c.Network.AptMirror, c.Runners, c.Cache = "", nil, nil }), nil},
		{"no egress, no archive, NAT instances kept", inland(func(c *Config) {
			c.Network.AptMirror, c.Network.Keep, c.Runners, c.Cache = "", []Egress{NATInstance}, nil, nil
		}), nil},
		{"no egress, archive elsewhere", inland(func(c *Config) { c.Network.AptMirror = "https://deb.debian.org" }), []string{
			`network.aptMirror: network.egress is none, and the link leads to no "deb.debian.org"; want a service with that host under gcp.services, or another egress`,
		}},
		{"none kept, no archive", func(c *Config) { c.Network.Keep = []Egress{None} }, nil},
		{"archive", archive("https://deb.example.com"), nil},
		{"archive below a path", archive("https://example.com:443/mirrors/"), nil},
		{"archive by http", archive("http://deb.example.com"), []string{`:7: network.aptMirror: "http://deb.example.com" is no https address; want an https address such as https://deb.example.com`}},
		{"archive without a host", archive("https:///x"), []string{`network.aptMirror: "https:///x" is no https address`}},
		{"archive with a space", archive("https://deb.example.com/a b"), []string{`network.aptMirror: "https://deb.example.com/a b" is no https address`}},
		{"archive with a password", archive("https://u:hunter2@deb.example.com"), []string{`network.aptMirror: holds a user or password (not printed); want the address alone`}},
		{"archive with a query", archive("https://deb.example.com?token=hunter2"), []string{`network.aptMirror: has a ? or # part, which may hold a secret (not printed)`}},
		{"archive on a port", archive("https://deb.example.com:8443/x"), []string{`network.aptMirror: "https://deb.example.com:8443/x" has the port 8443, and cache servers are let out to 443 alone; want https://deb.example.com/x`}},
		{"archive itself", archive("https://deb.example.com/debian/"), []string{`network.aptMirror: "https://deb.example.com/debian/" ends in /debian, and machines look for debian and debian-security below it; want https://deb.example.com`}},

		{"fleet name", func(c *Config) { c.Runners["Big_Fleet"] = c.Runners["containers-arm64"] }, []string{`:10: runners.Big_Fleet: the name does not fit`}},
		{"fleet name too long", func(c *Config) { c.Runners[strings.Repeat("a", 25)] = c.Runners["containers-arm64"] }, []string{`the name does not fit into those of machines and groups; want 1 to 24`}},
		{"type unknown, near", arm(func(r *Runner) { r.InstanceTypes[0] = "m7g.2xlarg" }), []string{`:13: runners.containers-arm64.instanceTypes[0]: "m7g.2xlarg" is no instance type that we know; want m7g.2xlarge`}},
		{"type unknown, far", arm(func(r *Runner) { r.InstanceTypes[0] = "quantum" }), []string{`"quantum" is no instance type that we know; want an EC2 instance type such as`}},
		{"type twice", arm(func(r *Runner) { r.InstanceTypes[1] = r.InstanceTypes[0] }), []string{`instanceTypes[1]: "m7g.2xlarge" is there twice`}},
		{"type of another architecture", arm(func(r *Runner) { r.InstanceTypes[0] = "m7i.2xlarge" }), []string{`instanceTypes[0]: m7i.2xlarge is x86_64 and the fleet arm64`}},
		{"type not offered", arm(func(r *Runner) { r.InstanceTypes[0] = nowhere("us-west-1", "arm64") }), []string{`instanceTypes[0]: us-west-1 does not offer `}},
		{"arch", arm(func(r *Runner) { r.Arch = "arm" }), []string{`:12: runners.containers-arm64.arch: "arm" is not one of them; want arm64 or x86_64`}},
		{"armhf on Graviton4", arm(func(r *Runner) { r.InstanceTypes = []string{"m7g.2xlarge", "m8g.2xlarge", "c8g.2xlarge"} }),
			[]string{`:22: runners.containers-arm64.agent.tags[1]: takes 32-bit ARM jobs, which m8g.2xlarge and c8g.2xlarge cannot run (Graviton4); want Graviton3 types`}},
		{"label twice", arm(func(r *Runner) { r.Agent.Tags = []string{"a", "a"} }), []string{`agent.tags[1]: "a" is there twice`}},
		{"label with a comma", arm(func(r *Runner) { r.Agent.Tags = []string{"a,b"} }), []string{`agent.tags[0]: "a,b" is no label`}},
		{"count reversed", arm(func(r *Runner) { r.Count.Min = 25 }), []string{`:14: runners.containers-arm64.count.min: 25 is more than max, 24; want at most 24`}},
		{"count of nothing", arm(func(r *Runner) { r.Count = Count{} }), []string{`:14: runners.containers-arm64.count: is missing; want a mapping with the keys min and max`}},
		{"count negative", arm(func(r *Runner) { r.Count.Min = -1 }), []string{`count.min: -1 is too small; want a whole number of at least 0`}},
		{"max of none", arm(func(r *Runner) { r.Count = Count{Min: 1} }), []string{`count.max: 0 is too small; want a whole number of at least 1`}},
		{"base above max", arm(func(r *Runner) { r.OnDemand.Base = new(25) }), []string{`:15: runners.containers-arm64.onDemand.base: 25 is more than count.max, 24; want 0 to 24`}},
		{"percent", arm(func(r *Runner) { r.OnDemand.Percent = new(101) }), []string{`onDemand.percent: 101 is too large; want a whole number from 0 to 100`}},
		{"fleets too large", func(c *Config) {
			c.Network.CIDR = prefix("10.42.0.0/20")
			c.edit("own-amd64", func(r *Runner) { r.Count.Max = 479 })
		},
			[]string{`:28: runners.own-amd64.count.max: 479 machines do not fit: the runner subnets of 10.42.0.0/20 in 2 zones hold 502 in all, 478 are left`}},
		{"fleet too large", arm(func(r *Runner) { r.Count.Max = 8183 }), []string{`:14: runners.containers-arm64.count.max: 8183 machines do not fit: the runner subnets of 10.42.0.0/16 in 2 zones hold 8182 in all, 8182 are left`}},
		{"fleets just fit", func(c *Config) {
			c.Network.CIDR = prefix("10.42.0.0/20")
			c.edit("own-amd64", func(r *Runner) { r.Count.Max = 478 })
		}, nil},
		{"disk too small", arm(func(r *Runner) { r.Disk = 7 }), []string{`:16: runners.containers-arm64.disk: 7GiB is no size for a root disk; want 8GiB to 64TiB`}},
		{"disk too large", arm(func(r *Runner) { r.Disk = 65 * TiB }), []string{`disk: 65TiB is no size for a root disk`}},
		{"image", arm(func(r *Runner) { r.Image = "debian-11" }), []string{`:17: runners.containers-arm64.image: "debian-11" is not one of them; want debian-12`}},
		{"cache without a cache", func(c *Config) { c.Cache = nil; c.edit("own-amd64", func(r *Runner) { r.Cache = new(false) }) },
			[]string{`:18: runners.containers-arm64.cache: true, and the region has no cache; want a section cache, or cache: false`}},

		{"mirror by http", arm(func(r *Runner) { r.RegistryMirror = "http://mirror.example.com" }), []string{`runners.containers-arm64.registryMirror: "http://mirror.example.com" is no https address; want an https address such as https://mirror.example.com`}},
		{"mirror with a password", arm(func(r *Runner) { r.RegistryMirror = "https://u:hunter2@mirror.example.com" }), []string{`registryMirror: holds a user or password (not printed); want the address alone`}},
		{"mirror with a path", arm(func(r *Runner) { r.RegistryMirror = "https://mirror.example.com:5000/hub" }), []string{`registryMirror: "https://mirror.example.com:5000/hub" has a path, which the container engine does not take; want https://mirror.example.com:5000`}},
		{"mirror", arm(func(r *Runner) { r.RegistryMirror = "https://mirror.example.com:5000/" }), nil},

		{"no url", arm(func(r *Runner) { r.Agent.URL = "" }), []string{`:21: runners.containers-arm64.agent.url: is missing, and kind jobserv needs it; want the CI server's address`}},
		{"http", arm(func(r *Runner) { r.Agent.URL = "http://ci.example.com" }), []string{`agent.url: "http://ci.example.com" is no https address`}},
		{"no host", arm(func(r *Runner) { r.Agent.URL = "https:///x" }), []string{`agent.url: "https:///x" is no https address`}},
		{"unreadable url", arm(func(r *Runner) { r.Agent.URL = "https://u:p@[" }), []string{`agent.url: is no address; want`}},
		{"password in url", arm(func(r *Runner) { r.Agent.URL = "https://u:hunter2@ci.example.com" }), []string{`agent.url: holds a user or password (not printed)`}},
		{"query in url", arm(func(r *Runner) { r.Agent.URL = "https://ci.example.com/?token=hunter2" }), []string{`agent.url: has a ? or # part, which may hold a secret (not printed)`}},
		{"query in a plain url", arm(func(r *Runner) { r.Agent.URL = "http://ci.example.com/?token=hunter2" }), []string{`agent.url: has a ? or # part, which may hold a secret (not printed)`}},
		{"no token", arm(func(r *Runner) { r.Agent.Token = "" }), []string{`agent.token: is missing, and kind jobserv needs it; want the name of a stack secret`}},
		{"token itself", arm(func(r *Runner) { r.Agent.Token = "a81hf0a9e8fj2lk3j4lkjsdf" }), []string{`agent.token: looks like a secret itself (not printed)`}},
		{"commands for another kind", arm(func(r *Runner) { r.Agent.Commands = &Commands{"a", "b", "c", "d"} }), []string{`agent.commands: is there, and kind jobserv has commands of its own`}},
		{"no commands", func(c *Config) { c.edit("own-amd64", func(r *Runner) { r.Agent.Commands = nil }) }, []string{`runners.own-amd64.agent.commands: is missing, and kind command needs it; want a mapping with the keys install, register, drain and unregister`}},
		{"a command missing", func(c *Config) { c.edit("own-amd64", func(r *Runner) { r.Agent.Commands.Drain = "" }) }, []string{`runners.own-amd64.agent.commands.drain: is missing; want a text`}},
		{"concurrency", arm(func(r *Runner) { r.Agent.Concurrency = 65 }), []string{`agent.concurrency: 65 is too large; want a whole number from 1 to 64`}},

		{"shards", func(c *Config) { c.Cache.Shards = 33 }, []string{`:33: cache.shards: 33 is too large; want a whole number from 1 to 32`}},
		{"shards do not fit", func(c *Config) { c.Network.CIDR, c.Cache.Shards = prefix("10.42.0.0/20"), 27 }, []string{`:33: cache.shards: 27 servers do not fit: the cache subnets of 10.42.0.0/20 hold 22`}},
		{"shards in one zone", func(c *Config) { c.AWS.Zones = c.AWS.Zones[:1] }, []string{`:33: cache.shards: 4 shards and one zone; want 1, or a second zone`}},
		{"too many pins", func(c *Config) { c.Cache.Pins = manyPins(51) }, []string{`cache.pins: has 51 pins; want at most 50`}},
		{"cache types of two architectures", func(c *Config) { c.Cache.InstanceTypes = []string{"m7g.4xlarge", "m7i.4xlarge"} }, []string{`cache.instanceTypes[1]: m7i.4xlarge is x86_64 and the types before it arm64`}},
		{"cache type unknown", func(c *Config) { c.Cache.InstanceTypes[0] = "m7g.5xlarge" }, []string{`:34: cache.instanceTypes[0]: "m7g.5xlarge" is no instance type that we know`}},
		{"no volume", func(c *Config) { c.Cache.Volume = Volume{} }, []string{`:35: cache.volume: is missing`, `cache.volume.size: 0GiB is no size for a volume`}},
		{"volume too large", func(c *Config) { c.Cache.Volume.Size = 65 * TiB }, []string{`:35: cache.volume.size: 65TiB is no size for a volume; want 1GiB to 64TiB`}},
		{"IOPS too low", func(c *Config) { c.Cache.Volume.IOPS = 2999; c.Cache.Volume.Throughput = 125 }, []string{`cache.volume.iops: 2999 is too small; want a whole number from 3000 to 80000`}},
		{"IOPS for the size", func(c *Config) { c.Cache.Volume = Volume{Size: 10, IOPS: 5001, Throughput: 125} }, []string{`cache.volume.iops: 5001 is more than 500 for each of 10 GiB; want at most 5000, or a larger volume`}},
		{"throughput too high", func(c *Config) { c.Cache.Volume.Throughput, c.Cache.Volume.IOPS = 2001, 40000 }, []string{`cache.volume.throughput: 2001 is too large; want a whole number from 125 to 2000`}},
		{"throughput for the IOPS", func(c *Config) { c.Cache.Volume.IOPS = 3999 }, []string{`cache.volume.throughput: 1000 MiB/s is more than 3999 IOPS carry; want at most 999, or iops of at least 4000`}},
		{"pin to no shard", func(c *Config) { c.Cache.Pins = map[string]int{"acme": 4} }, []string{`:37: cache.pins.acme: there is no shard 4; want 0 to 3`}},
		{"pin to a negative shard", func(c *Config) { c.Cache.Pins = map[string]int{"acme": -1} }, []string{`cache.pins.acme: there is no shard -1`}},
		{"pin of an odd name", func(c *Config) { c.Cache.Pins = map[string]int{"../etc": 1} }, []string{`cache.pins["../etc"]: the tenant's name does not fit`}},
		{"seed from itself", func(c *Config) { c.Cache.Seed.Region = "us-west-1" }, []string{`:36: cache.seed.region: "us-west-1" is this region itself`}},
		{"seed from a path", func(c *Config) { c.Cache.Seed.Region = "../us-east-2.yaml" }, []string{`cache.seed.region: "../us-east-2.yaml" is no region file's name`}},

		{"project", func(c *Config) { c.GCP.Project = "Acme" }, []string{`:39: gcp.project: "Acme" does not fit; want a GCP project id such as acme-backend`}},
		{"gcp region", func(c *Config) { c.GCP.Region = "us-west-2" }, []string{`:40: gcp.region: "us-west-2" does not fit; want a GCP region such as us-west2`}},
		{"gcp network", func(c *Config) { c.GCP.Network = "Default" }, []string{`gcp.network: "Default" does not fit`}},
		{"no ASNs", func(c *Config) { c.GCP.ASN = ASN{} }, []string{`:42: gcp.asn.aws: is missing, and the link needs it; want a private BGP number such as 64620`, `gcp.asn.gcp: is missing`}},
		{"public ASN", func(c *Config) { c.GCP.ASN.AWS = 65535 }, []string{`gcp.asn.aws: 65535 is not private; want 64512 to 65534 or 4200000000 to 4294967294`}},
		{"public ASN of GCP's side", func(c *Config) { c.GCP.ASN.GCP = 4199999999 }, []string{`gcp.asn.gcp: 4199999999 is not private; want 64512 to 65534 or 4200000000 to 4294967294, for example 64520`}},
		{"small ASN", func(c *Config) { c.GCP.ASN.AWS = 15169 }, []string{`gcp.asn.aws: 15169 is too small; want a private BGP number`}},
		{"equal ASNs", func(c *Config) { c.GCP.ASN.AWS = c.GCP.ASN.GCP }, []string{`gcp.asn.gcp: 64520 is the AWS side's number too`}},
		{"tunnel range of another size", func(c *Config) { c.GCP.TunnelRange = prefix("169.254.20.0/27") }, []string{`gcp.tunnelRange: "169.254.20.0/27" is no /28 of 169.254.0.0/16; want a /28 such as 169.254.17.144/28`}},
		{"tunnel range elsewhere", func(c *Config) { c.GCP.TunnelRange = prefix("10.254.20.0/28") }, []string{`gcp.tunnelRange: "10.254.20.0/28" is no /28 of 169.254.0.0/16`}},
		{"tunnel range with host bits", func(c *Config) { c.GCP.TunnelRange = prefix("169.254.20.4/28") }, []string{`gcp.tunnelRange: "169.254.20.4/28" does not start at its first address; want 169.254.20.0/28`}},
		{"tunnel range of AWS", func(c *Config) { c.GCP.TunnelRange = prefix("169.254.5.0/28") }, []string{`gcp.tunnelRange: "169.254.5.0/28" holds addresses that the clouds keep`}},
		{"tunnel range of the metadata servers", func(c *Config) { c.GCP.TunnelRange = prefix("169.254.169.240/28") }, []string{`gcp.tunnelRange: "169.254.169.240/28" holds addresses that the clouds keep`}},
		{"range IPv6", func(c *Config) { c.GCP.Ranges = append(c.GCP.Ranges, prefix("fd00::/48")) }, []string{`gcp.ranges[1]: "fd00::/48" cannot be announced`}},
		{"range of everything", func(c *Config) { c.GCP.Ranges = []netip.Prefix{prefix("0.0.0.0/0")} }, []string{`gcp.ranges[0]: "0.0.0.0/0" cannot be announced`}},
		{"range with host bits", func(c *Config) { c.GCP.Ranges = append(c.GCP.Ranges, prefix("10.1.1.1/24")) }, []string{`gcp.ranges[1]: "10.1.1.1/24" does not start at its first address; want 10.1.1.0/24`}},
		{"ranges overlap", func(c *Config) { c.GCP.Ranges = append(c.GCP.Ranges, prefix("10.130.0.0/20")) }, []string{`gcp.ranges[1]: "10.130.0.0/20" overlaps 10.128.0.0/9`}},
		{"private path without link", func(c *Config) { c.GCP.Link, c.GCP.GoogleAPIs = NoLink, PublicAPIs }, []string{`gcp.path: private takes a link, and gcp.link is none; want public, or gcp.link: ha-vpn`}},
		{"restricted APIs without link", func(c *Config) {
			c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs = NoLink, PublicPath, RestrictedAPIs
		}, []string{`gcp.googleApis: restricted takes a link, and gcp.link is none`}},
		{"policy", policy(nil), nil},
		{"policy's name", policy(func(c *Config) { c.GCP.SecurityPolicy.Name = "Edge" }), []string{`gcp.securityPolicy.name: "Edge" does not fit; want a Cloud Armor policy's name such as edge`}},
		{"policy without a name", policy(func(c *Config) { c.GCP.SecurityPolicy.Name = "" }), []string{`gcp.securityPolicy.name: is missing`}},
		{"policy's first priority", policy(func(c *Config) { c.GCP.SecurityPolicy.Priority = 0 }), nil},
		{"policy's last priority", policy(func(c *Config) { c.GCP.SecurityPolicy.Priority = 2147483646 }), nil},
		{"policy's own priority", policy(func(c *Config) { c.GCP.SecurityPolicy.Priority = 2147483647 }), []string{`gcp.securityPolicy.priority: 2147483647 is too large; want a whole number from 0 to 2147483646`}},
		{"policy, priority below 0", policy(func(c *Config) { c.GCP.SecurityPolicy.Priority = -1 }), []string{`gcp.securityPolicy.priority: -1 is too small`}},
		{"policy without link", policy(func(c *Config) { c.GCP.Link, c.GCP.GoogleAPIs = NoLink, PublicAPIs }), nil},
		{"policy and public egress", policy(func(c *Config) { c.Network.Egress = Public }), []string{`gcp.securityPolicy: network.egress is public, where every machine has an address of its own that a rule cannot know; want nat-gateway, nat-gateway-per-zone or nat-instance as network.egress, or no securityPolicy`}},
		{"policy and public egress, gateway kept", policy(func(c *Config) { c.Network.Egress, c.Network.Keep = Public, []Egress{NATGateway} }), []string{`gcp.securityPolicy: network.egress is public`}},
		{"policy and no egress", policy(inland(func(c *Config) { c.GCP.Path = PrivatePath })), []string{`gcp.securityPolicy: network.egress is none, so that there is no address to admit`}},
		{"policy and 10 addresses", policy(func(c *Config) { c.Network.Addresses = 5 }), nil},
		{"policy and 12 addresses", policy(func(c *Config) { c.Network.Addresses = 6 }), []string{`gcp.securityPolicy: the region has 12 public addresses, and a rule of Cloud Armor takes 10; want network.addresses of at most 5, or egress: nat-gateway`}},
		{"policy and kept addresses", policy(func(c *Config) { c.Network.Addresses, c.Network.Keep = 5, []Egress{NATInstance} }), []string{`gcp.securityPolicy: the region has 12 public addresses, and a rule of Cloud Armor takes 10; want fewer modes under network.keep`}},
		{"service name", func(c *Config) { c.GCP.Services[0].Name = "API" }, []string{`gcp.services[0].name: "API" does not fit; want 1 to 24 lower-case`}},
		{"service name twice", func(c *Config) { c.GCP.Services[1].Name = "api" }, []string{`:45: gcp.services[1].name: "api" is there twice`}},
		{"service host", func(c *Config) { c.GCP.Services[0].Host = "api" }, []string{`gcp.services[0].host: "api" is no DNS name`}},
		{"service host twice", func(c *Config) { c.GCP.Services[0].Host = "ci.example.com" }, []string{`gcp.services[1].host: "ci.example.com" is there twice`}},
		{"service IPv6", func(c *Config) { c.GCP.Services[0].Address = netip.MustParseAddr("fe80::1%eth0") }, []string{`gcp.services[0].address: "fe80::1%eth0" is not IPv4`}},
		{"service inside the network", func(c *Config) { c.GCP.Services[0].Address = netip.MustParseAddr("10.42.0.7") }, []string{`gcp.services[0].address: 10.42.0.7 is inside network.cidr`}},
		{"service beyond the link", func(c *Config) { c.GCP.Services[0].Address = netip.MustParseAddr("10.1.0.7") }, []string{`gcp.services[0].address: 10.1.0.7 is in none of gcp.ranges, so that the link does not lead there; want an address inside 10.128.0.0/9`}},
		{"port", func(c *Config) { c.GCP.Services[0].Ports = []int{0, 65536} }, []string{`gcp.services[0].ports[0]: 0 is no TCP port`, `gcp.services[0].ports[1]: 65536 is no TCP port`}},
		{"port twice", func(c *Config) { c.GCP.Services[0].Ports = []int{443, 443} }, []string{`gcp.services[0].ports[1]: 443 is there twice`}},

		{"address with a name", func(c *Config) { c.Alerts.Email[0] = "CI <ci@example.com>" }, []string{`:47: alerts.email[0]: "CI <ci@example.com>" is no e-mail address`}},
		{"address without a domain", func(c *Config) { c.Alerts.Email[0] = "ci@localhost" }, []string{`alerts.email[0]: "ci@localhost" is no e-mail address`}},
		{"address twice", func(c *Config) { c.Alerts.Email = append(c.Alerts.Email, c.Alerts.Email[0]) }, []string{`alerts.email[1]: "ci-oncall@example.com" is there twice`}},
		{"webhooks", func(c *Config) {
			c.Alerts.Webhooks = []string{"https://hooks.example.com/alarms", "https://a1b2c3d4e5f6g7h8i9j0k1l2.lambda-url.us-west-1.on.aws:8443/"}
		}, nil},
		{"webhook in the clear", webhook("http://hooks.example.com/a"), []string{`alerts.webhooks[0]: "http://hooks.example.com/a" is no https address; want an https address such as https://hooks.example.com/alarms`}},
		{"webhook without a host", webhook("https:///a"), []string{`alerts.webhooks[0]: "https:///a" is no https address`}},
		{"webhook unreadable", webhook("https://u:p@["), []string{`alerts.webhooks[0]: is no address; want`}},
		{"webhook empty", webhook(""), []string{`alerts.webhooks[0]: is empty; want`}},
		{"webhook with a password", webhook("https://u:hunter2@hooks.example.com"), []string{`alerts.webhooks[0]: holds a user or password (not printed); want an address without one`}},
		{"webhook with a query", webhook("http://hooks.example.com/?key=hunter2"), []string{`alerts.webhooks[0]: has a ? or # part, which may hold a secret (not printed)`}},
		{"webhook with a key in it", webhook("http://hooks.example.com/services/T0/hunter2hunter2hunter2"), []string{`alerts.webhooks[0]: holds what looks like a key (not printed); want an address without one: a relay of yours`}},
		{"webhook twice", webhook("https://hooks.example.com", "https://hooks.example.com"), []string{`alerts.webhooks[1]: "https://hooks.example.com" is there twice`}},
		{"tag of AWS", func(c *Config) { c.Tags["AWS:x"] = "y" }, []string{`:48: tags["AWS:x"]: the key is set by AWS or by Beachhead`}},
		{"tag of ours", func(c *Config) { c.Tags["beachhead:region"] = "y" }, []string{`tags["beachhead:region"]: the key is set by AWS or by Beachhead`}},
		{"tag Name", func(c *Config) { c.Tags["Name"] = "y" }, []string{`tags.Name: the key is set by AWS or by Beachhead`}},
		{"tag key too long", func(c *Config) { c.Tags[strings.Repeat("k", 129)] = "y" }, []string{`: the key does not fit; want 1 to 128`}},
		{"tag value too long", func(c *Config) { c.Tags["k"] = strings.Repeat("y", 257) }, []string{`tags.k: "yyyy`}},
		{"tag value odd", func(c *Config) { c.Tags["k"] = "a\nb;" }, []string{`tags.k: "a\nb;" does not fit`}},
		{"too many tags", func(c *Config) {
			for i := range 40 {
				c.Tags[strings.Repeat("k", i+1)] = ""
			}
		}, []string{`:48: tags: has 41 tags; want at most 40`}},

		{"several at once", func(c *Config) {
			c.AWS.Account, c.Network.CIDR, c.GCP.ASN.GCP = "1", prefix("8.8.0.0/16"), 64620
			c.edit("containers-arm64", func(r *Runner) { r.Count.Min, r.Agent.Token = 30, "" })
		}, []string{":2: aws.account: ", ":8: network.cidr: ", ":14: runners.containers-arm64.count.min: ", ":24: runners.containers-arm64.agent.token: ", ":42: gcp.asn.gcp: "}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := parsed(t, valid)
			c.edit(cfg)
			got := Problems(cfg.Validate())
			same(t, got, c.want)
			for _, p := range got {
				oneLine(t, p)
			}
		})
	}
}

// nowhere finds a type that a region does not offer.
func nowhere(region, arch string) string {
	names := ec2types.Names()
	i := slices.IndexFunc(names, func(n string) bool {
		t, _ := ec2types.Lookup(n)
		return t.Arch == arch && !ec2types.OfferedInRegion(region, n)
	})
	return names[i]
}

func TestWarnings(t *testing.T) {
	cases := []struct {
		name string
		edit func(c *Config)
		want []string
	}{
		{"zone letter", func(c *Config) { c.AWS.Zones[1] = "us-west-1c" }, []string{`:4: aws.zones[1]: "us-west-1c" is not in our tables, which know us-west-1a and us-west-1b; want a zone that your account has`}},
		{"keep none, whose endpoints stay", func(c *Config) { c.Network.Keep = []Egress{None} }, nil},
		{"addresses without NAT", func(c *Config) { c.Network.Egress, c.Network.Addresses = Public, 2 }, []string{`network.addresses: 2 addresses and no NAT gateway to carry them`}},
		{"addresses of a kept NAT", func(c *Config) {
			c.Network.Egress, c.Network.Addresses, c.Network.Keep = Public, 2, []Egress{NATGateway}
		}, nil},
		{"quota", func(c *Config) { c.Network.Addresses = 3 }, []string{`network.addresses: the region needs 6 Elastic IP addresses, a new account has 5; want quota L-0263D0A3 raised first`}},
		{"quota by keeping", func(c *Config) { c.Network.Addresses, c.Network.Keep = 2, []Egress{NATInstance, NATGateway} }, []string{`network.addresses: the region needs 6 Elastic IP addresses`}},
		{"quota just kept", func(c *Config) { c.Network.Egress, c.Network.Addresses = NATGateway, 5 }, nil},
		{"small disk for JobServ", arm(func(r *Runner) { r.Disk = 39 }), []string{`disk: 39GiB leaves little: JobServ gives no work below 30 GB free; want 40GiB or more`}},
		{"throughput that nothing carries", func(c *Config) { c.Cache.Volume.Throughput = 2000 }, []string{`cache.volume.throughput: 2000 MiB/s, and the best of the instance types carries 1192; want at most 1192, or larger types`}},
		{"IOPS that nothing carries", func(c *Config) { c.Cache.Volume.IOPS = 80000 }, []string{`cache.volume.iops: 80000, and the best of the instance types carries 40000`}},
		{"policy on the private path", policy(func(c *Config) { c.GCP.Path = PrivatePath }), []string{`gcp.securityPolicy: does nothing while gcp.path is private; want gcp.path: public`}},
		{"policy and public kept", policy(func(c *Config) { c.Network.Keep = []Egress{Public} }), []string{`gcp.securityPolicy: network.keep has public, and machines with public addresses of their own are not admitted; want keep without public`}},
		{"overlap without link", func(c *Config) {
			c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs, c.Network.CIDR = NoLink, PublicPath, PublicAPIs, prefix("10.128.0.0/16")
			c.GCP.Services = nil
		}, []string{`network.cidr: "10.128.0.0/16" overlaps 10.128.0.0/9 of gcp.ranges[0], so that the two could never be linked`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := parsed(t, valid)
			c.edit(cfg)
			got := cfg.Warnings()
			same(t, got, c.want)
			for _, p := range got {
				oneLine(t, p)
				if !p.Warning {
					t.Errorf("not marked as a warning: %s", p)
				}
			}
		})
	}
}

// A type that only one zone of the file offers is a warning.
func TestTypeOfferedInSomeZones(t *testing.T) {
	c := parsed(t, valid)
	c.AWS.Region, c.AWS.Zones = "af-south-1", []string{"af-south-1a", "af-south-1c"}
	c.edit("containers-arm64", func(r *Runner) { r.InstanceTypes = []string{"m6gd.2xlarge", "c7g.2xlarge"} })
	got := slices.DeleteFunc(c.Warnings(), func(p Problem) bool { return !strings.HasPrefix(p.Path, "runners.containers-arm64.") })
	same(t, got, []string{`instanceTypes[0]: m6gd.2xlarge is not offered in af-south-1c; want further types beside it`})
}

// What a problem with the mirror of Debian's archive says to write can be written.
func TestArchiveThatIsWanted(t *testing.T) {
	for _, wrong := range []string{"https://deb.example.com:8443/mirrors", "https://deb.example.com/mirrors/debian/"} {
		c := parsed(t, valid)
		archive(wrong)(c)
		ps := Problems(c.Validate())
		if len(ps) != 1 || ps[0].Want != "https://deb.example.com/mirrors" {
			t.Errorf("%s: %v", wrong, ps)
			continue
		}
		archive(ps[0].Want)(c)
		same(t, Problems(c.Validate()), nil)
	}
}

// No secret may come out again, whatever is wrong with it.
func TestSecretsAreNotPrinted(t *testing.T) {
	for _, secret := range []string{
		"ghp_hunter2hunter2hunter2", "glpat-hunter2hunter2hunter2", "hunter2 with spaces", "hunter2/with+base64==",
		"AKIAHUNTER2", "eyJhunter2", strings.Repeat("hunter2-", 12) + "x", "deadbeefhunter2deadbeef1234",
	} {
		text := strings.Replace(valid, "ci-worker-token", secret, 1)
		_, ps := parse(testFile, []byte(text))
		if cfg, err := Parse(testFile, []byte(text)); err == nil {
			cfg.Default()
			ps = append(ps, cfg.check()...)
		}
		if len(ps) != 1 || ps[0].Path != "runners.containers-arm64.agent.token" {
			t.Errorf("%s: %v", secret, ps)
		}
		for _, p := range ps {
			if strings.Contains(strings.ToLower(p.Error()), "hunter2") {
				t.Errorf("printed: %s", p)
			}
		}
	}
	for _, name := range []string{"ci-worker-token", "ciWorkerToken", "github_app_key_2", "buildkite.agent.token", "t1"} {
		if looksSecret(name) {
			t.Errorf("%q is a name", name)
		}
	}
}

// A config made in Go has no lines; its problems go by the file it would have.
func TestValidateWithoutFile(t *testing.T) {
	c := &Config{Name: "eu-west-1", AWS: AWS{Account: "210987654321", Region: "eu-west-1", Zones: []string{"eu-west-1a"}}}
	c.Default()
	same(t, Problems(c.Validate()), []string{"eu-west-1.yaml: network.cidr: is missing; want a private range"})
}

func TestEveryRuleIsSaid(t *testing.T) {
	for _, r := range Rules() {
		if r.On == "" || !strings.HasSuffix(r.Says, ".") {
			t.Errorf("rule on %q says %q", r.On, r.Says)
		}
	}
}
