package fleet

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// ComponentType is the component's type token.
const ComponentType = "beachhead:aws:RunnerFleet"

// Metric is the name of the metric that machines publish in machine.Namespace, the part of them that is busy, in percent. The fleet's path
// is its one dimension, Fleet.
const Metric = "BusyPercent"

// CapacityMetric is the metric of the group's own that it publishes each minute: its capacity in service, in the unit of the types'
// weights. Its namespace is AWS/AutoScaling and its one dimension AutoScalingGroupName.
const CapacityMetric = "GroupInServiceCapacity"

// Fleet is a fleet of runner machines.
type Fleet struct {
	pulumi.ResourceState

	// GroupName is the name of the scaling group.
	GroupName pulumi.StringOutput `pulumi:"groupName"`
	// SecurityGroup is the id of the machines' security group, which lets nothing in.
	SecurityGroup pulumi.StringOutput `pulumi:"securityGroup"`
	// Role is the name of the machines' role.
	Role pulumi.StringOutput `pulumi:"role"`
}

type builder struct {
	ctx  *pulumi.Context
	name string
	args *Args
	opts []pulumi.ResourceOption
	tags pulumi.StringMap
}

// New makes a fleet. Seconds until the group is called, by the model durations: 18 after the subnets (profile 10, template 2, and the
// role before them); its machines are not waited for.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Fleet, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("fleet %q: %w", name, err)
	}
	f := &Fleet{}
	if err := ctx.RegisterComponentResource(ComponentType, name, f, opts...); err != nil {
		return nil, fmt.Errorf("registering fleet %q: %w", name, err)
	}
	b := &builder{
		ctx: ctx, name: name, args: args, opts: []pulumi.ResourceOption{pulumi.Parent(f)},
		// The Name tag is how a resource that a killed run made is found again.
		tags: pulumi.StringMap{"Name": pulumi.String(name)},
	}
	role, profile, err := b.makeRole()
	if err != nil {
		return nil, fmt.Errorf("fleet %q: %w", name, err)
	}
	access, err := b.makeAccess()
	if err != nil {
		return nil, fmt.Errorf("fleet %q: %w", name, err)
	}
	group, err := b.makeGroup(profile, access)
	if err != nil {
		return nil, fmt.Errorf("fleet %q: %w", name, err)
	}
	if err := b.makeScaling(group); err != nil {
		return nil, fmt.Errorf("fleet %q: %w", name, err)
	}
	f.GroupName, f.SecurityGroup, f.Role = group.Name, access.ID().ToStringOutput(), role.Name
	return f, ctx.RegisterResourceOutputs(f, pulumi.Map{"groupName": f.GroupName, "securityGroup": f.SecurityGroup, "role": f.Role})
}

// TokenParameter is the name of the parameter that holds the registration token.
func (a *Args) TokenParameter() string { return a.Path + "/token" }

// PostureParameter is the name of the parameter that tells running machines the posture. User data would tell only new ones.
func (a *Args) PostureParameter() string { return a.Path + "/posture" }

func (b *builder) makeRole() (*iam.Role, *iam.InstanceProfile, error) {
	role, err := iam.NewRole(b.ctx, b.name, &iam.RoleArgs{
		Description: pulumi.String("Machines of a runner fleet"), Path: pulumi.String("/beachhead/"),
		AssumeRolePolicy: pulumi.String(kit.Trust), Tags: b.tags,
	}, b.opts...)
	if err != nil {
		return nil, nil, err
	}
	if _, err := iam.NewRolePolicy(b.ctx, b.name, &iam.RolePolicyArgs{
		Role: role.Name, Name: pulumi.String("agent"), Policy: b.policy(),
	}, b.opts...); err != nil {
		return nil, nil, err
	}
	profile, err := iam.NewInstanceProfile(b.ctx, b.name, &iam.InstanceProfileArgs{
		Role: role.Name, Path: pulumi.String("/beachhead/"), Tags: b.tags,
	}, b.opts...)
	if err != nil {
		return nil, nil, err
	}
	if err := b.makePosture(); err != nil {
		return nil, nil, err
	}
	if b.args.Token != nil {
		_, err = ssm.NewParameter(b.ctx, b.name+"-token", &ssm.ParameterArgs{
			Name: pulumi.String(b.args.TokenParameter()), Type: pulumi.String("SecureString"), Value: b.args.Token,
			Description: pulumi.String("The CI system's registration token"), Tags: pulumi.StringMap{"Name": pulumi.String(b.name + "-token")},
		}, b.opts...)
	}
	return role, profile, err
}

