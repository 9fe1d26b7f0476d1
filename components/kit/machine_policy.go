package kit

import "fmt"

// Namespace is the CloudWatch namespace of the metrics that machines publish.
const Namespace = "Beachhead"

// InstancesARN returns the ARN of every EC2 instance of an account in a region. Conditions narrow it.
func InstancesARN(region, account string) string {
	return fmt.Sprintf("arn:aws:ec2:%s:%s:instance/*", region, account)
}

// GroupsARN returns the ARN of every scaling group of an account in a region. Conditions narrow it.
func GroupsARN(region, account string) string {
	return fmt.Sprintf("arn:aws:autoscaling:%s:%s:autoScalingGroup:*:autoScalingGroupName/*", region, account)
}

// AllowOwnGroup returns the statement by which a machine completes and prolongs the lifecycle hooks of its group, and makes more calls
// about it. The group's tags name it: its name would make the role wait for the group, which waits for the role.
func AllowOwnGroup(region, account string, tags map[string]string, more ...string) Statement {
	conditions := map[string]string{}
	for key, value := range tags {
		conditions["autoscaling:ResourceTag/"+key] = value
	}
	return Statement{
		Actions:   append([]string{"autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"}, more...),
		Resources: []string{GroupsARN(region, account)}, Conditions: StringEquals(conditions),
	}
}

// AllowMachineBasics returns the statements that every machine needs: it fetches its agent from the bucket, reads its own state in Auto
// Scaling, publishes metrics, and accepts Session Manager.
func AllowMachineBasics(region, account, bucket string) []Statement {
	return []Statement{
		// Only the folder of the agent, not the whole bucket.
		{Actions: []string{"s3:GetObject"}, Resources: []string{"arn:aws:s3:::" + bucket + "/agent/*"}},
		// From this call a machine learns its group and its lifecycle state: after a restart the agent must know whether it has already
		// reported that the machine is ready. IAM has no resources for calls that list.
		{Actions: []string{"autoscaling:DescribeAutoScalingInstances"}, Resources: []string{"*"}},
		// IAM has no names for metrics; a policy can only name the namespace.
		{
			Actions: []string{"cloudwatch:PutMetricData"}, Resources: []string{"*"},
			Conditions: StringEquals(map[string]string{"cloudwatch:namespace": Namespace}),
		},
		// Session Manager needs these and no more (Systems Manager user guide, "Minimum Session Manager permissions"). IAM has no names for
		// its channels.
		{Actions: []string{"ssm:UpdateInstanceInformation"}, Resources: []string{InstancesARN(region, account)}},
		{
			Actions: []string{
				"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
			},
			Resources: []string{"*"},
		},
	}
}
