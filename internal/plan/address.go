package plan

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Tier is what a subnet is for.
type Tier string

// The tiers. Runner subnets are there in both tiers whatever the egress mode, so that a change of mode makes no subnet.
const (
	PrivateTier Tier = "private"
	PublicTier  Tier = "public"
	CacheTier   Tier = "cache"
	LinkTier    Tier = "link"
)

// Tiers is every tier, in the order of the address plan.
var Tiers = []Tier{PrivateTier, PublicTier, CacheTier, LinkTier}

// MaxZones is how many zones the address plan has room for: as many as the largest region has.
const MaxZones = 6

// tierBlocks cuts a network into sixteen blocks: eight for private runners, one a zone; six for public runners; one for all cache subnets
// and one for all link subnets. A zone's ordinal alone decides its blocks, so adding a zone moves nothing. The two runner tiers are
// of one size, since a fleet must fit whichever of them the egress mode chooses.
var tierBlocks = map[Tier]struct{ block, moreBits int }{
	PrivateTier: {block: 0, moreBits: 4},
	PublicTier:  {block: 8, moreBits: 4},
	CacheTier:   {block: 14, moreBits: 7},
	LinkTier:    {block: 15, moreBits: 8},
}

// cutSubnet gives the block of one tier in the zone with the given ordinal (from 0). A /20 network, the smallest, gives runners /24,
// caches /27 and links /28, which is the smallest subnet that AWS makes.
func cutSubnet(network netip.Prefix, tier Tier, ordinal int) (netip.Prefix, error) {
	slot, known := tierBlocks[tier]
	if !known || ordinal < 0 || ordinal >= MaxZones || !network.Addr().Is4() || network.Bits() > 20 {
		return netip.Prefix{}, fmt.Errorf("no %s subnet for zone %d in %s", tier, ordinal, network)
	}
	start := blockOffset(slot.block, network.Bits()+4) + blockOffset(ordinal, network.Bits()+slot.moreBits)
	return netip.PrefixFrom(addressAfter(network.Addr(), start), network.Bits()+slot.moreBits), nil
}

// blockOffset is the distance of the n-th block of the given prefix length from the first.
func blockOffset(n, bits int) uint32 { return uint32(n) << (32 - bits) }

// addressAfter is the address n after base.
func addressAfter(base netip.Addr, n uint32) netip.Addr {
	quad := base.As4()
	binary.BigEndian.PutUint32(quad[:], binary.BigEndian.Uint32(quad[:])+n)
	return netip.AddrFrom4(quad)
}
