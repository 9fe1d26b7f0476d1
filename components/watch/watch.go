package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

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
	subscribe := func(protocol, key string, endpoint pulumi.StringInput) error {
		_, err := sns.NewTopicSubscription(ctx, name+"-"+protocol+"-"+key, &sns.TopicSubscriptionArgs{
			Topic: topic.Arn, Protocol: pulumi.String(protocol), Endpoint: endpoint,
		}, child)
		return err
	}
	for _, address := range args.Email {
		if err := subscribe("email", address, pulumi.String(address)); err != nil {
			return nil, err
		}
	}
	for _, hook := range args.Webhooks {
		// Who knows the address of a chat room's hook may post there. Region files have it, logs and state need not.
		if err := subscribe("https", hookKey(hook), pulumi.ToSecret(pulumi.String(hook)).(pulumi.StringOutput)); err != nil {
			return nil, err
		}
	}
	return topic, nil
}

// hookKey names a webhook without telling its path, which may hold a secret: its host, for people, and some of its hash, since one host
// has many hooks.
func hookKey(hook string) string {
	sum := sha256.Sum256([]byte(hook))
	return hookHost(hook) + "-" + hex.EncodeToString(sum[:4])
}

// hookHost is the host of an https address, without its port; empty when it is none.
func hookHost(hook string) string {
	u, err := url.Parse(hook)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return u.Hostname()
}

func (a alarm) register(ctx *pulumi.Context, base string, topic *sns.Topic, child pulumi.ResourceOption) error {
	name := base + "-" + a.name
	args := &cloudwatch.MetricAlarmArgs{
		AlarmDescription: pulumi.String(a.says), ComparisonOperator: pulumi.String(a.comparison),
		Threshold: pulumi.Float64(a.threshold), EvaluationPeriods: pulumi.Int(a.periods),
		TreatMissingData: pulumi.String(a.missing), AlarmActions: pulumi.Array{topic.Arn}, OkActions: pulumi.Array{topic.Arn},
		Tags: nameTag(name),
	}
	if len(a.of) == 1 {
		m := a.of[0]
		args.Namespace, args.MetricName, args.Dimensions = pulumi.String(m.namespace), pulumi.String(m.name), pulumi.StringMap(m.dimensions)
		args.Statistic, args.Period = pulumi.String(a.statistic), pulumi.Int(a.period)
	} else {
		args.MetricQueries = a.queries()
	}
	_, err := cloudwatch.NewMetricAlarm(ctx, name, args, child)
	return err
}

// queries are the metric math of an alarm about several metrics: the greatest of them at each moment.
func (a alarm) queries() cloudwatch.MetricAlarmMetricQueryArray {
	var queries cloudwatch.MetricAlarmMetricQueryArray
	var ids []string
	for i, m := range a.of {
		id := "m" + strconv.Itoa(i)
		ids = append(ids, id)
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{Id: pulumi.String(id), Metric: cloudwatch.MetricAlarmMetricQueryMetricArgs{
			Namespace: pulumi.String(m.namespace), MetricName: pulumi.String(m.name), Dimensions: pulumi.StringMap(m.dimensions),
			Stat: pulumi.String(a.statistic), Period: pulumi.Int(a.period),
		}})
	}
	return append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
		Id: pulumi.String("greatest"), Expression: pulumi.String("MAX([" + strings.Join(ids, ",") + "])"), Label: pulumi.String(a.name),
		ReturnData: pulumi.Bool(true),
	})
}

// body is the dashboard: a graph for each alarm, three in a row, in the order of the alarms.
func body(region string, all []alarm) pulumi.StringOutput {
	const width, height, perRow = 8, 6, 3
	widgets := pulumi.Array{}
	for i, a := range all {
		metrics := pulumi.Array{}
		for _, m := range a.of {
			metrics = append(metrics, m.graph())
		}
		widgets = append(widgets, pulumi.Map{
			"type": pulumi.String("metric"), "width": pulumi.Int(width), "height": pulumi.Int(height),
			"x": pulumi.Int(i % perRow * width), "y": pulumi.Int(i / perRow * height),
			"properties": pulumi.Map{
				"title": pulumi.String(a.name), "region": pulumi.String(region), "stat": pulumi.String(a.statistic),
				"period": pulumi.Int(a.period), "metrics": metrics,
			},
		})
	}
	return pulumi.JSONMarshal(pulumi.Map{"widgets": widgets})
}

// graph is a metric as dashboards have it: namespace, name, and the dimensions by turns with their values.
func (m metric) graph() pulumi.Array {
	row := pulumi.Array{pulumi.String(m.namespace), pulumi.String(m.name)}
	for _, key := range slices.Sorted(maps.Keys(m.dimensions)) {
		row = append(row, pulumi.String(key), m.dimensions[key])
	}
	return row
}
