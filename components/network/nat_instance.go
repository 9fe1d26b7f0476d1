package network

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

const (
	// natDiskGiB is the size of a NAT instance's root disk, the same as the image's.
	natDiskGiB = 8
	// natReadySeconds is how long a NAT instance may send no heartbeat while it starts; after that the group launches another one. It is
	// three times what a stock image takes, and short enough that the other machine is ready before the provider stops waiting for the
	// group, after ten minutes.
	natReadySeconds = 240
	// natDrainSeconds is how long it may send no heartbeat when it goes. It is EC2 Auto Scaling's minimum: a NAT instance has nothing to
	// drain, and a dead one keeps the interface from the next one until then.
	natDrainSeconds = 30
)

// natInstance is a zone's NAT instance as routes refer to it.
type natInstance struct {
	iface *ec2.NetworkInterface
	// group is created once its machine has completed the launch hook and forwards traffic.
	group *autoscaling.Group
}

// createNATInstances creates a group of one machine in each zone that has a NAT instance. Address and interface are resources of their
// own that outlive the machine: the group's launch template names the interface as the machine's first, so a new machine takes over
// address and routes by starting. (A second interface that the machine attaches was refused: the machine must work before it can attach
// one.)
func (b *builder) createNATInstances() error {
	var securityGroup *ec2.SecurityGroup
	for _, z := range b.args.Zones {
		if z.NATInstance == nil {
			continue
		}
		if securityGroup == nil {
			var err error
			if securityGroup, err = b.createNATSecurityGroup(); err != nil {
				return err
			}
		}
		if err := b.createNATInstance(z, securityGroup); err != nil {
			return err
		}
	}
	return nil
}

// createNATSecurityGroup creates the security group of NAT instances: in from the network only, out to anywhere.
func (b *builder) createNATSecurityGroup() (*ec2.SecurityGroup, error) {
	name := b.ChildName("nat", "instance")
	group, err := b.CreateSecurityGroup(name, b.vpc.ID(), "NAT instances: in from the network, out to anywhere")
	if err != nil {
		return nil, err
	}
	if _, err := b.AllowIngress(name+"-in", group, kit.Traffic{CIDR: b.args.CIDR.String()}); err != nil {
		return nil, err
	}
	_, err = b.AllowEgress(name+"-out", group, kit.Traffic{CIDR: kit.Anywhere})
	return group, err
}

func (b *builder) createNATInstance(z Zone, securityGroup *ec2.SecurityGroup) error {
	name := b.ChildName("nat", "instance", z.Name)
	iface, err := kit.Create(b.Component, ec2.NewNetworkInterface, name, &ec2.NetworkInterfaceArgs{
		SubnetId: b.public[z.Name].subnet.ID(), PrivateIps: pulumi.ToStringArray([]string{z.NATInstance.Address.String()}),
		SourceDestCheck: pulumi.Bool(false), SecurityGroups: pulumi.StringArray{securityGroup.ID()}, Tags: kit.NameTag(name),
	})
	if err != nil {
		return err
	}
	address, err := b.allocateAddress(name)
	if err != nil {
		return err
	}
	// The association fails while no internet gateway is attached, and no property of it refers to that one.
	association, err := kit.Create(b.Component, ec2.NewEipAssociation, name, &ec2.EipAssociationArgs{
		AllocationId: address.ID(), NetworkInterfaceId: iface.ID(),
	}, pulumi.DependsOn([]pulumi.Resource{b.internet}))
	if err != nil {
		return err
	}
	group, err := b.createNATGroup(name, z, iface, association)
	b.natInstances[z.Name] = natInstance{iface: iface, group: group}
	return err
}

// createNATRole creates the role of one NAT instance. It allows the calls that every machine makes, and those about its own group. The
// fixed interface is the machine's first, so the role needs no right to attach one.
func (b *builder) createNATRole(name string) (kit.MachineRole, error) {
	return b.CreateMachineRole(name, kit.Role{
		Description: "NAT instance", PolicyName: "agent",
		Policy: b.args.Bucket.ToStringOutput().ApplyT(func(bucket string) (string, error) {
			own := kit.AllowOwnGroup(b.args.Region, b.args.Account, map[string]string{"Name": name})
			return kit.RolePolicy(append(kit.AllowMachineBasics(b.args.Region, b.args.Account, bucket), own)...)
		}).(pulumi.StringOutput),
	})
}

func (b *builder) createNATGroup(
	name string, z Zone, iface *ec2.NetworkInterface, association *ec2.EipAssociation,
) (*autoscaling.Group, error) {
	role, err := b.createNATRole(name)
	if err != nil {
		return nil, err
	}
	tags := kit.AddNameTag(name, b.args.Tags)
	template, err := b.CreateLaunchTemplate(name, kit.LaunchTemplate{
		Image: z.NATInstance.Image, InstanceType: z.NATInstance.InstanceType, DiskGiB: natDiskGiB,
		UserData: z.NATInstance.UserData, Bucket: b.args.Bucket, Profile: role.Profile,
		Interface: kit.ExistingInterface(iface), InstanceTags: tags, Tags: tags,
	})
	if err != nil {
		return nil, err
	}
	// Zones and not subnets: a template that names an interface has its subnet already, and EC2 Auto Scaling refuses both. The provider
	// waits until a machine is in service, so that a change of the egress mode moves no route to one that does not forward traffic. A new
	// version of the template replaces no machine; the next machine starts from it.
	return kit.Create(b.Component, autoscaling.NewGroup, name, &autoscaling.GroupArgs{
		MinSize: pulumi.Int(1), MaxSize: pulumi.Int(1), DesiredCapacity: pulumi.Int(1),
		AvailabilityZones:     pulumi.ToStringArray([]string{z.Name}),
		InitialLifecycleHooks: kit.LifecycleHooks(natReadySeconds, natDrainSeconds, kit.Continue),
		LaunchTemplate:        autoscaling.GroupLaunchTemplateArgs{Id: template.ID(), Version: kit.LatestVersion(template)},
		Tags:                  kit.GroupTags(tags),
		// The machine needs its rights and its own egress route, and no property of its group refers to them. A new machine would retry until
		// they exist. The edges matter when the group is deleted: the engine deletes the group first, so that its machine can still complete
		// the terminate hook. They add no time: all of these exist before the template.
	}, kit.IgnoreHookChanges(), pulumi.DependsOn([]pulumi.Resource{role.Policy, association, b.publicRoute, b.public[z.Name].association}))
}
