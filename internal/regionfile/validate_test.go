package regionfile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/ec2types"
)

// editRunner changes a fleet of a config.
func (c *Config) editRunner(name string, change func(r *Runner)) {
	r := c.Runners[name]
	change(&r)
	c.Runners[name] = r
}

func editARMFleet(change func(r *Runner)) func(*Config) {
	return func(c *Config) { c.editRunner("containers-arm64", change) }
}

// withoutEgress edits a config without internet access, whose mirror of Debian's archive is behind the link.
func withoutEgress(change func(c *Config)) func(*Config) {
	return func(c *Config) {
		c.Network.Egress, c.Network.AptMirror = None, "https://ci.example.com/apt"
		if change != nil {
			change(c)
		}
	}
}

func withAptMirror(address string) func(*Config) {
	return func(c *Config) { c.Network.AptMirror = address }
}

// withPolicy edits a config whose public addresses have a rule in a Cloud Armor policy.
func withPolicy(change func(c *Config)) func(*Config) {
	return func(c *Config) {
		c.GCP.Path, c.GCP.SecurityPolicy = PublicPath, &SecurityPolicy{Name: "edge", Priority: 4200}
		if change != nil {
			change(c)
		}
	}
}

func withWebhooks(addresses ...string) func(*Config) {
	return func(c *Config) { c.Alerts.Webhooks = addresses }
}

// manyPins pins n tenants to the first shard.
func manyPins(n int) map[string]int {
	pins := map[string]int{}
	for i := range n {
		pins[fmt.Sprintf("tenant-%d", i)] = 0
	}
	return pins
}

func mustPrefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// Each case edits one value of a valid config. The lines are those of validFile.
func TestValidate(t *testing.T) {
	cases := []struct {
		name string
		edit func(c *Config)
		want []string
	}{
		{"nothing", func(*Config) {}, nil},
		{"account", func(c *Config) { c.AWS.Account = "12" }, []string{`:2: aws.account: "12" is not valid; want the twelve digits`}},
		{"no account", func(c *Config) { c.AWS.Account = "" }, []string{`:2: aws.account: is missing; want the twelve digits`}},
		{"region, near", func(c *Config) { c.AWS.Region = "us-wset-1" },
			[]string{`:3: aws.region: "us-wset-1" is not an AWS region; want us-west-1`}},
		{"region, far", func(c *Config) { c.AWS.Region = "mars" },
			[]string{`:3: aws.region: "mars" is not an AWS region; want one of af-south-1, `}},
		{"zone of another region", func(c *Config) { c.AWS.Zones[1] = "us-east-2b" },
			[]string{`:4: aws.zones[1]: "us-east-2b" is not a zone of us-west-1; want us-west-1a or us-west-1b`}},
		{"local zone", func(c *Config) { c.AWS.Zones[1] = "us-west-1-sfo-1a" },
			[]string{`aws.zones[1]: "us-west-1-sfo-1a" is not a zone of us-west-1`}},
		{"zone twice", func(c *Config) { c.AWS.Zones[1] = "us-west-1a" }, []string{`aws.zones[1]: "us-west-1a" is listed twice`}},
		{"no zones", func(c *Config) { c.AWS.Zones = nil }, []string{`:4: aws.zones: is missing; want a list of one to six zones`}},
		{"ready too short", func(c *Config) { c.Ready = 1 }, []string{`:6: ready: 1ns is out of range; want 1m to 24h`}},
		{"ready too long", func(c *Config) { c.Ready *= 1000 }, []string{`:6: ready: 166h40m is out of range`}},
		{"posture", func(c *Config) { c.Posture = "on" }, []string{`:5: posture: "on" is not a posture; want active, standby or draining`}},

		{"network too small", func(c *Config) { c.Network.CIDR = mustPrefix("10.0.0.0/30") },
			[]string{`:8: network.cidr: "10.0.0.0/30" is too small; want /16 to /20, for example 10.42.0.0/16`}},
		{"network too large", func(c *Config) { c.Network.CIDR = mustPrefix("10.0.0.0/15") },
			[]string{`:8: network.cidr: "10.0.0.0/15" is too large; want /16 to /20`}},
		{"network public", func(c *Config) { c.Network.CIDR = mustPrefix("11.0.0.0/16") },
			[]string{`:8: network.cidr: "11.0.0.0/16" is not private; want a range inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16`}},
		{"network with host bits", func(c *Config) { c.Network.CIDR = mustPrefix("10.42.1.0/16") },
			[]string{`:8: network.cidr: "10.42.1.0/16" has host bits set; want 10.42.0.0/16`}},
		{"network IPv6", func(c *Config) { c.Network.CIDR = mustPrefix("fd00::/48") }, []string{`:8: network.cidr: "fd00::/48" is not IPv4`}},
		{"network in GCP's", func(c *Config) { c.Network.CIDR = mustPrefix("10.200.0.0/16") }, []string{`:8: network.cidr: "10.200.0.0/16" overlaps 10.128.0.0/9 of gcp.ranges[0]; want a range outside 10.128.0.0/9, for example 10.0.0.0/16`}},
		{"keep egress", func(c *Config) { c.Network.Keep = []Egress{NATGatewayPerZone} },
			[]string{`:7: network.keep[0]: "nat-gateway-per-zone" is already the mode in network.egress`}},
		{"keep twice", func(c *Config) { c.Network.Keep = []Egress{Public, Public} }, []string{`network.keep[1]: "public" is listed twice`}},
		{"egress", func(c *Config) { c.Network.Egress = "nat" }, []string{`:9: network.egress: "nat" is not an egress mode`}},
		{"addresses", func(c *Config) { c.Network.Addresses = 9 },
			[]string{`network.addresses: 9 is too large; want a whole number from 1 to 8`}},
		{"no egress", withoutEgress(nil), nil},
		{"no egress, no gcp", withoutEgress(func(c *Config) { c.GCP = nil }),
			[]string{`:9: network.egress: none requires a link to GCP, and the region has no link; want gcp.link: ha-vpn, or another egress`}},
		{"no egress, no link", withoutEgress(func(c *Config) {
			c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs = NoLink, PublicPath, PublicAPIs
		}), []string{`network.egress: none requires a link to GCP`}},
		{"no egress, public paths", withoutEgress(func(c *Config) { c.GCP.Path, c.GCP.GoogleAPIs = PublicPath, PublicAPIs }),
			[]string{`gcp.googleApis: is public, and network.egress is none: runners cannot reach public Google APIs`, `gcp.path: is public, and network.egress is none: runners cannot reach public addresses`}},
		{"no egress, agent elsewhere", withoutEgress(editARMFleet(func(r *Runner) { r.Agent.URL = "https://github.com/acme" })), []string{`:21: runners.containers-arm64.agent.url: network.egress is none, and the link does not reach "github.com"; want a service with that host under gcp.services, or another egress`}},
		{"no egress, agent from elsewhere", withoutEgress(editARMFleet(func(r *Runner) { r.Agent.Kind = GitLab })), []string{`:20: runners.containers-arm64.agent.kind: network.egress is none, and the link does not reach "s3.dualstack.us-east-1.amazonaws.com"; want a service`}},
		{"no egress, mirror elsewhere", withoutEgress(editARMFleet(func(r *Runner) { r.RegistryMirror = "https://mirror.gcr.io" })), []string{`runners.containers-arm64.registryMirror: network.egress is none, and the link does not reach "mirror.gcr.io"; want a service with that host`}},
		{"no egress, no archive", withoutEgress(func(c *Config) { c.Network.AptMirror = "" }), []string{
			`:7: network.aptMirror: is missing, and network.egress is none: machines install packages and cannot reach Debian's own archive; want the address of a mirror`,
		}},
		{"no egress, no archive, a cache alone", withoutEgress(func(c *Config) { c.Network.AptMirror, c.Runners = "", nil }),
			[]string{`network.aptMirror: is missing`}},
		{"no egress, no archive, runners alone", withoutEgress(func(c *Config) {
			c.Network.AptMirror, c.Cache = "", nil
			for name := range c.Runners {
				c.editRunner(name, func(r *Runner) { r.Cache = new(false) })
			}
		}), []string{`network.aptMirror: is missing`}},
		{"no egress, no archive, no machines", withoutEgress(func(c *Config) { c.Network.AptMirror, c.Runners, c.Cache = "", nil, nil }), nil},
		{"no egress, no archive, NAT instances kept", withoutEgress(func(c *Config) {
			c.Network.AptMirror, c.Network.Keep, c.Runners, c.Cache = "", []Egress{NATInstance}, nil, nil
		}), nil},
		{"no egress, archive elsewhere", withoutEgress(func(c *Config) { c.Network.AptMirror = "https://deb.debian.org" }), []string{
			`network.aptMirror: network.egress is none, and the link does not reach "deb.debian.org"; want a service with that host under gcp.services, or another egress`,
		}},
		{"none kept, no archive", func(c *Config) { c.Network.Keep = []Egress{None} }, nil},
		{"archive", withAptMirror("https://deb.example.com"), nil},
		{"archive below a path", withAptMirror("https://example.com:443/mirrors/"), nil},
		{"archive by http", withAptMirror("http://deb.example.com"), []string{`:7: network.aptMirror: "http://deb.example.com" is not an https address; want an https address such as https://deb.example.com`}},
		{"archive without a host", withAptMirror("https:///x"), []string{`network.aptMirror: "https:///x" is not an https address`}},
		{"archive with a space", withAptMirror("https://deb.example.com/a b"), []string{`network.aptMirror: "https://deb.example.com/a b" is not an https address`}},
		{"archive with a password", withAptMirror("https://u:hunter2@deb.example.com"), []string{`network.aptMirror: contains a user or password (not printed); want the address alone`}},
		{"archive with a query", withAptMirror("https://deb.example.com?token=hunter2"), []string{`network.aptMirror: has a ? or # part, which may contain a secret (not printed); want the address alone`}},
		{"archive on a port", withAptMirror("https://deb.example.com:8443/x"), []string{`network.aptMirror: "https://deb.example.com:8443/x" uses port 8443, and cache servers can connect to port 443 only; want https://deb.example.com/x`}},
		{"archive itself", withAptMirror("https://deb.example.com/debian/"), []string{`network.aptMirror: "https://deb.example.com/debian/" ends in /debian, and machines look for debian and debian-security below it; want https://deb.example.com`}},

		{"fleet name", func(c *Config) { c.Runners["Big_Fleet"] = c.Runners["containers-arm64"] },
			[]string{`:10: runners.Big_Fleet: is not a valid fleet name`}},
		{"fleet name too long", func(c *Config) { c.Runners[strings.Repeat("a", 25)] = c.Runners["containers-arm64"] },
			[]string{`is not a valid fleet name; want 1 to 24`}},
		{"type unknown, near", editARMFleet(func(r *Runner) { r.InstanceTypes[0] = "m7g.2xlarg" }),
			[]string{`:13: runners.containers-arm64.instanceTypes[0]: "m7g.2xlarg" is not a known EC2 instance type; want m7g.2xlarge`}},
		{"type unknown, far", editARMFleet(func(r *Runner) { r.InstanceTypes[0] = "quantum" }),
			[]string{`"quantum" is not a known EC2 instance type; want an EC2 instance type such as`}},
		{"type twice", editARMFleet(func(r *Runner) { r.InstanceTypes[1] = r.InstanceTypes[0] }),
			[]string{`instanceTypes[1]: "m7g.2xlarge" is listed twice`}},
		{"type of another architecture", editARMFleet(func(r *Runner) { r.InstanceTypes[0] = "m7i.2xlarge" }),
			[]string{`instanceTypes[0]: m7i.2xlarge is x86_64, and the fleet is arm64`}},
		{"type not offered", editARMFleet(func(r *Runner) { r.InstanceTypes[0] = findUnofferedType("us-west-1", "arm64") }),
			[]string{`instanceTypes[0]: us-west-1 does not offer `}},
		{"arch", editARMFleet(func(r *Runner) { r.Arch = "arm" }),
			[]string{`:12: runners.containers-arm64.arch: "arm" is not an architecture; want arm64 or x86_64`}},
		{"armhf on Graviton4", editARMFleet(func(r *Runner) { r.InstanceTypes = []string{"m7g.2xlarge", "m8g.2xlarge", "c8g.2xlarge"} }),
			[]string{`:22: runners.containers-arm64.agent.tags[1]: takes 32-bit ARM jobs, which m8g.2xlarge and c8g.2xlarge cannot run (Graviton4); want Graviton3 types`}},
		{"label twice", editARMFleet(func(r *Runner) { r.Agent.Tags = []string{"a", "a"} }), []string{`agent.tags[1]: "a" is listed twice`}},
		{"label with a comma", editARMFleet(func(r *Runner) { r.Agent.Tags = []string{"a,b"} }),
			[]string{`agent.tags[0]: "a,b" is not a valid label`}},
		{"count reversed", editARMFleet(func(r *Runner) { r.Count.Min = 25 }),
			[]string{`:14: runners.containers-arm64.count.min: 25 is more than max (24); want at most 24`}},
		{"count of nothing", editARMFleet(func(r *Runner) { r.Count = Count{} }),
			[]string{`:14: runners.containers-arm64.count: is missing; want a mapping with the keys min and max`}},
		{"count negative", editARMFleet(func(r *Runner) { r.Count.Min = -1 }),
			[]string{`count.min: -1 is too small; want a whole number of at least 0`}},
		{"max of none", editARMFleet(func(r *Runner) { r.Count = Count{Min: 1} }),
			[]string{`count.max: 0 is too small; want a whole number of at least 1`}},
		{"base above max", editARMFleet(func(r *Runner) { r.OnDemand.Base = new(25) }),
			[]string{`:15: runners.containers-arm64.onDemand.base: 25 is more than count.max (24); want 0 to 24`}},
		{"percent", editARMFleet(func(r *Runner) { r.OnDemand.Percent = new(101) }),
			[]string{`onDemand.percent: 101 is too large; want a whole number from 0 to 100`}},
		{"fleets too large", func(c *Config) {
			c.Network.CIDR = mustPrefix("10.42.0.0/20")
			c.editRunner("own-amd64", func(r *Runner) { r.Count.Max = 479 })
		},
			[]string{`:28: runners.own-amd64.count.max: 479 machines do not fit: the runner subnets of 10.42.0.0/20 in 2 zones have 502 addresses, and 478 are free`}},
		{"fleet too large", editARMFleet(func(r *Runner) { r.Count.Max = 8183 }), []string{`:14: runners.containers-arm64.count.max: 8183 machines do not fit: the runner subnets of 10.42.0.0/16 in 2 zones have 8182 addresses, and 8182 are free`}},
		{"fleets just fit", func(c *Config) {
			c.Network.CIDR = mustPrefix("10.42.0.0/20")
			c.editRunner("own-amd64", func(r *Runner) { r.Count.Max = 478 })
		}, nil},
		{"disk too small", editARMFleet(func(r *Runner) { r.Disk = 7 }),
			[]string{`:16: runners.containers-arm64.disk: 7GiB is out of range for a root disk; want 8GiB to 64TiB`}},
		{"disk too large", editARMFleet(func(r *Runner) { r.Disk = 65 * TiB }), []string{`disk: 65TiB is out of range for a root disk`}},
		{"image", editARMFleet(func(r *Runner) { r.Image = "debian-11" }),
			[]string{`:17: runners.containers-arm64.image: "debian-11" is not an image; want debian-12`}},
		{"cache without a cache", func(c *Config) { c.Cache = nil; c.editRunner("own-amd64", func(r *Runner) { r.Cache = new(false) }) },
			[]string{`:18: runners.containers-arm64.cache: is true, and the region has no cache; want a section cache, or cache: false`}},

		{"mirror by http", editARMFleet(func(r *Runner) { r.RegistryMirror = "http://mirror.example.com" }),
			[]string{`runners.containers-arm64.registryMirror: "http://mirror.example.com" is not an https address; want an https address such as https://mirror.example.com`}},
		{"mirror with a password", editARMFleet(func(r *Runner) { r.RegistryMirror = "https://u:hunter2@mirror.example.com" }),
			[]string{`registryMirror: contains a user or password (not printed); want the address alone`}},
		{"mirror with a path", editARMFleet(func(r *Runner) { r.RegistryMirror = "https://mirror.example.com:5000/hub" }),
			[]string{`registryMirror: "https://mirror.example.com:5000/hub" has a path, which the container engine does not accept; want https://mirror.example.com:5000`}},
		{"mirror", editARMFleet(func(r *Runner) { r.RegistryMirror = "https://mirror.example.com:5000/" }), nil},

		{"no url", editARMFleet(func(r *Runner) { r.Agent.URL = "" }),
			[]string{`:21: runners.containers-arm64.agent.url: is missing, and kind jobserv requires it; want the CI server's address`}},
		{"http", editARMFleet(func(r *Runner) { r.Agent.URL = "http://ci.example.com" }),
			[]string{`agent.url: "http://ci.example.com" is not an https address`}},
		{"no host", editARMFleet(func(r *Runner) { r.Agent.URL = "https:///x" }), []string{`agent.url: "https:///x" is not an https address`}},
		{"unreadable url", editARMFleet(func(r *Runner) { r.Agent.URL = "https://u:p@[" }), []string{`agent.url: is not a valid address; want`}},
		{"password in url", editARMFleet(func(r *Runner) { r.Agent.URL = "https://u:hunter2@ci.example.com" }), []string{`agent.url: contains a user or password (not printed); want the address alone: store the secret as a stack secret`}},
		{"query in url", editARMFleet(func(r *Runner) { r.Agent.URL = "https://ci.example.com/?token=hunter2" }), []string{`agent.url: has a ? or # part, which may contain a secret (not printed); want the address alone: store the secret as a stack secret`}},
		{"query in a plain url", editARMFleet(func(r *Runner) { r.Agent.URL = "http://ci.example.com/?token=hunter2" }), []string{`agent.url: has a ? or # part, which may contain a secret (not printed); want the address alone: store the secret as a stack secret`}},
		{"no token", editARMFleet(func(r *Runner) { r.Agent.Token = "" }), []string{`agent.token: is missing, and kind jobserv requires it; want the name of a stack secret`}},
		{"token itself", editARMFleet(func(r *Runner) { r.Agent.Token = "a81hf0a9e8fj2lk3j4lkjsdf" }), []string{`agent.token: looks like the token itself (not printed)`}},
		{"commands for another kind", editARMFleet(func(r *Runner) { r.Agent.Commands = &Commands{"a", "b", "c", "d"} }), []string{`agent.commands: is set, and kind jobserv has its own commands`}},
		{"no commands", func(c *Config) { c.editRunner("own-amd64", func(r *Runner) { r.Agent.Commands = nil }) }, []string{`runners.own-amd64.agent.commands: is missing, and kind command requires it; want a mapping with the keys install, register, drain and unregister`}},
		{"a command missing", func(c *Config) { c.editRunner("own-amd64", func(r *Runner) { r.Agent.Commands.Drain = "" }) }, []string{`runners.own-amd64.agent.commands.drain: is missing; want a string`}},
		{"concurrency", editARMFleet(func(r *Runner) { r.Agent.Concurrency = 65 }), []string{`agent.concurrency: 65 is too large; want a whole number from 1 to 64`}},

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

		{"project", func(c *Config) { c.GCP.Project = "Acme" },
			[]string{`:39: gcp.project: "Acme" is not valid; want a GCP project id such as acme-backend`}},
		{"gcp region", func(c *Config) { c.GCP.Region = "us-west-2" },
			[]string{`:40: gcp.region: "us-west-2" is not valid; want a GCP region such as us-west2`}},
		{"gcp network", func(c *Config) { c.GCP.Network = "Default" }, []string{`gcp.network: "Default" is not valid`}},
		{"no ASNs", func(c *Config) { c.GCP.ASN = ASN{} }, []string{`:42: gcp.asn.aws: is missing, and the link requires it; want a private BGP number such as 64620`, `gcp.asn.gcp: is missing`}},
		{"public ASN", func(c *Config) { c.GCP.ASN.AWS = 65535 },
			[]string{`gcp.asn.aws: 65535 is not a private BGP number; want 64512 to 65534 or 4200000000 to 4294967294`}},
		{"public ASN of GCP's side", func(c *Config) { c.GCP.ASN.GCP = 4199999999 }, []string{`gcp.asn.gcp: 4199999999 is not a private BGP number; want 64512 to 65534 or 4200000000 to 4294967294, for example 64520`}},
		{"small ASN", func(c *Config) { c.GCP.ASN.AWS = 15169 }, []string{`gcp.asn.aws: 15169 is too small; want a private BGP number`}},
		{"equal ASNs", func(c *Config) { c.GCP.ASN.AWS = c.GCP.ASN.GCP }, []string{`gcp.asn.gcp: 64520 is also the AWS side's number`}},
		{"tunnel range of another size", func(c *Config) { c.GCP.TunnelRange = mustPrefix("169.254.20.0/27") },
			[]string{`gcp.tunnelRange: "169.254.20.0/27" is not a /28 of 169.254.0.0/16; want a /28 such as 169.254.17.144/28`}},
		{"tunnel range elsewhere", func(c *Config) { c.GCP.TunnelRange = mustPrefix("10.254.20.0/28") },
			[]string{`gcp.tunnelRange: "10.254.20.0/28" is not a /28 of 169.254.0.0/16`}},
		{"tunnel range with host bits", func(c *Config) { c.GCP.TunnelRange = mustPrefix("169.254.20.4/28") },
			[]string{`gcp.tunnelRange: "169.254.20.4/28" has host bits set; want 169.254.20.0/28`}},
		{"tunnel range of AWS", func(c *Config) { c.GCP.TunnelRange = mustPrefix("169.254.5.0/28") },
			[]string{`gcp.tunnelRange: "169.254.5.0/28" contains addresses that AWS or GCP reserves`}},
		{"tunnel range of the metadata servers", func(c *Config) { c.GCP.TunnelRange = mustPrefix("169.254.169.240/28") },
			[]string{`gcp.tunnelRange: "169.254.169.240/28" contains addresses that AWS or GCP reserves`}},
		{"range IPv6", func(c *Config) { c.GCP.Ranges = append(c.GCP.Ranges, mustPrefix("fd00::/48")) },
			[]string{`gcp.ranges[1]: "fd00::/48" cannot be announced`}},
		{"range of everything", func(c *Config) { c.GCP.Ranges = []netip.Prefix{mustPrefix("0.0.0.0/0")} },
			[]string{`gcp.ranges[0]: "0.0.0.0/0" cannot be announced`}},
		{"range with host bits", func(c *Config) { c.GCP.Ranges = append(c.GCP.Ranges, mustPrefix("10.1.1.1/24")) },
			[]string{`gcp.ranges[1]: "10.1.1.1/24" has host bits set; want 10.1.1.0/24`}},
		{"ranges overlap", func(c *Config) { c.GCP.Ranges = append(c.GCP.Ranges, mustPrefix("10.130.0.0/20")) },
			[]string{`gcp.ranges[1]: "10.130.0.0/20" overlaps 10.128.0.0/9`}},
		{"private path without link", func(c *Config) { c.GCP.Link, c.GCP.GoogleAPIs = NoLink, PublicAPIs },
			[]string{`gcp.path: private requires a link, and gcp.link is none; want public, or gcp.link: ha-vpn`}},
		{"restricted APIs without link", func(c *Config) {
			c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs = NoLink, PublicPath, RestrictedAPIs
		}, []string{`gcp.googleApis: restricted requires a link, and gcp.link is none`}},
		{"policy", withPolicy(nil), nil},
		{"policy's name", withPolicy(func(c *Config) { c.GCP.SecurityPolicy.Name = "Edge" }),
			[]string{`gcp.securityPolicy.name: "Edge" is not valid; want a Cloud Armor policy's name such as edge`}},
		{"policy without a name", withPolicy(func(c *Config) { c.GCP.SecurityPolicy.Name = "" }),
			[]string{`gcp.securityPolicy.name: is missing`}},
		{"policy's first priority", withPolicy(func(c *Config) { c.GCP.SecurityPolicy.Priority = 0 }), nil},
		{"policy's last priority", withPolicy(func(c *Config) { c.GCP.SecurityPolicy.Priority = 2147483646 }), nil},
		{"policy's own priority", withPolicy(func(c *Config) { c.GCP.SecurityPolicy.Priority = 2147483647 }),
			[]string{`gcp.securityPolicy.priority: 2147483647 is too large; want a whole number from 0 to 2147483646`}},
		{"policy, priority below 0", withPolicy(func(c *Config) { c.GCP.SecurityPolicy.Priority = -1 }),
			[]string{`gcp.securityPolicy.priority: -1 is too small`}},
		{"policy without link", withPolicy(func(c *Config) { c.GCP.Link, c.GCP.GoogleAPIs = NoLink, PublicAPIs }), nil},
		{"policy and public egress", withPolicy(func(c *Config) { c.Network.Egress = Public }), []string{`gcp.securityPolicy: network.egress is public: every machine has its own address, and a rule cannot list them all; want nat-gateway, nat-gateway-per-zone or nat-instance as network.egress, or no securityPolicy`}},
		{"policy and public egress, gateway kept", withPolicy(func(c *Config) {
			c.Network.Egress, c.Network.Keep = Public,
				[]Egress{NATGateway}
		}), []string{`gcp.securityPolicy: network.egress is public`}},
		{"policy and no egress", withPolicy(withoutEgress(func(c *Config) { c.GCP.Path = PrivatePath })),
			[]string{`gcp.securityPolicy: network.egress is none, so that there is not a valid address to admit`}},
		{"policy and 10 addresses", withPolicy(func(c *Config) { c.Network.Addresses = 5 }), nil},
		{"policy and 12 addresses", withPolicy(func(c *Config) { c.Network.Addresses = 6 }), []string{`gcp.securityPolicy: the region has 12 public addresses, and a Cloud Armor rule takes 10; want network.addresses of at most 5, or egress: nat-gateway`}},
		{"policy and kept addresses", withPolicy(func(c *Config) { c.Network.Addresses, c.Network.Keep = 5, []Egress{NATInstance} }),
			[]string{`gcp.securityPolicy: the region has 12 public addresses, and a Cloud Armor rule takes 10; want fewer modes under network.keep`}},
		{"service name", func(c *Config) { c.GCP.Services[0].Name = "API" },
			[]string{`gcp.services[0].name: "API" is not valid; want 1 to 24 lower-case`}},
		{"service name twice", func(c *Config) { c.GCP.Services[1].Name = "api" }, []string{`:45: gcp.services[1].name: "api" is listed twice`}},
		{"service host", func(c *Config) { c.GCP.Services[0].Host = "api" }, []string{`gcp.services[0].host: "api" is not a DNS name`}},
		{"service host twice", func(c *Config) { c.GCP.Services[0].Host = "ci.example.com" },
			[]string{`gcp.services[1].host: "ci.example.com" is listed twice`}},
		{"service IPv6", func(c *Config) { c.GCP.Services[0].Address = netip.MustParseAddr("fe80::1%eth0") },
			[]string{`gcp.services[0].address: "fe80::1%eth0" is not IPv4`}},
		{"service inside the network", func(c *Config) { c.GCP.Services[0].Address = netip.MustParseAddr("10.42.0.7") },
			[]string{`gcp.services[0].address: 10.42.0.7 is inside network.cidr`}},
		{"service beyond the link", func(c *Config) { c.GCP.Services[0].Address = netip.MustParseAddr("10.1.0.7") },
			[]string{`gcp.services[0].address: 10.1.0.7 is outside gcp.ranges, so the link does not reach it; want an address inside 10.128.0.0/9`}},
		{"port", func(c *Config) { c.GCP.Services[0].Ports = []int{0, 65536} },
			[]string{`gcp.services[0].ports[0]: 0 is not a TCP port`, `gcp.services[0].ports[1]: 65536 is not a TCP port`}},
		{"port twice", func(c *Config) { c.GCP.Services[0].Ports = []int{443, 443} }, []string{`gcp.services[0].ports[1]: 443 is listed twice`}},

		{"address with a name", func(c *Config) { c.Alerts.Email[0] = "CI <ci@example.com>" },
			[]string{`:47: alerts.email[0]: "CI <ci@example.com>" is not an e-mail address`}},
		{"address without a domain", func(c *Config) { c.Alerts.Email[0] = "ci@localhost" },
			[]string{`alerts.email[0]: "ci@localhost" is not an e-mail address`}},
		{"address twice", func(c *Config) { c.Alerts.Email = append(c.Alerts.Email, c.Alerts.Email[0]) },
			[]string{`alerts.email[1]: "ci-oncall@example.com" is listed twice`}},
		{"webhooks", func(c *Config) {
			c.Alerts.Webhooks = []string{"https://hooks.example.com/alarms", "https://a1b2c3d4e5f6g7h8i9j0k1l2.lambda-url.us-west-1.on.aws:8443/"}
		}, nil},
		{"webhook in the clear", withWebhooks("http://hooks.example.com/a"), []string{`alerts.webhooks[0]: "http://hooks.example.com/a" is not an https address; want an https address such as https://hooks.example.com/alarms`}},
		{"webhook without a host", withWebhooks("https:///a"), []string{`alerts.webhooks[0]: "https:///a" is not an https address`}},
		{"webhook unreadable", withWebhooks("https://u:p@["), []string{`alerts.webhooks[0]: is not a valid address; want`}},
		{"webhook empty", withWebhooks(""), []string{`alerts.webhooks[0]: is empty; want`}},
		{"webhook with a password", withWebhooks("https://u:hunter2@hooks.example.com"), []string{`alerts.webhooks[0]: contains a user or password (not printed); want an address without one`}},
		{"webhook with a query", withWebhooks("http://hooks.example.com/?key=hunter2"), []string{`alerts.webhooks[0]: has a ? or # part, which may contain a secret (not printed); want an address without one`}},
		{"webhook with a key in it", withWebhooks("http://hooks.example.com/services/T0/hunter2hunter2hunter2"), []string{`alerts.webhooks[0]: contains a part that looks like a key (not printed); want an address without one: your own relay`}},
		{"webhook twice", withWebhooks("https://hooks.example.com", "https://hooks.example.com"), []string{`alerts.webhooks[1]: "https://hooks.example.com" is listed twice`}},
		{"tag of AWS", func(c *Config) { c.Tags["AWS:x"] = "y" }, []string{`:48: tags["AWS:x"]: is reserved for AWS or Beachhead`}},
		{"tag of ours", func(c *Config) { c.Tags["beachhead:region"] = "y" },
			[]string{`tags["beachhead:region"]: is reserved for AWS or Beachhead`}},
		{"tag Name", func(c *Config) { c.Tags["Name"] = "y" }, []string{`tags.Name: is reserved for AWS or Beachhead`}},
		{"tag key too long", func(c *Config) { c.Tags[strings.Repeat("k", 129)] = "y" }, []string{`: is not a valid tag key; want 1 to 128`}},
		{"tag value too long", func(c *Config) { c.Tags["k"] = strings.Repeat("y", 257) }, []string{`tags.k: "yyyy`}},
		{"tag value odd", func(c *Config) { c.Tags["k"] = "a\nb;" }, []string{`tags.k: "a\nb;" is not valid`}},
		{"too many tags", func(c *Config) {
			for i := range 40 {
				c.Tags[strings.Repeat("k", i+1)] = ""
			}
		}, []string{`:48: tags: has 41 tags; want at most 40`}},

		{"several at once", func(c *Config) {
			c.AWS.Account, c.Network.CIDR, c.GCP.ASN.GCP = "1", mustPrefix("8.8.0.0/16"), 64620
			c.editRunner("containers-arm64", func(r *Runner) { r.Count.Min, r.Agent.Token = 30, "" })
		}, []string{":2: aws.account: ", ":8: network.cidr: ", ":14: runners.containers-arm64.count.min: ",
			":24: runners.containers-arm64.agent.token: ", ":42: gcp.asn.gcp: "}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := mustParse(t, validFile)
			c.edit(cfg)
			got := Problems(cfg.Validate())
			compareProblems(t, got, c.want)
			for _, p := range got {
				checkOneLine(t, p)
			}
		})
	}
}

