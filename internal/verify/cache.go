package verify

import (
	"context"
	"fmt"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// cache asks whether each shard has its data, its address and its server, and whether runners are told the map that is planned.
func cache(ctx context.Context, p *plan.Plan, o Outputs, cloud Cloud) []Result {
	if p.Cache == nil {
		return nil
	}
	var results []Result
	for _, s := range p.Cache.Shards {
		key := fmt.Sprintf("%02d", s.Number)
		results = append(results,
			volumeOf(ctx, p, s, key, cloud).answer(o), interfaceOf(ctx, s, key, cloud).answer(o), serverOf(ctx, s, key, cloud).answer(o))
	}
	return append(results, mapOf(ctx, p, o, cloud))
}

func volumeOf(ctx context.Context, p *plan.Plan, s plan.Shard, key string, cloud Cloud) question[Volume] {
	words := func(v Volume) string {
		encrypted, tagged := "encrypted", "tagged "
		if !v.Encrypted {
			encrypted = "not encrypted"
		}
		if v.Tags[plan.StackTag] != p.Name {
			tagged = "not tagged "
		}
		return fmt.Sprintf("%d GiB in %s, %s, %s%s=%s", v.GiB, v.Zone, encrypted, tagged, plan.StackTag, p.Name)
	}
	want := words(Volume{Zone: s.Zone, GiB: p.Cache.Volume.SizeGiB, Encrypted: true, Tags: map[string]string{plan.StackTag: p.Name}})
	return question[Volume]{
		probe: "cache volume", target: s.Name, want: want, needs: [][]string{{"cache", "volumeIds", key}},
		ask:  func(ids []string) (Volume, bool, error) { return cloud.Volume(ctx, ids[0]) },
		tell: func(v Volume) (string, bool) { return words(v), words(v) == want },
		next: mend + "; a volume that is gone is made anew, from a seed if cache.seed has one",
	}
}

func interfaceOf(ctx context.Context, s plan.Shard, key string, cloud Cloud) question[string] {
	want := s.Address.String()
	return question[string]{
		probe: "cache address", target: s.Name, want: want + " in the cache subnet of " + s.Zone,
		needs: [][]string{{"cache", "interfaceAddresses", key}, {"cacheSubnets", s.Zone}},
		ask: func(ids []string) (string, bool, error) {
			_, ok, err := cloud.Interface(ctx, ids[1], ids[0])
			return ids[0], ok, err
		},
		tell: func(address string) (string, bool) {
			return address + " in the cache subnet of " + s.Zone, address == want
		},
		next: "runners mount from this address and find nothing there: " + mend,
	}
}

func serverOf(ctx context.Context, s plan.Shard, key string, cloud Cloud) question[Group] {
	return question[Group]{
		probe: "cache server", target: s.Name, want: "a machine in service", needs: [][]string{{"cache", "groups", key}},
		ask:  func(ids []string) (Group, bool, error) { return cloud.Group(ctx, ids[0]) },
		tell: func(g Group) (string, bool) { return machines(g.InService) + " in service", g.InService > 0 },
		next: "builds of its tenants go on without the cache; a server comes back by itself within minutes: verify again, and if it does not, " +
			"the activities of the shard's group say why",
	}
}

// mapOf compares the map's text, and tells of it the epoch: that changes with every slot and pin.
func mapOf(ctx context.Context, p *plan.Plan, o Outputs, cloud Cloud) Result {
	r := Result{Probe: "cache map", Target: p.Cache.MapParameter}
	planned, err := p.Cache.Map.MarshalDocument()
	if err != nil {
		r.Why = err.Error()
		return r
	}
	return question[string]{
		probe: r.Probe, target: r.Target, want: fmt.Sprintf("the map of epoch %d", p.Cache.Map.Epoch()), needs: [][]string{{"cache", "mapParameter"}},
		ask: func(ids []string) (string, bool, error) { return cloud.Parameter(ctx, ids[0]) },
		tell: func(text string) (string, bool) {
			table, err := shardmap.Parse([]byte(text))
			if err != nil {
				return err.Error(), false
			}
			return fmt.Sprintf("the map of epoch %d", table.Epoch()), text == string(planned)
		},
		next: "runners look for their tenants where this map says, and not where the plan does: " + mend,
	}.answer(o)
}
