package regionfile

import (
	"path/filepath"
	"strings"
	"testing"
)

// twoRegions returns two valid regions that do not conflict.
func twoRegions(t *testing.T) (a, b *Config) {
	t.Helper()
	a, err := Parse("regions/us-east-2.yaml", []byte(strings.NewReplacer(
		"us-west-1", "us-east-2", "us-east-2}", "us-west-1}", "10.42.", "10.40.", "64620", "64610").Replace(validFile)))
	if err != nil {
		t.Fatal(err)
	}
	a.Default()
	return a, mustParse(t, validFile)
}

// withPolicies adds a rule in one policy to both regions and edits the rules.
func withPolicies(change func(a, b *SecurityPolicy)) func(a, b *Config) {
	return func(a, b *Config) {
		a.GCP.SecurityPolicy, b.GCP.SecurityPolicy = &SecurityPolicy{Name: "edge", Priority: 4200}, &SecurityPolicy{Name: "edge", Priority: 4200}
		change(a.GCP.SecurityPolicy, b.GCP.SecurityPolicy)
	}
}

func TestCrossCheck(t *testing.T) {
	cases := []struct {
		name string
		edit func(a, b *Config)
		want []string
	}{
		{"nothing", func(_, _ *Config) {}, nil},
		{"networks equal", func(a, b *Config) { b.Network.CIDR = a.Network.CIDR },
			[]string{`regions/us-west-1.yaml:8: network.cidr: "10.40.0.0/16" overlaps 10.40.0.0/16 of regions/us-east-2.yaml:8; want a range ` +
				`that no other region uses, for example 10.0.0.0/16`}},
		{"networks overlap", func(a, b *Config) { b.Network.CIDR = mustPrefix("10.40.16.0/20") },
			[]string{`us-west-1.yaml:8: network.cidr: "10.40.16.0/20" overlaps 10.40.0.0/16 of regions/us-east-2.yaml:8; want a range that no ` +
				`other region uses, for example 10.0.0.0/20`}},
		{"AWS ASNs equal", func(a, b *Config) { b.GCP.ASN.AWS = a.GCP.ASN.AWS },
			[]string{`us-west-1.yaml:42: gcp.asn.aws: 64610 is already the AWS side's number of regions/us-east-2.yaml:42; want a number that ` +
				`no other region uses`}},
		{"AWS ASN is the other's GCP ASN", func(a, b *Config) { a.GCP.ASN.GCP, b.GCP.ASN.AWS = 64700, 64700 },
			[]string{`us-west-1.yaml:42: gcp.asn.aws: 64700 is already the GCP side's number of regions/us-east-2.yaml:42`}},
		{"GCP ASN is the other's AWS ASN", func(a, b *Config) { b.GCP.ASN.GCP = a.GCP.ASN.AWS },
			[]string{`us-west-1.yaml:42: gcp.asn.gcp: 64610 is already the AWS side's number of regions/us-east-2.yaml:42`}},
		{"tunnel ranges equal", func(a, b *Config) { b.GCP.TunnelRange = a.GCP.TunnelRange },
			[]string{`gcp.tunnelRange: "` + deriveTunnelRange("us-east-2").String() + `" overlaps ` + deriveTunnelRange("us-east-2").String() +
				` of regions/us-east-2.yaml:38; want another /28, for example 169.254.`}},
		{"other GCP networks", func(a, b *Config) {
			b.GCP.Project = "other-backend"
			b.GCP.ASN, b.GCP.TunnelRange = a.GCP.ASN, a.GCP.TunnelRange
		}, nil},
		{"network in another's announced range", func(a, b *Config) { a.GCP.Ranges = append(a.GCP.Ranges, mustPrefix("10.42.8.0/24")) },
			[]string{`us-west-1.yaml:8: network.cidr: "10.42.0.0/16" overlaps 10.42.8.0/24 of regions/us-east-2.yaml:38; want a range outside it`}},
		{"seed without cache", func(a, _ *Config) { a.Cache = nil },
			[]string{`us-west-1.yaml:36: cache.seed.region: no cache to seed from exists in the region of regions/us-east-2.yaml:32; want a ` +
				`region with a cache, or no seed`}},
		{"policies of one priority", withPolicies(func(_, _ *SecurityPolicy) {}),
			[]string{`us-west-1.yaml:38: gcp.securityPolicy.priority: 4200 is already the priority of regions/us-east-2.yaml:38; want a ` +
				`priority that no other rule of the policy uses`}},
		{"priorities apart", withPolicies(func(_, b *SecurityPolicy) { b.Priority++ }), nil},
		{"policies apart", withPolicies(func(a, _ *SecurityPolicy) { a.Name = "other" }), nil},
		{"policies of other projects", func(a, b *Config) {
			withPolicies(func(_, _ *SecurityPolicy) {})(a, b)
			b.GCP.Project = "other-backend"
		}, nil},
		{"policies without links", func(a, b *Config) {
			withPolicies(func(_, _ *SecurityPolicy) {})(a, b)
			a.GCP.Link, b.GCP.Link = NoLink, NoLink
		}, []string{`gcp.securityPolicy.priority: 4200 is already the priority of`}},
		{"same name", func(a, b *Config) { a.Name = b.Name },
			[]string{`"us-west-1" is already the name of regions/us-`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, b := twoRegions(t)
			c.edit(a, b)
			for _, order := range [][]*Config{{a, b}, {b, a}} {
				got := Problems(CrossCheck(order))
				compareProblems(t, got, c.want)
				for _, p := range got {
					checkOneLine(t, p)
				}
			}
		})
	}
}

