package plan

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

func configWithLink(edit func(*regionfile.GCP)) *regionfile.Config {
	return newConfig(func(c *regionfile.Config) {
		c.GCP = &regionfile.GCP{
			Project: "acme-backend", Region: "us-west2", ASN: regionfile.ASN{AWS: 64620, GCP: 64520},
			TunnelRange: netip.MustParsePrefix("169.254.20.0/28"),
			Services: []regionfile.Service{
				{Name: "ci", Host: "ci.example.com", Address: netip.MustParseAddr("10.128.0.20"), Ports: []int{8443, 443}},
				{Name: "api", Host: "api.example.com", Address: netip.MustParseAddr("10.128.0.10"), Ports: []int{443}},
			},
		}
		if edit != nil {
			edit(c.GCP)
		}
	})
}

func buildLinkOf(t rapid.TB, c *regionfile.Config) *Link {
	t.Helper()
	p, err := Build(c)
	if err != nil {
		t.Fatal(err)
	}
	return p.Link
}

func TestLink(t *testing.T) {
	l := buildLinkOf(t, configWithLink(nil))
	addr := netip.MustParseAddr
	if want := []Tunnel{
		{0, 0, 1, 0, 0, netip.MustParsePrefix("169.254.20.0/30"), addr("169.254.20.1"), addr("169.254.20.2")},
		{1, 0, 2, 0, 1, netip.MustParsePrefix("169.254.20.4/30"), addr("169.254.20.5"), addr("169.254.20.6")},
		{2, 1, 1, 1, 2, netip.MustParsePrefix("169.254.20.8/30"), addr("169.254.20.9"), addr("169.254.20.10")},
		{3, 1, 2, 1, 3, netip.MustParsePrefix("169.254.20.12/30"), addr("169.254.20.13"), addr("169.254.20.14")},
	}; !slices.Equal(l.Tunnels, want) {
		t.Errorf("tunnels\n%v\nwant\n%v", l.Tunnels, want)
	}
	if l.ASNs != (ASNs{AWS: 64620, GCP: 64520}) || l.Project != "acme-backend" || l.Region != "us-west2" || l.Network != "default" {
		t.Errorf("link %+v", l)
	}
	if want := []Service{{"api", addr("10.128.0.10"), []int{443}},
		{"ci", addr("10.128.0.20"), []int{443, 8443}}}; !reflect.DeepEqual(l.Services, want) {
		t.Errorf("services %v, want %v", l.Services, want)
	}
	if len(l.Sources) != 6 {
		t.Errorf("sources %v, want the runner subnets of both tiers in three zones", l.Sources)
	}
}

func TestNoLink(t *testing.T) {
	if l := buildLinkOf(t, configWithLink(func(g *regionfile.GCP) { g.Link = regionfile.NoLink })); l != nil {
		t.Errorf("link none has the plan %+v", l)
	}
}

// Each path to services and to Google APIs has its own names and announced ranges.
func TestNames(t *testing.T) {
	cases := []struct {
		path       regionfile.Path
		apis       regionfile.GoogleAPIs
		advertised string
		zones      string
		google     string // the first address of Google's names
	}{
		{regionfile.PrivatePath, regionfile.PrivateAPIs, "10.128.0.0/9 199.36.153.8/30",
			"api.example.com ci.example.com gcr.io googleapis.com pkg.dev", "199.36.153.8"},
		{regionfile.PrivatePath, regionfile.RestrictedAPIs, "10.128.0.0/9 199.36.153.4/30",
			"api.example.com ci.example.com gcr.io googleapis.com pkg.dev", "199.36.153.4"},
		{regionfile.PrivatePath, regionfile.PublicAPIs, "10.128.0.0/9", "api.example.com ci.example.com", ""},
		{regionfile.PublicPath, regionfile.PrivateAPIs, "10.128.0.0/9 199.36.153.8/30", "gcr.io googleapis.com pkg.dev", "199.36.153.8"},
		{regionfile.PublicPath, regionfile.PublicAPIs, "10.128.0.0/9", "", ""},
	}
	for _, c := range cases {
		t.Run(string(c.path)+" "+string(c.apis), func(t *testing.T) {
			l := buildLinkOf(t, configWithLink(func(g *regionfile.GCP) { g.Path, g.GoogleAPIs = c.path, c.apis }))
			var zones, advertised []string
			for _, r := range l.Advertised {
				advertised = append(advertised, r.String())
			}
			for _, z := range l.Zones {
				zones = append(zones, z.Name)
				if len(z.Records) == 0 {
					t.Errorf("zone %s has no records and hides the name", z.Name)
				}
				if z.Name == "gcr.io" && (z.Records[0].Values[0] != c.google || len(z.Records[0].Values) != 4 || z.Records[1].Name != "*.gcr.io") {
					t.Errorf("records %v", z.Records)
				}
			}
			if got := strings.Join(zones, " "); got != c.zones {
				t.Errorf("zones %q, want %q", got, c.zones)
			}
			if got := strings.Join(advertised, " "); got != c.advertised {
				t.Errorf("announces %q, want %q", got, c.advertised)
			}
		})
	}
}

// The DNS zone of a service contains only its host and its address.
func TestServiceZone(t *testing.T) {
	want := DNSZone{"api.example.com", []DNSRecord{{"api.example.com", "A", 30, []string{"10.128.0.10"}}}}
	if got := buildLinkOf(t, configWithLink(nil)).Zones[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The ranges of the four tunnels do not overlap and are inside the /28. Each contains its two addresses, which are not its
// first or last.
func TestTunnelRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		third, fourth := rapid.IntRange(0, 255).Draw(t, "third"), rapid.IntRange(0, 15).Draw(t, "fourth")
		whole := netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, byte(third), byte(fourth << 4)}), 28)
		four, err := cutTunnels(whole)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range four {
			for _, b := range four[:i] {
				if a.Inside.Overlaps(b.Inside) {
					t.Fatalf("%s and %s overlap", a.Inside, b.Inside)
				}
				if a.Connection == b.Connection && a.InConnection == b.InConnection || a.ExternalInterface == b.ExternalInterface {
					t.Fatalf("%+v and %+v are in one place", a, b)
				}
			}
			first := a.Inside.Addr()
			if !whole.Contains(first) || a.Inside.Bits() != 30 || a.Inside != a.Inside.Masked() || a.AWSAddress != addressAfter(first,
				1) || a.GCPAddress != addressAfter(first, 2) {
				t.Fatalf("%+v in %s", a, whole)
			}
		}
	})
}

func TestLinkRefuses(t *testing.T) {
	for _, r := range []netip.Prefix{{}, netip.MustParsePrefix("169.254.20.0/27"), netip.MustParsePrefix("169.254.20.4/28"),
		netip.MustParsePrefix("fd00::/28")} {
		if _, err := cutTunnels(r); err == nil {
			t.Errorf("tunnels in %s", r)
		}
	}
	c := configWithLink(nil)
	c.GCP.TunnelRange = netip.Prefix{}
	if _, err := Build(c); err == nil || !strings.Contains(err.Error(), "the link of us-west-2: ") {
		t.Errorf("no range: %v", err)
	}
}
