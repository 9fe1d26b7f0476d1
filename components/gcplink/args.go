package gcplink

import (
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describes a link. What decides which resources there are is plain data; ids of what others make are Inputs.
type Args struct {
	// Names begins every name in GCP, where things have no tags and are found again by their names. It must be this link's alone among
	// all links of the GCP project: external gateways and firewall rules are named once in a project, not once in a region.
	Names string
	// VPC is the id of the AWS network.
	VPC pulumi.StringInput
	// RouteTables are the ids of those that learn GCP's routes, by role and zone, such as "cache-us-west-1a". The keys name resources.
	RouteTables map[string]pulumi.StringInput
	// Network is the name of the GCP network.
	Network string
	// AWSASN and GCPASN are the BGP numbers of the two sides.
	AWSASN, GCPASN int64
	// Inside are the /30s in the four tunnels, by tunnel number. Of each, AWS takes the first host and GCP gets the second.
	Inside [Tunnels]netip.Prefix
	// Advertised are the ranges that GCP announces to AWS: those of its subnets, and that of Google APIs if they are reached over the link.
	Advertised []netip.Prefix
	// Sources are the ranges from which GCP lets in: the runners' subnets.
	Sources []netip.Prefix
	// Services are what it lets them reach, whichever way their names resolve.
	Services []Service
	// Zones are the private zones of the AWS network that lead names over the link. A service whose name is to resolve publicly must
	// have no zone: Route 53 answers a name in a private zone without a record with NXDOMAIN and never asks further. (The setting of a
	// zone that falls back to public DNS would be better; version 6 of the provider does not know it.)
	Zones []Zone
}

// Service is TCP to some ports of one address.
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
	// Name is written out in full; it may begin with "*.".
	Name string
	// Type is A or CNAME.
	Type string
	// TTL is in seconds.
	TTL    int
	Values []string
}

// Tunnels is how many tunnels a link has: AWS gives two to a connection, and GCP's 99.99 % take two connections.
const Tunnels = 4

// place is where a tunnel ends on either side. Source of the pairing: Google Cloud, "Create HA VPN connections between Google Cloud and
// AWS". Interface 0 of GCP's gateway is the customer gateway of connection 0, and the four AWS addresses are the external gateway's
// interfaces in the order of connections and of tunnels in them.
type place struct {
	// side is the AWS connection and the interface of GCP's gateway, 0 or 1.
	side int
	// second says that it is the connection's second tunnel.
	second bool
	// external is the interface of GCP's external gateway, 0 to 3.
	external int
}

func placeOf(tunnel int) place {
	return place{side: tunnel / 2, second: tunnel%2 == 1, external: tunnel}
}

// awsAddress and gcpAddress are the two ends of a tunnel by the range in it. AWS takes the first host, always. Both come from the plan's
// range and not from the connection's outputs, so that a preview shows what an update will do.
func awsAddress(inside netip.Prefix) netip.Addr { return inside.Addr().Next() }

func gcpAddress(inside netip.Prefix) netip.Addr { return awsAddress(inside).Next() }
