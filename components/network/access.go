package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const rolePath = "/beachhead/"

// makeEndpoints makes the S3 gateway endpoint, in every mode, and interface endpoints for the services that were asked for.
func (b *builder) makeEndpoints() error {
	name := b.child("s3")
	if _, err := ec2.NewVpcEndpoint(b.ctx, name, &ec2.VpcEndpointArgs{
		VpcId: b.vpc.ID(), ServiceName: b.service("s3"), VpcEndpointType: pulumi.String("Gateway"), RouteTableIds: b.tables, Tags: tag(name),
	}, b.opts...); err != nil {
		return err
	}
	if len(b.args.InterfaceEndpoints) == 0 {
		return nil
	}
	if err := b.makeEndpointAccess(); err != nil {
		return err
	}
	var subnets pulumi.StringArray
	for _, z := range b.args.Zones {
		subnets = append(subnets, b.subnets["link"][z.Name])
	}
	for _, service := range b.args.InterfaceEndpoints {
		name := b.child("endpoint", service)
		if _, err := ec2.NewVpcEndpoint(b.ctx, name, &ec2.VpcEndpointArgs{
			VpcId: b.vpc.ID(), ServiceName: b.service(service), VpcEndpointType: pulumi.String("Interface"), PrivateDnsEnabled: pulumi.Bool(true),
			SubnetIds: subnets, SecurityGroupIds: pulumi.StringArray{b.endpointAccess.ID()}, Tags: tag(name),
		}, b.opts...); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) service(name string) pulumi.String {
	return pulumi.String("com.amazonaws." + b.args.Region + "." + name)
}

// makeEndpointAccess is the security group of endpoints: HTTPS in from the network, nothing out, since endpoints only answer.
func (b *builder) makeEndpointAccess() error {
	var err error
	name := b.child("endpoints")
	if b.endpointAccess, err = ec2.NewSecurityGroup(b.ctx, name, &ec2.SecurityGroupArgs{
		VpcId: b.vpc.ID(), Description: pulumi.String("Interface endpoints: HTTPS from the network"), Tags: tag(name),
	}, b.opts...); err != nil {
		return err
	}
	_, err = vpc.NewSecurityGroupIngressRule(b.ctx, name+"-https", &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: b.endpointAccess.ID(), IpProtocol: pulumi.String("tcp"), FromPort: pulumi.Int(443), ToPort: pulumi.Int(443),
		CidrIpv4: pulumi.String(b.args.CIDR.String()), Tags: tag(name + "-https"),
	}, b.opts...)
	return err
}

// makeFlowLogs records every connection, accepted or refused: when connects hang, this tells on which side of the VPC.
func (b *builder) makeFlowLogs() error {
	name := b.child("flow-logs")
	group, err := cloudwatch.NewLogGroup(b.ctx, name, &cloudwatch.LogGroupArgs{
		Name: pulumi.String(b.args.FlowLogGroup), RetentionInDays: pulumi.Int(b.args.FlowLogDays), Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return err
	}
	// The path is where roles are looked for: IAM lists them by path and not by tag.
	role, err := iam.NewRole(b.ctx, name, &iam.RoleArgs{
		Path: pulumi.String(rolePath), Description: pulumi.String("Writes the VPC's flow logs"),
		AssumeRolePolicy: pulumi.String(flowLogTrust), Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return err
	}
	policy, err := iam.NewRolePolicy(b.ctx, name, &iam.RolePolicyArgs{
		Role: role.Name, Name: pulumi.String("write"), Policy: pulumi.Sprintf(flowLogPolicy, group.Arn, group.Arn),
	}, b.opts...)
	if err != nil {
		return err
	}
	// The policy is a hidden dependency: without it the first records are refused, and the flow log says "Access error" until the next.
	_, err = ec2.NewFlowLog(b.ctx, name, &ec2.FlowLogArgs{
		VpcId: b.vpc.ID(), TrafficType: pulumi.String("ALL"), LogDestinationType: pulumi.String("cloud-watch-logs"),
		LogDestination: group.Arn, IamRoleArn: role.Arn, MaxAggregationInterval: pulumi.Int(60), Tags: tag(name),
	}, b.with(pulumi.DependsOn([]pulumi.Resource{policy}))...)
	if err != nil {
		return fmt.Errorf("flow logs: %w", err)
	}
	return nil
}

const flowLogTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
	`"Principal":{"Service":"vpc-flow-logs.amazonaws.com"}}]}`

// The group exists already, so the service needs to make streams in it and nothing else.
const flowLogPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
	`"Action":["logs:CreateLogStream","logs:PutLogEvents","logs:DescribeLogStreams"],"Resource":["%s","%s:*"]}]}`
