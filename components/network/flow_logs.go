package network

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createFlowLogs records every connection, accepted or refused. When connections hang, the log shows on which side of the VPC.
func (b *builder) createFlowLogs() error {
	name := b.ChildName("flow-logs")
	group, err := kit.Create(b.Component, cloudwatch.NewLogGroup, name, &cloudwatch.LogGroupArgs{
		Name: pulumi.String(b.args.FlowLogGroup), RetentionInDays: pulumi.Int(b.args.FlowLogDays), Tags: kit.NameTag(name),
	})
	if err != nil {
		return err
	}
	role, policy, err := b.CreateRole(name, kit.Role{
		Description: "Writes the VPC's flow logs", Service: kit.FlowLogService, PolicyName: "write",
		Policy: group.Arn.ApplyT(allowLogStreams).(pulumi.StringOutput),
	})
	if err != nil {
		return err
	}
	// The policy is a hidden dependency: without it AWS refuses the first records, and the flow log reports "Access error" until the next.
	_, err = kit.Create(b.Component, ec2.NewFlowLog, name, &ec2.FlowLogArgs{
		VpcId: b.vpc.ID(), TrafficType: pulumi.String("ALL"), LogDestinationType: pulumi.String("cloud-watch-logs"),
		LogDestination: group.Arn, IamRoleArn: role.Arn, MaxAggregationInterval: pulumi.Int(60), Tags: kit.NameTag(name),
	}, pulumi.DependsOn([]pulumi.Resource{policy}))
	return err
}

// allowLogStreams returns the policy of the flow logs' role. The log group exists already, so the service only creates streams in it.
func allowLogStreams(groupARN string) (string, error) {
	return kit.RolePolicy(kit.Statement{
		Actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"},
		Resources: []string{groupARN, groupARN + ":*"},
	})
}
