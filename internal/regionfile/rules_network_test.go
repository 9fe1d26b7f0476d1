package regionfile

import (
	"testing"
)

func TestNetworkRules(t *testing.T) {
	checkRules(t, []ruleCase{
		{"network too small", func(c *Config) { c.Network.CIDR = mustPrefix("10.0.0.0/30") },
			[]string{`:8: network.cidr: "10.0.0.0/30" is too small; want /16 to /20, for example 10.42.0.0/16`}},
		{"network too large", func(c *Config) { c.Network.CIDR = mustPrefix("10.0.0.0/15") },
			[]string{`:8: network.cidr: "10.0.0.0/15" is too large; want /16 to /20`}},
		{"network public", func(c *Config) { c.Network.CIDR = mustPrefix("11.0.0.0/16") },
			[]string{`:8: network.cidr: "11.0.0.0/16" is not private; want a range inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16`}},
		{"network with host bits", func(c *Config) { c.Network.CIDR = mustPrefix("10.42.1.0/16") },
			[]string{`:8: network.cidr: "10.42.1.0/16" has host bits set; want 10.42.0.0/16`}},
		{"network IPv6", func(c *Config) { c.Network.CIDR = mustPrefix("fd00::/48") }, []string{`:8: network.cidr: "fd00::/48" is not IPv4`}},
		{"network in GCP's", func(c *Config) { c.Network.CIDR = mustPrefix("10.200.0.0/16") },
			[]string{`:8: network.cidr: "10.200.0.0/16" overlaps 10.128.0.0/9 of gcp.ranges[0]; want a range outside 10.128.0.0/9, for example ` +
				`10.0.0.0/16`}},
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
			[]string{`gcp.googleApis: is public, and network.egress is none: runners cannot reach public Google APIs`,
				`gcp.path: is public, and network.egress is none: runners cannot reach public addresses`}},
		{"no egress, agent elsewhere", withoutEgress(editARMFleet(func(r *Runner) { r.Agent.URL = "https://github.com/acme" })),
			[]string{`:21: runners.containers-arm64.agent.url: network.egress is none, and the link does not reach "github.com"; want a service ` +
				`with that host under gcp.services, or another egress`}},
		{"no egress, agent from elsewhere", withoutEgress(editARMFleet(func(r *Runner) { r.Agent.Kind = GitLab })),
			[]string{`:20: runners.containers-arm64.agent.kind: network.egress is none, and the link does not reach ` +
				`"s3.dualstack.us-east-1.amazonaws.com"; want a service`}},
		{"no egress, mirror elsewhere", withoutEgress(editARMFleet(func(r *Runner) { r.RegistryMirror = "https://mirror.gcr.io" })),
			[]string{`runners.containers-arm64.registryMirror: network.egress is none, and the link does not reach "mirror.gcr.io"; want a ` +
				`service with that host`}},
		{"no egress, no archive", withoutEgress(func(c *Config) { c.Network.AptMirror = "" }), []string{
			`:7: network.aptMirror: is missing, and network.egress is none: machines install packages and cannot reach Debian's own archive; ` +
				`want the address of a mirror`,
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
			`network.aptMirror: network.egress is none, and the link does not reach "deb.debian.org"; want a service with that host under ` +
				`gcp.services, or another egress`,
		}},
		{"none kept, no archive", func(c *Config) { c.Network.Keep = []Egress{None} }, nil},
		{"archive", withAptMirror("https://deb.example.com"), nil},
		{"archive below a path", withAptMirror("https://example.com:443/mirrors/"), nil},
		{"archive by http", withAptMirror("http://deb.example.com"),
			[]string{`:7: network.aptMirror: "http://deb.example.com" is not an https address; want an https address such as ` +
				`https://deb.example.com`}},
		{"archive without a host", withAptMirror("https:///x"), []string{`network.aptMirror: "https:///x" is not an https address`}},
		{"archive with a space", withAptMirror("https://deb.example.com/a b"),
			[]string{`network.aptMirror: "https://deb.example.com/a b" is not an https address`}},
		{"archive with a password", withAptMirror("https://u:hunter2@deb.example.com"),
			[]string{`network.aptMirror: contains a user or password (not printed); want the address alone`}},
		{"archive with a query", withAptMirror("https://deb.example.com?token=hunter2"),
			[]string{`network.aptMirror: has a ? or # part, which may contain a secret (not printed); want the address alone`}},
		{"archive on a port", withAptMirror("https://deb.example.com:8443/x"),
			[]string{`network.aptMirror: "https://deb.example.com:8443/x" uses port 8443, and cache servers can connect to port 443 only; want ` +
				`https://deb.example.com/x`}},
		{"archive itself", withAptMirror("https://deb.example.com/debian/"),
			[]string{`network.aptMirror: "https://deb.example.com/debian/" ends in /debian, and machines look for debian and debian-security ` +
				`below it; want https://deb.example.com`}},
	})
}
