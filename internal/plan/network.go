package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// endpointServices is what a machine without a way to the internet calls: EC2 (cache volumes and interfaces), scaling (life-cycle
// hooks), logs and metrics, Parameter Store, and the three of Session Manager. S3 has its gateway endpoint in every mode.
var endpointServices = []string{"autoscaling", "ec2", "ec2messages", "logs", "monitoring", "ssm", "ssmmessages"}

// natInstanceTypes are taken in this order, the first that the zone offers: c7gn.medium has 3.1 Gbps at any time for the price of
// a small machine; the t4g at the end is offered everywhere but lives on burst credits.
var natInstanceTypes = []string{"c7gn.medium", "c6gn.medium", "m7g.medium", "t4g.medium"}

// natInstanceArch is the architecture of all of them.
const natInstanceArch = regionfile.ARM64

// natInstanceHost is the host number of a NAT instance in its public subnet, above those that AWS reserves.
const natInstanceHost = 10

// debianARM64 lets EC2 look the image up when a machine starts, so a newer image never replaces a machine by itself.
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

// planRoutes says where a zone's private runner subnet and its cache subnet have their default routes. Under public egress the runners
// are in public subnets; the private ones then keep the way of a kept mode, for machines that have not rolled over yet, and have none
// otherwise, and the cache servers, which stay where they are, go straight to the internet gateway when no way is kept. Under
// none there is no way, kept or not: what is kept is there to go back to.
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
	// A zone letter that the offline data does not know: letters differ from account to account. The last type is offered everywhere.
	last := natInstanceTypes[len(natInstanceTypes)-1]
	if ec2types.ZoneNames(zone[:len(zone)-1]) == nil {
		return nil, fmt.Errorf("%s is in no region that has NAT instance types; want one of %v", zone, natInstanceTypes)
	}
	return instance(last), nil
}