// findUnofferedType returns a type that a region does not offer.
func findUnofferedType(region, arch string) string {
	names := ec2types.TypeNames()
	i := slices.IndexFunc(names, func(n string) bool {
		t, _ := ec2types.Lookup(n)
		return t.Arch == arch && !ec2types.IsOfferedInRegion(region, n)
	})
	return names[i]
}

func TestWarnings(t *testing.T) {
	cases := []struct {
		name string
		edit func(c *Config)
		want []string
	}{
		{"zone letter", func(c *Config) { c.AWS.Zones[1] = "us-west-1c" }, []string{`:4: aws.zones[1]: "us-west-1c" is not in Beachhead's tables, which list us-west-1a and us-west-1b; want a zone of your account`}},
		{"keep none, whose endpoints stay", func(c *Config) { c.Network.Keep = []Egress{None} }, nil},
		{"addresses without NAT", func(c *Config) { c.Network.Egress, c.Network.Addresses = Public, 2 },
			[]string{`network.addresses: 2 addresses, but no NAT gateway uses them`}},
		{"addresses of a kept NAT", func(c *Config) {
			c.Network.Egress, c.Network.Addresses, c.Network.Keep = Public, 2, []Egress{NATGateway}
		}, nil},
		{"quota", func(c *Config) { c.Network.Addresses = 3 }, []string{`network.addresses: the region needs 6 Elastic IP addresses, and a new account may have 5; want quota L-0263D0A3 raised first`}},
		{"quota by keeping", func(c *Config) { c.Network.Addresses, c.Network.Keep = 2, []Egress{NATInstance, NATGateway} }, []string{`network.addresses: the region needs 6 Elastic IP addresses`}},
		{"disk just large enough for JobServ", editARMFleet(func(r *Runner) { r.Disk = 40 }), nil},
		{"quota just kept", func(c *Config) { c.Network.Egress, c.Network.Addresses = NATGateway, 5 }, nil},
		{"small disk for JobServ", editARMFleet(func(r *Runner) { r.Disk = 39 }),
			[]string{`disk: 39GiB is small: JobServ assigns no work to a machine with less than 30 GB free; want 40GiB or more`}},
		{"throughput that nothing carries", func(c *Config) { c.Cache.Volume.Throughput = 2000 },
			[]string{`cache.volume.throughput: 2000 MiB/s is more than any of the instance types supports (1192); want at most 1192, or larger types`}},
		{"IOPS that nothing carries", func(c *Config) { c.Cache.Volume.IOPS = 80000 },
			[]string{`cache.volume.iops: 80000 is more than any of the instance types supports (40000)`}},
		{"policy on the private path", withPolicy(func(c *Config) { c.GCP.Path = PrivatePath }),
			[]string{`gcp.securityPolicy: has no effect while gcp.path is private; want gcp.path: public`}},
		{"policy and public kept", withPolicy(func(c *Config) { c.Network.Keep = []Egress{Public} }),
			[]string{`gcp.securityPolicy: network.keep includes public, and the rule does not admit machines that have their own public addresses; want keep without public`}},
		{"overlap without link", func(c *Config) {
			c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs, c.Network.CIDR = NoLink, PublicPath, PublicAPIs, mustPrefix("10.128.0.0/16")
			c.GCP.Services = nil
		}, []string{`network.cidr: "10.128.0.0/16" overlaps 10.128.0.0/9 of gcp.ranges[0], so the two networks can never be linked`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := mustParse(t, validFile)
			c.edit(cfg)
			got := cfg.Warnings()
			compareProblems(t, got, c.want)
			for _, p := range got {
				checkOneLine(t, p)
				if !p.Warning {
					t.Errorf("not marked as a warning: %s", p)
				}
			}
		})
	}
}

