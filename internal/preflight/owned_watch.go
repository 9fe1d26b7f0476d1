package preflight

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	watch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	topics "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// askTopics asks each topic for its tags, and for the alarms that tell the stack's. Alarms are not to be had by tag, and there may be
// thousands; every alarm of ours has a topic of ours.
func (n *named) askTopics(ctx context.Context) error {
	client := sns.NewFromConfig(n.cfg)
	var all []topics.Topic
	if err := eachPage(ctx, sns.NewListTopicsPaginator(client, &sns.ListTopicsInput{}), func(page *sns.ListTopicsOutput) {
		all = append(all, page.Topics...)
	}); err != nil {
		return err
	}
	for _, topic := range all {
		answer, err := client.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: topic.TopicArn})
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := tagsOf(answer.Tags, func(t topics.Tag) (key, value *string) { return t.Key, t.Value })
		if !n.keep("aws:sns/topic:Topic", aws.ToString(topic.TopicArn), tags) {
			continue
		}
		if err := n.askAlarms(ctx, topic.TopicArn); err != nil {
			return err
		}
	}
	return nil
}

func (n *named) askAlarms(ctx context.Context, topic *string) error {
	client := cloudwatch.NewFromConfig(n.cfg)
	var all []watch.MetricAlarm
	if err := eachPage(ctx, cloudwatch.NewDescribeAlarmsPaginator(client, &cloudwatch.DescribeAlarmsInput{ActionPrefix: topic}),
		func(page *cloudwatch.DescribeAlarmsOutput) { all = append(all, page.MetricAlarms...) }); err != nil {
		return err
	}
	for _, alarm := range all {
		answer, err := client.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: alarm.AlarmArn})
		if isMissing(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := tagsOf(answer.Tags, func(t watch.Tag) (key, value *string) { return t.Key, t.Value })
		n.keep("aws:cloudwatch/metricAlarm:MetricAlarm", aws.ToString(alarm.AlarmName), tags)
	}
	return nil
}

// DashboardName is the name of a stack's dashboard.
func DashboardName(stack string) string { return "beachhead-" + stack }

// askDashboard asks for the one of the stack's name. Making it again would overwrite it, but a region that is taken down would leave it.
func (n *named) askDashboard(ctx context.Context) error {
	name := DashboardName(n.stack)
	return eachPage(ctx, cloudwatch.NewListDashboardsPaginator(cloudwatch.NewFromConfig(n.cfg), &cloudwatch.ListDashboardsInput{
		DashboardNamePrefix: aws.String(name),
	}), func(page *cloudwatch.ListDashboardsOutput) {
		for _, d := range page.DashboardEntries {
			if aws.ToString(d.DashboardName) == name {
				n.add(engine.Owned{
					Type: "aws:cloudwatch/dashboard:Dashboard", ID: name, ImportID: name, Inputs: map[string]any{"dashboardName": name},
				})
			}
		}
	})
}

// askKeys asks each key for its tags, and those of the stack for their state: a deleted key is there for weeks, tags and all.
func (n *named) askKeys(ctx context.Context) error {
	client := kms.NewFromConfig(n.cfg)
	var ids []string
	if err := eachPage(ctx, kms.NewListKeysPaginator(client, &kms.ListKeysInput{}), func(page *kms.ListKeysOutput) {
		for _, key := range page.Keys {
			ids = append(ids, aws.ToString(key.KeyId))
		}
	}); err != nil {
		return err
	}
	for _, id := range ids {
		tags, err := keyTags(ctx, client, id)
		if err != nil {
			return err
		}
		if tags[plan.StackTag] != n.stack {
			continue
		}
		answer, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(id)})
		if err != nil {
			return err
		}
		if answer.KeyMetadata.DeletionDate == nil {
			n.keep("aws:kms/key:Key", id, tags)
		}
	}
	return nil
}

// keyTags are none for a key that nobody of the account may look at: keys of ours leave to the account who may.
func keyTags(ctx context.Context, client *kms.Client, id string) (map[string]string, error) {
	var all []types.Tag
	err := eachPage(ctx, kms.NewListResourceTagsPaginator(client, &kms.ListResourceTagsInput{KeyId: aws.String(id)}),
		func(page *kms.ListResourceTagsOutput) { all = append(all, page.Tags...) })
	if isMissing(err) || isOthers(err) {
		return nil, nil
	}
	return tagsOf(all, func(t types.Tag) (key, value *string) { return t.TagKey, t.TagValue }), err
}

// isOthers says that it is a thing's own policy that refuses and not that of whoever asks. Source: IAM user guide, "Troubleshoot access
// denied error messages".
func isOthers(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && isDenied(err) && strings.Contains(api.ErrorMessage(), "no resource-based policy allows")
}
