package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// findScalingGroups finds groups and the scaling policies of those that the stack owns.
func (s *serviceSearch) findScalingGroups(ctx context.Context) error {
	client, owned := autoscaling.NewFromConfig(s.cfg), map[string]bool{}
	if err := forEachPage(ctx, autoscaling.NewDescribeAutoScalingGroupsPaginator(client, &autoscaling.DescribeAutoScalingGroupsInput{
		Filters: []types.Filter{{Name: aws.String("tag:" + plan.StackTag), Values: []string{s.stack}}},
	}), func(page *autoscaling.DescribeAutoScalingGroupsOutput) {
		for _, group := range page.AutoScalingGroups {
			if group.Status != nil { // a group has a status only while AWS is deleting it
				continue
			}
			name := aws.ToString(group.AutoScalingGroupName)
			tags := tagMap(group.Tags, func(t types.TagDescription) (key, value *string) { return t.Key, t.Value })
			owned[name] = s.addIfOwned(restype.ScalingGroup, name, tags)
		}
	}); err != nil || len(owned) == 0 {
		return err
	}
	return forEachPage(ctx, autoscaling.NewDescribePoliciesPaginator(client, &autoscaling.DescribePoliciesInput{}),
		func(page *autoscaling.DescribePoliciesOutput) {
			for _, policy := range page.ScalingPolicies {
				if group := aws.ToString(policy.AutoScalingGroupName); owned[group] {
					s.add(inventory.PolicyOf(group, aws.ToString(policy.PolicyName)))
				}
			}
		})
}