func TestLoadAll(t *testing.T) {
	dir := t.TempDir()
	a := writeFile(t, dir, "us-east-2.yaml",
		strings.NewReplacer("us-west-1", "us-east-2", "seed: {region: us-east-2}", "seed: {region: us-west-1}", "64620",
			"64610").Replace(validFile))
	b := writeFile(t, dir, "us-west-1.yaml",
		strings.NewReplacer("ready: 10m", "ready: soon", "count: {min: 2, max: 24}", "count: {min: 25, max: 24}").Replace(validFile))
	cfgs, err := LoadAll([]string{a, b, filepath.Join(dir, "nope.yaml")})
	// LoadAll reports invalid values, broken rules and conflicts between files at once.
	compareProblems(t, Problems(err), []string{
		"nope.yaml: no such file",
		`us-west-1.yaml:6: ready: "soon" is not valid`,
		`us-west-1.yaml:8: network.cidr: "10.42.0.0/16" overlaps 10.42.0.0/16 of ` + a + ":8",
		"us-west-1.yaml:14: runners.containers-arm64.count.min: 25 is more than max (24)",
	})
	if len(cfgs) != 1 || cfgs[0].Name != "us-east-2" || cfgs[0].Network.Addresses != 1 {
		t.Errorf("sound configs: %v", cfgs)
	}
}

// An invalid value must cause one problem only.
func TestBrokenValuesBringNoFurtherProblems(t *testing.T) {
	for old, broken := range map[string]string{
		"10.42.0.0/16": "10.42", "us-west-1\n": "[us-west-1]\n", "[us-west-1a, us-west-1b]": "us-west-1a", "max: 24": "max: many",
		"shards: 4": "shards: four", "size: 2TiB": "size: big", "iops: 8000": "iops: 8e3", "kind: jobserv": "kind: jobsrv",
		"link: ha-vpn": "link: vpn", "{aws: 64620": "{aws: none", "arch: arm64": "arch: arm", "cache:\n": "cach:\n",
		"  cidr:": "  cdir:", "instanceTypes: [m7g.4xlarge, m6g.4xlarge]": "instanceTypes: {}",
	} {
		dir := t.TempDir()
		writeFile(t, dir, "us-east-2.yaml", minimalFile)
		path := writeFile(t, dir, "us-west-1.yaml", strings.Replace(validFile, old, broken, 1))
		if _, err := LoadAll([]string{path}); len(Problems(err)) != 1 {
			t.Errorf("%s as %s:\n%v", old, broken, err)
		}
	}
}

func TestSeedFile(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir, "us-west-1.yaml", validFile)
	_, err := LoadAll([]string{path})
	compareProblems(t, Problems(err),
		[]string{`us-west-1.yaml:36: cache.seed.region: region file "us-east-2" not found in ` + dir + "; want us-west-1"})
	writeFile(t, dir, "us-east-2.yml", minimalFile)
	if _, err := LoadAll([]string{path}); err != nil {
		t.Errorf("with the seed's file beside it: %v", err)
	}
}

func TestFindFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := FindFile(dir, "us-west-1"); err == nil || err.Error() != filepath.Join(dir,
		"regions")+`: region "us-west-1" not found; want a region file in that directory, for example us-west-1.yaml` {
		t.Errorf("without a directory: %v", err)
	}
	sub := filepath.Join(dir, "regions")
	makeDir(t, sub)
	west, east := writeFile(t, sub, "us-west-1.yaml", minimalFile), writeFile(t, sub, "eu-west-1.yml", minimalFile)
	writeFile(t, sub, "schema.json", "{}")
	cases := []struct{ name, path, want string }{
		{"us-west-1", west, ""}, {"eu-west-1", east, ""}, {"elsewhere/x.yaml", "elsewhere/x.yaml", ""}, {"x.yml", "x.yml", ""},
		{"us-wset-1", "", `region "us-wset-1" not found; want us-west-1`},
		{"mars", "", `region "mars" not found; want eu-west-1 or us-west-1`},
		{"../us-west-1", "", `"../us-west-1" is not a region name; want eu-west-1 or us-west-1`},
		{"", "", `"" is not a region name; want eu-west-1 or us-west-1`},
	}
	for _, c := range cases {
		got, err := FindFile(dir, c.name)
		if got != c.path || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("FindFile(%q) = %q, %v; want %q, %q", c.name, got, err, c.path, c.want)
		}
	}
	if got, err := ListFiles(dir); err != nil || len(got) != 2 || got[0] != east || got[1] != west {
		t.Errorf("ListFiles = %v, %v", got, err)
	}
	if _, err := ListFiles(sub); err == nil || !strings.Contains(err.Error(),
		"cannot be read: no such file or directory; want a directory with region files") {
		t.Errorf("ListFiles without a directory: %v", err)
	}
}
