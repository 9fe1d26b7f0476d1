package preflight

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dlm"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	objects "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// askParameters reads no values.
func (n *named) askParameters(ctx context.Context) error {
	client := ssm.NewFromConfig(n.cfg)
	var names []*string
	if err := eachPage(ctx, ssm.NewDescribeParametersPaginator(client, &ssm.DescribeParametersInput{
		ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("tag:" + plan.StackTag), Values: []string{n.stack}}},
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
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := tagsOf(answer.TagList, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
		n.keep("aws:ssm/parameter:Parameter", aws.ToString(name), tags)
	}
	return nil
}

// askBuckets asks those for their tags that are named as the plan names them: other people's may refuse to be asked.
func (n *named) askBuckets(ctx context.Context) error {
	client := s3.NewFromConfig(n.cfg)
	var names []*string
	if err := eachPage(ctx, s3.NewListBucketsPaginator(client, &s3.ListBucketsInput{
		Prefix: aws.String("beachhead-" + n.stack + "-"), BucketRegion: aws.String(n.cfg.Region),
	}), func(page *s3.ListBucketsOutput) {
		for _, bucket := range page.Buckets {
			names = append(names, bucket.Name)
		}
	}); err != nil {
		return err
	}
	for _, name := range names {
		answer, err := client.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: name})
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := tagsOf(answer.TagSet, func(t objects.Tag) (key, value *string) { return t.Key, t.Value })
		n.keep("aws:s3/bucketV2:BucketV2", aws.ToString(name), tags)
	}
	return nil
}

// askSnapshots asks for the policies by which volumes are copied.
func (n *named) askSnapshots(ctx context.Context) error {
	answer, err := dlm.NewFromConfig(n.cfg).GetLifecyclePolicies(ctx, &dlm.GetLifecyclePoliciesInput{})
	if err != nil {
		return err
	}
	for _, policy := range answer.Policies {
		n.keep("aws:dlm/lifecyclePolicy:LifecyclePolicy", aws.ToString(policy.PolicyId), policy.Tags)
	}
	return nil
}
