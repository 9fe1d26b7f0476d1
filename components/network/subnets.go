package network

import (
	"net/netip"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// zoneSubnet is a subnet and its association with a route table.
type zoneSubnet struct {
	subnet      *ec2.Subnet
	association *ec2.RouteTableAssociation
}

func (b *builder) createSubnet(tier, zone string, block netip.Prefix, table *ec2.RouteTable) (zoneSubnet, error) {
	name := b.ChildName(tier, zone)
	// No subnet assigns public addresses on launch, also not in the public tier: it would take ten seconds longer to create, and the launch
	// templates of fleets request addresses where the mode needs them.
	subnet, err := kit.Create(b.Component, ec2.NewSubnet, name, &ec2.SubnetArgs{
		VpcId: b.vpc.ID(), AvailabilityZone: pulumi.String(zone), CidrBlock: pulumi.String(block.String()), Tags: kit.NameTag(name),
	})
	if err != nil {
		return zoneSubnet{}, err
	}
	b.subnets[tier][zone] = subnet.ID()
	association, err := kit.Create(b.Component, ec2.NewRouteTableAssociation, name, &ec2.RouteTableAssociationArgs{
		SubnetId: subnet.ID(), RouteTableId: table.ID(),
	})
	return zoneSubnet{subnet: subnet, association: association}, err
}

// createPublicSubnets creates the public tier with the internet gateway. They exist in every egress mode: NAT gateways are in the public
// tier, and runners under public egress.
func (b *builder) createPublicSubnets() error {
	var err error
	if b.publicTable, err = b.createRouteTable("public"); err != nil {
		return err
	}
	// A gateway without a route to it forwards nothing. AWS does not detach it while any machine has a public address, so a change of mode
	// that deleted it would stop half-way for as long as one machine lives.
	name := b.ChildName("internet")
	if b.internet, err = kit.Create(b.Component, ec2.NewInternetGateway, name, &ec2.InternetGatewayArgs{
		VpcId: b.vpc.ID(), Tags: kit.NameTag(name),
	}); err != nil {
		return err
	}
	if b.args.Internet {
		if b.publicRoute, err = kit.Create(b.Component, ec2.NewRoute, b.ChildName("default", "public"), &ec2.RouteArgs{
			RouteTableId: b.publicTable.ID(), DestinationCidrBlock: pulumi.String(kit.Anywhere), GatewayId: b.internet.ID(),
		}); err != nil {
			return err
		}
	}
	for _, z := range b.args.Zones {
		if b.public[z.Name], err = b.createSubnet("public", z.Name, z.Public, b.publicTable); err != nil {
			return err
		}
	}
	return nil
}

// createPrivateSubnets creates the private runner, cache and link subnets. Runner and cache subnets have a route table for each zone in
// every mode, also where one table would do: a table costs nothing, and a change of mode then moves one route in place. With a shared
// table it would need new tables, and a moment in which the associations move.
func (b *builder) createPrivateSubnets() error {
	linkTable, err := b.createRouteTable("link")
	if err != nil {
		return err
	}
	for _, z := range b.args.Zones {
		runners, err := b.createRoutedSubnet("private", z.Name, z.Private, z.RunnerRoute)
		if err != nil {
			return err
		}
		caches, err := b.createRoutedSubnet("cache", z.Name, z.Cache, z.CacheRoute)
		if err != nil {
			return err
		}
		b.runnerTables[z.Name], b.cacheTables[z.Name] = runners.ID(), caches.ID()
		if _, err := b.createSubnet("link", z.Name, z.Link, linkTable); err != nil {
			return err
		}
	}
	return nil
}

// createRoutedSubnet creates a subnet with a route table of its own and its default route.
func (b *builder) createRoutedSubnet(tier, zone string, block netip.Prefix, egress Route) (*ec2.RouteTable, error) {
	table, err := b.createRouteTable(tier, zone)
	if err != nil {
		return nil, err
	}
	if _, err := b.createSubnet(tier, zone, block, table); err != nil {
		return nil, err
	}
	return table, b.createDefaultRoute(b.ChildName("default", tier, zone), table, egress)
}
