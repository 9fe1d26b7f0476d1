package verify

import "context"

// Cloud is what probes ask. Its errors make a probe NotChecked, never failed: not being allowed to look proves nothing. A false beside a
// thing says that it is not there.
type Cloud interface {
	DefaultRoute(ctx context.Context, subnetID string) (Way, error)
	// Subnet gives a subnet's range and zone.
	Subnet(ctx context.Context, subnetID string) (cidr, zone string, ok bool, err error)
	// PropagatedRoutes gives the ranges that a subnet's route table has learned from a VPN gateway.
	PropagatedRoutes(ctx context.Context, subnetID string) ([]string, bool, error)
	// Group gives a scaling group by its name.
	Group(ctx context.Context, name string) (Group, bool, error)
	// Volume gives a volume by its id.
	Volume(ctx context.Context, id string) (Volume, bool, error)
	// Interface gives the id of the network interface that has a private address in a subnet.
	Interface(ctx context.Context, subnetID, address string) (string, bool, error)
	// Parameter gives a parameter's value.
	Parameter(ctx context.Context, name string) (string, bool, error)
	// Tunnel gives one of the two tunnels of an AWS connection, 1 or 2, whose other end is to be the tunnel of that name in GCP.
	Tunnel(ctx context.Context, connectionID string, number int, gcpName string) (Tunnel, bool, error)
	// PrivateRecords gives the records of all private zones that a VPC knows.
	PrivateRecords(ctx context.Context, vpcID string) ([]Record, error)
}

// Way is where a subnet's default route leads, as the cloud has it.
type Way struct {
	// Kind is nat-gateway, internet-gateway, network-interface, or empty when there is no default route.
	Kind string
	// Live says whether it really leads out; Why says what is in the way when it does not.
	Live bool
	Why  string
}

// Group is a scaling group.
type Group struct {
	// InService is the capacity of the machines that are ready for work, in the unit of the types' weights, or 1 each without weights.
	InService int
	// Machines counts all, with those that still start and those that end their jobs.
	Machines int
}

// Volume is a data volume.
type Volume struct {
	Zone      string
	GiB       int
	Encrypted bool
	Tags      map[string]string
}

// Tunnel is one tunnel of the link.
type Tunnel struct {
	// AWS and GCP say whether that side has an established BGP session, which it can have only in a tunnel that is up.
	AWS, GCP bool
	// Why is what is in the way.
	Why string
}

// Record is a record of a private zone.
type Record struct {
	Name, Type string
	Values     []string
}
