package cache_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/cache"
)

// refuser fails the run at the first registration.
type refuser struct{}

func (refuser) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	panic("registered " + a.Name)
}

func (refuser) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

func TestBadArgumentsAreRefused(t *testing.T) {
	address := netip.MustParseAddr
	prefix := netip.MustParsePrefix
	cases := []struct {
		name string
		edit func(*cache.Args)
		want []string
	}{
		{"no shards", func(a *cache.Args) { a.Shards = nil }, []string{"shards are missing"}},
		{"no types", func(a *cache.Args) { a.InstanceTypes = nil }, []string{"instance types are missing"}},
		{"an image id", func(a *cache.Args) { a.Image = "ami-1" }, []string{"name of a parameter"}},
		{"no VPC", func(a *cache.Args) { a.VPC = nil }, []string{"the VPC or the bucket is missing"}},
		{"no account", func(a *cache.Args) { a.Account = "" }, []string{`account ""`}},
		{"no port for hashes", func(a *cache.Args) { a.HashPort = 0 }, []string{"hash-equivalence port 0"}},
		{"no parameter", func(a *cache.Args) { a.Shards[1].MovedParameter = "" }, []string{`shard 1: parameter "" for copied files`}},
		{"a parameter twice", func(a *cache.Args) { a.Shards[1].MovedParameter = a.Shards[0].MovedParameter },
			[]string{"shard 1: another shard has the parameter"}},
		{"no runners", func(a *cache.Args) { a.RunnerCIDRs = nil }, []string{"no runner could mount"}},
		{"a range twice", func(a *cache.Args) { a.RunnerCIDRs[1] = a.RunnerCIDRs[0] }, []string{"10.42.0.0/20 is listed twice"}},
		{"a subnet twice", func(a *cache.Args) { a.Subnets[1].Zone = zones[0] },
			[]string{"two cache subnets", "zone us-west-1b has no cache subnet"}},
		{"a subnet without id", func(a *cache.Args) { a.Subnets[0].ID = nil }, []string{"us-west-1a has no id"}},
		{"fixed addresses elsewhere", func(a *cache.Args) { a.Subnets[0].Fixed = prefix("10.42.226.0/24") },
			[]string{"not a part of the subnet"}},
		{"an address outside", func(a *cache.Args) { a.Shards[1].Address = address("10.42.224.200") },
			[]string{"shard 1: address 10.42.224.200 is not in 10.42.226.0/23"}},
		{"an address not reserved", func(a *cache.Args) { a.Shards[0].Address = address("10.42.224.99") },
			[]string{"not among the fixed addresses"}},
		{"an address of AWS", func(a *cache.Args) {
			a.Subnets[0].Fixed, a.Shards[0].Address = netip.Prefix{}, address("10.42.224.3")
		}, []string{"AWS reserves the address 10.42.224.3"}},
		{"the last address", func(a *cache.Args) {
			a.Subnets[0].Fixed, a.Shards[0].Address = netip.Prefix{}, address("10.42.225.255")
		}, []string{"AWS reserves the address 10.42.225.255"}},
		{"an address twice", func(a *cache.Args) { a.Shards[1].Zone, a.Shards[1].Address = zones[0], a.Shards[0].Address },
			[]string{"another shard has the address"}},
		{"a shard twice", func(a *cache.Args) { a.Shards[1].Number = 0 }, []string{"shard 0 is listed twice"}},
		{"a shard's number", func(a *cache.Args) { a.Shards[1].Number = 100 }, []string{"want 0 to 99"}},
		{"no volume", func(a *cache.Args) { a.Shards[0].Volume.GiB = 0 }, []string{"volume of 0 GiB"}},
		{"no user data", func(a *cache.Args) { a.Shards[0].UserData = "" }, []string{"user data is missing"}},
		{"long user data", func(a *cache.Args) { a.Shards[0].UserData = strings.Repeat("x", 16<<10+1) }, []string{"16385 bytes"}},
		{"a large map", func(a *cache.Args) { a.Map.Document = strings.Repeat("x", 8<<10+1) }, []string{"8193 bytes"}},
		{"a map without path", func(a *cache.Args) { a.Map.Parameter = "map" }, []string{"begins with a slash"}},
		{"no time", func(a *cache.Args) { a.Snapshots.At = "noon" }, []string{`at "noon"`}},
		{"kept for no day", func(a *cache.Args) { a.Snapshots.KeepDays = 0 }, []string{"stored for 0 days"}},
		{"copied to itself", func(a *cache.Args) { a.Snapshots.CopyTo = []string{"us-west-1"} }, []string{"the cache's own region"}},
		{"copied to four", func(a *cache.Args) { a.Snapshots.CopyTo = []string{"a", "b", "c", "d"} }, []string{"4 regions"}},
		{"three at once", func(a *cache.Args) { a.InstanceTypes, a.Shards, a.Snapshots.KeepDays = nil, nil, 0 },
			[]string{"instance types are missing", "shards are missing", "stored for 0 days"}},
	}
	for _, c := range cases {
		err := try(args(c.edit))
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", c.name, err, want)
			}
		}
	}
	if err := try(nil); err == nil {
		t.Error("no arguments at all: accepted")
	}
}

func try(a *cache.Args) error {
	return pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := cache.New(ctx, "cache", a)
		return err
	}, pulumi.WithMocks("beachhead", "test", refuser{}))
}

