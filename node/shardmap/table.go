// Package shardmap is the table of a cache's tenants and shards, and the document of it that machines poll: which slot a tenant is in, on which
// shard a slot is, where a shard answers, and what moves between two tables. The plan writes it and the agent reads it.
package shardmap

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// SlotCount is how many slots the tenants of a cache are spread over. A slot is what moves between shards: with 256, the largest cache
// of 32 shards still has eight a shard, and the whole table is 256 characters that a reviewer can read.
const SlotCount = 256

// MaxShards is how many shards a cache has at most, as in the region file.
const MaxShards = 32

// TenantSlot gives the slot, 0 to 255, of a tenant: FNV-1a (32 bits) of the name's bytes, modulo 256.
//
// FNV-1a, because it is ten lines in any language and in every standard library, so that the agent, a shell script or another
// program finds the same slot; a keyed or cryptographic hash was refused, since nobody gains from choosing a slot. The low byte of
// FNV-1a spreads short and numbered names as well as a folded one does (measured on lists of 100 and 300 names). It must never
// change: another hash would make every cache cold.
func TenantSlot(tenant string) int {
	h := fnv.New32a()
	h.Write([]byte(tenant)) // a hash never fails to write
	return int(h.Sum32() % SlotCount)
}

// Table says on which shard each tenant's cache lies: the slots by growth, and the pins above them. The zero Table has no shards;
// New and Parse make tables.
type Table struct {
	shards int
	slots  [SlotCount]uint8
	pins   map[string]int
	blocks []netip.Prefix
}

// New builds the table of a cache with the given number of shards, 1 to 32, and pins from tenants to shards, counted from 0.
// It fails on other numbers of shards, on pins to shards that are not there, and on a pin without a name.
//
// The table is built one shard at a time, from the table with one shard less. So it depends on the number alone and not on its
// history, it is balanced to within one slot, and the step from N to N+1 shards moves ⌊256/(N+1)⌋ slots, the fewest that
// balance takes, all of them to the new shard. Refused: slot modulo shards, which moves nearly every slot at each step; and rendezvous
// hashing, which moves few but is off balance by several slots with as few slots as these.
func New(shards int, pins map[string]int) (Table, error) {
	if shards < 1 || shards > MaxShards {
		return Table{}, fmt.Errorf("%d shards; want 1 to %d", shards, MaxShards)
	}
	t := Table{shards: shards, pins: maps.Clone(pins)}
	for n := 1; n < shards; n++ {
		t.addShard(n)
	}
	return t, t.checkPins()
}

func (t Table) checkPins() error {
	for _, tenant := range slices.Sorted(maps.Keys(t.pins)) {
		if shard := t.pins[tenant]; tenant == "" || shard < 0 || shard >= t.shards {
			return fmt.Errorf("pin of %q to shard %d; want a tenant's name and a shard from 0 to %d", tenant, shard, t.shards-1)
		}
	}
	return nil
}

// addShard gives shard n, the first that has no slots yet, its share: one slot after the other from the shard that has most, the lowest
// of equals, and of that shard the last slot.
func (t *Table) addShard(n int) {
	count := make([]int, n)
	for _, shard := range t.slots {
		count[shard]++
	}
	for range SlotCount / (n + 1) {
		fullest := slices.Index(count, slices.Max(count))
		last := SlotCount - 1
		for t.slots[last] != uint8(fullest) {
			last--
		}
		t.slots[last] = uint8(n)
		count[fullest]--
	}
}

// ShardCount counts the shards.
func (t Table) ShardCount() int { return t.shards }

// TenantShard gives the shard, from 0, that holds the whole cache of a tenant: the pinned one, else that of the tenant's slot.
func (t Table) TenantShard(tenant string) int {
	if shard, pinned := t.pins[tenant]; pinned {
		return shard
	}
	return int(t.slots[TenantSlot(tenant)])
}

// SlotShard gives the shard of a slot, 0 to 255, pins aside. Outside of that it panics, as an index does.
func (t Table) SlotShard(slot int) int { return int(t.slots[slot]) }

