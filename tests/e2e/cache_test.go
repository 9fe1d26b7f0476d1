package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/engine"
)

// cached declares a network with a cache of two shards in one zone each; tests edit it.
func cached(edit func(*cache.Args)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, net, err := stageNetwork(ctx)
		if err != nil {
			return err
		}
		args := &cache.Args{
			Stack: "stage", Region: "us-west-2", Account: "210987654321", Domain: "cache.stage.beachhead.internal",
			InstanceTypes: []string{"m7g.4xlarge", "m6g.4xlarge"}, Image: "/aws/service/debian/release/12/latest/arm64", PublicAddresses: true,
			HashPort:    8686,
			RunnerCIDRs: []netip.Prefix{stageCIDR(128, 20), stageCIDR(144, 20)},
			Map:         cache.Map{Parameter: "/beachhead/stage/cache/map", Document: `{"version":1}`},
			Snapshots:   cache.Snapshots{At: "09:00", KeepDays: 7},
			Tags:        map[string]string{"beachhead:stack": "stage"}, VPC: net.VPCID, Bucket: pulumi.String("stage-agents"),
		}
		for i, zone := range stageZones {
			args.Subnets = append(args.Subnets, cache.Subnet{
				Zone: zone, CIDR: stageCIDR(224+2*i, 23), ID: net.CacheSubnets[zone],
			})
		}
		for i, address := range []string{"10.42.224.16", "10.42.226.16"} {
			args.Shards = append(args.Shards, shard(i, stageZones[i%2], address))
		}
		edit(args)
		_, err = cache.New(ctx, "cache", args, pulumi.Providers(provider))
		return err
	}
}

func shard(number int, zone, address string) cache.Shard {
	return cache.Shard{
		Number: number, Zone: zone, Address: netip.MustParseAddr(address), UserData: "#!/bin/sh\nexit 0\n",
		Volume: cache.Volume{GiB: 512, IOPS: 3000, MiBps: 250}, MovedParameter: movedParameter(number),
	}
}

func movedParameter(number int) string {
	return fmt.Sprintf("/beachhead/stage/cache/moved/%02d", number)
}

// A cache comes up, stays as it is, and grows in place and by a shard without touching what is there. What would replace a volume is
// refused before anything changes, and down keeps them.
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
		a.Shards[0].Volume.Snapshot = pulumi.String("snap-0123456789abcdef0")
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
	if after := s.operations(); len(after) != before {
		t.Errorf("what was refused made %d operations", len(after)-before)
	}
	c, err := s.open(cached(grown)).Down(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Kept) != 3 {
		t.Errorf("down kept %+v, want three volumes", c.Kept)
	}
	for _, id := range volumes {
		if now := volumeIDs(t, s); !slices.Contains(now, id) {
			t.Errorf("volume %s is gone: %v", id, now)
		}
	}
}

// What a server has copied is the server's to say: no up sets it back, not after a refresh either, and not one that grows the cache. When
// the cache goes, it goes.
func TestWhatServersSayStays(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.up(cached(func(*cache.Args) {}))
	const said = `{"epoch":2199023255553,"slots":[3,5]}`
	if err := aws.WriteParameter(t.Context(), s.cloud, "210987654321", "us-west-2", movedParameter(1), said); err != nil {
		t.Fatal(err)
	}
	stays := func(what string) {
		t.Helper()
		moved := parameters(t, s)
		if got := moved[movedParameter(1)]; got != said || moved[movedParameter(0)] != "{}" {
			t.Errorf("%s: the shards have copied %v", what, moved)
		}
	}
	if c := s.up(cached(func(*cache.Args) {})); len(c.Steps) > 0 {
		t.Errorf("an up after the server's word is not quiet: %+v", c.Steps)
	}
	stays("after an up")
	s.refresh()
	if c := s.up(cached(func(*cache.Args) {})); len(c.Steps) > 0 {
		t.Errorf("an up after a refresh is not quiet: %+v", c.Steps)
	}
	stays("after a refresh and an up")
	s.up(cached(func(a *cache.Args) {
		a.Map.Document = `{"version":1,"shards":3}`
		a.Shards = append(a.Shards, shard(2, "us-west-2a", "10.42.224.17"))
	}))
	stays("after growth")
	if _, err := s.open(cached(func(a *cache.Args) {
		a.Shards = append(a.Shards,
			shard(2, "us-west-2a", "10.42.224.17"))
	})).Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := parameters(t, s); len(left) > 0 {
		t.Errorf("down left %v", left)
	}
}

// parameters gives the values of all that are no secrets by their names.
func parameters(t *testing.T, s *stage) map[string]any {
	t.Helper()
	all, err := s.cloud.Resources()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]any{}
	for _, r := range all {
		if r.Type == "aws:ssm/parameter:Parameter" {
			found[r.ID] = r.Outputs["insecureValue"]
		}
	}
	return found
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
