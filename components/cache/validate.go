package cache

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/components/kit"
)

const (
	// maxDocument is the size limit of an advanced parameter, in bytes.
	maxDocument = 8 << 10
	// maxCopies is the number of regions to which one schedule of Data Lifecycle Manager copies.
	maxCopies = 3
	// maxShards keeps shard names at two digits.
	maxShards = 100
	// maxKept is the number of snapshots of one volume that Data Lifecycle Manager retains.
	maxKept = 1000
)

// Validate returns an error that lists every problem of the arguments.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("arguments are missing")
	}
	p := &kit.Problems{}
	a.checkPlace(p)
	a.checkSubnets(p)
	a.checkShards(p)
	a.checkMap(p)
	a.Snapshots.checkSchedule(p, a.Region)
	return p.Combine()
}

func (a *Args) checkPlace(p *kit.Problems) {
	p.RefuseIf(a.Stack == "" || a.Region == "" || a.Account == "" || a.Domain == "",
		"stack %q, region %q, account %q, domain %q; want all of them", a.Stack, a.Region, a.Account, a.Domain)
	p.RefuseIf(a.VPC == nil || a.Bucket == nil, "the VPC or the bucket is missing")
	p.RefuseIf(len(a.InstanceTypes) == 0, "instance types are missing")
	p.RefuseIf(!strings.HasPrefix(a.Image, "/"), "image %q; want the name of a parameter, which begins with a slash", a.Image)
	p.RefuseIf(a.HashPort < 1 || a.HashPort > 65535, "hash-equivalence port %d; want 1 to 65535", a.HashPort)
	p.RefuseIf(len(a.RunnerCIDRs) == 0, "runner ranges are missing: no runner could mount the cache")
	for i, block := range a.RunnerCIDRs {
		p.RefuseIf(!isIPv4Range(block), "runner range %s is not an IPv4 range", block)
		p.RefuseIf(slices.Contains(a.RunnerCIDRs[:i], block), "runner range %s is listed twice", block)
	}
}

func (a *Args) checkSubnets(p *kit.Problems) {
	zones := map[string]bool{}
	for _, s := range a.Subnets {
		p.RefuseIf(zones[s.Zone], "zone %s has two cache subnets; want one", s.Zone)
		zones[s.Zone] = true
		p.RefuseIf(s.ID == nil, "the cache subnet of %s has no id", s.Zone)
		p.RefuseIf(!isIPv4Range(s.CIDR), "the cache subnet of %s has the range %s, which is not an IPv4 range", s.Zone, s.CIDR)
		inside := s.CIDR.Contains(s.Fixed.Addr()) && s.Fixed.Bits() > s.CIDR.Bits() && s.Fixed == s.Fixed.Masked()
		p.RefuseIf(s.Fixed.IsValid() && !inside, "zone %s: the fixed addresses %s are not a part of the subnet %s", s.Zone, s.Fixed, s.CIDR)
	}
}

func (a *Args) checkShards(p *kit.Problems) {
	p.RefuseIf(len(a.Shards) == 0, "shards are missing")
	numbers, addresses, moved := map[int]bool{}, map[netip.Addr]bool{}, map[string]bool{}
	for _, s := range a.Shards {
		p.RefuseIf(s.Number < 0 || s.Number >= maxShards, "shard %d; want 0 to %d", s.Number, maxShards-1)
		p.RefuseIf(numbers[s.Number], "shard %d is listed twice", s.Number)
		p.RefuseIf(addresses[s.Address], "shard %d: another shard has the address %s too", s.Number, s.Address)
		p.RefuseIf(!strings.HasPrefix(s.MovedParameter, "/"), "shard %d: parameter %q for copied files; want one that begins with a slash",
			s.Number, s.MovedParameter)
		p.RefuseIf(moved[s.MovedParameter], "shard %d: another shard has the parameter %s too", s.Number, s.MovedParameter)
		numbers[s.Number], addresses[s.Address], moved[s.MovedParameter] = true, true, true
		p.RefuseIf(s.UserData == "", "shard %d: user data is missing: its server would do nothing", s.Number)
		p.RefuseIf(len(s.UserData) > kit.MaxUserData, "shard %d: user data has %d bytes; want at most %d",
			s.Number, len(s.UserData), kit.MaxUserData)
		p.RefuseIf(s.Volume.GiB < 1 || s.Volume.IOPS < 1 || s.Volume.MiBps < 1,
			"shard %d: a volume of %d GiB, %d IOPS and %d MiB/s; want at least 1 of each", s.Number, s.Volume.GiB, s.Volume.IOPS, s.Volume.MiBps)
		a.checkAddress(p, s)
	}
}

