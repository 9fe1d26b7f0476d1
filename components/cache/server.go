package cache

import (
	"maps"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

const (
	rootGiB = 16
	// readySeconds is for how long a server may be silent while it starts, beyond which it goes and another one tries. A stock image with
	// its packages takes under two minutes; a dead server's volume may take some more to let go.
	readySeconds = 600
	// drainSeconds is for how long it may be silent while it writes out and lets go of volume and address.
	drainSeconds = 180
)

// makeServer makes a shard's group of one with its own role: a server can touch its own volume and address and no other shard's, and one
// more shard changes no policy that is there.
func (b *builder) makeServer(s *shard) error {
	policy := pulumi.All(s.volume.Arn, s.iface.Arn, b.parameter.Arn, s.moved.Arn, b.args.Bucket).ApplyT(func(values []any) (string, error) {
		return serverPolicy(grants{
			region: b.args.Region, account: b.args.Account, stack: b.args.Stack, server: s.server,
			volume: values[0].(string), iface: values[1].(string), table: values[2].(string), moved: values[3].(string), bucket: values[4].(string),
		})
	}).(pulumi.StringOutput)
	role, allowed, err := b.makeRole(s.server, "Server of a cache shard", kit.Trust, policy)
	if err != nil {
		return err
	}
	profile, err := iam.NewInstanceProfile(b.ctx, s.server, &iam.InstanceProfileArgs{
		Role: role.Name, Path: pulumi.String(rolePath), Tags: tag(s.server),
	}, b.opts...)
	if err != nil {
		return err
	}
	template, err := b.makeTemplate(s, profile)
	if err != nil {
		return err
	}
	return b.makeGroup(s, template, allowed)
}

func (b *builder) makeTemplate(s *shard, profile *iam.InstanceProfile) (*ec2.LaunchTemplate, error) {
	launched := kit.Named(s.server, b.args.Tags)
	return ec2.NewLaunchTemplate(b.ctx, s.server, &ec2.LaunchTemplateArgs{
		ImageId: pulumi.String("resolve:ssm:" + b.args.Image), UpdateDefaultVersion: pulumi.Bool(true),
		UserData: kit.UserData(b.args.Bucket, s.UserData),
		// No key: people come by Session Manager, with the role.
		IamInstanceProfile: ec2.LaunchTemplateIamInstanceProfileArgs{Arn: profile.Arn},
		MetadataOptions:    kit.Metadata(), BlockDeviceMappings: kit.Disk(rootGiB),
		// The server's own interface, by which it reaches AWS before it has the fixed one. The subnet itself gives no public addresses, so
		// the template says it either way.
		NetworkInterfaces: ec2.LaunchTemplateNetworkInterfaceArray{ec2.LaunchTemplateNetworkInterfaceArgs{
			DeviceIndex: pulumi.Int(0), AssociatePublicIpAddress: pulumi.String(strconv.FormatBool(b.args.PublicAddresses)),
			SecurityGroups: pulumi.StringArray{b.access.ID()}, DeleteOnTermination: pulumi.String("true"),
		}},
		TagSpecifications: ec2.LaunchTemplateTagSpecificationArray{
			kit.Tags("instance", b.serverTags(s)), kit.Tags("volume", launched), kit.Tags("network-interface", launched),
		},
		Tags: tag(s.server),
	}, b.opts...)
}

func (b *builder) makeGroup(s *shard, template *ec2.LaunchTemplate, allowed *iam.RolePolicy) error {
	var overrides autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArray
	for _, t := range b.args.InstanceTypes {
		overrides = append(overrides, autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs{InstanceType: pulumi.String(t)})
	}
	group, err := autoscaling.NewGroup(b.ctx, s.server, &autoscaling.GroupArgs{
		MinSize: pulumi.Int(1), MaxSize: pulumi.Int(1), DesiredCapacity: pulumi.Int(1),
		// One subnet, so one zone: that of the volume and the interface, which cannot leave it.
		VpcZoneIdentifiers: pulumi.StringArray{s.subnet.ID},
		// Servers are ready when their hook is completed, which verification waits for, for all shards at once.
		WaitForCapacityTimeout: pulumi.String("0"),
		// The grace period counts from the completed hook, and a server has had its time to start by then.
		HealthCheckType: pulumi.String("EC2"), HealthCheckGracePeriod: pulumi.Int(60),
		// A server that falls silent while it drains goes all the same: the next one fences it.
		InitialLifecycleHooks: kit.Hooks(readySeconds, drainSeconds, "CONTINUE"),
		MixedInstancesPolicy: autoscaling.GroupMixedInstancesPolicyArgs{
			// On demand only: a cache that goes when capacity is scarce goes when it is needed most. In the given order.
			InstancesDistribution: autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs{
				OnDemandBaseCapacity: pulumi.Int(1), OnDemandPercentageAboveBaseCapacity: pulumi.Int(100),
				OnDemandAllocationStrategy: pulumi.String("prioritized"),
			},
			LaunchTemplate: autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs{
				// A new version replaces no server: it is what the next one starts from. (An instance refresh was refused: every edit of a
				// tag would take all shards down.)
				LaunchTemplateSpecification: autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs{
					LaunchTemplateId: template.ID(), Version: template.LatestVersion.ApplyT(strconv.Itoa).(pulumi.StringOutput),
				},
				Overrides: overrides,
			},
		},
		Tags: kit.GroupTags(b.serverTags(s)),
	}, b.with(kit.HooksStay(), pulumi.DependsOn(b.serverNeeds(s, allowed)))...)
	if err != nil {
		return err
	}
	b.groups[s.key] = group.Name
	return nil
}

// serverNeeds is what a server needs and no property of its group names: without its role's policy it is refused its volume and its
// address, without the way out it cannot even ask, and without the reservation it may be given a shard's address. When a cache goes, the
// same edges keep policy and way out until the server has let go of everything; without them a group's deletion waits for a hook that
// nobody can complete, and the interface's fails while it is attached. They cost two seconds: the policy names the
// interface.
func (b *builder) serverNeeds(s *shard, allowed *iam.RolePolicy) []pulumi.Resource {
	needs := []pulumi.Resource{allowed, b.https}
	if reserved, ok := b.reserved[s.Zone]; ok {
		needs = append(needs, reserved)
	}
	return needs
}

// serverTags are those of a server and its group; the role's policy knows them by the first two.
func (b *builder) serverTags(s *shard) map[string]string {
	tags := map[string]string{CacheTag: b.args.Stack}
	maps.Copy(tags, kit.Named(s.server, b.args.Tags))
	return tags
}
