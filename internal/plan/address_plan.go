package plan

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Tier is the purpose of a subnet.
type Tier string

// The tiers. Runner subnets exist in both runner tiers in every egress mode, so a change of the mode creates no subnet.
const (
	PrivateTier Tier = "private"
	PublicTier  Tier = "public"
	CacheTier   Tier = "cache"
	LinkTier    Tier = "link"
)

// Tiers lists all tiers in the order of the address plan.
var Tiers = []Tier{PrivateTier, PublicTier, CacheTier, LinkTier}

// MaxZones is the maximum number of zones in the address plan. The largest AWS region has this many.
const MaxZones = 6

// tierBlocks divides a network into sixteen blocks: eight for private runners, one per zone; six for public runners, one per
// zone; one for all cache subnets; and one for all link subnets. The blocks of a zone depend only on its ordinal, so adding a
// zone moves no subnet. The two runner tiers have the same size, because a fleet must fit into the tier that the egress mode
// selects.
var tierBlocks = map[Tier]struct{ block, moreBits int }{
	PrivateTier: {block: 0, moreBits: 4},
	PublicTier:  {block: 8, moreBits: 4},
	CacheTier:   {block: 14, moreBits: 7},
	LinkTier:    {block: 15, moreBits: 8},
}

// cutSubnet returns the subnet of one tier in the zone with the given ordinal (from 0). In a /20 network, the smallest,
// runner subnets are /24, cache subnets /27 and link subnets /28, the smallest subnet that AWS allows.
func cutSubnet(network netip.Prefix, tier Tier, ordinal int) (netip.Prefix, error) {
	slot, known := tierBlocks[tier]
	if !known || ordinal < 0 || ordinal >= MaxZones || !network.Addr().Is4() || network.Bits() > 20 {
		return netip.Prefix{}, fmt.Errorf("no %s subnet for zone %d in %s", tier, ordinal, network)
	}
	start := blockOffset(slot.block, network.Bits()+4) + blockOffset(ordinal, network.Bits()+slot.moreBits)
	return netip.PrefixFrom(addressAfter(network.Addr(), start), network.Bits()+slot.moreBits), nil
}

// blockOffset returns the distance, in addresses, of the n-th block of the given prefix length from the first block.
func blockOffset(n, bits int) uint32 { return uint32(n) << (32 - bits) }

// addressAfter returns the address n after base.
func addressAfter(base netip.Addr, n uint32) netip.Addr {
	quad := base.As4()
	binary.BigEndian.PutUint32(quad[:], binary.BigEndian.Uint32(quad[:])+n)
	return netip.AddrFrom4(quad)
}
