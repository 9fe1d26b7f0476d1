package cacheclient

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/beachhead-build/beachhead/node/shardmap"
)

// ShardMap is the shard map as a machine knows it: the current table, the previous one, and the moves between them that
// are complete.
type ShardMap struct {
	// ReadAt is when Parameter Store returned the map, and QueriedAt when it was last queried, with or without an
	// answer.
	ReadAt    time.Time `json:"read"`
	QueriedAt time.Time `json:"asked"`
	// Version is the parameter's version, as Parameter Store counts writes, and FirstVersion is the first version of
	// the current epoch.
	Version      int64          `json:"version"`
	FirstVersion int64          `json:"first"`
	Current      shardmap.Table `json:"current"`
	// Previous is the table of the previous epoch; nil when that is unknown, and then nothing moves.
	Previous *shardmap.Table `json:"previous,omitempty"`
	// Moved holds the acknowledgements of the servers, by shard.
	Moved map[int]Acknowledgement `json:"moved,omitempty"`
}

// Acknowledgement lists the moves that a shard's server has copied completely: the document in shardmap.MovedParameter.
// The zero value acknowledges nothing. With 50 pins of the longest names and all slots, it would exceed the size of a
// standard parameter; moves that cannot be acknowledged stay readable in both places.
type Acknowledgement struct {
	// Epoch is the epoch of the table, and Version the first version of the map's parameter with it. An epoch alone is
	// not enough. It identifies the table's content: a pin that is removed and set again leads to the same epoch with
	// other files.
	Epoch   int64 `json:"epoch,omitempty"`
	Version int64 `json:"version,omitempty"`
	// Slots is sorted. Tenants is sorted too, and lists tenants with a pin in either table.
	Slots   []int    `json:"slots,omitempty"`
	Tenants []string `json:"tenants,omitempty"`
}

// Add acknowledges one more move.
func (a *Acknowledgement) Add(m shardmap.Move) {
	if a.Has(m) {
		return
	}
	if m.Tenant != "" {
		a.Tenants = append(a.Tenants, m.Tenant)
		slices.Sort(a.Tenants)
		return
	}
	a.Slots = append(a.Slots, m.Slot)
	slices.Sort(a.Slots)
}

// Has reports whether a move is acknowledged.
func (a Acknowledgement) Has(m shardmap.Move) bool {
	if m.Tenant != "" {
		return slices.Contains(a.Tenants, m.Tenant)
	}
	return slices.Contains(a.Slots, m.Slot)
}

// FindAcknowledgement returns what a shard's server has acknowledged of the current table. Acknowledgements of another
// table do not count.
func (m ShardMap) FindAcknowledgement(shard int) Acknowledgement {
	if a := m.Moved[shard]; a.Epoch == m.Current.Epoch() && a.Version == m.FirstVersion {
		return a
	}
	return Acknowledgement{Epoch: m.Current.Epoch(), Version: m.FirstVersion}
}

// ListMoves lists the moves from the previous table to the current one; it is empty without a previous table.
func (m ShardMap) ListMoves() []shardmap.Move {
	if m.Previous == nil {
		return nil
	}
	return shardmap.MovesBetween(*m.Previous, m.Current)
}

// IsPinned reports whether a tenant has a pin in either table, so that it does not move with its slot.
func (m ShardMap) IsPinned(tenant string) bool {
	_, now := m.Current.PinnedShards()[tenant]
	if m.Previous == nil {
		return now
	}
	_, before := m.Previous.PinnedShards()[tenant]
	return now || before
}

// Places holds the shards of a tenant's files: those to read, in order, and the one to write.
type Places struct {
	Read  []int
	Write int
}

// FindPlaces returns the places of a tenant. While a tenant moves, it has two. The old shard, which has all files from
// before, comes first. Once the new shard has acknowledged the move, the new one comes first. Pushes go to the new
// shard from the start: files on both would need two copies.
func (m ShardMap) FindPlaces(tenant string) Places {
	now := m.Current.TenantShard(tenant)
	if m.Previous == nil || m.Previous.TenantShard(tenant) == now {
		return Places{Read: []int{now}, Write: now}
	}
	before := m.Previous.TenantShard(tenant)
	move := shardmap.Move{Slot: shardmap.TenantSlot(tenant)}
	if m.IsPinned(tenant) {
		move.Tenant = tenant
	}
	if m.FindAcknowledgement(now).Has(move) {
		return Places{Read: []int{now, before}, Write: now}
	}
	return Places{Read: []int{before, now}, Write: now}
}

// ListShards lists the shards that are a place of any tenant, in order.
func (m ShardMap) ListShards() []int {
	shards := map[int]bool{}
	for n := range m.Current.ShardCount() {
		shards[n] = true
	}
	for _, move := range m.ListMoves() {
		shards[move.From] = true
	}
	return slices.Sorted(maps.Keys(shards))
}

// FindAddress returns the address of a shard. For a shard that the current table lacks, it uses the previous table.
func (m ShardMap) FindAddress(shard int) (netip.Addr, error) {
	address := m.Current.ShardAddress(shard)
	if !address.IsValid() && m.Previous != nil {
		address = m.Previous.ShardAddress(shard)
	}
	if !address.IsValid() {
		return address, fmt.Errorf("the shard map has no address for shard %d; run `beachhead up`, which writes the addresses", shard)
	}
	return address, nil
}

var tenantName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$`)

// CheckTenant returns an ErrUsage unless the name of a tenant is valid as a folder's name: 1 to 63 letters, digits,
// dots, underscores and hyphens, not starting with a dot.
func CheckTenant(tenant string) error {
	if tenantName.MatchString(tenant) {
		return nil
	}
	return fmt.Errorf("%w: tenant %q is not a valid name; "+
		"want 1 to 63 letters, digits, dots, underscores and hyphens, not starting with a dot", ErrUsage, tenant)
}

// TenantFolder returns the folder of a tenant's files on any shard, relative to the root of its export.
func TenantFolder(tenant string) string {
	return fmt.Sprintf("%s/%s", SlotFolder(shardmap.TenantSlot(tenant)), tenant)
}

// SlotFolder returns the folder of a slot's tenants.
func SlotFolder(slot int) string { return fmt.Sprintf("slots/%03d", slot) }
