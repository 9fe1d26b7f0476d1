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

// ShardMap is the shard map as a machine knows it: the table, the one before, and what has been copied between them.
type ShardMap struct {
	// ReadAt is when Parameter Store gave it, and Asked when it was last asked, with or without an answer.
	ReadAt    time.Time `json:"read"`
	QueriedAt time.Time `json:"asked"`
	// Version is the parameter's, as Parameter Store counts its writes, and First that of the first write of the current epoch.
	Version      int64          `json:"version"`
	FirstVersion int64          `json:"first"`
	Current      shardmap.Table `json:"current"`
	// Previous is the table of the epoch before; nil: there is none that is still known, and nothing moves.
	Previous *shardmap.Table `json:"previous,omitempty"`
	// Moved is what the servers have acknowledged, by shard.
	Moved map[int]Acknowledgement `json:"moved,omitempty"`
}

// Acknowledgement is what the server of a shard says it has copied whole from where it was: the document in shardmap.MovedParameter. The
// zero value acknowledges nothing. With 50 pins of the longest names and all slots in it, it would be larger than a standard parameter;
// what then cannot be acknowledged stays readable in both places.
type Acknowledgement struct {
	// Epoch is that of the table, and Version the first version of the map's parameter with it. An epoch alone is not enough: it is that of
	// the table's content, and a pin that is taken back and set again leads to the same epoch with other files.
	Epoch   int64 `json:"epoch,omitempty"`
	Version int64 `json:"version,omitempty"`
	// Slots are in order, Tenants by name: those that are pinned in either table.
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

// Has says whether a move is acknowledged.
func (a Acknowledgement) Has(m shardmap.Move) bool {
	if m.Tenant != "" {
		return slices.Contains(a.Tenants, m.Tenant)
	}
	return slices.Contains(a.Slots, m.Slot)
}

// FindAcknowledgement gives what a shard's server has acknowledged of the current table; of another table it counts nothing.
func (m ShardMap) FindAcknowledgement(shard int) Acknowledgement {
	if a := m.Moved[shard]; a.Epoch == m.Current.Epoch() && a.Version == m.FirstVersion {
		return a
	}
	return Acknowledgement{Epoch: m.Current.Epoch(), Version: m.FirstVersion}
}

// ListMoves lists what moves from the previous table to the current one; nothing without a previous one.
func (m ShardMap) ListMoves() []shardmap.Move {
	if m.Previous == nil {
		return nil
	}
	return shardmap.MovesBetween(*m.Previous, m.Current)
}

// IsPinned says whether a tenant is pinned in either table, so that it does not move with its slot.
func (m ShardMap) IsPinned(tenant string) bool {
	_, now := m.Current.PinnedShards()[tenant]
	if m.Previous == nil {
		return now
	}
	_, before := m.Previous.PinnedShards()[tenant]
	return now || before
}

// Places is where a tenant's files are: the shards to read, in order, and the one to write.
type Places struct {
	Read  []int
	Write int
}

// FindPlaces gives a tenant's. While a tenant moves there are two: the old shard first, which has everything that was there before, and once the
// new one has acknowledged the move, the other way round. Pushes go to the new shard from the start: files in both would have to be copied
// twice.
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

// ListShards lists the shards that are in the places of any tenant, in order.
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

// FindAddress is where a shard answers. A shard that the current table has no more is where the previous one says.
func (m ShardMap) FindAddress(shard int) (netip.Addr, error) {
	address := m.Current.ShardAddress(shard)
	if !address.IsValid() && m.Previous != nil {
		address = m.Previous.ShardAddress(shard)
	}
	if !address.IsValid() {
		return address, fmt.Errorf("the shard map has no address of shard %d; run beachhead up, which writes it with addresses", shard)
	}
	return address, nil
}

var tenantName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$`)

// CheckTenant says whether a tenant has a name that can be a folder's: 1 to 63 of letters, digits, dot, underscore and hyphen, no dot first.
// The error is an ErrUsage.
func CheckTenant(tenant string) error {
	if tenantName.MatchString(tenant) {
		return nil
	}
	return fmt.Errorf("%w: %q is no tenant's name; want 1 to 63 letters, digits, dots, underscores and hyphens, and no dot first", ErrUsage, tenant)
}

// TenantFolder is where a tenant's files are on the volume of any shard, below the root of its export.
func TenantFolder(tenant string) string {
	return fmt.Sprintf("%s/%s", SlotFolder(shardmap.TenantSlot(tenant)), tenant)
}

// SlotFolder is where the tenants of a slot are.
func SlotFolder(slot int) string { return fmt.Sprintf("slots/%03d", slot) }