func (a *Args) checkAddress(p *kit.Problems, s Shard) {
	subnet, known := a.findSubnet(s.Zone)
	if !known {
		p.RefuseIf(true, "shard %d: zone %s has no cache subnet", s.Number, s.Zone)
		return
	}
	p.RefuseIf(!subnet.CIDR.Contains(s.Address), "shard %d: address %s is not in %s, the cache subnet of %s",
		s.Number, s.Address, subnet.CIDR, s.Zone)
	p.RefuseIf(isReservedByAWS(subnet.CIDR, s.Address), "shard %d: AWS reserves the address %s of %s", s.Number, s.Address, subnet.CIDR)
	p.RefuseIf(subnet.Fixed.IsValid() && !subnet.Fixed.Contains(s.Address), "shard %d: address %s is not among the fixed addresses %s of %s",
		s.Number, s.Address, subnet.Fixed, s.Zone)
}

func isIPv4Range(block netip.Prefix) bool {
	return block.Addr().Is4() && block == block.Masked()
}

// isReservedByAWS reports whether an address is one of the five that AWS reserves in each subnet: the first four and the last.
func isReservedByAWS(subnet netip.Prefix, a netip.Addr) bool {
	if !subnet.Addr().Is4() || !subnet.Contains(a) {
		return false
	}
	first, quad := subnet.Addr().As4(), a.As4()
	host := uint64(binary.BigEndian.Uint32(quad[:]) - binary.BigEndian.Uint32(first[:]))
	return host < 4 || host == 1<<(32-subnet.Bits())-1
}

func (a *Args) checkMap(p *kit.Problems) {
	p.RefuseIf(!strings.HasPrefix(a.Map.Parameter, "/"), "the shard map's parameter %q; want one that begins with a slash", a.Map.Parameter)
	n := len(a.Map.Document)
	p.RefuseIf(n == 0 || n > maxDocument, "the shard map has %d bytes; want 1 to %d", n, maxDocument)
}

func (s Snapshots) checkSchedule(p *kit.Problems, region string) {
	_, err := time.Parse("15:04", s.At)
	p.RefuseIf(err != nil, "snapshots at %q; want a time of day such as 09:00", s.At)
	p.RefuseIf(s.KeepDays < 1 || s.KeepDays > maxKept, "snapshots stored for %d days; want 1 to %d", s.KeepDays, maxKept)
	p.RefuseIf(len(s.CopyTo) > maxCopies, "snapshots copied to %d regions; want at most %d", len(s.CopyTo), maxCopies)
	for i, target := range s.CopyTo {
		p.RefuseIf(target == region, "snapshots copied to %s, the cache's own region", target)
		p.RefuseIf(slices.Contains(s.CopyTo[:i], target), "snapshots copied to %s twice", target)
	}
}

// findSubnet returns a zone's cache subnet, and whether there is one.
func (a *Args) findSubnet(zone string) (Subnet, bool) {
	i := slices.IndexFunc(a.Subnets, func(s Subnet) bool { return s.Zone == zone })
	if i < 0 {
		return Subnet{}, false
	}
	return a.Subnets[i], true
}
