// Package shardmap assigns the tenants of a cache to its shards. It defines the table (tenant to slot to shard to
// address), the document of the table that machines poll, and the moves between two tables. The plan writes the
// document and the agent reads it.
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

// SlotCount is the number of slots to which the tenants of a cache belong. A slot is the unit that moves between
// shards. With 256 slots, the largest cache of 32 shards still has eight slots a shard, and the whole table is 256
// characters that a reviewer can read.
const SlotCount = 256

// MaxShards is the maximum number of shards of a cache, as in the region file.
const MaxShards = 32

// TenantSlot returns the slot of a tenant, 0 to 255: FNV-1a (32 bits) of the bytes of its name, modulo 256.
//
// We use FNV-1a because it is ten lines in any language and part of every standard library, so the agent, a shell
// script and other programs compute the same slot. We do not use a keyed or cryptographic hash, because nobody gains
// from choosing a slot. The low byte of FNV-1a spreads short and numbered names as well as a folded one does (measured
// on lists of 100 and 300 names). The hash must never change: another hash would make every cache cold.
func TenantSlot(tenant string) int {
	h := fnv.New32a()
	h.Write([]byte(tenant)) // a hash returns no error
	return int(h.Sum32() % SlotCount)
}

// Table assigns each tenant to a shard: the slots by growth, and the pins, which override the slots. The zero Table has
// no shards; New and Parse create tables.
type Table struct {
	shards int
	slots  [SlotCount]uint8
	pins   map[string]int
	blocks []netip.Prefix
}

// New returns the table of a cache with the given number of shards, 1 to 32, and with pins from tenants to shards,
// counted from 0. It returns an error for another number of shards, for a pin to a shard that does not exist, and for a
// pin without a name.
//
// New adds one shard at a time, starting from one shard. The table therefore depends on the number of shards alone and not on
// its history. It is balanced to within one slot, and the step from N to N+1 shards moves ⌊256/(N+1)⌋ slots, the fewest
// that keep the balance, all of them to the new shard. We do not use slot modulo shards, which moves nearly every slot
// at each step. We do not use rendezvous hashing either: it moves few slots, but its balance is off by several slots
// with as few slots as these.
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

// checkPins returns an error for a pin without a name or to a shard that does not exist.
func (t Table) checkPins() error {
	for _, tenant := range slices.Sorted(maps.Keys(t.pins)) {
		if shard := t.pins[tenant]; tenant == "" || shard < 0 || shard >= t.shards {
			return fmt.Errorf("pin of %q to shard %d; want a tenant's name and a shard from 0 to %d", tenant, shard, t.shards-1)
		}
	}
	return nil
}

// addShard assigns slots to shard n, the first shard that has none. It takes one slot after the other from the shard
// that has the most (the lowest number among equals), and of that shard the last slot.
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

// ShardCount returns the number of shards.
func (t Table) ShardCount() int { return t.shards }

// TenantShard returns the shard, counted from 0, that has the whole cache of a tenant: the pinned shard, or else the
// shard of the tenant's slot.
func (t Table) TenantShard(tenant string) int {
	if shard, pinned := t.pins[tenant]; pinned {
		return shard
	}
	return int(t.slots[TenantSlot(tenant)])
}

// SlotShard returns the shard of a slot, 0 to 255, and ignores pins. It panics for any other slot, as an index does.
func (t Table) SlotShard(slot int) int { return int(t.slots[slot]) }

// PinnedShards returns a copy of the pins, from tenants to shards, or nil when none exist.
func (t Table) PinnedShards() map[string]int { return maps.Clone(t.pins) }

// WithBlocks returns the same table with the address blocks that contain the shards' fixed addresses, one block for
// each zone that has shards.
func (t Table) WithBlocks(blocks ...netip.Prefix) Table {
	t.blocks = slices.Clone(blocks)
	return t
}

// ShardAddress returns the address of a shard. Shards take the first addresses of the blocks in turn, then the second
// addresses, and so on. It returns the zero address when the table has no blocks or the address would lie outside its
// block. The document does not list the addresses, because 32 addresses and 50 pins do not fit into a parameter.
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

// epochDigestBits is the number of bits of an epoch that distinguish tables with equally many shards. With the number
// of shards above these bits, an epoch stays below 2^53, which JSON readers of every language represent exactly.
const epochDigestBits = 40

// Epoch returns the number that identifies the table: the number of shards, then 40 bits of a SHA-256 over slots and
// pins. Every change of slots or pins changes the epoch, and more shards make it greater. Addresses do not count,
// because they never change.
//
// Epochs do not order tables with equally many shards: a plan knows no history. We do not use a counter in the region
// file, because a forgotten increment would leave agents on the old map. Agents adopt a document whose epoch differs
// from theirs. To order them, they use the version that Parameter Store counts at every write.
func (t Table) Epoch() int64 {
	var text strings.Builder
	text.WriteString(t.encodeSlots())
	for _, tenant := range slices.Sorted(maps.Keys(t.pins)) {
		fmt.Fprintf(&text, "\n%q %d", tenant, t.pins[tenant])
	}
	sum := sha256.Sum256([]byte(text.String()))
	return int64(t.shards)<<epochDigestBits | int64(binary.BigEndian.Uint64(sum[:])>>(64-epochDigestBits))
}

// Move is a change of shard between two tables: of a whole slot or, when Tenant is set, of one tenant that either table
// pins.
type Move struct {
	Slot   int    `json:"slot"`
	Tenant string `json:"tenant,omitempty"`
	From   int    `json:"from"`
	To     int    `json:"to"`
}

// MovesBetween lists the moves from one table to another: slots in order, then tenants by name. With a slot move all
// tenants of the slot that neither table pins; a pinned tenant moves only if the list contains it.
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

// MarshalJSON returns the document, so a plan shows the text that goes to Parameter Store.
func (t Table) MarshalJSON() ([]byte, error) { return t.MarshalDocument() }

// UnmarshalJSON parses the document with the errors of Parse, but of any size, because a plan may be indented.
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
