package fleet

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
	`"Principal":{"Service":"ec2.amazonaws.com"}}]}`

// statement is one of a policy's.
type statement struct {
	Effect    string         `json:"Effect"`
	Action    []string       `json:"Action"`
	Resource  []string       `json:"Resource"`
	Condition map[string]any `json:"Condition,omitempty"`
}

// policy allows what the agent calls, on what it calls it on. Its own group is named by the Name tag: the group's name would make the
// role wait for the group, which waits for the role.
func (b *builder) policy() pulumi.StringOutput {
	parameters := []string{}
	for _, name := range append([]string{b.args.TokenParameter(), b.args.PostureParameter()}, b.args.ReadParameters...) {
		parameters = append(parameters, fmt.Sprintf("arn:aws:ssm:%s:%s:parameter%s", b.args.Region, b.args.Account, name))
	}
	group := fmt.Sprintf("arn:aws:autoscaling:%s:%s:autoScalingGroup:*:autoScalingGroupName/*", b.args.Region, b.args.Account)
	allow := []statement{
		{Action: []string{"ssm:GetParameter"}, Resource: parameters},
		{
			Action: []string{
				"autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat", "autoscaling:SetInstanceProtection",
			},
			Resource:  []string{group},
			Condition: map[string]any{"StringEquals": map[string]string{"autoscaling:ResourceTag/Name": b.name}},
		},
		{
			// Metrics have no names that IAM knows; the namespace is all that a policy can say.
			Action: []string{"cloudwatch:PutMetricData"}, Resource: []string{"*"},
			Condition: map[string]any{"StringEquals": map[string]string{"cloudwatch:namespace": Namespace}},
		},
		{
			// Session Manager's channels have no names that IAM knows. Source: AWS Systems Manager user guide, "Minimum Session Manager
			// permissions".
			Action: []string{
				"ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
				"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
			},
			Resource: []string{"*"},
		},
	}
	for i := range allow {
		allow[i].Effect = "Allow"
	}
	agent := statement{Effect: "Allow", Action: []string{"s3:GetObject"}}
	return pulumi.JSONMarshal(pulumi.Map{
		"Version": pulumi.String("2012-10-17"),
		"Statement": pulumi.All(b.args.Bucket).ApplyT(func(values []any) []statement {
			agent.Resource = []string{fmt.Sprintf("arn:aws:s3:::%s/agent/*", values[0])}
			return append([]statement{agent}, allow...)
		}),
	})
}
