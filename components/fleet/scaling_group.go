package fleet

import (
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// Metric is the name of the metric that machines publish in kit.Namespace: the percentage of busy machines. Its only dimension, Fleet,
// has the fleet's path as its value.
const Metric = "BusyPercent"

// CapacityMetric is the name of the metric that the group publishes each minute: its capacity in service, in the unit of the types'
// weights. Its namespace is AWS/AutoScaling, and its only dimension is AutoScalingGroupName.
const CapacityMetric = "GroupInServiceCapacity"

const daySeconds = 24 * 60 * 60

func (b *builder) createGroup() error {
	var overrides autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArray
	for _, t := range b.args.Types {
		overrides = append(overrides, autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs{
			InstanceType: pulumi.String(t.Name), WeightedCapacity: pulumi.String(strconv.Itoa(t.Weight)),
		})
	}
	var err error
	b.group, err = kit.Create(b.Component, autoscaling.NewGroup, b.Name(), &autoscaling.GroupArgs{
		// No desired capacity: scaling owns it, and every up would reset it. A change of min or max moves it into the new bounds.
		MinSize: pulumi.Int(b.args.Min), MaxSize: pulumi.Int(b.args.Max), VpcZoneIdentifiers: b.args.Subnets,
		// A machine is ready when its launch hook is completed. Verification waits for that, for all fleets at once.
		WaitForCapacityTimeout: pulumi.String("0"),
		CapacityRebalance:      pulumi.Bool(true), ProtectFromScaleIn: pulumi.Bool(false),
		MaxInstanceLifetime: pulumi.Int(b.args.LifetimeDays * daySeconds), SuspendedProcesses: b.suspendedProcesses(),
		// AWS publishes group metrics only on request, and the alarm about too little capacity treats missing data as too little.
		EnabledMetrics: pulumi.ToStringArray([]string{CapacityMetric}), MetricsGranularity: pulumi.String("1Minute"),
		InitialLifecycleHooks: kit.LifecycleHooks(b.args.HookSeconds, b.args.HookSeconds, kit.Abandon),
		MixedInstancesPolicy: autoscaling.GroupMixedInstancesPolicyArgs{
			InstancesDistribution: autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs{
				OnDemandBaseCapacity: pulumi.Int(b.args.OnDemandBase), OnDemandPercentageAboveBaseCapacity: pulumi.Int(b.args.OnDemandPercent),
				OnDemandAllocationStrategy: pulumi.String("prioritized"), SpotAllocationStrategy: pulumi.String("capacity-optimized"),
			},
			LaunchTemplate: autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs{
				LaunchTemplateSpecification: autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs{
					LaunchTemplateId: b.template.ID(), Version: kit.LatestVersion(b.template),
				},
				Overrides: overrides,
			},
		},
		Tags: kit.GroupTags(kit.AddNameTag(b.Name(), b.args.Tags)),
	}, kit.IgnoreHookChanges())
	return err
}

// suspendedProcesses returns the processes of the group that do not run. While the fleet launches no machines, alarms are suspended too:
// scaling would lower the group while its machines finish their jobs, and raise it for the load of those jobs.
func (b *builder) suspendedProcesses() pulumi.StringArray {
	if b.args.Launching {
		return nil
	}
	return pulumi.ToStringArray([]string{"AlarmNotification", "Launch"})
}

// createScalingPolicy scales by the percentage of busy machines, which the machines publish. Processor load does not show whether a
// runner is free to accept a job.
func (b *builder) createScalingPolicy() error {
	_, err := kit.Create(b.Component, autoscaling.NewPolicy, b.Name(), &autoscaling.PolicyArgs{
		AutoscalingGroupName: b.group.Name, PolicyType: pulumi.String("TargetTrackingScaling"),
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
	})
	return err
}
