package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// findAlarms finds the alarms that notify a topic of the stack. CloudWatch cannot list alarms by tag, and an account may have thousands;
// every alarm of a stack notifies a topic of that stack.
func (s *serviceSearch) findAlarms(ctx context.Context, topic *string) error {
	client := cloudwatch.NewFromConfig(s.cfg)
	var all []types.MetricAlarm
	if err := forEachPage(ctx, cloudwatch.NewDescribeAlarmsPaginator(client, &cloudwatch.DescribeAlarmsInput{ActionPrefix: topic}),
		func(page *cloudwatch.DescribeAlarmsOutput) { all = append(all, page.MetricAlarms...) }); err != nil {
		return err
	}
	for _, alarm := range all {
		answer, err := client.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: alarm.AlarmArn})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		tags := tagMap(answer.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
		s.addIfOwned(restype.MetricAlarm, aws.ToString(alarm.AlarmName), tags)
	}
	return nil
}

// findDashboard finds the dashboard with the stack's name. Creating it again would overwrite it, but a down would leave it in the cloud.
func (s *serviceSearch) findDashboard(ctx context.Context) error {
	name := inventory.DashboardName(s.stack)
	return forEachPage(ctx, cloudwatch.NewListDashboardsPaginator(cloudwatch.NewFromConfig(s.cfg), &cloudwatch.ListDashboardsInput{
		DashboardNamePrefix: aws.String(name),
	}), func(page *cloudwatch.ListDashboardsOutput) {
		for _, d := range page.DashboardEntries {
			if aws.ToString(d.DashboardName) == name {
				s.add(inventory.DashboardOf(s.stack))
			}
		}
	})
}
