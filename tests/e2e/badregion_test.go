package e2e

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// Mistakes about fleets, cache and link are found before anything starts: one line with file, line and what to write, exit code 2, and
// nothing is touched. The rules have tests of their own; these are the ones that a cloud would tell of late.
func TestMistakesOfWholeRegions(t *testing.T) {
	containers := func(change func(*regionfile.Runner)) edit { return fleetOf("containers-arm64", change) }
	network := func(cidr string) edit { return func(c *regionfile.Config) { c.Network.CIDR = prefix(t, cidr) } }
	inside := func(cidr string) edit { return func(c *regionfile.Config) { c.GCP.TunnelRange = prefix(t, cidr) } }
	cases := []struct {
		name string
		edit edit
		// beside edits the shipped us-east-2, which is then beside the region. Nil: it stands alone.
		beside edit
		want   []string
	}{
		{"armhf on Graviton4", containers(func(r *regionfile.Runner) { r.InstanceTypes = []string{"m7g.2xlarge", "m8g.2xlarge"} }), nil,
			[]string{"runners.containers-arm64.agent.tags[1]", "m8g.2xlarge", "Graviton4"}},
		{"another architecture", containers(func(r *regionfile.Runner) { r.InstanceTypes = []string{"c7i.2xlarge"} }), nil,
			[]string{"runners.containers-arm64.instanceTypes[0]", "c7i.2xlarge is x86_64"}},
		{"a fleet larger than its subnets", func(c *regionfile.Config) {
			network("10.42.0.0/20")(c)
			containers(func(r *regionfile.Runner) { r.Count.Max = 600 })(c)
		}, nil, []string{"runners.containers-arm64.count", "10.42.0.0/20"}},
		{"a pin to a shard that does not exist", func(c *regionfile.Config) { c.Cache.Pins["acme"] = 7 }, nil,
			[]string{"cache.pins.acme", "shard 7 does not exist", "0 to 1"}},
		{"shards beyond the addresses", func(c *regionfile.Config) {
			network("10.42.0.0/20")(c)
			c.Cache.Shards = 30
		}, nil, []string{"cache.shards", "30 servers do not fit", "10.42.0.0/20"}},
		{"two shards and one zone", func(c *regionfile.Config) { c.AWS.Zones = c.AWS.Zones[:1] }, nil, []string{"cache.shards", "a second zone"}},
		{"a service that the link does not reach", func(c *regionfile.Config) { c.GCP.Services[0].Address = netip.MustParseAddr("192.0.2.10") },
			nil,
			[]string{"gcp.services[0].address", "192.0.2.10", "outside gcp.ranges, so the link does not reach it"}},
		{"equal numbers of both sides", func(c *regionfile.Config) { c.GCP.ASN.GCP = c.GCP.ASN.AWS }, nil,
			[]string{"gcp.asn.gcp", "64620", "two different numbers"}},
		{"a public number", func(c *regionfile.Config) { c.GCP.ASN.AWS = 70000 }, nil,
			[]string{"gcp.asn.aws", "70000 is not a private BGP number"}},
		{"tunnel ranges of another region", inside("169.254.20.0/28"), inside("169.254.20.0/28"),
			[]string{"gcp.tunnelRange", "169.254.20.0/28", "us-east-2.yaml:", "another /28"}},
		{"numbers of another region", func(c *regionfile.Config) { c.GCP.ASN.AWS = 64610 }, func(*regionfile.Config) {},
			[]string{"gcp.asn.aws", "64610", "us-east-2.yaml:"}},
		{"the network of another region", network("10.40.128.0/17"), func(*regionfile.Config) {},
			[]string{"network.cidr", "10.40.0.0/16", "us-east-2.yaml:"}},
		{"a seed without a cache", func(c *regionfile.Config) { c.Cache.Seed = &regionfile.Seed{Region: "us-east-2"} },
			func(c *regionfile.Config) { c.Cache = nil }, []string{"cache.seed.region", "us-east-2", "a region with a cache"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := wholeWorld(t, c.edit)
			if c.beside != nil {
				w.region("us-east-2", shippedFile(t, "us-east-2", c.beside))
			}
			code, out, errs := w.run("up", name, "--emulated")
			if code != 2 || out != "" {
				t.Errorf("exit code %d, want 2; standard output %q, want none", code, out)
			}
			for _, want := range append(c.want, "regions/us-west-2.yaml:", "; want ") {
				if !strings.Contains(errs, want) {
					t.Errorf("the error lacks %q:\n%s", want, errs)
				}
			}
			if lines := strings.Count(errs, "; want "); lines != 1 {
				t.Errorf("%d problems, want one:\n%s", lines, errs)
			}
			if _, err := os.Stat(filepath.Join(w.dir, ".beachhead")); err == nil {
				t.Error("something was touched")
			}
		})
	}
}
