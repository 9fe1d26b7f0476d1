package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// makeDefaultRoute points a table's default route where the way leads. It is one resource under one name in every mode, so a change
// of mode is an update in place: the engine makes the new target first, moves the route, and deletes the old target last.
func (b *builder) makeDefaultRoute(name string, table *ec2.RouteTable, way Way) error {
	route := &ec2.RouteArgs{RouteTableId: table.ID(), DestinationCidrBlock: pulumi.String(anywhere)}
	var ready []pulumi.Resource
	switch way.Kind {
	case NoWay:
		return nil
	case ViaInternet:
		route.GatewayId = b.internet.ID()
	case ViaNATGateway:
		route.NatGatewayId = b.natGateways[way.Zone].ID()
		// A NAT gateway sends on by its own subnet's table, which no property of the gateway or of this route names. Waiting here
		// costs nothing; the gateway itself waiting would put two seconds on the longest path.
		ready = []pulumi.Resource{b.publicRoute, b.public[way.Zone].association}
	case ViaNATInstance:
		machine := b.natInstances[way.Zone]
		route.NetworkInterfaceId = machine.iface.ID()
		// Nothing in the route names the group.
		ready = []pulumi.Resource{machine.group}
	default:
		return fmt.Errorf("default route %s: unknown way %q", name, way.Kind)
	}
	_, err := ec2.NewRoute(b.ctx, name, route, b.with(pulumi.DependsOn(ready))...)
	return err
}

// makeNATGateways makes a gateway in each zone that has addresses for one. The single gateway of mode nat-gateway is the first zone's
// of mode nat-gateway-per-zone, so going from one to the other keeps it and its addresses.
func (b *builder) makeNATGateways() error {
	for _, z := range b.args.Zones {
		if z.NATAddresses == 0 {
			continue
		}
		name := b.child("nat", z.Name)
		var allocations pulumi.StringArray
		for i := range z.NATAddresses {
			address, err := b.makeAddress(fmt.Sprintf("%s-%d", name, i))
			if err != nil {
				return err
			}
			allocations = append(allocations, address.ID())
		}
		args := &ec2.NatGatewayArgs{
			SubnetId: b.public[z.Name].subnet.ID(), AllocationId: allocations[0], ConnectivityType: pulumi.String("public"), Tags: tag(name),
		}
		if len(allocations) > 1 {
			args.SecondaryAllocationIds = allocations[1:]
		}
		gateway, err := ec2.NewNatGateway(b.ctx, name, args, b.with(
			// The call fails while no internet gateway is attached, which no property of the gateway names.
			pulumi.DependsOn([]pulumi.Resource{b.internet}),
			// The provider takes a change of the addresses for one of their number, for which it replaces the gateway, and says so only after
			// the preview. The number is not ours to set. (terraform-provider-aws, issue 33964.)
			pulumi.IgnoreChanges([]string{"secondaryPrivateIpAddressCount"}),
		)...)
		if err != nil {
			return err
		}
		b.natGateways[z.Name] = gateway
	}
	return nil
}

// makeAddress makes a public address and publishes it under its name.
func (b *builder) makeAddress(name string) (*ec2.Eip, error) {
	address, err := ec2.NewEip(b.ctx, name, &ec2.EipArgs{Domain: pulumi.String("vpc"), Tags: tag(name)}, b.opts...)
	if err == nil {
		b.addresses[name] = address.PublicIp
	}
	return address, err
}
