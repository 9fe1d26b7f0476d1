package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createDefaultRoute creates a table's default route to the target of the egress route. It is one resource with one name in every mode,
// so a change of mode is an update in place: the engine creates the new target first, moves the route, and deletes the old target last.
func (b *builder) createDefaultRoute(name string, table *ec2.RouteTable, egress Route) error {
	route := &ec2.RouteArgs{RouteTableId: table.ID(), DestinationCidrBlock: pulumi.String(kit.Anywhere)}
	var ready []pulumi.Resource
	switch egress.Kind {
	case NoRoute:
		return nil
	case ViaInternet:
		route.GatewayId = b.internet.ID()
	case ViaNATGateway:
		route.NatGatewayId = b.natGateways[egress.Zone].ID()
		// A NAT gateway forwards traffic by its own subnet's route table, and no property of the gateway or of this route refers to that
		// table. Waiting here costs nothing; waiting in the gateway would add two seconds to the critical path.
		ready = []pulumi.Resource{b.publicRoute, b.public[egress.Zone].association}
	case ViaNATInstance:
		machine := b.natInstances[egress.Zone]
		route.NetworkInterfaceId = machine.iface.ID()
		// No property of the route refers to the group.
		ready = []pulumi.Resource{machine.group}
	default:
		return fmt.Errorf("default route %s: unknown egress route %q", name, egress.Kind)
	}
	_, err := kit.Create(b.Component, ec2.NewRoute, name, route, pulumi.DependsOn(ready))
	return err
}

func (b *builder) createRouteTable(role string, zone ...string) (*ec2.RouteTable, error) {
	name := b.ChildName(append([]string{role}, zone...)...)
	table, err := kit.Create(b.Component, ec2.NewRouteTable, name, &ec2.RouteTableArgs{VpcId: b.vpc.ID(), Tags: kit.NameTag(name)})
	if err == nil {
		b.tables = append(b.tables, table.ID())
	}
	return table, err
}
