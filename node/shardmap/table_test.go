package shardmap

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func table(t rapid.TB, shards int, pins map[string]int) Table {
	t.Helper()
	made, err := New(shards, pins)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// drawTable draws a table with pins, sensible or not, all of them to shards that exist.
func drawTable(t *rapid.T, label string) Table {
	shards := rapid.IntRange(1, MaxShards).Draw(t, label+" shards")
	return table(t, shards, rapid.MapOfN(tenants, rapid.IntRange(0, shards-1), 0, 10).Draw(t, label+" pins"))
}

var tenants = rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,4}`)

func slotCounts(t Table) []int {
	counts := make([]int, t.ShardCount())
	for slot := range SlotCount {
		counts[t.SlotShard(slot)]++
	}
	return counts
}

// The slots of tenants never change: another hash would make every cache cold. The first is FNV-1a's own test vector,
// 0xe40c292c.
func TestSlotNeverChanges(t *testing.T) {
	for tenant, want := range map[string]int{"a": 0x2c, "": 0xc5, "foobar": 0x68} {
		if got := TenantSlot(tenant); got != want {
			t.Errorf("slot of %q is %d, want %d", tenant, got, want)
		}
	}
}

// Every table is balanced to within one slot. From each number of shards to the next the fewest slots move, all to the
// new shard.
func TestTableIsBalancedAndGrowsByTheFewestMoves(t *testing.T) {
	for n := 1; n <= MaxShards; n++ {
		now := table(t, n, nil)
		counts := slotCounts(now)
		if most, least := slices.Max(counts), slices.Min(counts); most-least > 1 {
			t.Errorf("%d shards have %v slots, want them within one of each other", n, counts)
		}
		if n == MaxShards {
			break
		}
		moves := MovesBetween(now, table(t, n+1, nil))
		if want := SlotCount / (n + 1); len(moves) != want {
			t.Errorf("from %d to %d shards %d slots move, want %d", n, n+1, len(moves), want)
		}
		for _, m := range moves {
			if m.To != n || m.From == n {
				t.Errorf("from %d to %d shards: %+v, want moves to the new shard only", n, n+1, m)
			}
		}
	}
}

// With few tenants of everyday names, every shard has some, and none has twice its share.
func TestTenantsSpread(t *testing.T) {
	for _, form := range []string{"factory-%03d", "customer%d", "%d-lmp"} {
		counts := make([]int, 4)
		for i := range 200 {
			counts[table(t, 4, nil).TenantShard(fmt.Sprintf(form, i))]++
		}
		if slices.Min(counts) < 25 || slices.Max(counts) > 100 {
			t.Errorf("200 tenants named like %s lie on four shards as %v", form, counts)
		}
	}
}

// At each epoch a tenant is on exactly one existing shard, the pinned one if it has a pin. Between two epochs it
// changes its shard if and only if a move lists this, to the shard of the move.
func TestEveryTenantIsInOnePlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := drawTable(t, "from"), drawTable(t, "to")
		moves := MovesBetween(from, to)
		named := rapid.SliceOf(tenants).Draw(t, "tenants")
		for _, pins := range []map[string]int{from.PinnedShards(), to.PinnedShards()} {
			for tenant := range pins {
				named = append(named, tenant)
			}
		}
		for _, tenant := range named {
			want := from.TenantShard(tenant)
			for _, place := range []Table{from, to} {
				pin, pinned := place.PinnedShards()[tenant]
				if at := place.TenantShard(tenant); at < 0 || at >= place.ShardCount() || pinned && at != pin || !pinned &&
					at != place.SlotShard(TenantSlot(tenant)) {
					t.Fatalf("%q is on shard %d of %d, pinned to %d: %t", tenant, at, place.ShardCount(), pin, pinned)
				}
			}
			_, before := from.PinnedShards()[tenant]
			_, after := to.PinnedShards()[tenant]
			for _, m := range moves {
				if m.Tenant == tenant || m.Tenant == "" && m.Slot == TenantSlot(tenant) && !before && !after {
					if m.From != want {
						t.Fatalf("%+v moves %q, which is on shard %d", m, tenant, want)
					}
					want = m.To
				}
			}
			if got := to.TenantShard(tenant); got != want {
				t.Fatalf("%q is on shard %d, its moves %v lead to %d", tenant, got, moves, want)
			}
		}
	})
}

// Every change of shards or pins changes the epoch, equal tables have equal epochs, growth increases it, and JSON
// preserves it exactly.
func TestEpoch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTable(t, "a"), drawTable(t, "b")
		same := a.ShardCount() == b.ShardCount() && fmt.Sprint(a.PinnedShards()) == fmt.Sprint(b.PinnedShards())
		if (a.Epoch() == b.Epoch()) != same {
			t.Fatalf("epochs %d and %d of tables that are the same: %t", a.Epoch(), b.Epoch(), same)
		}
		if a.ShardCount() > b.ShardCount() && a.Epoch() <= b.Epoch() {
			t.Fatalf("epoch %d of %d shards is not above epoch %d of %d", a.Epoch(), a.ShardCount(), b.Epoch(), b.ShardCount())
		}
		if a.Epoch() >= 1<<53 || a.Epoch() <= 0 {
			t.Fatalf("epoch %d is no number that every JSON reader keeps", a.Epoch())
		}
	})
}

func TestNewRefuses(t *testing.T) {
	cases := map[string]struct {
		shards int
		pins   map[string]int
	}{
		"no shards":        {0, nil},
		"too many shards":  {MaxShards + 1, nil},
		"a pin beyond":     {4, map[string]int{"acme": 4}},
		"a pin below":      {4, map[string]int{"acme": -1}},
		"a pin of no name": {4, map[string]int{"": 1}},
	}
	for name, c := range cases {
		if _, err := New(c.shards, c.pins); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Changes of a caller to its own pins, or to those that it received, do not change the table.
func TestPinsAreCopied(t *testing.T) {
	pins := map[string]int{"acme": 2}
	made := table(t, 4, pins)
	pins["acme"] = 3
	made.PinnedShards()["acme"] = 1
	if got := made.TenantShard("acme"); got != 2 {
		t.Errorf("acme is on shard %d, want 2, where it was pinned", got)
	}
}

func TestAddresses(t *testing.T) {
	blocks := []netip.Prefix{netip.MustParsePrefix("10.42.224.16/28"), netip.MustParsePrefix("10.42.226.16/28")}
	two := table(t, 4, nil).WithBlocks(blocks...)
	for shard, want := range []string{"10.42.224.16", "10.42.226.16", "10.42.224.17", "10.42.226.17"} {
		if got := two.ShardAddress(shard).String(); got != want {
			t.Errorf("shard %d is at %s, want %s", shard, got, want)
		}
	}
	for name, got := range map[string]netip.Addr{
		"no blocks": table(t, 4, nil).ShardAddress(0), "beyond the blocks": two.ShardAddress(32), "below": two.ShardAddress(-1),
	} {
		if got.IsValid() {
			t.Errorf("%s: %s", name, got)
		}
	}
	if read, err := Parse([]byte(written(t, two))); err != nil || read.ShardAddress(3) != two.ShardAddress(3) || read.Epoch() != table(t, 4,
		nil).Epoch() {
		t.Errorf("read %v, %v", read.ShardAddress(3), err)
	}
	if _, err := Parse([]byte(written(t, table(t, 4, nil).WithBlocks(netip.MustParsePrefix("10.42.224.16/31"))))); err == nil {
		t.Error("a shard without an address was read")
	}
	if got := MovedParameter("/beachhead/us-west-1/cache/map", 2); got != "/beachhead/us-west-1/cache/moved/02" {
		t.Error(got)
	}
}