// User data of exactly EC2's limit and a subnet without reserved addresses are accepted.
func TestBounds(t *testing.T) {
	recorded := record(t, func(a *cache.Args) {
		a.Shards[0].UserData = strings.Repeat("x", 16<<10)
		a.Subnets[0].Fixed = netip.Prefix{}
	})
	if got := recorded.OfType("aws:ec2/subnetCidrReservation:SubnetCidrReservation"); len(got) != 1 {
		t.Errorf("%d reservations, want that of the second zone only", len(got))
	}
}

// place puts the first shard at an address of a subnet without reserved addresses.
func place(text string) func(*cache.Args) {
	return func(a *cache.Args) {
		a.Subnets[0].Fixed, a.Shards[0].Address = netip.Prefix{}, netip.MustParseAddr(text)
	}
}

// Each limit is accepted, and the value beyond it is refused.
func TestLimits(t *testing.T) {
	prefix := netip.MustParsePrefix
	for name, c := range map[string]struct {
		fine, wrong []func(*cache.Args)
	}{
		"place": {nil, []func(*cache.Args){
			func(a *cache.Args) { a.Stack = "" }, func(a *cache.Args) { a.Region = "" }, func(a *cache.Args) { a.Domain = "" },
			func(a *cache.Args) { a.Bucket = nil },
		}},
		"hash port": {
			[]func(*cache.Args){func(a *cache.Args) { a.HashPort = 1 }, func(a *cache.Args) { a.HashPort = 65535 }},
			[]func(*cache.Args){func(a *cache.Args) { a.HashPort = -1 }, func(a *cache.Args) { a.HashPort = 65536 }},
		},
		"ranges": {nil, []func(*cache.Args){
			func(a *cache.Args) { a.RunnerCIDRs[0] = prefix("10.42.0.1/20") }, func(a *cache.Args) { a.RunnerCIDRs[0] = prefix("2001:db8::/64") },
			func(a *cache.Args) { a.Subnets[0].CIDR = prefix("10.42.224.1/23") },
			func(a *cache.Args) { a.Subnets[0].CIDR = prefix("2001:db8::/64") },
		}},
		"fixed addresses": {
			[]func(*cache.Args){func(a *cache.Args) { a.Subnets[0].Fixed = prefix("10.42.224.0/24") }},
			[]func(*cache.Args){
				func(a *cache.Args) { a.Subnets[0].Fixed = a.Subnets[0].CIDR },
				func(a *cache.Args) { a.Subnets[0].Fixed = prefix("10.42.224.129/25") },
			},
		},
		"shard": {
			[]func(*cache.Args){func(a *cache.Args) { a.Shards[1].Number = 99 }},
			[]func(*cache.Args){func(a *cache.Args) { a.Shards[1].Number = -1 }, func(a *cache.Args) { a.Shards[1].Number = 100 }},
		},
		"address": {
			[]func(*cache.Args){place("10.42.224.4"), place("10.42.225.254")},
			[]func(*cache.Args){place("10.42.224.0"), place("10.42.224.3"), place("10.42.225.255")},
		},
		"parameter": {nil, []func(*cache.Args){
			func(a *cache.Args) { a.Shards[0].MovedParameter = "moved" },
		}},
		"user data": {
			[]func(*cache.Args){func(a *cache.Args) { a.Shards[0].UserData = strings.Repeat("x", 16384) }},
			[]func(*cache.Args){func(a *cache.Args) { a.Shards[0].UserData = strings.Repeat("x", 16385) }},
		},
		"volume": {
			[]func(*cache.Args){func(a *cache.Args) { a.Shards[0].Volume = cache.Volume{GiB: 1, IOPS: 1, MiBps: 1} }},
			[]func(*cache.Args){
				func(a *cache.Args) { a.Shards[0].Volume.GiB = 0 }, func(a *cache.Args) { a.Shards[0].Volume.IOPS = 0 },
				func(a *cache.Args) { a.Shards[0].Volume.MiBps = 0 },
			},
		},
		"map": {
			[]func(*cache.Args){
				func(a *cache.Args) { a.Map.Document = "x" }, func(a *cache.Args) { a.Map.Document = strings.Repeat("x", 8192) },
			},
			[]func(*cache.Args){
				func(a *cache.Args) { a.Map.Document = "" }, func(a *cache.Args) { a.Map.Document = strings.Repeat("x", 8193) },
			},
		},
		"snapshots": {
			[]func(*cache.Args){
				func(a *cache.Args) { a.Snapshots.KeepDays = 1 }, func(a *cache.Args) { a.Snapshots.KeepDays = 1000 },
				func(a *cache.Args) { a.Snapshots.CopyTo = []string{"a", "b", "c"} },
			},
			[]func(*cache.Args){
				func(a *cache.Args) { a.Snapshots.KeepDays = 0 }, func(a *cache.Args) { a.Snapshots.KeepDays = 1001 },
				func(a *cache.Args) { a.Snapshots.CopyTo = []string{"a", "b", "c", "d"} },
				func(a *cache.Args) { a.Snapshots.CopyTo = []string{"a", "a"} },
			},
		},
	} {
		for i, edit := range c.fine {
			if err := args(edit).Validate(); err != nil {
				t.Errorf("%s: limit %d: %v", name, i, err)
			}
		}
		for i, edit := range c.wrong {
			if err := args(edit).Validate(); err == nil {
				t.Errorf("%s: value %d beyond the limit is accepted", name, i)
			}
		}
	}
	if err := (*cache.Args)(nil).Validate(); err == nil {
		t.Error("no arguments at all are accepted")
	}
}
