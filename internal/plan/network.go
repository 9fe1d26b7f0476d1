package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// Network is the plan of a region's network.
type Network struct {
	CIDR   netip.Prefix      `json:"cidr"`
	Egress regionfile.Egress `json:"egress"`
	// Internet reports whether any machine has internet access. The internet gateway exists in any case.
	Internet bool `json:"internet"`
	// FleetTier is the tier of subnets that runner fleets use in this egress mode.
	FleetTier Tier   `json:"fleetTier"`
	Zones     []Zone `json:"zones"`
	// InterfaceEndpoints are the services that get an endpoint in the link subnets, without their region's prefix.
	InterfaceEndpoints []string `json:"interfaceEndpoints"`
	FlowLogGroup       string   `json:"flowLogGroup"`
	FlowLogDays        int      `json:"flowLogDays"`
	// AptMirror is the address of a mirror of Debian's archive. Machines install packages from it. Empty means Debian's own
	// archive.
	AptMirror string `json:"aptMirror,omitempty"`
}

// Zone is the part of the network in one availability zone.
type Zone struct {
	Name    string                `json:"name"`
	Subnets map[Tier]netip.Prefix `json:"subnets"`
	// RunnerRoute and CacheRoute are the default routes of the private runner subnet and of the cache subnet.
	RunnerRoute Route `json:"runnerWay"`
	CacheRoute  Route `json:"cacheWay"`
	// NATAddresses is the number of public addresses of the zone's NAT gateway. 0 means no NAT gateway.
	NATAddresses int          `json:"natAddresses,omitempty"`
	NATInstance  *NATInstance `json:"natInstance,omitempty"`
}

// NATInstance is a machine that forwards the internet traffic of one zone.
type NATInstance struct {
	// Name is the name of its Auto Scaling group: net-nat-instance-us-west-1a.
	Name         string `json:"name"`
	InstanceType string `json:"instanceType"`
	// Address is its fixed private address in the zone's public subnet.
	Address netip.Addr `json:"address"`
	// Image is the parameter from which EC2 reads the image when it launches the machine.
	Image string `json:"image"`
}

// Route is a default route.
type Route struct {
	Kind RouteKind `json:"kind"`
	// Zone is the zone of the NAT gateway or NAT instance.
	Zone string `json:"zone,omitempty"`
}

// RouteKind is the kind of target of a default route.
type RouteKind string

// The kinds of default route.
const (
	NoRoute        RouteKind = "none"
	ViaNATGateway  RouteKind = "nat-gateway"
	ViaNATInstance RouteKind = "nat-instance"
	ViaInternet    RouteKind = "internet-gateway"
)

// endpointServices are the services that a machine without internet access calls: EC2 (cache volumes and interfaces), Auto
// Scaling (lifecycle hooks), logs and metrics, Parameter Store, and the three services of Session Manager. S3 has a gateway
// endpoint in every mode.
var endpointServices = []string{"autoscaling", "ec2", "ec2messages", "logs", "monitoring", "ssm", "ssmmessages"}

// natInstanceTypes are the candidates for NAT instances. The first type that the zone offers wins. c7gn.medium has a
// sustained bandwidth of 3.1 Gbps for the price of a small machine. The last type, t4g.medium, is offered everywhere but
// depends on burst credits.
var natInstanceTypes = []string{"c7gn.medium", "c6gn.medium", "m7g.medium", "t4g.medium"}

// natInstanceArch is the architecture of all natInstanceTypes.
const natInstanceArch = regionfile.ARM64

// natInstanceHost is the host number of a NAT instance in its public subnet. It is above the numbers that AWS reserves.
const natInstanceHost = 10

// debianARM64 makes EC2 look up the image when it launches a machine, so a newer image alone never replaces a machine.
const debianARM64 = "resolve:ssm:/aws/service/debian/release/12/latest/arm64"

