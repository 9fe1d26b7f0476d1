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

// ruleCase edits one value of a valid config. The wanted lines are those of validFile.
type ruleCase struct {
	name string
	edit func(c *Config)
	want []string
}

// checkRules compares the problems of each case with the wanted problems.
func checkRules(t *testing.T, cases []ruleCase) {
	t.Helper()
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

func TestSeveralProblemsAtOnce(t *testing.T) {
	checkRules(t, []ruleCase{
		{"several at once", func(c *Config) {
			c.AWS.Account, c.Network.CIDR, c.GCP.ASN.GCP = "1", mustPrefix("8.8.0.0/16"), 64620
			c.editRunner("containers-arm64", func(r *Runner) { r.Count.Min, r.Agent.Token = 30, "" })
		}, []string{":2: aws.account: ", ":8: network.cidr: ", ":14: runners.containers-arm64.count.min: ",
			":24: runners.containers-arm64.agent.token: ", ":42: gcp.asn.gcp: "}},
	})
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
		{"zone letter", func(c *Config) { c.AWS.Zones[1] = "us-west-1c" },
			[]string{`:4: aws.zones[1]: "us-west-1c" is not in Beachhead's tables, which list us-west-1a and us-west-1b; want a zone of your ` +
				`account`}},
		{"keep none, whose endpoints stay", func(c *Config) { c.Network.Keep = []Egress{None} }, nil},
		{"addresses without NAT", func(c *Config) { c.Network.Egress, c.Network.Addresses = Public, 2 },
			[]string{`network.addresses: 2 addresses, but no NAT gateway uses them`}},
		{"addresses of a kept NAT", func(c *Config) {
			c.Network.Egress, c.Network.Addresses, c.Network.Keep = Public, 2, []Egress{NATGateway}
		}, nil},
		{"quota", func(c *Config) { c.Network.Addresses = 3 },
			[]string{`network.addresses: the region needs 6 Elastic IP addresses, and a new account may have 5; want quota L-0263D0A3 raised ` +
				`first`}},
		{"quota by keeping", func(c *Config) { c.Network.Addresses, c.Network.Keep = 2, []Egress{NATInstance, NATGateway} },
			[]string{`network.addresses: the region needs 6 Elastic IP addresses`}},
		{"disk just large enough for JobServ", editARMFleet(func(r *Runner) { r.Disk = 40 }), nil},
		{"quota just kept", func(c *Config) { c.Network.Egress, c.Network.Addresses = NATGateway, 5 }, nil},
		{"small disk for JobServ", editARMFleet(func(r *Runner) { r.Disk = 39 }),
			[]string{`disk: 39GiB is small: JobServ assigns no work to a machine with less than 30 GB free; want 40GiB or more`}},
		{"throughput that nothing carries", func(c *Config) { c.Cache.Volume.Throughput = 2000 },
			[]string{`cache.volume.throughput: 2000 MiB/s is more than any of the instance types supports (1192); want at most 1192, or larger ` +
				`types`}},
		{"IOPS that nothing carries", func(c *Config) { c.Cache.Volume.IOPS = 80000 },
			[]string{`cache.volume.iops: 80000 is more than any of the instance types supports (40000)`}},
		{"policy on the private path", withPolicy(func(c *Config) { c.GCP.Path = PrivatePath }),
			[]string{`gcp.securityPolicy: has no effect while gcp.path is private; want gcp.path: public`}},
		{"policy and public kept", withPolicy(func(c *Config) { c.Network.Keep = []Egress{Public} }),
			[]string{`gcp.securityPolicy: network.keep includes public, and the rule does not admit machines that have their own public ` +
				`addresses; want keep without public`}},
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
