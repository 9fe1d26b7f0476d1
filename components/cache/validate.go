package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
)

const (
	// maxUserData is what EC2 takes, in bytes before it is encoded.
	maxUserData = 16 << 10
	// maxDocument is what an advanced parameter holds.
	maxDocument = 8 << 10
	// maxCopies is to how many regions one schedule of Data Lifecycle Manager copies.
	maxCopies = 3
	// maxShards keeps shard names at two digits.
	maxShards = 100
	// maxKept is how many snapshots of one volume Data Lifecycle Manager keeps.
	maxKept = 1000
)

// problems collects everything that is wrong with arguments.
type problems struct{ errs *multierror.Error }

func (p *problems) refuse(wrong bool, format string, args ...any) {
	if wrong {
		p.errs = multierror.Append(p.errs, fmt.Errorf(format, args...))
	}
}

func (a *Args) validate() error {
	if a == nil {
		return errors.New("a cache needs arguments")
	}
	p := &problems{}
	a.checkPlace(p)
	a.checkSubnets(p)
	a.checkShards(p)
	a.checkMap(p)
	a.Snapshots.check(p, a.Region)
	return p.errs.ErrorOrNil()
}

func (a *Args) checkPlace(p *problems) {
	p.refuse(a.Stack == "" || a.Region == "" || a.Account == "" || a.Domain == "", "stack %q, region %q, account %q or domain %q is empty",
		a.Stack, a.Region, a.Account, a.Domain)
	p.refuse(a.VPC == nil || a.Bucket == nil, "it needs a VPC and a bucket")
	p.refuse(len(a.InstanceTypes) == 0, "it has no instance types")
	p.refuse(!strings.HasPrefix(a.Image, "/"), "image %q; want the name of a parameter", a.Image)
	p.refuse(a.HashPort < 1 || a.HashPort > 65535, "the hash-equivalence server has port %d", a.HashPort)
	p.refuse(len(a.RunnerCIDRs) == 0, "nobody may mount it: no runner ranges")
	for i, block := range a.RunnerCIDRs {
		p.refuse(!block.Addr().Is4() || block != block.Masked(), "runner range %s is no IPv4 range", block)
		p.refuse(slices.Contains(a.RunnerCIDRs[:i], block), "runner range %s is there twice", block)
	}
}

func (a *Args) checkSubnets(p *problems) {
	zones := map[string]bool{}
	for _, s := range a.Subnets {
		p.refuse(zones[s.Zone], "zone %s has two cache subnets", s.Zone)
		zones[s.Zone] = true
		p.refuse(s.ID == nil, "the cache subnet of %s has no id", s.Zone)
		p.refuse(!s.CIDR.Addr().Is4() || s.CIDR != s.CIDR.Masked(), "the cache subnet of %s is %s, which is no IPv4 range", s.Zone, s.CIDR)
		inside := s.CIDR.Contains(s.Fixed.Addr()) && s.Fixed.Bits() > s.CIDR.Bits() && s.Fixed == s.Fixed.Masked()
		p.refuse(s.Fixed.IsValid() && !inside, "zone %s: the fixed addresses %s are no part of the subnet %s", s.Zone, s.Fixed, s.CIDR)
	}
}

func (a *Args) checkShards(p *problems) {
	p.refuse(len(a.Shards) == 0, "it has no shards")
	numbers, addresses, moved := map[int]bool{}, map[netip.Addr]bool{}, map[string]bool{}
	for _, s := range a.Shards {
		p.refuse(s.Number < 0 || s.Number >= maxShards, "shard %d: want 0 to %d", s.Number, maxShards-1)
		p.refuse(numbers[s.Number], "shard %d is there twice", s.Number)
		p.refuse(addresses[s.Address], "shard %d: %s is another shard's address too", s.Number, s.Address)
		p.refuse(!strings.HasPrefix(s.MovedParameter, "/") || moved[s.MovedParameter],
			"shard %d: what it moved goes to parameter %q; want one of its own that begins with a slash", s.Number, s.MovedParameter)
		numbers[s.Number], addresses[s.Address], moved[s.MovedParameter] = true, true, true
		p.refuse(s.UserData == "", "shard %d has no user data: its server would do nothing", s.Number)
		p.refuse(len(s.UserData) > maxUserData, "shard %d: user data of %d bytes; EC2 takes %d", s.Number, len(s.UserData), maxUserData)
		p.refuse(s.Volume.GiB < 1 || s.Volume.IOPS < 1 || s.Volume.MiBps < 1, "shard %d: a volume of %d GiB, %d IOPS and %d MiB/s",
			s.Number, s.Volume.GiB, s.Volume.IOPS, s.Volume.MiBps)
		a.checkAddress(p, s)
	}
}

func (a *Args) checkAddress(p *problems, s Shard) {
	subnet, known := a.subnet(s.Zone)
	if !known {
		p.refuse(true, "shard %d: zone %s has no cache subnet", s.Number, s.Zone)
		return
	}
	p.refuse(!subnet.CIDR.Contains(s.Address), "shard %d: %s is not in %s, the cache subnet of %s", s.Number, s.Address, subnet.CIDR, s.Zone)
	p.refuse(awsKeeps(subnet.CIDR, s.Address), "shard %d: AWS keeps %s of %s for itself", s.Number, s.Address, subnet.CIDR)
	p.refuse(subnet.Fixed.IsValid() && !subnet.Fixed.Contains(s.Address), "shard %d: %s is not among the fixed addresses %s of %s",
		s.Number, s.Address, subnet.Fixed, s.Zone)
}

// awsKeeps says whether an address is one of the five of a subnet that AWS keeps: the first four and the last.
func awsKeeps(subnet netip.Prefix, a netip.Addr) bool {
	if !subnet.Addr().Is4() || !subnet.Contains(a) {
		return false
	}
	first, quad := subnet.Addr().As4(), a.As4()
	host := uint64(binary.BigEndian.Uint32(quad[:]) - binary.BigEndian.Uint32(first[:]))
	return host < 4 || host == 1<<(32-subnet.Bits())-1
}

func (a *Args) checkMap(p *problems) {
	p.refuse(!strings.HasPrefix(a.Map.Parameter, "/"), "the map's parameter %q; want one that begins with a slash", a.Map.Parameter)
	n := len(a.Map.Document)
	p.refuse(n == 0 || n > maxDocument, "a map of %d bytes; want 1 to %d", n, maxDocument)
}

func (s Snapshots) check(p *problems, region string) {
	_, err := time.Parse("15:04", s.At)
	p.refuse(err != nil, "snapshots at %q; want a time such as 09:00", s.At)
	p.refuse(s.KeepDays < 1 || s.KeepDays > maxKept, "snapshots kept for %d days; want 1 to %d", s.KeepDays, maxKept)
	p.refuse(len(s.CopyTo) > maxCopies, "snapshots copied to %d regions; a schedule copies to %d", len(s.CopyTo), maxCopies)
	for i, target := range s.CopyTo {
		p.refuse(target == region || slices.Contains(s.CopyTo[:i], target), "snapshots copied to %s, where they are", target)
	}
}

// subnet gives a zone's cache subnet.
func (a *Args) subnet(zone string) (Subnet, bool) {
	i := slices.IndexFunc(a.Subnets, func(s Subnet) bool { return s.Zone == zone })
	if i < 0 {
		return Subnet{}, false
	}
	return a.Subnets[i], true
}
