package preflight

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/regions/plan"
)

// Roles and log groups cannot be asked for by their tags, so where they are is agreed instead: components make roles under this path,
// and the plan puts log groups under it with the stack's name.
const ourPath = "/beachhead/"

// named is what the services answer about a stack whose things have a name for their id. Each question writes a field of its own.
type named struct {
	cfg                      aws.Config
	stack                    string
	groups, roles, logGroups []engine.Owned
}

func newNamed(cfg aws.Config, stack string) *named { return &named{cfg: cfg, stack: stack} }

func (n *named) questions() []func(context.Context) error {
	return []func(context.Context) error{n.askGroups, n.askRoles, n.askLogGroups}
}

func (n *named) askGroups(ctx context.Context) error {
	client := autoscaling.NewFromConfig(n.cfg)
	return eachPage(ctx, autoscaling.NewDescribeAutoScalingGroupsPaginator(client, &autoscaling.DescribeAutoScalingGroupsInput{
		Filters: []scaling.Filter{{Name: aws.String("tag:" + plan.StackTag), Values: []string{n.stack}}},
	}), func(page *autoscaling.DescribeAutoScalingGroupsOutput) {
		for _, group := range page.AutoScalingGroups {
			if group.Status != nil { // a group has a status only while it is being deleted
				continue
			}
			tags := map[string]string{}
			for _, tag := range group.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
			n.groups = n.keep(n.groups, "aws:autoscaling/group:Group", aws.ToString(group.AutoScalingGroupName), tags)
		}
	})
}

// askRoles asks each role for its tags, which their list leaves out. There is one for each region of the account.
func (n *named) askRoles(ctx context.Context) error {
	client := iam.NewFromConfig(n.cfg)
	var names []string
	if err := eachPage(ctx, iam.NewListRolesPaginator(client, &iam.ListRolesInput{PathPrefix: aws.String(ourPath)}),
		func(page *iam.ListRolesOutput) {
			for _, role := range page.Roles {
				names = append(names, aws.ToString(role.RoleName))
			}
		}); err != nil {
		return err
	}
	for _, name := range names {
		// Not ListRoleTags: every run may do this one anyway, since the engine reads roles with it.
		answer, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := map[string]string{}
		for _, tag := range answer.Role.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		n.roles = n.keep(n.roles, "aws:iam/role:Role", name, tags)
	}
	return nil
}

func (n *named) askLogGroups(ctx context.Context) error {
	client := logs.NewFromConfig(n.cfg)
	arns := map[string]string{}
	if err := eachPage(ctx, logs.NewDescribeLogGroupsPaginator(client, &logs.DescribeLogGroupsInput{
		LogGroupNamePrefix: aws.String(ourPath + n.stack + "/"),
	}), func(page *logs.DescribeLogGroupsOutput) {
		for _, group := range page.LogGroups {
			// The call for tags does not take the asterisk at the end, which stands for the group's streams.
			arns[aws.ToString(group.LogGroupName)] = strings.TrimSuffix(aws.ToString(group.Arn), ":*")
		}
	}); err != nil {
		return err
	}
	for name, arn := range arns {
		answer, err := client.ListTagsForResource(ctx, &logs.ListTagsForResourceInput{ResourceArn: aws.String(arn)})
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		n.logGroups = n.keep(n.logGroups, "aws:cloudwatch/logGroup:LogGroup", name, answer.Tags)
	}
	return nil
}

// keep adds a thing to others if it is the stack's.
func (n *named) keep(others []engine.Owned, typ, id string, tags map[string]string) []engine.Owned {
	if tags[plan.StackTag] != n.stack {
		return others
	}
	return append(others, engine.Owned{Type: typ, Name: tags[nameTag], ID: id, ImportID: id})
}

// isMissing says that a thing went away between the list and the question about it.
func isMissing(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (api.ErrorCode() == "NoSuchEntity" || api.ErrorCode() == "ResourceNotFoundException")
}
