package watch

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// ComponentType is the component's type token.
const ComponentType = "beachhead:aws:Watch"

// Watch is a region's monitoring.
type Watch struct {
	pulumi.ResourceState

	// Topic is the ARN of the topic that sends notifications of alarms.
	Topic pulumi.StringOutput `pulumi:"topic"`
	// Dashboard is the dashboard's name.
	Dashboard pulumi.StringOutput `pulumi:"dashboard"`
}

// builder creates the resources of a watch. Each of its steps fills in fields for later steps.
type builder struct {
	*kit.Component
	args   *Args
	alarms []alarm

	topic     *sns.Topic
	dashboard *cloudwatch.Dashboard
}

// New creates a region's alarms, dashboard and notifications. No resource waits for them. They take two seconds each by the model
// durations, all at the same time, after the resources that they watch.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Watch, error) {
	w := &Watch{}
	component, err := kit.Register(ctx, kit.Kind{Noun: "watch", Token: ComponentType}, name, w, args, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{Component: component, args: args, alarms: listAlarms(args)}
	if err := b.RunSteps(b.createTopic, b.subscribeAll, b.createAlarms, b.createDashboard); err != nil {
		return nil, err
	}
	w.Topic, w.Dashboard = b.topic.Arn, b.dashboard.DashboardName
	return w, b.PublishOutputs(pulumi.Map{"topic": w.Topic, "dashboard": w.Dashboard})
}
