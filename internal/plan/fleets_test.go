package plan

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// buildFleetOf plans one fleet. Both edits may be nil.
func buildFleetOf(t rapid.TB, runner func(*regionfile.Runner), region func(*regionfile.Config)) (Fleet, *Plan) {
	t.Helper()
	r := regionfile.Runner{
		Arch: regionfile.ARM64, InstanceTypes: []string{"m7g.4xlarge", "m7g.2xlarge"}, Count: regionfile.Count{Min: 2, Max: 24},
		OnDemand: regionfile.OnDemand{Base: new(1), Percent: new(25)}, Disk: 200 * regionfile.GiB,
		Agent: regionfile.Agent{Kind: regionfile.JobServ, URL: "https://ci.example.com", Tags: []string{"aarch64"}, Concurrency: 2,
			Token: "ci-worker-token"},
	}
	if runner != nil {
		runner(&r)
	}
	p, err := Build(newConfig(func(c *regionfile.Config) {
		c.Runners = map[string]regionfile.Runner{"containers": r}
		if region != nil {
			region(c)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	return p.Fleets[0], p
}

func TestFleet(t *testing.T) {
	got, _ := buildFleetOf(t, nil, nil)
	want := Fleet{
		Name: "containers", Arch: regionfile.ARM64, Types: []FleetType{{"m7g.4xlarge", 16}, {"m7g.2xlarge", 8}},
		Min: 16, Max: 192, OnDemandBase: 8, OnDemandPercent: 25, DiskGiB: 200,
		ImageParameter: "/aws/service/debian/release/12/latest/arm64", Tier: PrivateTier,
		Path: "/beachhead/us-west-2/fleets/containers", HookSeconds: 600, LifetimeDays: 7, Launching: true,
		Agent: CIAgent{
			Kind: regionfile.JobServ, URL: "https://ci.example.com", Tags: []string{"aarch64"}, Concurrency: 2,
			Secret: "ci-worker-token", TokenParameter: "/beachhead/us-west-2/fleets/containers/token",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("fleet\n%+v\nwant\n%+v", got, want)
	}
}

func TestFleetOfCommands(t *testing.T) {
	f, _ := buildFleetOf(t, func(r *regionfile.Runner) {
		r.Arch, r.InstanceTypes = regionfile.AMD64, []string{"c7i.8xlarge"}
		r.Agent = regionfile.Agent{Kind: regionfile.Command,
			Commands: &regionfile.Commands{Install: "i", Register: "r", Drain: "d", Unregister: "u"}}
	}, nil)
	if *f.Agent.Commands != (Commands{"i", "r", "d", "u"}) || f.Agent.Secret != "" || f.Agent.TokenParameter != "" {
		t.Errorf("agent %+v: want the four commands and no token", f.Agent)
	}
	if f.ImageParameter != "/aws/service/debian/release/12/latest/amd64" {
		t.Errorf("image in %s", f.ImageParameter)
	}
}

func TestFleetsAreSortedByName(t *testing.T) {
	_, p := buildFleetOf(t, nil, func(c *regionfile.Config) {
		for _, name := range []string{"yocto", "arm", "b"} {
			c.Runners[name] = c.Runners["containers"]
		}
	})
	if !slices.IsSortedFunc(p.Fleets, func(a, b Fleet) int { return strings.Compare(a.Name, b.Name) }) || len(p.Fleets) != 4 {
		t.Errorf("fleets %v", p.Fleets)
	}
}

// A posture changes only sizes and drain flags. The quotas are those of the active region.
func TestPostures(t *testing.T) {
	active, region := buildFleetOf(t, nil, nil)
	for posture, want := range map[regionfile.Posture]Fleet{
		regionfile.Active:   {Min: 16, Max: 192, Launching: true},
		regionfile.Standby:  {Min: 0, Max: 192, Desired: new(0), Drain: true},
		regionfile.Draining: {Min: 0, Max: 192, Drain: true},
	} {
		got, p := buildFleetOf(t, nil, func(c *regionfile.Config) { c.Posture = posture })
		if got.Min != want.Min || got.Max != want.Max || !reflect.DeepEqual(got.Desired,
			want.Desired) || got.Drain != want.Drain || got.Launching != want.Launching {
			t.Errorf("%s: %+v, want the sizes and marks of %+v", posture, got, want)
		}
		if got.Min, got.Desired, got.Drain, got.Launching = active.Min, nil, false, true; !reflect.DeepEqual(got, active) {
			t.Errorf("%s changes more than sizes and marks:\n%+v\n%+v", posture, got, active)
		}
		if !slices.Equal(p.Quotas, region.Quotas) {
			t.Errorf("%s needs %v, active %v", posture, p.Quotas, region.Quotas)
		}
	}
}

func TestFleetTier(t *testing.T) {
	for egress, want := range map[regionfile.Egress]Tier{
		regionfile.NATGatewayPerZone: PrivateTier, regionfile.NATGateway: PrivateTier, regionfile.NATInstance: PrivateTier,
		regionfile.Public: PublicTier, regionfile.None: PrivateTier,
	} {
		f, _ := buildFleetOf(t, nil, func(c *regionfile.Config) { c.Network.Egress = egress })
		if f.Tier != want || f.PublicAddress != (want == PublicTier) {
			t.Errorf("%s: %s subnets, public addresses %t", egress, f.Tier, f.PublicAddress)
		}
	}
}

func TestFleetUsesTheCache(t *testing.T) {
	with := func(c *regionfile.Config) {
		c.Cache = &regionfile.Cache{Shards: 1, InstanceTypes: []string{"m7g.4xlarge"}, Volume: regionfile.Volume{Size: regionfile.TiB}}
	}
	byDefault, _ := buildFleetOf(t, nil, with)
	refused, _ := buildFleetOf(t, func(r *regionfile.Runner) { r.Cache = new(false) }, with)
	without, _ := buildFleetOf(t, nil, nil)
	if !byDefault.Cache || refused.Cache || without.Cache {
		t.Errorf("by default %t, refused %t, without a cache %t", byDefault.Cache, refused.Cache, without.Cache)
	}
}

// In whatever order a group launches machines of its types until its maximum size, it never has more machines than count.max,
// and with a positive count.min at least one.
func TestFleetNeverExceedsMax(t *testing.T) {
	some := rapid.SampledFrom([]string{"c7g.medium", "c7g.large", "m7g.2xlarge", "c7g.4xlarge", "c7g.12xlarge", "c7g.16xlarge"})
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 200).Draw(t, "most")
		least := rapid.IntRange(0, most).Draw(t, "least")
		f, _ := buildFleetOf(t, func(r *regionfile.Runner) {
			r.InstanceTypes = rapid.SliceOfNDistinct(some, 1, 6, func(s string) string { return s }).Draw(t, "types")
			r.Count, r.OnDemand.Base = regionfile.Count{Min: least, Max: most}, new(rapid.IntRange(0, most).Draw(t, "base"))
		}, nil)
		machines := 0
		for units := 0; units < f.Max; machines++ {
			units += rapid.SampledFrom(f.Types).Draw(t, "type").Weight
		}
		if machines > most || f.Min > f.Max || (f.Min > 0) != (least > 0) {
			t.Fatalf("%d machines of %+v, want at most %d", machines, f, most)
		}
		onDemand, spot := f.countVCPUs()
		if onDemand < f.OnDemandBase || spot < 0 || onDemand+spot != f.Max {
			t.Fatalf("%d on demand and %d spot of %d", onDemand, spot, f.Max)
		}
	})
}

func TestVCPUQuotas(t *testing.T) {
	cases := []struct {
		name           string
		runner         func(*regionfile.Runner)
		region         func(*regionfile.Config)
		onDemand, spot int
	}{
		{"base and a quarter", nil, nil, 8 + 46, 138},
		{"all spot", func(r *regionfile.Runner) { r.OnDemand = regionfile.OnDemand{} }, nil, 0, 192},
		{"all on demand", func(r *regionfile.Runner) { r.OnDemand.Percent = new(100) }, nil, 192, 0},
		{"an odd share is rounded up", func(r *regionfile.Runner) { r.OnDemand = regionfile.OnDemand{Percent: new(1)} }, nil, 2, 190},
		{"high memory", func(r *regionfile.Runner) {
			r.InstanceTypes = []string{"x2gd.2xlarge"}
		}, nil, 0, 0},
		{"NAT instances", nil, func(c *regionfile.Config) { c.Network.Egress = regionfile.NATInstance }, 8 + 46 + 3, 138},
		{"cache", nil, func(c *regionfile.Config) {
			c.Cache = &regionfile.Cache{Shards: 2, InstanceTypes: []string{"m7g.4xlarge", "m7g.8xlarge"},
				Volume: regionfile.Volume{Size: regionfile.TiB}}
		}, 8 + 46 + 64, 138},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, p := buildFleetOf(t, c.runner, c.region)
			if o, s := neededQuota(p, "L-1216C47A"), neededQuota(p, "L-34B43A08"); o != c.onDemand || s != c.spot {
				t.Errorf("%d on demand and %d spot, want %d and %d", o, s, c.onDemand, c.spot)
			}
		})
	}
}

