package preflight

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	scaling "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// Roles and log groups cannot be asked for by their tags, so where they are is agreed instead: components make roles under this path,
// and the plan puts log groups under it with the stack's name.
const ourPath = "/beachhead/"

// named is what all services but EC2 answer about a stack. All questions can be asked at the same time.
type named struct {
	cfg   aws.Config
	stack string

	mu    sync.Mutex
	owned []engine.Owned
}

func newNamed(cfg aws.Config, stack string) *named { return &named{cfg: cfg, stack: stack} }

func (n *named) questions() []func(context.Context) error {
	return []func(context.Context) error{
		n.askGroups, n.askRoles, n.askProfiles, n.askLogGroups, n.askZones, n.askTopics, n.askDashboard, n.askKeys, n.askParameters,
		n.askBuckets, n.askSnapshots,
	}
}

// add notes what is the stack's.
func (n *named) add(o engine.Owned) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owned = append(n.owned, o)
}

// keep notes a thing if its tags say that it is the stack's, and tells whether they do.
func (n *named) keep(typ, id string, tags map[string]string) bool {
	if tags[plan.StackTag] != n.stack {
		return false
	}
	n.add(engine.Owned{Type: typ, Name: tags[nameTag], ID: id, ImportID: id})
	return true
}

// tagsOf makes a map of a service's tags, which have a type of their own in each.
func tagsOf[Tag any](list []Tag, pair func(Tag) (key, value *string)) map[string]string {
	tags := map[string]string{}
	for _, tag := range list {
		key, value := pair(tag)
		tags[aws.ToString(key)] = aws.ToString(value)
	}
	return tags
}

// askGroups asks for groups and for the policies of those that are the stack's: policies take no tags, and their names end at random.
func (n *named) askGroups(ctx context.Context) error {
	client, ours := autoscaling.NewFromConfig(n.cfg), map[string]bool{}
	if err := eachPage(ctx, autoscaling.NewDescribeAutoScalingGroupsPaginator(client, &autoscaling.DescribeAutoScalingGroupsInput{
		Filters: []scaling.Filter{{Name: aws.String("tag:" + plan.StackTag), Values: []string{n.stack}}},
	}), func(page *autoscaling.DescribeAutoScalingGroupsOutput) {
		for _, group := range page.AutoScalingGroups {
			if group.Status != nil { // a group has a status only while it is being deleted
				continue
			}
			name := aws.ToString(group.AutoScalingGroupName)
			tags := tagsOf(group.Tags, func(t scaling.TagDescription) (key, value *string) { return t.Key, t.Value })
			ours[name] = n.keep("aws:autoscaling/group:Group", name, tags)
		}
	}); err != nil || len(ours) == 0 {
		return err
	}
	return eachPage(ctx, autoscaling.NewDescribePoliciesPaginator(client, &autoscaling.DescribePoliciesInput{}),
		func(page *autoscaling.DescribePoliciesOutput) {
			for _, policy := range page.ScalingPolicies {
				group, name := aws.ToString(policy.AutoScalingGroupName), aws.ToString(policy.PolicyName)
				if ours[group] {
					n.add(engine.Owned{
						Type: "aws:autoscaling/policy:Policy", ID: name, ImportID: group + "/" + name,
						Inputs: map[string]any{"autoscalingGroupName": group},
					})
				}
			}
		})
}

// askRoles asks each role for its tags, which their list leaves out. There are a few for each region of the account.
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
		n.keep("aws:iam/role:Role", name, tagsOf(answer.Role.Tags, identityTag))
	}
	return nil
}

// askProfiles asks each instance profile for its tags, as for roles.
func (n *named) askProfiles(ctx context.Context) error {
	client := iam.NewFromConfig(n.cfg)
	var names []string
	if err := eachPage(ctx, iam.NewListInstanceProfilesPaginator(client, &iam.ListInstanceProfilesInput{PathPrefix: aws.String(ourPath)}),
		func(page *iam.ListInstanceProfilesOutput) {
			for _, profile := range page.InstanceProfiles {
				names = append(names, aws.ToString(profile.InstanceProfileName))
			}
		}); err != nil {
		return err
	}
	for _, name := range names {
		answer, err := client.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		n.keep("aws:iam/instanceProfile:InstanceProfile", name, tagsOf(answer.InstanceProfile.Tags, identityTag))
	}
	return nil
}

func identityTag(t iamtypes.Tag) (key, value *string) { return t.Key, t.Value }

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
		n.keep("aws:cloudwatch/logGroup:LogGroup", name, answer.Tags)
	}
	return nil
}

// isMissing says that a thing went away between the list and the question about it, or never had a tag, which S3 takes for an error. Every
// service has its own word for it.
func isMissing(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "NoSuchEntity", "ResourceNotFoundException", "ResourceNotFound", "InvalidSubnetID.NotFound", "NoSuchHostedZone", "NotFound",
		"NotFoundException", "InvalidResourceId", "NoSuchBucket", "NoSuchTagSet", "notFound":
		return true
	}
	return false
}
