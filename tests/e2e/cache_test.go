package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/components/network"
	"github.com/beachhead-build/beachhead/internal/engine"
)

// cached declares a network with a cache of two shards in one zone each; tests edit it.
func cached(edit func(*cache.Args)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{
			Region: pulumi.String("us-west-2"), AllowedAccountIds: pulumi.ToStringArray([]string{"210987654321"}),
		})
		if err != nil {
			return err
		}
		prefix := netip.MustParsePrefix
		zone := func(name string, n byte) network.Zone {
			at := func(third byte, bits int) netip.Prefix {
				return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 42, third, 0}), bits)
			}
			return network.Zone{
				Name: name, Private: at(16*n, 20), Public: at(128+16*n, 20), Cache: at(224+2*n, 23), Link: at(240+n, 24),
				RunnerWay: network.Way{Kind: network.NoWay}, CacheWay: network.Way{Kind: network.ViaInternet},
			}
		}
		zones := []network.Zone{zone("us-west-2a", 0), zone("us-west-2b", 1)}
		net, err := network.New(ctx, "net", &network.Args{
			CIDR: prefix("10.42.0.0/16"), Region: "us-west-2", Internet: true, FlowLogGroup: "/beachhead/stage/flow-logs", FlowLogDays: 1, Zones: zones,
		}, pulumi.Providers(provider))
		if err != nil {
			return err
		}
		args := &cache.Args{
			Stack: "stage", Region: "us-west-2", Account: "210987654321", Domain: "cache.stage.beachhead.internal",
			InstanceTypes: []string{"m7g.4xlarge", "m6g.4xlarge"}, Image: "/aws/service/debian/release/12/latest/arm64", PublicAddresses: true,
			RunnerCIDRs: []netip.Prefix{zones[0].Public, zones[1].Public},
			Map:         cache.Map{Parameter: "/beachhead/stage/cache/map", Document: `{"version":1}`},
			Snapshots:   cache.Snapshots{At: "09:00", KeepDays: 7},
			Tags:        map[string]string{"beachhead:stack": "stage"}, VPC: net.VPCID, Bucket: pulumi.String("stage-agents"),
		}
		for _, z := range zones {
			args.Subnets = append(args.Subnets, cache.Subnet{
				Zone: z.Name, CIDR: z.Cache, ID: net.CacheSubnets.MapIndex(pulumi.String(z.Name)),
			})
		}
		for i, address := range []string{"10.42.224.16", "10.42.226.16"} {
			args.Shards = append(args.Shards, shard(i, zones[i%2].Name, address))
		}
		edit(args)
		_, err = cache.New(ctx, "cache", args, pulumi.Providers(provider))
		return err
	}
}

func shard(number int, zone, address string) cache.Shard {
	return cache.Shard{
		Number: number, Zone: zone, Address: netip.MustParseAddr(address), UserData: "#!/bin/sh\nexit 0\n",
		Volume: cache.Volume{GiB: 512, IOPS: 3000, MiBps: 250},
	}
}

// A cache comes up, stays as it is, and grows in place and by a shard without touching what is there. What would replace a volume is
// refused before anything changes, and so is down while there are volumes.
func TestCache(t *testing.T) {
	t.Parallel()
	as := func(*cache.Args) {}
	s := newStage(t)
	s.up(cached(as))
	if c := s.up(cached(as)); len(c.Steps) > 0 {
		t.Errorf("a second up is not quiet: %+v", c.Steps)
	}
	volumes := volumeIDs(t, s)
	larger := func(a *cache.Args) {
		for i := range a.Shards {
			a.Shards[i].Volume.GiB = 1024
		}
	}
	s.unreplaced("larger volumes", s.up(cached(larger)))
	grown := func(a *cache.Args) {
		larger(a)
		a.Shards = append(a.Shards, shard(2, "us-west-2a", "10.42.224.17"))
	}
	for _, step := range s.up(cached(grown)).Steps {
		if step.Op != "create" {
			t.Errorf("growing by a shard: %s of %s %s because of %v", step.Op, step.Type, step.Name, step.Diffs)
		}
	}
	s.unreplaced("a newer snapshot", s.up(cached(func(a *cache.Args) {
		grown(a)
		a.Shards[0].Volume.Snapshot = "snap-0123456789abcdef0"
	})))
	before := len(s.operations())
	for what, edit := range map[string]func(*cache.Args){
		"another zone": func(a *cache.Args) {
			grown(a)
			a.Shards[1].Zone, a.Shards[1].Address = "us-west-2a", netip.MustParseAddr("10.42.224.18")
		},
		"a shard less": larger,
	} {
		if _, err := s.open(cached(edit)).Preview(t.Context()); !errors.Is(err, engine.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
	if _, err := s.open(cached(grown)).Down(t.Context()); !errors.Is(err, engine.ErrRefused) {
		t.Errorf("down: %v, want a refusal while there are volumes", err)
	}
	if after := s.operations(); len(after) != before {
		t.Errorf("what was refused made %d operations", len(after)-before)
	}
	for _, id := range volumes {
		if now := volumeIDs(t, s); !slices.Contains(now, id) {
			t.Errorf("volume %s is gone: %v", id, now)
		}
	}
}

func volumeIDs(t *testing.T, s *stage) []string {
	t.Helper()
	all, err := s.cloud.Resources()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range all {
		if r.Type == "aws:ebs/volume:Volume" {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) < 2 {
		t.Fatal(fmt.Sprint("volumes: ", ids))
	}
	return ids
}
