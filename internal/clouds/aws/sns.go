package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// findTopics queries the tags of each topic, and the alarms that notify a topic of the stack.
func (s *serviceSearch) findTopics(ctx context.Context) error {
	client := sns.NewFromConfig(s.cfg)
	var all []types.Topic
	if err := forEachPage(ctx, sns.NewListTopicsPaginator(client, &sns.ListTopicsInput{}), func(page *sns.ListTopicsOutput) {
		all = append(all, page.Topics...)
	}); err != nil {
		return err
	}
	for _, topic := range all {
		answer, err := client.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: topic.TopicArn})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := tagMap(answer.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
		if !s.addIfOwned(restype.Topic, aws.ToString(topic.TopicArn), tags) {
			continue
		}
		if err := s.findAlarms(ctx, topic.TopicArn); err != nil {
			return err
		}
	}
	return nil
}
