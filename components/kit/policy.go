package kit

import (
	"encoding/json"
	"fmt"
)

// Namespace is where machines publish their metrics.
const Namespace = "Beachhead"

// Statement is one of a policy's. All of them allow.
type Statement struct {
	Effect    string                       `json:"Effect"`
	Action    []string                     `json:"Action"`
	Resource  []string                     `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// Policy writes a policy that allows the given statements and nothing else.
func Policy(allow ...Statement) (string, error) {
	for i := range allow {
		allow[i].Effect = "Allow"
	}
	text, err := json.Marshal(struct {
		Version   string
		Statement []Statement
	}{"2012-10-17", allow})
	return string(text), err
}

// Only is the condition that keys have exactly the given values.
func Only(values map[string]string) map[string]map[string]string {
	return map[string]map[string]string{"StringEquals": values}
}

// Instances names every machine of an account in a region, for a condition to narrow.
func Instances(region, account string) string {
	return fmt.Sprintf("arn:aws:ec2:%s:%s:instance/*", region, account)
}

// Groups names every scaling group of an account in a region, for a condition to narrow.
func Groups(region, account string) string {
	return fmt.Sprintf("arn:aws:autoscaling:%s:%s:autoScalingGroup:*:autoScalingGroupName/*", region, account)
}

// OwnHooks lets a machine complete and prolong the hooks of the groups that have all of the given tags, and do what else the agent does to
// its group. Tags, since the group's name would make the role wait for the group, which waits for the role.
func OwnHooks(region, account string, tags map[string]string, more ...string) Statement {
	condition := map[string]string{}
	for key, value := range tags {
		condition["autoscaling:ResourceTag/"+key] = value
	}
	return Statement{
		Action:   append([]string{"autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"}, more...),
		Resource: []string{Groups(region, account)}, Condition: Only(condition),
	}
}

// Basics are what every machine may do: fetch its agent, ask Auto Scaling about itself, publish metrics, and be reached by Session Manager.
func Basics(region, account, bucket string) []Statement {
	return []Statement{
		{Action: []string{"s3:GetObject"}, Resource: []string{"arn:aws:s3:::" + bucket + "/agent/*"}},
		// By this a machine learns its group and how far its life has come: after a restart the agent must know whether it has said that it is
		// ready. IAM knows no resources for calls that list.
		{Action: []string{"autoscaling:DescribeAutoScalingInstances"}, Resource: []string{"*"}},
		// Metrics have no names that IAM knows; the namespace is all that a policy can say.
		{
			Action: []string{"cloudwatch:PutMetricData"}, Resource: []string{"*"},
			Condition: Only(map[string]string{"cloudwatch:namespace": Namespace}),
		},
		// What Session Manager needs and no more (Systems Manager user guide, "Minimum Session Manager permissions"). Its channels have no
		// names that IAM knows.
		{Action: []string{"ssm:UpdateInstanceInformation"}, Resource: []string{Instances(region, account)}},
		{
			Action: []string{
				"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
			},
			Resource: []string{"*"},
		},
	}
}