// A type that only one zone of the file offers is a warning.
func TestTypeOfferedInSomeZones(t *testing.T) {
	c := mustParse(t, validFile)
	c.AWS.Region, c.AWS.Zones = "af-south-1", []string{"af-south-1a", "af-south-1c"}
	c.editRunner("containers-arm64", func(r *Runner) { r.InstanceTypes = []string{"m6gd.2xlarge", "c7g.2xlarge"} })
	got := slices.DeleteFunc(c.Warnings(), func(p Problem) bool { return !strings.HasPrefix(p.Path, "runners.containers-arm64.") })
	compareProblems(t, got, []string{`instanceTypes[0]: m6gd.2xlarge is not offered in af-south-1c; want more types in the list`})
}

// The address that a problem suggests must be valid.
func TestSuggestedAptMirrorIsValid(t *testing.T) {
	for _, wrong := range []string{"https://deb.example.com:8443/mirrors", "https://deb.example.com/mirrors/debian/"} {
		c := mustParse(t, validFile)
		withAptMirror(wrong)(c)
		ps := Problems(c.Validate())
		if len(ps) != 1 || ps[0].Want != "https://deb.example.com/mirrors" {
			t.Errorf("%s: %v", wrong, ps)
			continue
		}
		withAptMirror(ps[0].Want)(c)
		compareProblems(t, Problems(c.Validate()), nil)
	}
}

