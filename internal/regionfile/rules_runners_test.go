package regionfile

import (
	"strings"
	"testing"
)

func TestRunnerRules(t *testing.T) {
	checkRules(t, []ruleCase{
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
			[]string{`:22: runners.containers-arm64.agent.tags[1]: takes 32-bit ARM jobs, which m8g.2xlarge and c8g.2xlarge cannot run ` +
				`(Graviton4); want Graviton3 types`}},
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
			[]string{`:28: runners.own-amd64.count.max: 479 machines do not fit: the runner subnets of 10.42.0.0/20 in 2 zones have 502 ` +
				`addresses, and 478 are free`}},
		{"fleet too large", editARMFleet(func(r *Runner) { r.Count.Max = 8183 }),
			[]string{`:14: runners.containers-arm64.count.max: 8183 machines do not fit: the runner subnets of 10.42.0.0/16 in 2 zones have ` +
				`8182 addresses, and 8182 are free`}},
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
	})
}
