package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createNATGateways creates a NAT gateway in each zone that has addresses for one. The single gateway of mode nat-gateway is the first
// zone's gateway of mode nat-gateway-per-zone, so a change between the two modes keeps it and its addresses.
func (b *builder) createNATGateways() error {
	for _, z := range b.args.Zones {
		if z.NATAddresses == 0 {
			continue
		}
		if err := b.createNATGateway(z); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) createNATGateway(z Zone) error {
	name := b.ChildName("nat", z.Name)
	var allocations pulumi.StringArray
	for i := range z.NATAddresses {
		address, err := b.allocateAddress(fmt.Sprintf("%s-%d", name, i))
		if err != nil {
			return err
		}
		allocations = append(allocations, address.ID())
	}
	args := &ec2.NatGatewayArgs{
		SubnetId: b.public[z.Name].subnet.ID(), AllocationId: allocations[0], ConnectivityType: pulumi.String("public"), Tags: kit.NameTag(name),
	}
	if len(allocations) > 1 {
		args.SecondaryAllocationIds = allocations[1:]
	}
	var err error
	b.natGateways[z.Name], err = kit.Create(b.Component, ec2.NewNatGateway, name, args,
		// The call fails while no internet gateway is attached, and no property of the NAT gateway refers to that one.
		pulumi.DependsOn([]pulumi.Resource{b.internet}),
		// When the addresses change, the provider computes another secondaryPrivateIpAddressCount and replaces the gateway for it; the
		// preview does not show this. Beachhead never sets the count. (terraform-provider-aws, issue 33964.)
		pulumi.IgnoreChanges([]string{"secondaryPrivateIpAddressCount"}),
	)
	return err
}

// allocateAddress allocates a public address (Elastic IP) and publishes it under its name.
func (b *builder) allocateAddress(name string) (*ec2.Eip, error) {
	address, err := kit.Create(b.Component, ec2.NewEip, name, &ec2.EipArgs{Domain: pulumi.String("vpc"), Tags: kit.NameTag(name)})
	if err == nil {
		b.addresses[name] = address.PublicIp
	}
	return address, err
}
