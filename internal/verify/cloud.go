package verify

import "context"

// Cloud answers the queries of probes. An error makes a probe NotChecked, never failed: a query that is not allowed proves nothing. A
// false beside an object means that the object does not exist.
type Cloud interface {
	FindDefaultRoute(ctx context.Context, subnetID string) (Route, error)
	// FindSubnet returns a subnet's range and zone.
	FindSubnet(ctx context.Context, subnetID string) (cidr, zone string, ok bool, err error)
	// ListPropagatedRoutes returns the ranges that a subnet's route table has learned from a VPN gateway.
	ListPropagatedRoutes(ctx context.Context, subnetID string) ([]string, bool, error)
	// FindGroup returns a scaling group by its name.
	FindGroup(ctx context.Context, name string) (Group, bool, error)
	// FindVolume returns a volume by its id.
	FindVolume(ctx context.Context, id string) (Volume, bool, error)
	// FindInterface returns the id of the network interface that has a private address in a subnet.
	FindInterface(ctx context.Context, subnetID, address string) (string, bool, error)
	// FindParameter returns a parameter's value.
	FindParameter(ctx context.Context, name string) (string, bool, error)
	// FindTunnel returns one of the two tunnels of an AWS connection, 1 or 2. Its other end should be the tunnel of that name in GCP.
	FindTunnel(ctx context.Context, connectionID string, number int, gcpName string) (Tunnel, bool, error)
	// ListPrivateRecords returns the records of all private zones that are associated with a VPC.
	ListPrivateRecords(ctx context.Context, vpcID string) ([]Record, error)
}

// Route is a subnet's default route, as the cloud has it.
type Route struct {
	// Kind is nat-gateway, internet-gateway, network-interface, or empty when there is no default route.
	Kind string
	// Live is true if packets on the route reach the internet. Otherwise Why is what stops them.
	Live bool
	Why  string
}

// Group is a scaling group.
type Group struct {
	// InService is the capacity of the machines that are ready for work, in the unit of the types' weights, or 1 each without weights.
	InService int
	// Machines counts all machines, also those that still start and those that finish their jobs.
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
	// AWS and GCP are true if that side has an established BGP session, which needs a tunnel that is up.
	AWS, GCP bool
	// Why is what prevents a session.
	Why string
}

// Record is a record of a private zone.
type Record struct {
	Name, Type string
	Values     []string
}
