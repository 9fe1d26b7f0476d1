package network

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

const (
	// natDiskGiB is the root disk of a NAT instance: the image's own size.
	natDiskGiB = 8
	// natReadySeconds is for how long a machine may be silent while it starts, beyond which it goes and another one tries: three times what a
	// stock image takes, and little enough that the other one comes before the provider gives up on the group, after ten minutes.
	natReadySeconds = 240
	// natDrainSeconds is for how long it may be silent when it goes: the least that EC2 Auto Scaling takes, since it has nothing to let go of, and
	// a dead machine keeps the interface from the next one until then.
	natDrainSeconds = 30
)

// natMachine is a NAT instance as routes see it.
type natMachine struct {
	iface *ec2.NetworkInterface
	// group is there once its machine has completed its hook and carries traffic.
	group *autoscaling.Group
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
	group, err := b.makeNATGroup(name, z, iface, association)
	b.natInstances[z.Name] = natMachine{iface: iface, group: group}
	return err
}

// makeNATProfile makes a machine's own role: it may do what every machine may, and complete the hooks of its own group. The fixed interface is
// the machine's first, so it needs no right to attach anything.
func (b *builder) makeNATProfile(name string) (*iam.InstanceProfile, *iam.RolePolicy, error) {
	role, err := iam.NewRole(b.ctx, name, &iam.RoleArgs{
		Path: pulumi.String(rolePath), Description: pulumi.String("NAT instance"), AssumeRolePolicy: pulumi.String(kit.Trust), Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return nil, nil, err
	}
	allowed, err := iam.NewRolePolicy(b.ctx, name, &iam.RolePolicyArgs{
		Role: role.Name, Name: pulumi.String("agent"),
		Policy: b.args.Bucket.ToStringOutput().ApplyT(func(bucket string) (string, error) {
			own := kit.OwnHooks(b.args.Region, b.args.Account, map[string]string{"Name": name})
			return kit.Policy(append(kit.Basics(b.args.Region, b.args.Account, bucket), own)...)
		}).(pulumi.StringOutput),
	}, b.opts...)
	if err != nil {
		return nil, nil, err
	}
	profile, err := iam.NewInstanceProfile(b.ctx, name, &iam.InstanceProfileArgs{
		Role: role.Name, Path: pulumi.String(rolePath), Tags: tag(name),
	}, b.opts...)
	return profile, allowed, err
}

func (b *builder) makeNATGroup(name string, z Zone, iface *ec2.NetworkInterface, public *ec2.EipAssociation) (*autoscaling.Group, error) {
	profile, allowed, err := b.makeNATProfile(name)
	if err != nil {
		return nil, err
	}
	tags := kit.Named(name, b.args.Tags)
	template, err := ec2.NewLaunchTemplate(b.ctx, name, &ec2.LaunchTemplateArgs{
		ImageId: pulumi.String(z.NATInstance.Image), InstanceType: pulumi.String(z.NATInstance.InstanceType),
		UpdateDefaultVersion: pulumi.Bool(true),
		UserData:             kit.UserData(b.args.Bucket, z.NATInstance.UserData),
		IamInstanceProfile:   ec2.LaunchTemplateIamInstanceProfileArgs{Arn: profile.Arn},
		MetadataOptions:      kit.Metadata(), BlockDeviceMappings: kit.Disk(natDiskGiB),
		NetworkInterfaces: ec2.LaunchTemplateNetworkInterfaceArray{ec2.LaunchTemplateNetworkInterfaceArgs{
			DeviceIndex: pulumi.Int(0), NetworkInterfaceId: iface.ID(), DeleteOnTermination: pulumi.String("false"),
		}},
		TagSpecifications: ec2.LaunchTemplateTagSpecificationArray{
			kit.Tags("instance", tags), kit.Tags("volume", tags),
		},
		Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return nil, err
	}
	// Zones and not subnets: a template that names an interface has its subnet already, and EC2 Auto Scaling refuses both. The provider waits
	// until a machine is in service, so that a change of mode moves no route to one that does not carry traffic. A new version of the
	// template replaces no machine; it is what the next one starts from.
	return autoscaling.NewGroup(b.ctx, name, &autoscaling.GroupArgs{
		MinSize: pulumi.Int(1), MaxSize: pulumi.Int(1), DesiredCapacity: pulumi.Int(1),
		AvailabilityZones: pulumi.ToStringArray([]string{z.Name}), InitialLifecycleHooks: kit.Hooks(natReadySeconds, natDrainSeconds, "CONTINUE"),
		LaunchTemplate: autoscaling.GroupLaunchTemplateArgs{
			Id: template.ID(), Version: template.LatestVersion.ApplyT(func(v int) string { return fmt.Sprint(v) }).(pulumi.StringOutput),
		},
		Tags: kit.GroupTags(tags),
		// What the machine needs and no property of its group names: its rights and its own way out. It would try until they are there; they
		// are edges for the way back, on which a machine that can no longer say that it goes is waited for. They cost nothing: all of them are
		// there when the template is.
	}, b.with(kit.HooksStay(), pulumi.DependsOn([]pulumi.Resource{allowed, public, b.publicRoute, b.public[z.Name].association}))...)
}