func (b *builder) makePosture() error {
	name := b.name + "-posture"
	_, err := ssm.NewParameter(b.ctx, name, &ssm.ParameterArgs{
		Name: pulumi.String(b.args.PostureParameter()), Type: pulumi.String("String"), InsecureValue: pulumi.String(b.args.Posture),
		Description: pulumi.String("What the machines are to do: active, standby or draining"), Tags: pulumi.StringMap{"Name": pulumi.String(name)},
	}, b.opts...)
	return err
}

// makeAccess is the machines' security group: nothing in, everything out. What CI jobs reach is not ours to list; where it matters, the
// egress mode decides.
func (b *builder) makeAccess() (*ec2.SecurityGroup, error) {
	group, err := ec2.NewSecurityGroup(b.ctx, b.name, &ec2.SecurityGroupArgs{
		VpcId: b.args.VPC, Description: pulumi.String("Runners: nothing in, everything out"), Tags: b.tags,
	}, b.opts...)
	if err != nil {
		return nil, err
	}
	_, err = vpc.NewSecurityGroupEgressRule(b.ctx, b.name+"-out", &vpc.SecurityGroupEgressRuleArgs{
		SecurityGroupId: group.ID(), IpProtocol: pulumi.String("-1"), CidrIpv4: pulumi.String("0.0.0.0/0"),
		Tags: pulumi.StringMap{"Name": pulumi.String(b.name + "-out")},
	}, b.opts...)
	return group, err
}

func (b *builder) makeTemplate(profile *iam.InstanceProfile, access *ec2.SecurityGroup) (*ec2.LaunchTemplate, error) {
	tags := kit.Named(b.name, b.args.Tags)
	return ec2.NewLaunchTemplate(b.ctx, b.name, &ec2.LaunchTemplateArgs{
		ImageId: pulumi.String("resolve:ssm:" + b.args.Image), UpdateDefaultVersion: pulumi.Bool(true),
		UserData:           kit.UserData(b.args.Bucket, b.args.UserData),
		IamInstanceProfile: ec2.LaunchTemplateIamInstanceProfileArgs{Arn: profile.Arn},
		MetadataOptions:    kit.Metadata(), BlockDeviceMappings: kit.Disk(b.args.DiskGiB),
		// The subnet itself gives no addresses, so the template says it either way.
		NetworkInterfaces: ec2.LaunchTemplateNetworkInterfaceArray{ec2.LaunchTemplateNetworkInterfaceArgs{
			DeviceIndex: pulumi.Int(0), AssociatePublicIpAddress: pulumi.String(strconv.FormatBool(b.args.PublicAddress)),
			SecurityGroups: pulumi.StringArray{access.ID()}, DeleteOnTermination: pulumi.String("true"),
		}},
		TagSpecifications: ec2.LaunchTemplateTagSpecificationArray{
			kit.Tags("instance", tags), kit.Tags("volume", tags), kit.Tags("network-interface", tags),
		},
		Tags: b.tags,
	}, b.opts...)
}

