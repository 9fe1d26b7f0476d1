package kit

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Anywhere is the range of all IPv4 addresses.
const Anywhere = "0.0.0.0/0"

// Traffic describes the traffic that one rule of a security group allows.
type Traffic struct {
	// Port is a TCP port. 0: all protocols and ports.
	Port int
	// CIDR is the range of the other side. Empty: the other side is Group.
	CIDR string
	// Group is the id of the other side's security group.
	Group pulumi.StringPtrInput
}

// CreateSecurityGroup creates a security group without rules. AWS replaces a group whose description changes, and a group in use cannot
// be deleted, so a description must never change.
func (c *Component) CreateSecurityGroup(name string, network pulumi.StringPtrInput, description string) (*ec2.SecurityGroup, error) {
	return Create(c, ec2.NewSecurityGroup, name, &ec2.SecurityGroupArgs{
		VpcId: network, Description: pulumi.String(description), Tags: NameTag(name),
	})
}

// AllowIngress adds a rule that lets traffic in.
func (c *Component) AllowIngress(name string, group *ec2.SecurityGroup, t Traffic) (*vpc.SecurityGroupIngressRule, error) {
	port, protocol := t.portRange()
	return Create(c, vpc.NewSecurityGroupIngressRule, name, &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: group.ID(), IpProtocol: protocol, FromPort: port, ToPort: port,
		CidrIpv4: t.cidrInput(), ReferencedSecurityGroupId: t.Group, Tags: NameTag(name),
	})
}

// AllowEgress adds a rule that lets traffic out.
func (c *Component) AllowEgress(name string, group *ec2.SecurityGroup, t Traffic) (*vpc.SecurityGroupEgressRule, error) {
	port, protocol := t.portRange()
	return Create(c, vpc.NewSecurityGroupEgressRule, name, &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: group.ID(), IpProtocol: protocol, FromPort: port, ToPort: port,
		CidrIpv4: t.cidrInput(), ReferencedSecurityGroupId: t.Group, Tags: NameTag(name),
	})
}

// portRange returns a rule's first and last port, and its protocol. AWS writes all protocols as -1 and then accepts no ports.
func (t Traffic) portRange() (pulumi.IntPtrInput, pulumi.String) {
	if t.Port == 0 {
		return nil, "-1"
	}
	return pulumi.Int(t.Port), "tcp"
}

func (t Traffic) cidrInput() pulumi.StringPtrInput {
	if t.CIDR == "" {
		return nil
	}
	return pulumi.String(t.CIDR)
}