// PinnedShards gives a copy of the tenants that are placed by hand, with their shards; nil when there are none.
func (t Table) PinnedShards() map[string]int { return maps.Clone(t.pins) }

// WithBlocks gives the same table with the blocks that the shards' fixed addresses come from, one for each zone that holds shards.
func (t Table) WithBlocks(blocks ...netip.Prefix) Table {
	t.blocks = slices.Clone(blocks)
	return t
}

// ShardAddress is where a shard answers: by turns from each block, the first address of each first. The zero address: the table has no blocks, or
// the shard's is not in one. It is worked out, since a list of 32 addresses and 50 pins would be more than a parameter holds.
func (t Table) ShardAddress(shard int) netip.Addr {
	if len(t.blocks) == 0 || shard < 0 {
		return netip.Addr{}
	}
	block := t.blocks[shard%len(t.blocks)]
	address := block.Masked().Addr()
	for range shard / len(t.blocks) {
		address = address.Next()
	}
	if !block.Contains(address) {
		return netip.Addr{}
	}
	return address
}

// epochDigestBits is how much of an epoch tells tables of as many shards apart. With the shards above it, an epoch stays below 2^53,
// which JSON readers of every language keep exactly.
const epochDigestBits = 40

// Epoch is the number that identifies the table: the number of shards, then 40 bits of a SHA-256 over slots and pins. Any
// change of either changes it, and more shards make it greater. Addresses are no part of it: they never change.
//
// It does not order tables of as many shards: a plan knows no history, and a counter in the region file was refused, because a
// forgotten increment would leave agents on the old map. Agents take a document that has another epoch than theirs, and order
// documents, where they have to, by the version that Parameter Store counts at every write.
func (t Table) Epoch() int64 {
	var text strings.Builder
	text.WriteString(t.encodeSlots())
	for _, tenant := range slices.Sorted(maps.Keys(t.pins)) {
		fmt.Fprintf(&text, "\n%q %d", tenant, t.pins[tenant])
	}
	sum := sha256.Sum256([]byte(text.String()))
	return int64(t.shards)<<epochDigestBits | int64(binary.BigEndian.Uint64(sum[:])>>(64-epochDigestBits))
}

// Move is a change of place between two tables: of a whole slot or, when Tenant is set, of one tenant that is pinned in either.
type Move struct {
	Slot   int    `json:"slot"`
	Tenant string `json:"tenant,omitempty"`
	From   int    `json:"from"`
	To     int    `json:"to"`
}

// MovesBetween lists what moves from one table to another: slots in order, then tenants by name. What moves with a slot is every tenant
// of the slot that is pinned in neither table; a pinned tenant moves only if it is listed itself.
func MovesBetween(from, to Table) []Move {
	var moves []Move
	for slot := range SlotCount {
		if a, b := from.SlotShard(slot), to.SlotShard(slot); a != b {
			moves = append(moves, Move{Slot: slot, From: a, To: b})
		}
	}
	pinned := from.PinnedShards()
	if pinned == nil {
		pinned = map[string]int{}
	}
	maps.Copy(pinned, to.pins)
	for _, tenant := range slices.Sorted(maps.Keys(pinned)) {
		if a, b := from.TenantShard(tenant), to.TenantShard(tenant); a != b {
			moves = append(moves, Move{Slot: TenantSlot(tenant), Tenant: tenant, From: a, To: b})
		}
	}
	return moves
}

// MarshalJSON gives the document, so that a plan shows what goes to Parameter Store.
func (t Table) MarshalJSON() ([]byte, error) { return t.MarshalDocument() }

// UnmarshalJSON reads the document, with Parse's errors but whatever its size, since a plan may be indented.
func (t *Table) UnmarshalJSON(text []byte) error {
	read, err := parseTable(text)
	if err != nil {
		return err
	}
	*t = read
	return nil
}

var (
	_ json.Marshaler   = Table{}
	_ json.Unmarshaler = (*Table)(nil)
)