// No message may contain a secret, whatever is wrong with it.
func TestSecretsAreNotPrinted(t *testing.T) {
	for _, secret := range []string{
		"ghp_hunter2hunter2hunter2", "glpat-hunter2hunter2hunter2", "hunter2 with spaces", "hunter2/with+base64==",
		"AKIAHUNTER2", "eyJhunter2", strings.Repeat("hunter2-", 12) + "x", "deadbeefhunter2deadbeef1234",
	} {
		text := strings.Replace(validFile, "ci-worker-token", secret, 1)
		_, ps := parsePartly(testFile, []byte(text))
		if cfg, err := Parse(testFile, []byte(text)); err == nil {
			cfg.Default()
			ps = append(ps, cfg.findProblems()...)
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
		if looksLikeSecret(name) {
			t.Errorf("%q is a name", name)
		}
	}
}

// A config without a file has no lines. Its problems use the name that its file would have.
func TestValidateWithoutFile(t *testing.T) {
	c := &Config{Name: "eu-west-1", AWS: AWS{Account: "210987654321", Region: "eu-west-1", Zones: []string{"eu-west-1a"}}}
	c.Default()
	compareProblems(t, Problems(c.Validate()), []string{"eu-west-1.yaml: network.cidr: is missing; want a private range"})
}

func TestEveryRuleHasText(t *testing.T) {
	for _, r := range Rules() {
		if r.On == "" || !strings.HasSuffix(r.Says, ".") {
			t.Errorf("rule on %q says %q", r.On, r.Says)
		}
	}
}
