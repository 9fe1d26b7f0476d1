package regionfile

import (
	"strings"
	"testing"
)

func TestParseReadsEverything(t *testing.T) {
	c := mustParse(t, validFile)
	if err := c.Validate(); err != nil {
		t.Fatalf("Validate: %v", err)
	}
	if w := c.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	r := c.Runners["containers-arm64"]
	switch {
	case c.Name != "us-west-1", c.AWS.Account != "210987654321", len(c.AWS.Zones) != 2,
		c.Network.CIDR.String() != "10.42.0.0/16", c.Ready.String() != "10m",
		r.Disk != 200, r.Count != Count{Min: 2, Max: 24}, *r.OnDemand.Percent != 25, !*r.Cache,
		r.Agent.Kind != JobServ, r.Agent.Tags[1] != "armhf",
		c.Runners["own-amd64"].Agent.Commands.Drain != "./drain",
		c.Cache.Volume.Size != 2*TiB, c.Cache.Pins["acme"] != 2,
		c.GCP.ASN != ASN{AWS: 64620, GCP: 64520}, c.GCP.Services[0].Address.String() != "10.128.0.10",
		c.Tags["cost-center"] != "ci":
		t.Errorf("not as written: %+v", c)
	}
}

// Each case changes one line of the valid file. The problem must carry that line.
func TestDecodeProblems(t *testing.T) {
	cases := []struct {
		name, old, new string
		want           []string
	}{
		{"unknown key, near", "  cidr:", "  cdir:", []string{`us-west-1.yaml:8: network.cdir: unknown key; want cidr`}},
		{"unknown key, other case", "instanceTypes: [m7g.2xlarge", "instancetypes: [m7g.2xlarge",
			[]string{`:13: runners.containers-arm64.instancetypes: unknown key; want instanceTypes`}},
		{"unknown key, far", "posture: active", "colour: blue",
			[]string{`:5: colour: unknown key; want one of aws, posture, ready, network, runners, cache, gcp, alerts or tags`}},
		{"unknown key with odd letters", "posture: active", "\"a b\\nc\": blue", []string{`:5: ["a b\nc"]: unknown key`}},
		{"key twice", "posture: active", "posture: active\nposture: standby",
			[]string{`:6: posture: is set twice, first on line 5; want each key once`}},
		{"account without quotes", `"210987654321"`, `210987654321`,
			[]string{`:2: aws.account: is a number and must be quoted; want "210987654321"`}},
		{"account with a zero in front", `"210987654321"`, `010987654321`,
			[]string{`:2: aws.account: is a number and must be quoted; want "010987654321"`}},
		{"account too short", `"210987654321"`, `"21098765432"`,
			[]string{`:2: aws.account: "21098765432" is not valid; want the twelve digits`}},
		{"enum", "posture: active", "posture: Active", []string{`:5: posture: "Active" is not a posture; want active, standby or draining`}},
		{"enum in a list", "  egress:", "  keep: [nat]\n  egress:",
			[]string{`:9: network.keep[0]: "nat" is not an egress mode; want nat-gateway-per-zone,`}},
		{"duration", "ready: 10m", "ready: 10 minutes", []string{`:6: ready: "10 minutes" is not valid; want a duration such as 10m`}},
		{"duration without unit", "ready: 10m", "ready: 10", []string{`:6: ready: "10" is not valid`}},
		{"size in GB", "disk: 200GiB", "disk: 200GB",
			[]string{`:16: runners.containers-arm64.disk: "200GB" is not valid; want a size such as 200GiB`}},
		{"size as a list", "disk: 200GiB", "disk: [200GiB]", []string{`:16: runners.containers-arm64.disk: is a list; want a size`}},
		{"range", "10.42.0.0/16", "10.42.0.0/33", []string{`:8: network.cidr: "10.42.0.0/33" is not valid; want a private range of /16 to /20`}},
		{"empty range", "10.42.0.0/16", `""`, []string{`:8: network.cidr: "" is not valid`}},
		{"address", "address: 10.128.0.10", "address: 10.128.0",
			[]string{`gcp.services[0].address: "10.128.0" is not valid; want an IPv4 address`}},
		{"number as text", "shards: 4", `shards: "4"`, []string{`cache.shards: "4" is a string; want a whole number from 1 to 32`}},
		{"number with a fraction", "shards: 4", "shards: 4.5", []string{`cache.shards: "4.5" is a number; want a whole number from 1 to 32`}},
		{"octal number", "shards: 4", "shards: 010", []string{`cache.shards: "010" is a number; want a whole number`}},
		{"huge number", "shards: 4", "shards: 99999999999999999999999",
			[]string{`cache.shards: "99999999999999999999999" is a number; want a whole`}},
		{"number too large", "shards: 4", "shards: 33", []string{`cache.shards: 33 is too large; want a whole number from 1 to 32`}},
		{"zero is not absent", "  egress:", "  addresses: 0\n  egress:",
			[]string{`:9: network.addresses: 0 is too small; want a whole number from 1 to 8`}},
		{"policy without a priority", "  link: ha-vpn", "  link: ha-vpn\n  securityPolicy: {name: edge}",
			[]string{`:42: gcp.securityPolicy.priority: is missing; want a whole number from 0 to 2147483646`}},
		{"priority that is the policy's own", "  link: ha-vpn", "  link: ha-vpn\n  securityPolicy: {name: edge, priority: 2147483647}",
			[]string{`:42: gcp.securityPolicy.priority: 2147483647 is too large`}},
		{"one webhook", "alerts:", "alerts:\n  webhooks: https://hooks.example.com",
			[]string{`:47: alerts.webhooks: is a string, not a list; want a list of https addresses`}},
		{"truth", "cache: true", "cache: yes", []string{`:18: runners.containers-arm64.cache: "yes" is a string; want true or false`}},
		{"truth in capitals", "cache: true", "cache: TRUE", []string{`cache: "TRUE" is a boolean; want true or false`}},
		{"text where a list belongs", "zones: [us-west-1a, us-west-1b]", "zones: us-west-1a",
			[]string{`:4: aws.zones: is a string, not a list; want a list of one to six zones`}},
		{"empty list", "zones: [us-west-1a, us-west-1b]", "zones: []", []string{`:4: aws.zones: is empty; want a list of one to six zones`}},
		{"list too long", "zones: [us-west-1a, us-west-1b]", "zones: [a, b, c, d, e, f, g]",
			[]string{`:4: aws.zones: has 7 items; want a list of one to six`}},
		{"number in a list of texts", "tags: [aarch64, armhf]", "tags: [aarch64, 64]",
			[]string{`agent.tags[1]: is a number and must be quoted; want "64"`}},
		{"empty text in a list", "tags: [aarch64, armhf]", `tags: [aarch64, ""]`, []string{`agent.tags[1]: is empty; want a string`}},
		{"list where a mapping belongs", "count: {min: 2, max: 24}", "count: [2, 24]",
			[]string{`:14: runners.containers-arm64.count: is a list; want a mapping with the keys min and max`}},
		{"list where a table belongs", "pins: {acme: 2}", "pins: [acme]",
			[]string{`cache.pins: is a list; want a mapping from tenants to shards`}},
		{"number as a key", "pins: {acme: 2}", "pins: {12: 2}", []string{`cache.pins.12: the key is a number and must be quoted; want "12"`}},
		{"mapping as a key", "tags: {cost-center: ci}", "tags: {[a]: ci}", []string{`tags: has a key that is a list; want a string as the key`}},
		{"truth as a tag", "tags: {cost-center: ci}", "tags: {spot: true}", []string{`tags.spot: is a boolean and must be quoted; want "true"`}},
		{"date as a tag", "tags: {cost-center: ci}", "tags: {since: 2022-04-01}",
			[]string{`tags.since: is a date and must be quoted; want "2022-04-01"`}},
		{"type of its own", "posture: active", "posture: !region active", []string{`:5: posture: "active" is of the type "!region"`}},
		{"null", "posture: active", "posture:", []string{`:5: posture: is empty; want active, standby or draining, or the key removed`}},
		{"empty section", "    agent:\n      kind: command\n      ", "    agent:\n    # kind: command\n    image: debian-12\n    #",
			[]string{`:29: runners.own-amd64.agent: is empty; want a mapping with the keys kind`}},
		{"missing keys", "  account: \"210987654321\"\n  region: us-west-1\n", "", []string{
			`:1: aws.account: is missing; want the twelve digits of the account in quotes`,
			`:1: aws.region: is missing; want an AWS region such as us-west-1`}},
		{"missing section", "network:\n  cidr: 10.42.0.0/16\n  egress: nat-gateway-per-zone\n", "",
			[]string{`:1: network: is missing; want a mapping with the keys cidr, egress, keep, addresses and aptMirror`}},
		{"missing in an item", "address: 10.128.0.20, ", "", []string{`gcp.services[1].address: is missing; want an IPv4 address`}},
		{"token as a number", "token: ci-worker-token", "token: 123456789",
			[]string{`agent.token: is a number; want the name of a stack secret`}},
		{"token pattern", "token: ci-worker-token", "token: hunter2!",
			[]string{`agent.token: the value (not printed) is not valid; want the name of a stack secret`}},
		{"token too long", "token: ci-worker-token", "token: " + strings.Repeat("ab-", 22) + "c",
			[]string{`agent.token: the value (not printed) is 67 characters long, more than 64`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(validFile, c.old) {
				t.Fatalf("the valid file has no %q", c.old)
			}
			_, err := Parse(testFile, []byte(strings.Replace(validFile, c.old, c.new, 1)))
			got := Problems(err)
			compareProblems(t, got, c.want)
			for _, p := range got {
				checkOneLine(t, p)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	fleet := "runners:\n  a: &a\n    arch: arm64\n    instanceTypes: [m7g.large]\n    count: {min: 1, max: 2}\n    agent: &agent {kind: " +
		"github, url: 'https://github.com/acme', token: gh, tags: [one]}\n"
	cases := []struct {
		name, more string
		want       []string
		check      func(c *Config) bool
	}{
		{"own keys win", "  b:\n    <<: *a\n    agent: {<<: *agent, tags: [two]}\n", nil, func(c *Config) bool {
			return c.Runners["b"].Agent.Tags[0] == "two" && c.Runners["b"].Agent.URL == c.Runners["a"].Agent.URL && c.Runners["b"].Arch == ARM64
		}},
		{"own key before the merge", "  b: {count: {min: 1, max: 9}, <<: *a}\n", nil,
			func(c *Config) bool { return c.Runners["b"].Count.Max == 9 }},
		{"earlier of a list wins", "  b: &b\n    <<: *a\n    disk: 20GiB\n  c: &c\n    <<: *a\n    disk: 30GiB\n  d: {<<: [*c, *b]}\n", nil,
			func(c *Config) bool { return c.Runners["d"].Disk == 30 }},
		{"whole alias", "  b: *a\n", nil, func(c *Config) bool { return c.Runners["b"].Count.Max == 2 }},
		{"merge of a text", "  b:\n    <<: hello\n    <<: *a\n", []string{`:14: runners.b["<<"]: is a string; want an alias to a mapping`}, nil},
		{"merge of itself", "  b: &b\n    <<: *b\n",
			[]string{"runners.b.agent: is missing", "runners.b.arch: is missing", "runners.b.count: is missing",
				"runners.b.instanceTypes: is missing", `:14: runners.b["<<"]: merges a mapping into itself; want an alias to another mapping`}, nil},
		{"a bad key is reported at the anchor", "  b: &b\n    <<: *a\n    dsk: 20GiB\n  c: {<<: *b}\n",
			[]string{":15: runners.b.dsk: unknown key; want disk", ":15: runners.c.dsk: unknown key; want disk"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(testFile, []byte(minimalFile+fleet+c.more))
			compareProblems(t, Problems(err), c.want)
			if c.check != nil && err == nil && !c.check(got) {
				t.Errorf("not merged as wanted: %+v", got.Runners)
			}
		})
	}
}
