package watch

import (
	"strconv"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// alarm is the description of one alarm. Listing alarms needs no engine.
type alarm struct {
	// name is the alarm's resource name without the component's.
	name, description string
	// metrics are the alarm's metrics. If there are several, the greatest counts, so that the alarm goes off when all of them fail and not
	// when one does.
	metrics    []metric
	statistic  string
	comparison string
	threshold  float64
	// period is in seconds. The alarm goes off when the comparison holds in the given number of periods in a row.
	period, periods int
	// missing is the meaning of missing data: breaching where silence is the failure itself.
	missing string
}

// metric is one CloudWatch metric of one resource.
type metric struct {
	namespace, name string
	// dimensions are by name.
	dimensions map[string]pulumi.StringInput
}

// The comparisons with a threshold.
const (
	below   = "LessThanThreshold"
	above   = "GreaterThanThreshold"
	atLeast = "GreaterThanOrEqualToThreshold"
)

// The meanings of missing data.
const (
	missingIsFine    = "notBreaching"
	missingIsFailure = "breaching"
)

// listAlarms returns every alarm of a region. Thresholds are our estimates, except where a source is named.
func listAlarms(a *Args) []alarm {
	var all []alarm
	for _, nat := range a.NATGateways {
		all = append(all, alarm{
			name: "ports-" + nat.Name,
			description: "NAT gateway " + nat.Name + " has no free ports, so new connections hang. " +
				"Raise network.addresses, or change network.egress",
			// One error is too many: each is a connection that hung. Source: Amazon VPC user guide, "Monitor NAT gateways using Amazon
			// CloudWatch".
			metrics:   []metric{{"AWS/NATGateway", "ErrorPortAllocation", map[string]pulumi.StringInput{"NatGatewayId": nat.ID}}},
			statistic: "Sum", comparison: above, threshold: 0, period: 60, periods: 1, missing: missingIsFine,
		})
	}
	for _, fleet := range a.Fleets {
		all = append(all, fleetAlarms(a.Namespace, fleet)...)
	}
	for _, shard := range a.Shards {
		all = append(all, shardAlarms(a.Namespace, shard)...)
	}
	return append(all, linkAlarms(a.Connections)...)
}

// linkAlarms returns the alarms about the link to GCP. AWS has one metric for tunnel and session: with BGP it is 1 while the session is
// established, and 0 in every other state, also when the tunnel is down. For a connection it is between 0 and 1 when one of its two
// tunnels is down, which happens during AWS's own maintenance. Below a quarter, both are down. Source: AWS Site-to-Site VPN user guide,
// "Monitor AWS Site-to-Site VPN tunnels using Amazon CloudWatch". (Alarms on traffic were refused: AWS reports traffic for tunnels that
// are down too.)
func linkAlarms(connections []Named) []alarm {
	// Silence is the failure itself: a deleted tunnel publishes nothing.
	down := alarm{statistic: "Maximum", comparison: below, threshold: 0.25, period: 60, missing: missingIsFailure}
	var all []alarm
	link := down
	for _, c := range connections {
		one := down
		one.name = "tunnels-" + c.Name
		one.description = "Both tunnels of VPN connection " + c.Name + " are down, or have no BGP session. " +
			"The link works with its other half only"
		one.metrics = []metric{{"AWS/VPN", "TunnelState", map[string]pulumi.StringInput{"VpnId": c.ID}}}
		one.periods = 3
		all, link.metrics = append(all, one), append(link.metrics, one.metrics...)
	}
	if len(connections) > 0 {
		// The alarm about the whole link goes off sooner, because backend names lead nowhere.
		link.name, link.periods = "bgp", 2
		link.description = "No VPN connection has an established BGP session, so GCP is unreachable over the link. " +
			"Set gcp.path to public until it works"
		all = append(all, link)
	}
	return all
}

func fleetAlarms(namespace string, f Fleet) []alarm {
	all := []alarm{{
		// All machines busy at the fleet's maximum for a quarter of an hour: jobs wait, and the fleet cannot grow.
		name:        "busy-" + f.Name,
		description: "All machines of fleet " + f.Name + " are busy, and the fleet is at its maximum. Raise count.max",
		metrics:     []metric{{namespace, "BusyPercent", map[string]pulumi.StringInput{"Fleet": pulumi.String(f.Dimension)}}},
		statistic:   "Average", comparison: atLeast, threshold: 100, period: 300, periods: 3, missing: missingIsFine,
	}}
	if f.Min > 0 {
		all = append(all, alarm{
			name: "machines-" + f.Name, description: "Fleet " + f.Name + " has fewer machines in service than its minimum",
			// Groups publish this metric on request, in the unit of the minimum.
			metrics:   []metric{{"AWS/AutoScaling", "GroupInServiceCapacity", map[string]pulumi.StringInput{"AutoScalingGroupName": f.Group}}},
			statistic: "Minimum", comparison: below, threshold: float64(f.Min), period: 60, periods: 10, missing: missingIsFailure,
		})
	}
	return all
}

func shardAlarms(namespace string, s Shard) []alarm {
	dimensions := map[string]pulumi.StringInput{"Shard": pulumi.String(s.Dimension)}
	return []alarm{
		{
			name:        "health-" + s.Name,
			description: "Cache server " + s.Name + " is not healthy, or does not report. Its tenants build without a cache",
			metrics:     []metric{{namespace, "Healthy", dimensions}}, statistic: "Minimum", comparison: below, threshold: 1,
			period: 60, periods: 5, missing: missingIsFailure,
		},
		{
			name:        "space-" + s.Name,
			description: "The volume of cache server " + s.Name + " is nearly full. Raise cache.volume.size; the volume grows in place",
			metrics:     []metric{{namespace, "UsedPercent", dimensions}}, statistic: "Maximum", comparison: above, threshold: 92,
			period: 300, periods: 3, missing: missingIsFine,
		},
	}
}

func (b *builder) createAlarms() error {
	for _, a := range b.alarms {
		if err := b.createAlarm(a); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) createAlarm(a alarm) error {
	name := b.ChildName(a.name)
	args := &cloudwatch.MetricAlarmArgs{
		AlarmDescription: pulumi.String(a.description), ComparisonOperator: pulumi.String(a.comparison),
		Threshold: pulumi.Float64(a.threshold), EvaluationPeriods: pulumi.Int(a.periods),
		TreatMissingData: pulumi.String(a.missing), AlarmActions: pulumi.Array{b.topic.Arn}, OkActions: pulumi.Array{b.topic.Arn},
		Tags: kit.NameTag(name),
	}
	if len(a.metrics) == 1 {
		m := a.metrics[0]
		args.Namespace, args.MetricName, args.Dimensions = pulumi.String(m.namespace), pulumi.String(m.name), pulumi.StringMap(m.dimensions)
		args.Statistic, args.Period = pulumi.String(a.statistic), pulumi.Int(a.period)
	} else {
		args.MetricQueries = a.metricQueries()
	}
	_, err := kit.Create(b.Component, cloudwatch.NewMetricAlarm, name, args)
	return err
}

// metricQueries returns the metric math of an alarm about several metrics: the greatest of them at each moment.
func (a alarm) metricQueries() cloudwatch.MetricAlarmMetricQueryArray {
	var queries cloudwatch.MetricAlarmMetricQueryArray
	var ids []string
	for i, m := range a.metrics {
		id := "m" + strconv.Itoa(i)
		ids = append(ids, id)
		read := cloudwatch.MetricAlarmMetricQueryMetricArgs{
			Namespace: pulumi.String(m.namespace), MetricName: pulumi.String(m.name), Dimensions: pulumi.StringMap(m.dimensions),
			Stat: pulumi.String(a.statistic), Period: pulumi.Int(a.period),
		}
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{Id: pulumi.String(id), Metric: read})
	}
	return append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
		Id: pulumi.String("greatest"), Expression: pulumi.String("MAX([" + strings.Join(ids, ",") + "])"), Label: pulumi.String(a.name),
		ReturnData: pulumi.Bool(true),
	})
}
