// Package ec2types describes EC2 instance types and the zones that offer them, without a network.
//
// The tables come from AWS's DescribeInstanceTypes and DescribeInstanceTypeOfferings, as a public data set (moto 5.2.1)
// recorded them. They age, and zone letters differ between accounts. They are good enough to refuse a region file early, and
// not good enough to promise capacity. Preflight queries the live API.
package ec2types

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Plain text instead of gzip costs 260 KiB of the binary. In return, a reviewer can read the diff when someone updates the
// tables.
var (
	//go:embed instances.tsv
	instancesTSV string
	//go:embed offerings.tsv
	offeringsTSV string
)

// Type is one EC2 instance type.
type Type struct {
	// Name is EC2's name of the type (m7g.2xlarge). Arch is its processor architecture: arm64 or x86_64.
	Name, Arch string
	// VCPU is the number of virtual processors, and MemoryMiB the memory in MiB. EBSBaseMbps and EBSMaxMbps are the sustained
	// and the burst bandwidth to EBS in megabits per second. EBSMaxIOPS is the maximum number of operations per second.
	VCPU, MemoryMiB, EBSBaseMbps, EBSMaxMbps, EBSMaxIOPS int
	// NetBaseGbps and NetPeakGbps are the sustained and the burst network bandwidth in gigabits per second.
	NetBaseGbps, NetPeakGbps float64
	// StoreGB is the size of the instance store in GB (10^9 bytes). 0 means no instance store.
	StoreGB int
	// Current means that AWS lists the type in its current generation. Metal means that the type has no hypervisor.
	Current, Metal bool
}

var (
	types     = sync.OnceValue(func() map[string]Type { return parseInstances(instancesTSV) })
	offerings = sync.OnceValue(func() map[string]region { return parseOfferings(offeringsTSV) })
)

// Lookup returns an instance type by name, and whether the tables contain it.
func Lookup(name string) (Type, bool) {
	t, ok := types()[name]
	return t, ok
}

// TypeNames returns the names of all instance types, sorted.
func TypeNames() []string {
	names := make([]string, 0, len(types()))
	for name := range types() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// RegionNames returns the AWS regions in the tables, sorted.
func RegionNames() []string {
	names := make([]string, 0, len(offerings()))
	for name := range offerings() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ZoneNames returns the full names of a region's zones (us-west-1a), sorted. It returns nil if the tables do not contain the
// region.
func ZoneNames(regionName string) []string {
	r, ok := offerings()[regionName]
	if !ok {
		return nil
	}
	zones := make([]string, 0, len(r.letters))
	for _, letter := range r.letters {
		zones = append(zones, regionName+string(letter))
	}
	return zones
}

// IsOffered reports whether a zone (us-west-1a) offers an instance type.
func IsOffered(zone, instanceType string) bool {
	if zone == "" {
		return false
	}
	last := len(zone) - 1
	return strings.Contains(offerings()[zone[:last]].offers[instanceType], zone[last:])
}

// IsOfferedInRegion reports whether any zone of a region offers an instance type.
func IsOfferedInRegion(regionName, instanceType string) bool {
	return offerings()[regionName].offers[instanceType] != ""
}
