package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// findLogGroups queries the tags of each log group under the stack's prefix.
func (s *serviceSearch) findLogGroups(ctx context.Context) error {
	client := logs.NewFromConfig(s.cfg)
	arns := map[string]string{}
	if err := forEachPage(ctx, logs.NewDescribeLogGroupsPaginator(client, &logs.DescribeLogGroupsInput{
		LogGroupNamePrefix: aws.String(inventory.LogGroupPrefix(s.stack)),
	}), func(page *logs.DescribeLogGroupsOutput) {
		for _, group := range page.LogGroups {
			// The call for tags rejects the asterisk at the end, which stands for the group's streams.
			arns[aws.ToString(group.LogGroupName)] = strings.TrimSuffix(aws.ToString(group.Arn), ":*")
		}
	}); err != nil {
		return err
	}
	for name, arn := range arns {
		answer, err := client.ListTagsForResource(ctx, &logs.ListTagsForResourceInput{ResourceArn: aws.String(arn)})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		s.addIfOwned(restype.LogGroup, name, answer.Tags)
	}
	return nil
}
