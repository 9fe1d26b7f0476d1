package cache

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
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
	policy := pulumi.All(s.volume.Arn, s.iface.Arn, b.parameter.Arn, b.args.Bucket).ApplyT(func(values []any) (string, error) {
		return serverPolicy(grants{
			region: b.args.Region, account: b.args.Account, stack: b.args.Stack, server: s.server,
			volume: values[0].(string), iface: values[1].(string), parameter: values[2].(string), bucket: values[3].(string),
		})
	}).(pulumi.StringOutput)
	role, allowed, err := b.makeRole(s.server, "Server of a cache shard", "ec2.amazonaws.com", policy)
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
	return ec2.NewLaunchTemplate(b.ctx, s.server, &ec2.LaunchTemplateArgs{
		ImageId: pulumi.String("resolve:ssm:" + b.args.Image), UpdateDefaultVersion: pulumi.Bool(true),
		UserData: b.userData(s),
		// No key: people come by Session Manager, with the role.
		IamInstanceProfile: ec2.LaunchTemplateIamInstanceProfileArgs{Arn: profile.Arn},
		// No tags in the metadata: EC2 then refuses to launch with tags that have spaces or slashes, which region files may have.
		MetadataOptions: ec2.LaunchTemplateMetadataOptionsArgs{
			HttpEndpoint: pulumi.String("enabled"), HttpTokens: pulumi.String("required"), HttpPutResponseHopLimit: pulumi.Int(1),
		},
		BlockDeviceMappings: ec2.LaunchTemplateBlockDeviceMappingArray{ec2.LaunchTemplateBlockDeviceMappingArgs{
			DeviceName: pulumi.String("/dev/xvda"),
			Ebs: ec2.LaunchTemplateBlockDeviceMappingEbsArgs{
				Encrypted: pulumi.String("true"), VolumeType: pulumi.String("gp3"), VolumeSize: pulumi.Int(rootGiB),
				DeleteOnTermination: pulumi.String("true"),
			},
		}},
		// The server's own interface, by which it reaches AWS before it has the fixed one. The subnet itself gives no public addresses, so
		// the template says it either way.
		NetworkInterfaces: ec2.LaunchTemplateNetworkInterfaceArray{ec2.LaunchTemplateNetworkInterfaceArgs{
			DeviceIndex: pulumi.Int(0), AssociatePublicIpAddress: pulumi.String(strconv.FormatBool(b.args.PublicAddresses)),
			SecurityGroups: pulumi.StringArray{b.access.ID()}, DeleteOnTermination: pulumi.String("true"),
		}},
		TagSpecifications: ec2.LaunchTemplateTagSpecificationArray{
			launchTags("instance", b.serverTags(s)), launchTags("volume", b.launchedTags(s)), launchTags("network-interface", b.launchedTags(s)),
		},
		Tags: tag(s.server),
	}, b.opts...)
}

// userData comes out of the bucket's name, which is there once the agent is in the bucket: a server that starts earlier finds nothing.
func (b *builder) userData(s *shard) pulumi.StringOutput {
	encoded := base64.StdEncoding.EncodeToString([]byte(s.UserData))
	return b.args.Bucket.ToStringOutput().ApplyT(func(string) string { return encoded }).(pulumi.StringOutput)
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
		// Hooks that are there from the start: as resources of their own they come when the first server is already past them.
		InitialLifecycleHooks: autoscaling.GroupInitialLifecycleHookArray{
			hook("ready", "LAUNCHING", "ABANDON", readySeconds), hook("drain", "TERMINATING", "CONTINUE", drainSeconds),
		},
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
		Tags: groupTags(b.serverTags(s)),
	}, b.with(pulumi.DependsOn(b.serverNeeds(s, allowed)))...)
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

func hook(name, transition, otherwise string, seconds int) autoscaling.GroupInitialLifecycleHookArgs {
	return autoscaling.GroupInitialLifecycleHookArgs{
		Name: pulumi.String(name), LifecycleTransition: pulumi.String("autoscaling:EC2_INSTANCE_" + transition),
		DefaultResult: pulumi.String(otherwise), HeartbeatTimeout: pulumi.Int(seconds),
	}
}

// launchedTags are those of the disk and the interface that a launch makes.
func (b *builder) launchedTags(s *shard) map[string]string {
	tags := map[string]string{"Name": s.server}
	maps.Copy(tags, b.args.Tags)
	return tags
}

// serverTags are those of a server and its group; the role's policy knows them by the first two.
func (b *builder) serverTags(s *shard) map[string]string {
	tags := map[string]string{CacheTag: b.args.Stack}
	maps.Copy(tags, b.launchedTags(s))
	return tags
}

// launchTags are the tags of what a launch template makes, which the provider's default tags do not reach.
func launchTags(resource string, tags map[string]string) ec2.LaunchTemplateTagSpecificationArgs {
	return ec2.LaunchTemplateTagSpecificationArgs{ResourceType: pulumi.String(resource), Tags: pulumi.ToStringMap(tags)}
}

// groupTags are a group's own, in a fixed order. They are not handed on to machines: the launch template tags those.
func groupTags(all map[string]string) autoscaling.GroupTagArray {
	var tags autoscaling.GroupTagArray
	for _, key := range slices.SortedFunc(maps.Keys(all), cmp.Compare[string]) {
		tags = append(tags, autoscaling.GroupTagArgs{
			Key: pulumi.String(key), Value: pulumi.String(all[key]), PropagateAtLaunch: pulumi.Bool(false),
		})
	}
	return tags
}
