package network

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

const httpsPort = 443

// createEndpoints creates the S3 gateway endpoint, which exists in every egress mode, and the interface endpoints that the arguments
// list.
func (b *builder) createEndpoints() error {
	name := b.ChildName("s3")
	if _, err := kit.Create(b.Component, ec2.NewVpcEndpoint, name, &ec2.VpcEndpointArgs{
		VpcId: b.vpc.ID(), ServiceName: b.serviceName("s3"), VpcEndpointType: pulumi.String("Gateway"), RouteTableIds: b.tables,
		Tags: kit.NameTag(name),
	}); err != nil {
		return err
	}
	if len(b.args.InterfaceEndpoints) == 0 {
		return nil
	}
	securityGroup, err := b.createEndpointSecurityGroup()
	if err != nil {
		return err
	}
	var subnets pulumi.StringArray
	for _, z := range b.args.Zones {
		subnets = append(subnets, b.subnets["link"][z.Name])
	}
	for _, service := range b.args.InterfaceEndpoints {
		name := b.ChildName("endpoint", service)
		if _, err := kit.Create(b.Component, ec2.NewVpcEndpoint, name, &ec2.VpcEndpointArgs{
			VpcId: b.vpc.ID(), ServiceName: b.serviceName(service), VpcEndpointType: pulumi.String("Interface"),
			PrivateDnsEnabled: pulumi.Bool(true), SubnetIds: subnets, SecurityGroupIds: pulumi.StringArray{securityGroup.ID()},
			Tags: kit.NameTag(name),
		}); err != nil {
			return err
		}
	}
	return nil
}

// serviceName returns the full name of an AWS service in the network's region, as endpoints take it.
func (b *builder) serviceName(service string) pulumi.String {
	return pulumi.String("com.amazonaws." + b.args.Region + "." + service)
}

// createEndpointSecurityGroup creates the security group of interface endpoints: HTTPS in from the network, and nothing out, since
// endpoints only answer.
func (b *builder) createEndpointSecurityGroup() (*ec2.SecurityGroup, error) {
	group, err := b.CreateSecurityGroup(b.ChildName("endpoints"), b.vpc.ID(), "Interface endpoints: HTTPS from the network")
	if err != nil {
		return nil, err
	}
	_, err = b.AllowIngress(b.ChildName("endpoints", "https"), group, kit.Traffic{Port: httpsPort, CIDR: b.args.CIDR.String()})
	return group, err
}
