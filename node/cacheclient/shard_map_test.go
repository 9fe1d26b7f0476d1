package cacheclient

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/node/shardmap"
)

var tenants = rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,4}`)

func drawTable(t *rapid.T, label string) shardmap.Table {
	shards := rapid.IntRange(1, 8).Draw(t, label+" shards")
	pins := rapid.MapOfN(tenants, rapid.IntRange(0, shards-1), 0, 6).Draw(t, label+" pins")
	table, err := shardmap.New(shards, pins)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// A model of the cache goes through epochs, and in each through acknowledgements in any order. It knows the place of
// every file: a tenant's files are on its old shard, and also on its new one once the move is acknowledged. At every
// step the first shard to read has all of them, and every push goes to the shard of the current table, which is read
// too.
func TestTheShardWithTheFilesIsAlwaysRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, now := drawTable(t, "before"), drawTable(t, "now")
		m := ShardMap{Version: 7, FirstVersion: 5, Current: now, Previous: &before, Moved: map[int]Acknowledgement{}}
		named := rapid.SliceOfN(tenants, 1, 10).Draw(t, "tenants")
		for _, pins := range []map[string]int{before.PinnedShards(), now.PinnedShards()} {
			for tenant := range pins {
				named = append(named, tenant)
			}
		}
		holders := map[string][]int{}
		for _, tenant := range named {
			holders[tenant] = []int{before.TenantShard(tenant)}
		}
		check := func() {
			for _, tenant := range named {
				places := m.FindPlaces(tenant)
				if !slices.Contains(holders[tenant], places.Read[0]) {
					t.Fatalf("%s: its files are on %v and it reads %v", tenant, holders[tenant], places.Read)
				}
				if places.Write != now.TenantShard(tenant) || !slices.Contains(places.Read, places.Write) {
					t.Fatalf("%s: pushed to %d, on %d by the table, read from %v", tenant, places.Write, now.TenantShard(tenant), places.Read)
				}
				if moves := before.TenantShard(tenant) != now.TenantShard(tenant); moves != (len(places.Read) == 2) {
					t.Fatalf("%s: moves %t, and reads %v", tenant, moves, places.Read)
				}
			}
		}
		check()
		moves := m.ListMoves()
		if len(moves) == 0 {
			return
		}
		for _, move := range rapid.SliceOfN(rapid.SampledFrom(moves), 0, 20).Draw(t, "acknowledged") {
			a := m.FindAcknowledgement(move.To)
			a.Add(move)
			m.Moved[move.To] = a
			for tenant := range holders {
				if tenant == move.Tenant || move.Tenant == "" && shardmap.TenantSlot(tenant) == move.Slot && !m.IsPinned(tenant) {
					holders[tenant] = append(holders[tenant], move.To)
				}
			}
			check()
		}
		// After the acknowledgement the new place comes first.
		for tenant, on := range holders {
			if len(on) > 1 && m.FindPlaces(tenant).Read[0] != now.TenantShard(tenant) {
				t.Fatalf("%s is copied, and %v is read", tenant, m.FindPlaces(tenant).Read)
			}
		}
	})
}

// An acknowledgement of another epoch, or of the same epoch at another time, does not count.
func TestOldAcknowledgementsDoNotCount(t *testing.T) {
	before, err := shardmap.New(2, nil)
	if err != nil {
		t.Fatal(err)
	}
	now, err := shardmap.New(2, map[string]int{"acme": 1 - before.TenantShard("acme")})
	if err != nil {
		t.Fatal(err)
	}
	m := ShardMap{FirstVersion: 3, Current: now, Previous: &before}
	for name, c := range map[string]struct {
		epoch, version int64
		first          int
	}{
		"this": {now.Epoch(), 3, now.TenantShard("acme")}, "another epoch": {before.Epoch(), 3, before.TenantShard("acme")},
		"an earlier time": {now.Epoch(), 1, before.TenantShard("acme")},
	} {
		m.Moved = map[int]Acknowledgement{now.TenantShard("acme"): {Epoch: c.epoch, Version: c.version, Tenants: []string{"acme"}}}
		if got := m.FindPlaces("acme").Read[0]; got != c.first {
			t.Errorf("%s: shard %d is read first, want %d", name, got, c.first)
		}
	}
}

func TestCheckTenant(t *testing.T) {
	for tenant, good := range map[string]bool{
		"acme": true, "A.b_c-9": true, "_": true, "": false, ".": false, "..": false, ".acme": false, "a/b": false, "../x": false, "a b": false,
		"a\n": false, "ä": false, string(make([]byte, 64)): false,
	} {
		if err := CheckTenant(tenant); (err == nil) != good || err != nil && !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v, want good %t", tenant, err, good)
		}
	}
}
