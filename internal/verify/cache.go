package verify

import (
	"context"
	"fmt"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// checkCache checks that each shard has its data, its address and its server, and that runners read the planned shard map.
func (v verification) checkCache(ctx context.Context) []check.Result {
	if v.plan.Cache == nil {
		return nil
	}
	var results []check.Result
	for _, s := range v.plan.Cache.Shards {
		key := fmt.Sprintf("%02d", s.Number)
		results = append(results,
			v.volumeProbe(s, key).run(ctx, v.outputs), v.interfaceProbe(s, key).run(ctx, v.outputs), v.serverProbe(s, key).run(ctx, v.outputs))
	}
	return append(results, v.checkShardMap(ctx))
}

func (v verification) volumeProbe(s plan.Shard, key string) probe[Volume] {
	describe := func(volume Volume) string {
		encrypted, tagged := "encrypted", "tagged "
		if !volume.Encrypted {
			encrypted = "not encrypted"
		}
		if volume.Tags[plan.StackTag] != v.plan.Name {
			tagged = "not tagged "
		}
		return fmt.Sprintf("%d GiB in %s, %s, %s%s=%s", volume.GiB, volume.Zone, encrypted, tagged, plan.StackTag, v.plan.Name)
	}
	tags := map[string]string{plan.StackTag: v.plan.Name}
	want := describe(Volume{Zone: s.Zone, GiB: v.plan.Cache.Volume.SizeGiB, Encrypted: true, Tags: tags})
	return probe[Volume]{
		name: "cache volume", target: s.Name, want: want, needs: [][]string{{"cache", "volumeIds", key}},
		query:    func(ctx context.Context, ids []string) (Volume, bool, error) { return v.cloud.FindVolume(ctx, ids[0]) },
		compare:  func(volume Volume) (string, bool) { return describe(volume), describe(volume) == want },
		nextStep: v.restore() + "; up replaces a volume that no longer exists, from a seed if cache.seed has one",
	}
}

func (v verification) interfaceProbe(s plan.Shard, key string) probe[string] {
	want := s.Address.String()
	return probe[string]{
		name: "cache address", target: s.Name, want: want + " in the cache subnet of " + s.Zone,
		needs: [][]string{{"cache", "interfaceAddresses", key}, {"cacheSubnets", s.Zone}},
		query: func(ctx context.Context, ids []string) (string, bool, error) {
			_, ok, err := v.cloud.FindInterface(ctx, ids[1], ids[0])
			return ids[0], ok, err
		},
		compare: func(address string) (string, bool) {
			return address + " in the cache subnet of " + s.Zone, address == want
		},
		nextStep: "runners mount from this address and find no server: " + v.restore(),
	}
}

func (v verification) serverProbe(s plan.Shard, key string) probe[Group] {
	return probe[Group]{
		name: "cache server", target: s.Name, want: "a machine in service", needs: [][]string{{"cache", "groups", key}},
		query:   func(ctx context.Context, ids []string) (Group, bool, error) { return v.cloud.FindGroup(ctx, ids[0]) },
		compare: func(g Group) (string, bool) { return countMachines(g.InService) + " in service", g.InService > 0 },
		nextStep: "builds of the shard's tenants continue without the cache, and the group replaces the server within minutes: verify again; " +
			"if it does not, the activities of the shard's group show why",
	}
}

// checkShardMap compares the document of the shard map. The result shows its epoch, which changes with every slot and pin.
func (v verification) checkShardMap(ctx context.Context) check.Result {
	r := check.Result{Probe: "cache map", Target: v.plan.Cache.MapParameter}
	planned, err := v.plan.Cache.Map.MarshalDocument()
	if err != nil {
		r.Why = err.Error()
		return r
	}
	return probe[string]{
		name: r.Probe, target: r.Target, want: fmt.Sprintf("the map of epoch %d", v.plan.Cache.Map.Epoch()),
		needs: [][]string{{"cache", "mapParameter"}},
		query: func(ctx context.Context, ids []string) (string, bool, error) {
			return v.cloud.FindParameter(ctx, ids[0])
		},
		compare: func(document string) (string, bool) {
			table, err := shardmap.Parse([]byte(document))
			if err != nil {
				return err.Error(), false
			}
			return fmt.Sprintf("the map of epoch %d", table.Epoch()), document == string(planned)
		},
		nextStep: "runners look for their tenants on the shards of this map, not on those of the plan: " + v.restore(),
	}.run(ctx, v.outputs)
}
