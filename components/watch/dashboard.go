package watch

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

func (b *builder) createDashboard() error {
	var err error
	b.dashboard, err = kit.Create(b.Component, cloudwatch.NewDashboard, b.Name(), &cloudwatch.DashboardArgs{
		DashboardName: pulumi.String("beachhead-" + b.args.Stack), DashboardBody: drawGraphs(b.args.Region, b.alarms),
	})
	return err
}

// drawGraphs returns the JSON text of a dashboard with a graph for each alarm, three in a row, in the order of the alarms.
func drawGraphs(region string, alarms []alarm) pulumi.StringOutput {
	const width, height, perRow = 8, 6, 3
	widgets := pulumi.Array{}
	for i, a := range alarms {
		metrics := pulumi.Array{}
		for _, m := range a.metrics {
			metrics = append(metrics, m.dashboardRow())
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

// dashboardRow returns a metric in the form of dashboards: namespace, name, and then each dimension followed by its value.
func (m metric) dashboardRow() pulumi.Array {
	row := pulumi.Array{pulumi.String(m.namespace), pulumi.String(m.name)}
	for _, key := range slices.Sorted(maps.Keys(m.dimensions)) {
		row = append(row, pulumi.String(key), m.dimensions[key])
	}
	return row
}
