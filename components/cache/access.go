package cache

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const (
	nfsPort   = 2049
	httpsPort = 443
)

// makeAccess is the servers' security group: NFS and questions about hashes in from exactly the runner subnets, NFS in and out among the
// servers themselves, since a new shard copies from the old ones, and HTTPS out. Not out: DNS, time and instance metadata, which security
// groups do not see. HTTPS to anywhere: EC2, Auto Scaling, Systems Manager, CloudWatch, S3 and Debian's mirrors have no fixed ranges; where there is no way to
// the internet, their names lead to endpoints inside the network. NFS version 4 needs the one port. All servers take hashes, though one
// alone runs the server for them: a group of its own for that one would move with it. No server waits for any rule but the last: the others
// are there one second after the group, and a server minutes later.
func (b *builder) makeAccess() error {
	var err error
	name := b.child("access")
	if b.access, err = ec2.NewSecurityGroup(b.ctx, name, &ec2.SecurityGroupArgs{
		VpcId: b.args.VPC, Description: pulumi.String("Cache servers: in from runners and from each other, HTTPS out"), Tags: tag(name),
	}, b.opts...); err != nil {
		return err
	}
	for _, block := range b.args.RunnerCIDRs {
		from := func(a *vpc.SecurityGroupIngressRuleArgs) { a.CidrIpv4 = pulumi.String(block.String()) }
		key := strings.ReplaceAll(block.String(), "/", "-")
		if err := b.letIn(b.child("nfs", key), nfsPort, from); err != nil {
			return err
		}
		if err := b.letIn(b.child("hash", key), b.args.HashPort, from); err != nil {
			return err
		}
	}
	if err := b.letIn(b.child("nfs", "servers"), nfsPort, func(a *vpc.SecurityGroupIngressRuleArgs) {
		a.ReferencedSecurityGroupId = b.access.ID()
	}); err != nil {
		return err
	}
	if _, err := b.letOut(b.child("nfs", "servers"), nfsPort, func(a *vpc.SecurityGroupEgressRuleArgs) {
		a.ReferencedSecurityGroupId = b.access.ID()
	}); err != nil {
		return err
	}
	b.https, err = b.letOut(b.child("https"), httpsPort, func(a *vpc.SecurityGroupEgressRuleArgs) { a.CidrIpv4 = pulumi.String("0.0.0.0/0") })
	return err
}

// letIn and letOut add a rule for one TCP port; peer says with whom.
func (b *builder) letIn(name string, port int, peer func(*vpc.SecurityGroupIngressRuleArgs)) error {
	args := &vpc.SecurityGroupIngressRuleArgs{
		SecurityGroupId: b.access.ID(), IpProtocol: pulumi.String("tcp"), FromPort: pulumi.Int(port), ToPort: pulumi.Int(port), Tags: tag(name),
	}
	peer(args)
	_, err := vpc.NewSecurityGroupIngressRule(b.ctx, name, args, b.opts...)
	return err
}

func (b *builder) letOut(name string, port int, peer func(*vpc.SecurityGroupEgressRuleArgs)) (*vpc.SecurityGroupEgressRule, error) {
	args := &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: b.access.ID(), IpProtocol: pulumi.String("tcp"), FromPort: pulumi.Int(port), ToPort: pulumi.Int(port), Tags: tag(name),
	}
	peer(args)
	return vpc.NewSecurityGroupEgressRule(b.ctx, name, args, b.opts...)
}
