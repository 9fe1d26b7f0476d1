// Package cache is the component for a region's sharded NFS cache: data volumes and fixed addresses that outlive every machine, one
// server for each shard in a scaling group of one, the DNS names and the shard map by which runners find them, and snapshots.
package cache

import (
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describes a cache. Plain values decide which resources exist; values of other components are inputs.
type Args struct {
	// Stack is the region's name. It distinguishes this cache from others in the account.
	Stack string
	// Region and Account are part of the ARNs in the roles' policies.
	Region, Account string
	// Domain is the name of the private DNS zone that the cache creates. Servers are shard-00 and so on in it.
	Domain string
	// InstanceTypes are the servers' types, best first, all of one architecture.
	InstanceTypes []string
	// Image is the name of the parameter that holds the id of the newest image. EC2 reads it at each launch, so a newer image replaces
	// nothing.
	Image string
	// PublicAddresses is true where servers get public addresses of their own. They need one where the egress route of the cache subnets is
	// the internet gateway.
	PublicAddresses bool
	// HashPort is the TCP port of the hash-equivalence server, which one of the servers runs.
	HashPort int
	// RunnerCIDRs are the ranges of the runner subnets, which may mount the cache.
	RunnerCIDRs []netip.Prefix
	// Subnets are the cache subnets, one for each zone.
	Subnets []Subnet
	// Shards are the shards, each with one server.
	Shards []Shard
	// Map is the shard map, which runners poll.
	Map Map
	// Snapshots is the schedule of the volumes' snapshots.
	Snapshots Snapshots
	// Tags are the tags of machines, their volumes and interfaces, and groups, which the provider's default tags do not reach.
	Tags map[string]string

	// VPC is the network's id.
	VPC pulumi.StringInput
	// Bucket is the name of the bucket from which servers fetch their agent, known once the agent is in it.
	Bucket pulumi.StringInput
}

// Subnet is a zone's cache subnet.
type Subnet struct {
	Zone string
	CIDR netip.Prefix
	// Fixed is the part of the subnet that holds the fixed addresses, with room for later shards. It is reserved, because otherwise EC2
	// could assign one of them to a server's own interface and a new shard would not get its address. Zero: nothing is reserved.
	Fixed netip.Prefix
	// ID is the subnet's id.
	ID pulumi.StringInput
}

// Shard is one cache server with the volume and the address that outlive it.
type Shard struct {
	// Number names the shard, from 0. Number and zone never change: a volume cannot leave its zone.
	Number int
	Zone   string
	// Address is the fixed address that runners mount.
	Address netip.Addr
	Volume  Volume
	// MovedParameter is the name of the parameter in which the server reports what it has copied from other shards, such as
	// /beachhead/us-west-1/cache/moved/00.
	MovedParameter string
	// UserData is the script of a server's first boot. It holds no secrets.
	UserData string
}

// Volume is a shard's gp3 data volume.
type Volume struct {
	// GiB is the volume's size, IOPS and MiBps its performance.
	GiB, IOPS, MiBps int
	// Snapshot is the id of the snapshot from which a new volume is created. Nil: it starts blank. It does not affect a volume that exists.
	Snapshot pulumi.StringPtrInput
	// Import is the id of an existing volume that the shard adopts. An earlier stack retained it. Empty: the shard gets a new volume.
	Import string
}

// Map is the document that assigns slots to shards.
type Map struct {
	// Parameter is its name in Parameter Store, such as /beachhead/us-west-1/cache/map.
	Parameter string
	// Document is its JSON text.
	Document string
}

// Snapshots is the schedule of the volumes' snapshots, which protect against the loss of a zone or a region.
type Snapshots struct {
	// At is the time of day in UTC, such as 09:00.
	At string
	// KeepDays is the number of days for which a snapshot is stored.
	KeepDays int
	// CopyTo are the codes of the AWS regions to which snapshots are copied, because caches there are seeded from this one.
	CopyTo []string
}
