package regionfile

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDefault(t *testing.T) {
	c := mustParse(t, minimalFile+`runners:
  one:
    arch: arm64
    instanceTypes: [m7g.large]
    count: {min: 0, max: 1}
    agent: {kind: github, url: https://github.com/acme, token: gh}
cache: {shards: 1, instanceTypes: [m7g.large], volume: {size: 1TiB}}
gcp: {project: acme-backend, region: us-west2, asn: {aws: 64620, gcp: 64520}}
`)
	r := c.Runners["one"]
	wantRunner := Runner{
		Arch: ARM64, InstanceTypes: []string{"m7g.large"}, Count: Count{Max: 1},
		OnDemand: OnDemand{Base: new(0), Percent: new(0)}, Disk: 100, Image: Debian12, Cache: new(true),
		Agent: Agent{Kind: GitHub, URL: "https://github.com/acme", Token: "gh", Concurrency: 1},
	}
	if !reflect.DeepEqual(r, wantRunner) {
		t.Errorf("runner %+v; want %+v", r, wantRunner)
	}
	if c.Posture != Active || c.Ready != Duration(15*time.Minute) || c.Network.Egress != NATGatewayPerZone || c.Network.Addresses != 1 {
		t.Errorf("region %+v", c)
	}
	if v := c.Cache.Volume; v.IOPS != 3000 || v.Throughput != 125 {
		t.Errorf("volume %+v", v)
	}
	g := c.GCP
	if g.Network != "default" || g.Link != HAVPN || g.Path != PrivatePath || g.GoogleAPIs != PrivateAPIs ||
		!reflect.DeepEqual(g.Ranges, []netip.Prefix{netip.MustParsePrefix("10.128.0.0/9")}) || g.TunnelRange != deriveTunnelRange("us-west-1") {
		t.Errorf("gcp %+v", g)
	}
}

func TestDefaultWithoutCacheAndLink(t *testing.T) {
	c := &Config{Runners: map[string]Runner{"one": {}}, GCP: &GCP{Link: NoLink}}
	c.Default()
	if *c.Runners["one"].Cache || c.Cache != nil {
		t.Error("runners use a cache that is not there")
	}
	if c.GCP.Path != PublicPath || c.GCP.GoogleAPIs != PublicAPIs || c.GCP.TunnelRange.IsValid() {
		t.Errorf("gcp without link: %+v", c.GCP)
	}
}

// Default must not change a config that shares sections with this one.
func TestDefaultLeavesCopiesAlone(t *testing.T) {
	a := &Config{Name: "a", Runners: map[string]Runner{"one": {}}, Cache: &Cache{}, GCP: &GCP{}}
	b := *a
	a.Default()
	if b.Runners["one"].Disk != 0 || b.Cache.Volume.IOPS != 0 || b.GCP.TunnelRange.IsValid() {
		t.Error("the copy was filled in too")
	}
}

func TestDefaultTwiceIsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		once := drawConfig(t)
		once.Default()
		twice := *once
		twice.Default()
		if !reflect.DeepEqual(once, &twice) {
			t.Fatalf("twice %+v; once %+v", twice, once)
		}
	})
}

// Default never changes a value that the config sets.
func TestDefaultKeepsWhatIsSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		c.Default()
		full := *c
		full.Name = "another" // whose derived values differ
		full.Default()
		full.Name = c.Name
		if !reflect.DeepEqual(c, &full) {
			t.Fatal("Default changed a value that was there")
		}
	})
}

func TestTunnelRangeIsFree(t *testing.T) {
	space := netip.MustParsePrefix("169.254.0.0/16")
	low, high := netip.MustParseAddr("169.254.16.0"), netip.MustParseAddr("169.254.127.255")
	rapid.Check(t, func(t *rapid.T) {
		r := deriveTunnelRange(rapid.StringMatching(`[a-z][a-z0-9-]{0,30}[a-z0-9]`).Draw(t, "name"))
		if r.Bits() != 28 || r.Masked() != r || !space.Contains(r.Addr()) || r.Addr().Less(low) || high.Less(r.Addr()) {
			t.Fatalf("tunnel range %s", r)
		}
		for _, k := range reservedTunnelRanges {
			if k.Overlaps(r) {
				t.Fatalf("tunnel range %s meets %s", r, k)
			}
		}
	})
	// This value must never change: another range would replace the tunnels of every region that does not set the key.
	if got := deriveTunnelRange("us-west-1").String(); got != "169.254.17.144/28" {
		t.Errorf("tunnel range of us-west-1 is %s", got)
	}
}
