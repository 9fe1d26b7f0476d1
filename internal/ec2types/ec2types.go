// Package ec2types answers offline what EC2 instance types are and where they are offered.
//
// The tables come from AWS's DescribeInstanceTypes and DescribeInstanceTypeOfferings as a public data set (moto 5.2.1)
// recorded them. They age, and the letters of zones differ from account to account: good enough to refuse a region file
// early, never enough to promise capacity. Preflight asks the live API.
package ec2types

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Plain text and not gzip: 260 KiB of the binary, against a diff that can be read when the tables are renewed.
var (
	//go:embed instances.tsv
	instancesTSV string
	//go:embed offerings.tsv
	offeringsTSV string
)

// Type is one EC2 instance type.
type Type struct {
	// Name as EC2 writes it (m7g.2xlarge), and the processor architecture: arm64 or x86_64.
	Name, Arch string
	// VCPU counts virtual processors, MemoryMiB is memory in MiB; EBSBaseMbps and EBSMaxMbps are the bandwidth to EBS in
	// megabits a second, lasting and in bursts; EBSMaxIOPS is the most operations a second.
	VCPU, MemoryMiB, EBSBaseMbps, EBSMaxMbps, EBSMaxIOPS int
	// NetBaseGbps and NetPeakGbps are the network's bandwidth in gigabits a second, lasting and in bursts.
	NetBaseGbps, NetPeakGbps float64
	// StoreGB is the instance store's size in GB (10^9 bytes); 0 means none.
	StoreGB int
	// Current says that AWS counts the type among its current generation; Metal that it runs without hypervisor.
	Current, Metal bool
}

var (
	types     = sync.OnceValue(func() map[string]Type { return parseInstances(instancesTSV) })
	offerings = sync.OnceValue(func() map[string]region { return parseOfferings(offeringsTSV) })
)

// Lookup finds an instance type by name.
func Lookup(name string) (Type, bool) {
	t, ok := types()[name]
	return t, ok
}

// TypeNames lists every known instance type, sorted.
func TypeNames() []string {
	names := make([]string, 0, len(types()))
	for name := range types() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// RegionNames lists the AWS regions of the tables, sorted.
func RegionNames() []string {
	names := make([]string, 0, len(offerings()))
	for name := range offerings() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ZoneNames lists a region's zones by full name (us-west-1a), sorted; nil for a region that is not in the tables.
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

// IsOffered says whether a zone, by full name, offers an instance type.
func IsOffered(zone, instanceType string) bool {
	if zone == "" {
		return false
	}
	last := len(zone) - 1
	return strings.Contains(offerings()[zone[:last]].offers[instanceType], zone[last:])
}

// IsOfferedInRegion says whether any zone of a region offers an instance type.
func IsOfferedInRegion(regionName, instanceType string) bool {
	return offerings()[regionName].offers[instanceType] != ""
}
