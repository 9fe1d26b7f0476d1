// Package cache is the component that makes a sharded NFS cache: data volumes and fixed addresses that outlive every machine, a server
// for each in a group of one, the names and the map by which runners find them, and snapshots.
package cache

import (
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describes a cache. What decides which resources there are is plain data; what other components make is an input.
type Args struct {
	// Stack is the region's name, which tells this cache from others in the account.
	Stack string
	// Region and Account are where the cache is: they are part of the names that its roles are confined to.
	Region, Account string
	// Domain is the name of the private zone that the cache makes; a server is shard-00 and so on in it.
	Domain string
	// InstanceTypes are the servers' types, best first, all of one architecture.
	InstanceTypes []string
	// Image is the parameter that holds the newest image's id. EC2 reads it when a machine starts, so a newer image replaces nothing.
	Image string
	// PublicAddresses says whether servers get public addresses of their own: where the cache subnets' way out is the internet gateway,
	// a server without one reaches nothing.
	PublicAddresses bool
	// HashPort is the TCP port of the hash-equivalence server, which one of the servers runs.
	HashPort int
	// RunnerCIDRs are the ranges of the runner subnets: who may mount.
	RunnerCIDRs []netip.Prefix
	// Subnets are the cache subnets, one for each zone.
	Subnets []Subnet
	// Shards are the servers.
	Shards []Shard
	// Map is what runners poll to learn which shard has what.
	Map Map
	// Snapshots says when the volumes are copied, and where to.
	Snapshots Snapshots
	// Tags are set on what the engine's default tags do not reach: machines, their volumes and interfaces, and groups.
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
	// Fixed is the part of the subnet that holds the fixed addresses, with room for shards to come; it is kept from being given to
	// servers' own interfaces, which would leave a new shard without its address. Zero: nothing is kept.
	Fixed netip.Prefix
	// ID is the subnet's id.
	ID pulumi.StringInput
}

// Shard is one server with what outlives it.
type Shard struct {
	// Number names the shard, from 0. It never changes, and neither does the zone: a volume cannot leave its zone.
	Number int
	Zone   string
	// Address is the one that runners mount from.
	Address netip.Addr
	Volume  Volume
	// MovedParameter is the name of the parameter in which the server says what it has copied, such as /beachhead/us-west-1/cache/moved/00.
	MovedParameter string
	// UserData is what a server runs at its first boot; it holds no secrets.
	UserData string
}

// Volume is a shard's gp3 data volume.
type Volume struct {
	GiB, IOPS, MiBps int
	// Snapshot is the id of the snapshot that a new volume starts from. Nil: it starts blank. It says nothing about a volume that exists.
	Snapshot pulumi.StringPtrInput
	// Import is the id of a volume that is there already, kept when an earlier stack went, which the shard takes up. Empty: a new one.
	Import string
}

// Map is the document that says which slot is on which shard.
type Map struct {
	// Parameter is its name in Parameter Store, such as /beachhead/us-west-1/cache/map.
	Parameter string
	Document  string
}

// Snapshots says how volumes are kept against the loss of a zone or a region.
type Snapshots struct {
	// At is the time of day in UTC, such as 09:00.
	At string
	// KeepDays is for how many days a snapshot is kept.
	KeepDays int
	// CopyTo are the codes of the AWS regions that seed from this one.
	CopyTo []string
}
