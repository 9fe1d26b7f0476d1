package watch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ComponentType is the component's type token.
const ComponentType = "beachhead:aws:Watch"

// Watch is a region's alarms.
type Watch struct {
	pulumi.ResourceState

	// Topic is the ARN of the topic by which people hear of alarms.
	Topic pulumi.StringOutput `pulumi:"topic"`
	// Dashboard is the dashboard's name.
	Dashboard pulumi.StringOutput `pulumi:"dashboard"`
}

// keyPolicy lets the account's administrators manage the key, by the policies that they have, and CloudWatch use it for this account's
// alarms. In a key's policy, * is the key itself.
const keyPolicy = `{"Version":"2012-10-17","Statement":[` +
	`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%[1]s:root"},"Action":"kms:*","Resource":"*"},` +
	`{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":["kms:Decrypt","kms:GenerateDataKey"],` +
	`"Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"%[1]s"}}}]}`

// New makes a region's alarms. Nothing waits for it: two seconds for each thing it makes, all at once, after what they watch.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Watch, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("watch %q: %w", name, err)
	}
	w := &Watch{}
	if err := ctx.RegisterComponentResource(ComponentType, name, w, opts...); err != nil {
		return nil, fmt.Errorf("registering watch %q: %w", name, err)
	}
	child := pulumi.Parent(w)
	topic, err := makeTopic(ctx, name, args, child)
	if err != nil {
		return nil, fmt.Errorf("watch %q: %w", name, err)
	}
	all := alarms(args)
	for _, a := range all {
		if err := a.register(ctx, name, topic, child); err != nil {
			return nil, fmt.Errorf("watch %q: %w", name, err)
		}
	}
	dashboard, err := cloudwatch.NewDashboard(ctx, name, &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String("beachhead-" + args.Stack), DashboardBody: body(args.Region, all),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("watch %q: %w", name, err)
	}
	w.Topic, w.Dashboard = topic.Arn, dashboard.DashboardName
	return w, ctx.RegisterResourceOutputs(w, pulumi.Map{"topic": w.Topic, "dashboard": w.Dashboard})
}

func nameTag(name string) pulumi.StringMap { return pulumi.StringMap{"Name": pulumi.String(name)} }

func makeTopic(ctx *pulumi.Context, name string, args *Args, child pulumi.ResourceOption) (*sns.Topic, error) {
	// SNS's own key would do for encryption, but CloudWatch may not use it, and alarms would go nowhere without a word.
	key, err := kms.NewKey(ctx, name, &kms.KeyArgs{
		Description: pulumi.String("Notifications of " + args.Stack), EnableKeyRotation: pulumi.Bool(true),
		Policy: pulumi.String(fmt.Sprintf(keyPolicy, args.Account)), Tags: nameTag(name),
	}, child)
	if err != nil {
		return nil, err
	}
	topic, err := sns.NewTopic(ctx, name, &sns.TopicArgs{
		DisplayName: pulumi.String("Beachhead " + args.Stack), KmsMasterKeyId: key.ID(), Tags: nameTag(name),
	}, child)
	if err != nil {
		return nil, err
	}
	subscribe := func(protocol, endpoint string) error {
		_, err := sns.NewTopicSubscription(ctx, name+"-"+protocol+"-"+endpoint, &sns.TopicSubscriptionArgs{
			Topic: topic.Arn, Protocol: pulumi.String(protocol), Endpoint: pulumi.String(endpoint),
		}, child)
		return err
	}
	for _, address := range args.Email {
		if err := subscribe("email", address); err != nil {
			return nil, err
		}
	}
	for _, address := range args.Webhooks {
		if err := subscribe("https", address); err != nil {
			return nil, err
		}
	}
	return topic, nil
}

func (a alarm) register(ctx *pulumi.Context, base string, topic *sns.Topic, child pulumi.ResourceOption) error {
	name := base + "-" + a.name
	dimensions := pulumi.StringMap{}
	for key, value := range a.dimensions {
		dimensions[key] = value
	}
	_, err := cloudwatch.NewMetricAlarm(ctx, name, &cloudwatch.MetricAlarmArgs{
		AlarmDescription: pulumi.String(a.says), Namespace: pulumi.String(a.namespace), MetricName: pulumi.String(a.metric),
		Statistic: pulumi.String(a.statistic), Dimensions: dimensions, ComparisonOperator: pulumi.String(a.comparison),
		Threshold: pulumi.Float64(a.threshold), Period: pulumi.Int(a.period), EvaluationPeriods: pulumi.Int(a.periods),
		TreatMissingData: pulumi.String(a.missing), AlarmActions: pulumi.Array{topic.Arn}, OkActions: pulumi.Array{topic.Arn},
		Tags: nameTag(name),
	}, child)
	return err
}

// body is the dashboard: a graph for each metric that has an alarm, three in a row, in the order of the alarms.
func body(region string, all []alarm) pulumi.StringOutput {
	const width, height, perRow = 8, 6, 3
	widgets := pulumi.Array{}
	for i, a := range all {
		metric := pulumi.Array{pulumi.String(a.namespace), pulumi.String(a.metric)}
		for _, key := range slices.SortedFunc(maps.Keys(a.dimensions), cmp.Compare[string]) {
			metric = append(metric, pulumi.String(key), a.dimensions[key])
		}
		widgets = append(widgets, pulumi.Map{
			"type": pulumi.String("metric"), "width": pulumi.Int(width), "height": pulumi.Int(height),
			"x": pulumi.Int(i % perRow * width), "y": pulumi.Int(i / perRow * height),
			"properties": pulumi.Map{
				"title": pulumi.String(a.name), "region": pulumi.String(region), "stat": pulumi.String(a.statistic),
				"period": pulumi.Int(a.period), "metrics": pulumi.Array{metric},
			},
		})
	}
	return pulumi.JSONMarshal(pulumi.Map{"widgets": widgets})
}