func buildNetwork(c *regionfile.Config) (Network, error) {
	modes := append([]regionfile.Egress{c.Network.Egress}, c.Network.Keep...)
	n := Network{
		CIDR: c.Network.CIDR, Egress: c.Network.Egress,
		Internet:     slices.ContainsFunc(modes, func(m regionfile.Egress) bool { return m != regionfile.None }),
		FleetTier:    PrivateTier,
		FlowLogGroup: "/beachhead/" + c.Name + "/flow-logs", FlowLogDays: 30,
		InterfaceEndpoints: []string{}, AptMirror: c.Network.AptMirror,
	}
	if c.Network.Egress == regionfile.Public {
		n.FleetTier = PublicTier
	}
	if slices.Contains(modes, regionfile.None) {
		n.InterfaceEndpoints = endpointServices
	}
	for ordinal, name := range c.AWS.Zones {
		zone, err := buildZone(c, modes, ordinal, name)
		if err != nil {
			return Network{}, err
		}
		n.Zones = append(n.Zones, zone)
	}
	return n, nil
}

func buildZone(c *regionfile.Config, modes []regionfile.Egress, ordinal int, name string) (Zone, error) {
	z := Zone{Name: name, Subnets: map[Tier]netip.Prefix{}}
	for _, tier := range Tiers {
		block, err := cutSubnet(c.Network.CIDR, tier, ordinal)
		if err != nil {
			return Zone{}, err
		}
		z.Subnets[tier] = block
	}
	z.RunnerRoute, z.CacheRoute = planRoutes(modes, name, c.AWS.Zones[0])
	perZone, single := slices.Contains(modes, regionfile.NATGatewayPerZone), slices.Contains(modes, regionfile.NATGateway)
	if perZone || (single && ordinal == 0) {
		z.NATAddresses = c.Network.Addresses
	}
	if slices.Contains(modes, regionfile.NATInstance) {
		instance, err := planNATInstance(name, z.Subnets[PublicTier])
		if err != nil {
			return Zone{}, err
		}
		z.NATInstance = instance
	}
	return z, nil
}

// planRoutes returns the default routes of a zone's private runner subnet and cache subnet.
//
// In egress mode public the runners are in public subnets. The private runner subnets then use the egress of a kept mode, for
// machines that have not rolled over yet, and have no route without a kept mode. Cache servers stay in their subnets: they
// also use a kept mode, and otherwise the internet gateway. In mode none no subnet has a route, even with kept modes, which
// stay up only for a later change back.
func planRoutes(modes []regionfile.Egress, zone, first string) (runner, cache Route) {
	for _, mode := range modes {
		switch mode {
		case regionfile.NATGatewayPerZone:
			w := Route{Kind: ViaNATGateway, Zone: zone}
			return w, w
		case regionfile.NATGateway:
			w := Route{Kind: ViaNATGateway, Zone: first}
			return w, w
		case regionfile.NATInstance:
			w := Route{Kind: ViaNATInstance, Zone: zone}
			return w, w
		case regionfile.None:
			if mode == modes[0] {
				return Route{Kind: NoRoute}, Route{Kind: NoRoute}
			}
		case regionfile.Public:
		}
	}
	return Route{Kind: NoRoute}, Route{Kind: ViaInternet}
}

func planNATInstance(zone string, public netip.Prefix) (*NATInstance, error) {
	instance := func(typ string) *NATInstance {
		return &NATInstance{
			Name: "net-nat-instance-" + zone, InstanceType: typ, Address: addressAfter(public.Addr(), natInstanceHost), Image: debianARM64,
		}
	}
	for _, t := range natInstanceTypes {
		if ec2types.IsOffered(zone, t) {
			return instance(t), nil
		}
	}
	// The offline data does not contain this zone letter, because letters differ between accounts. Use the last type, which
	// is offered everywhere.
	last := natInstanceTypes[len(natInstanceTypes)-1]
	if ec2types.ZoneNames(zone[:len(zone)-1]) == nil {
		return nil, fmt.Errorf("%s is in no region that has NAT instance types; want one of %v", zone, natInstanceTypes)
	}
	return instance(last), nil
}