func TestFleetRefuses(t *testing.T) {
	for want, edit := range map[string]func(*regionfile.Runner){
		`fleet containers: "m99.large" is not a known EC2 instance type`: func(r *regionfile.Runner) {
			r.InstanceTypes = []string{"m7g.large",
				"m99.large"}
		},
		`no instance types`:          func(r *regionfile.Runner) { r.InstanceTypes = nil },
		`no image debian-11`:         func(r *regionfile.Runner) { r.Image = "debian-11" },
		`no image debian-12 for vax`: func(r *regionfile.Runner) { r.Arch = "vax" },
	} {
		r := regionfile.Runner{Arch: regionfile.ARM64, InstanceTypes: []string{"m7g.large"}, Count: regionfile.Count{Max: 1}}
		edit(&r)
		_, err := Build(newConfig(func(c *regionfile.Config) { c.Runners = map[string]regionfile.Runner{"containers": r} }))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

// Runners are in the runner subnets of either tier, never in cache or link subnets.
func TestRunnerRanges(t *testing.T) {
	p := mustBuild(t, func(c *regionfile.Config) { c.AWS.Zones = c.AWS.Zones[:2] })
	var want []netip.Prefix
	for _, s := range []string{"10.42.0.0/20", "10.42.128.0/20", "10.42.16.0/20", "10.42.144.0/20"} {
		want = append(want, netip.MustParsePrefix(s))
	}
	if got := p.Network.listRunnerRanges(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The plan contains the names of secrets and no field for their values. The JSON key of the fleets exists even without
// fleets.
func TestFleetsInJSON(t *testing.T) {
	text, err := json.Marshal(mustBuild(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"fleets":[]`) {
		t.Errorf("%s lacks an empty list of fleets", text)
	}
}
