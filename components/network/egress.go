package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/machine"
)

// natDiskGiB is the root disk of a NAT instance: the image's own size.
const natDiskGiB = 8

// natMachine is a NAT instance as routes see it.
type natMachine struct {
	iface *ec2.NetworkInterface
	// ready is what must be there before traffic goes its way.
	ready []pulumi.Resource
}

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
		ready = machine.ready
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

// makeNATInstances makes a group of one in each zone that has a NAT instance. Address and interface are resources of their own that
// outlive the machine: the group's launch template names the interface as the machine's first, so a new machine takes over address
// and routes by starting. (Attaching a second interface from the machine was refused: it needs the machine to work before it can.)
func (b *builder) makeNATInstances() error {
	var access *ec2.SecurityGroup
	for _, z := range b.args.Zones {
		if z.NATInstance == nil {
			continue
		}
		if access == nil {
			var err error
			if access, err = b.makeNATAccess(); err != nil {
				return err
			}
		}
		if err := b.makeNATInstance(z, access); err != nil {
			return fmt.Errorf("NAT instance in %s: %w", z.Name, err)
		}
	}
	return nil
}

// makeNATAccess is the security group of NAT instances: in from the network only, out to anywhere.
func (b *builder) makeNATAccess() (*ec2.SecurityGroup, error) {
	name := b.child("nat", "instance")
	group, err := ec2.NewSecurityGroup(b.ctx, name, &ec2.SecurityGroupArgs{
		VpcId: b.vpc.ID(), Description: pulumi.String("NAT instances: in from the network, out to anywhere"), Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return nil, err
	}
	if _, err := vpc.NewSecurityGroupIngressRule(b.ctx, name+"-in", &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: group.ID(), IpProtocol: pulumi.String("-1"), CidrIpv4: pulumi.String(b.args.CIDR.String()), Tags: tag(name + "-in"),
	}, b.opts...); err != nil {
		return nil, err
	}
	_, err = vpc.NewSecurityGroupEgressRule(b.ctx, name+"-out", &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: group.ID(), IpProtocol: pulumi.String("-1"), CidrIpv4: pulumi.String(anywhere), Tags: tag(name + "-out"),
	}, b.opts...)
	return group, err
}

func (b *builder) makeNATInstance(z Zone, access *ec2.SecurityGroup) error {
	name := b.child("nat", "instance", z.Name)
	iface, err := ec2.NewNetworkInterface(b.ctx, name, &ec2.NetworkInterfaceArgs{
		SubnetId: b.public[z.Name].subnet.ID(), PrivateIps: pulumi.ToStringArray([]string{z.NATInstance.Address.String()}),
		SourceDestCheck: pulumi.Bool(false), SecurityGroups: pulumi.StringArray{access.ID()}, Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return err
	}
	address, err := b.makeAddress(name)
	if err != nil {
		return err
	}
	// Giving an interface a public address fails while no internet gateway is attached, which no property here names.
	association, err := ec2.NewEipAssociation(b.ctx, name, &ec2.EipAssociationArgs{
		AllocationId: address.ID(), NetworkInterfaceId: iface.ID(),
	}, b.with(pulumi.DependsOn([]pulumi.Resource{b.internet}))...)
	if err != nil {
		return err
	}
	group, err := b.makeNATGroup(name, z, iface)
	if err != nil {
		return err
	}
	// The group's return means that its machine is in service with the interface; nothing in the route names the group.
	b.natInstances[z.Name] = natMachine{
		iface: iface, ready: []pulumi.Resource{group, association, b.publicRoute, b.public[z.Name].association},
	}
	return nil
}

func (b *builder) makeNATGroup(name string, z Zone, iface *ec2.NetworkInterface) (*autoscaling.Group, error) {
	tags := machine.Named(name, b.args.Tags)
	template, err := ec2.NewLaunchTemplate(b.ctx, name, &ec2.LaunchTemplateArgs{
		ImageId: pulumi.String(z.NATInstance.Image), InstanceType: pulumi.String(z.NATInstance.InstanceType),
		UpdateDefaultVersion: pulumi.Bool(true),
		MetadataOptions:      machine.Metadata(), BlockDeviceMappings: machine.Disk(natDiskGiB),
		NetworkInterfaces: ec2.LaunchTemplateNetworkInterfaceArray{ec2.LaunchTemplateNetworkInterfaceArgs{
			DeviceIndex: pulumi.Int(0), NetworkInterfaceId: iface.ID(), DeleteOnTermination: pulumi.String("false"),
		}},
		TagSpecifications: ec2.LaunchTemplateTagSpecificationArray{
			machine.Tags("instance", tags), machine.Tags("volume", tags),
		},
		Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return nil, err
	}
	// Zones and not subnets: a template that names an interface has its subnet already, and EC2 Auto Scaling refuses both.
	return autoscaling.NewGroup(b.ctx, name, &autoscaling.GroupArgs{
		MinSize: pulumi.Int(1), MaxSize: pulumi.Int(1), DesiredCapacity: pulumi.Int(1),
		AvailabilityZones: pulumi.ToStringArray([]string{z.Name}),
		LaunchTemplate: autoscaling.GroupLaunchTemplateArgs{
			Id: template.ID(), Version: template.LatestVersion.ApplyT(func(v int) string { return fmt.Sprint(v) }).(pulumi.StringOutput),
		},
		Tags: machine.GroupTags(tags),
	}, b.opts...)
}
