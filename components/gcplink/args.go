package gcplink

import (
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describes a link. Plain values decide which resources exist; ids of other components are inputs.
type Args struct {
	// Names is the first part of every name in GCP, where resources have no tags and Beachhead finds them by name. It must be unique among
	// all links of the GCP project: the names of external gateways and firewall rules are unique in a project, not in a region.
	Names string
	// VPC is the id of the AWS network.
	VPC pulumi.StringInput
	// RouteTables are the ids of the route tables that receive GCP's routes, by role and zone, such as "cache-us-west-1a". The keys are part
	// of resource names.
	RouteTables map[string]pulumi.StringInput
	// Network is the name of the GCP network.
	Network string
	// AWSASN and GCPASN are the BGP numbers of the two sides.
	AWSASN, GCPASN int64
	// Inside are the /30 ranges inside the four tunnels, by tunnel number. AWS gets the first host of each, and GCP the second.
	Inside [Tunnels]netip.Prefix
	// Advertised are the ranges that GCP advertises to AWS: those of its subnets, and that of Google APIs if traffic to them uses the link.
	Advertised []netip.Prefix
	// Sources are the ranges from which GCP lets traffic in: the runners' subnets.
	Sources []netip.Prefix
	// Services are the services that runners may reach, by the link or publicly.
	Services []Service
	// Zones are the private DNS zones of the AWS network that lead names over the link. A service whose name must resolve publicly must have
	// no zone: for a name without a record in a private zone, Route 53 answers NXDOMAIN and does not query public DNS. (A zone that falls
	// back to public DNS would be better; version 6 of the provider does not have the setting.)
	Zones []Zone
}

// Service is some TCP ports of one address.
type Service struct {
	Name    string
	Address netip.Addr
	Ports   []int
}

// Zone is a private DNS zone with all of its records.
type Zone struct {
	Name    string
	Records []Record
}

// Record is one record of a private zone.
type Record struct {
	// Name is the full name; it may begin with "*.".
	Name string
	// Type is A or CNAME.
	Type string
	// TTL is in seconds.
	TTL    int
	Values []string
}

// Tunnels is the number of a link's tunnels: an AWS connection has two, and GCP's 99.99 % needs two connections.
const Tunnels = 4

// place is where a tunnel ends on either side. Source of the pairing: Google Cloud, "Create HA VPN connections between Google Cloud and
// AWS". Interface 0 of GCP's gateway is the customer gateway of connection 0. The four AWS addresses are the external gateway's
// interfaces in the order of the connections and of their tunnels.
type place struct {
	// side is the AWS connection and the interface of GCP's gateway, 0 or 1.
	side int
	// second is true for the connection's second tunnel.
	second bool
	// external is the interface of GCP's external gateway, 0 to 3.
	external int
}

func placeTunnel(tunnel int) place {
	return place{side: tunnel / 2, second: tunnel%2 == 1, external: tunnel}
}

// awsAddress and gcpAddress return the two ends of a tunnel in its inside range. AWS always gets the first host. The addresses come from
// the plan's range and not from the connection's outputs, so that a preview shows the effect of an update.
func awsAddress(inside netip.Prefix) netip.Addr { return inside.Addr().Next() }

func gcpAddress(inside netip.Prefix) netip.Addr { return awsAddress(inside).Next() }
