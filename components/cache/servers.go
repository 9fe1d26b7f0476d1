package cache

import (
	"maps"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

const (
	// rootGiB is the size of a server's root disk.
	rootGiB = 16
	// readySeconds is how long a server may send no heartbeat while it starts; after that the group launches another one. A stock image
	// needs less than two minutes for its packages. The volume of a dead server may take some more to detach.
	readySeconds = 600
	// drainSeconds is how long a server may send no heartbeat while it writes its data and detaches volume and address.
	drainSeconds = 180
)

// createServer creates a shard's scaling group of one, with a role of its own: a server can attach its own volume and address and no
// other shard's, and one more shard changes no existing policy.
func (b *builder) createServer(s *shard) error {
	policy := pulumi.All(s.volume.Arn, s.iface.Arn, b.parameter.Arn, s.moved.Arn, b.args.Bucket).ApplyT(func(values []any) (string, error) {
		return allowServerCalls(serverScope{
			region: b.args.Region, account: b.args.Account, stack: b.args.Stack, server: s.server,
			volume: values[0].(string), iface: values[1].(string),
			mapParameter: values[2].(string), movedParameter: values[3].(string), bucket: values[4].(string),
		})
	}).(pulumi.StringOutput)
	role, err := b.CreateMachineRole(s.server, kit.Role{Description: "Server of a cache shard", PolicyName: "allow", Policy: policy})
	if err != nil {
		return err
	}
	tags := kit.AddNameTag(s.server, b.args.Tags)
	// Its interface is the server's own, by which it reaches AWS before it has the fixed one.
	template, err := b.CreateLaunchTemplate(s.server, kit.LaunchTemplate{
		Image: "resolve:ssm:" + b.args.Image, DiskGiB: rootGiB, UserData: s.UserData, Bucket: b.args.Bucket, Profile: role.Profile,
		Interface:    kit.NewInterface(b.args.PublicAddresses, b.securityGroup),
		InstanceTags: b.serverTags(s), Tags: tags,
	})
	if err != nil {
		return err
	}
	return b.createGroup(s, template, role.Policy)
}

func (b *builder) createGroup(s *shard, template *ec2.LaunchTemplate, policy *iam.RolePolicy) error {
	var overrides autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArray
	for _, t := range b.args.InstanceTypes {
		overrides = append(overrides, autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs{InstanceType: pulumi.String(t)})
	}
	group, err := kit.Create(b.Component, autoscaling.NewGroup, s.server, &autoscaling.GroupArgs{
		MinSize: pulumi.Int(1), MaxSize: pulumi.Int(1), DesiredCapacity: pulumi.Int(1),
		// One subnet, so one zone: that of the volume and the interface, which cannot leave it.
		VpcZoneIdentifiers: pulumi.StringArray{s.subnet.ID},
		// A server is ready when its launch hook is completed. Verification waits for that, for all shards at once.
		WaitForCapacityTimeout: pulumi.String("0"),
		// The grace period begins when the launch hook is completed, and by then the server has started.
		HealthCheckType: pulumi.String("EC2"), HealthCheckGracePeriod: pulumi.Int(60),
		// A server that falls silent while it drains is terminated all the same: the next one fences it.
		InitialLifecycleHooks: kit.LifecycleHooks(readySeconds, drainSeconds, kit.Continue),
		MixedInstancesPolicy: autoscaling.GroupMixedInstancesPolicyArgs{
			// On demand only, in the given order: spot machines go when capacity is scarce, and then the cache is needed most.
			InstancesDistribution: autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs{
				OnDemandBaseCapacity: pulumi.Int(1), OnDemandPercentageAboveBaseCapacity: pulumi.Int(100),
				OnDemandAllocationStrategy: pulumi.String("prioritized"),
			},
			LaunchTemplate: autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs{
				// A new version replaces no server; the next server starts from it. (An instance refresh was refused: every edit of a tag would
				// stop all shards.)
				LaunchTemplateSpecification: autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs{
					LaunchTemplateId: template.ID(), Version: kit.LatestVersion(template),
				},
				Overrides: overrides,
			},
		},
		Tags: kit.GroupTags(b.serverTags(s)),
	}, kit.IgnoreHookChanges(), pulumi.DependsOn(b.listServerNeeds(s, policy)))
	if err != nil {
		return err
	}
	b.groups[s.key] = group.Name
	return nil
}

// listServerNeeds returns the resources that a server needs and that no property of its group refers to. Without its role's policy AWS
// refuses it its volume and address, without the HTTPS rule it cannot even call AWS, and without the reservation EC2 may assign it a
// shard's address. When a cache is deleted, the same edges keep policy and rule until the server has detached everything. Without them
// the deletion of a group waits for a hook that no machine can complete, and the deletion of an attached interface fails. The edges cost
// two seconds: the policy refers to the interface.
func (b *builder) listServerNeeds(s *shard, policy *iam.RolePolicy) []pulumi.Resource {
	needs := []pulumi.Resource{policy, b.https}
	if reserved, ok := b.reserved[s.Zone]; ok {
		needs = append(needs, reserved)
	}
	return needs
}

// serverTags returns the tags of a server and its group. The role's policy names them by Name and CacheTag.
func (b *builder) serverTags(s *shard) map[string]string {
	tags := map[string]string{CacheTag: b.args.Stack}
	maps.Copy(tags, kit.AddNameTag(s.server, b.args.Tags))
	return tags
}
