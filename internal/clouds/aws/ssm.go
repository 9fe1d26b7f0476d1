package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// findParameters finds the stack's parameters. It reads no values.
func (s *serviceSearch) findParameters(ctx context.Context) error {
	client := ssm.NewFromConfig(s.cfg)
	var names []*string
	if err := forEachPage(ctx, ssm.NewDescribeParametersPaginator(client, &ssm.DescribeParametersInput{
		ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("tag:" + plan.StackTag), Values: []string{s.stack}}},
	}), func(page *ssm.DescribeParametersOutput) {
		for _, parameter := range page.Parameters {
			names = append(names, parameter.Name)
		}
	}); err != nil {
		return err
	}
	for _, name := range names {
		answer, err := client.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{
			ResourceId: name, ResourceType: types.ResourceTypeForTaggingParameter,
		})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := tagMap(answer.TagList, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
		s.addIfOwned(restype.Parameter, aws.ToString(name), tags)
	}
	return nil
}