func (b *builder) makeGroup(profile *iam.InstanceProfile, access *ec2.SecurityGroup) (*autoscaling.Group, error) {
	template, err := b.makeTemplate(profile, access)
	if err != nil {
		return nil, err
	}
	var overrides autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArray
	for _, t := range b.args.Types {
		overrides = append(overrides, autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs{
			InstanceType: pulumi.String(t.Name), WeightedCapacity: pulumi.String(strconv.Itoa(t.Weight)),
		})
	}
	var suspended pulumi.StringArray
	if !b.args.Launching {
		// Alarms too: scaling would lower the group while its machines end their jobs, and raise it for the load of those jobs.
		suspended = pulumi.ToStringArray([]string{"AlarmNotification", "Launch"})
	}
	return autoscaling.NewGroup(b.ctx, b.name, &autoscaling.GroupArgs{
		// No desired capacity: scaling owns it, and every up would set it back. A change of min or max moves it into the new bounds.
		MinSize: pulumi.Int(b.args.Min), MaxSize: pulumi.Int(b.args.Max), VpcZoneIdentifiers: b.args.Subnets,
		// Machines are ready when their hook is completed, which verification waits for, for all fleets at once.
		WaitForCapacityTimeout: pulumi.String("0"),
		CapacityRebalance:      pulumi.Bool(true), ProtectFromScaleIn: pulumi.Bool(false),
		MaxInstanceLifetime: pulumi.Int(b.args.LifetimeDays * 24 * 60 * 60), SuspendedProcesses: suspended,
		// AWS publishes nothing of a group that is not told to, and the alarm about too little capacity takes silence for too little.
		EnabledMetrics: pulumi.ToStringArray([]string{CapacityMetric}), MetricsGranularity: pulumi.String("1Minute"),
		InitialLifecycleHooks: kit.Hooks(b.args.HookSeconds, b.args.HookSeconds, "ABANDON"),
		MixedInstancesPolicy: autoscaling.GroupMixedInstancesPolicyArgs{
			InstancesDistribution: autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs{
				OnDemandBaseCapacity: pulumi.Int(b.args.OnDemandBase), OnDemandPercentageAboveBaseCapacity: pulumi.Int(b.args.OnDemandPercent),
				OnDemandAllocationStrategy: pulumi.String("prioritized"), SpotAllocationStrategy: pulumi.String("capacity-optimized"),
			},
			LaunchTemplate: autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs{
				LaunchTemplateSpecification: autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs{
					LaunchTemplateId: template.ID(),
					Version:          template.LatestVersion.ApplyT(strconv.Itoa).(pulumi.StringOutput),
				},
				Overrides: overrides,
			},
		},
		Tags: kit.GroupTags(kit.Named(b.name, b.args.Tags)),
	}, append([]pulumi.ResourceOption{kit.HooksStay()}, b.opts...)...)
}

// makeScaling follows the part of machines that are busy, which they publish themselves: processor load says nothing about whether a runner
// is free to take a job.
func (b *builder) makeScaling(group *autoscaling.Group) error {
	_, err := autoscaling.NewPolicy(b.ctx, b.name, &autoscaling.PolicyArgs{
		AutoscalingGroupName: group.Name, PolicyType: pulumi.String("TargetTrackingScaling"),
		TargetTrackingConfiguration: autoscaling.PolicyTargetTrackingConfigurationArgs{
			TargetValue: pulumi.Float64(b.args.BusyPercent),
			CustomizedMetricSpecification: autoscaling.PolicyTargetTrackingConfigurationCustomizedMetricSpecificationArgs{
				Namespace: pulumi.String(kit.Namespace), MetricName: pulumi.String(Metric), Statistic: pulumi.String("Average"),
				Unit: pulumi.String("Percent"),
				MetricDimensions: autoscaling.PolicyTargetTrackingConfigurationCustomizedMetricSpecificationMetricDimensionArray{
					autoscaling.PolicyTargetTrackingConfigurationCustomizedMetricSpecificationMetricDimensionArgs{
						Name: pulumi.String("Fleet"), Value: pulumi.String(b.args.Path),
					},
				},
			},
		},
	}, b.opts...)
	return err
}
