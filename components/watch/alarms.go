package watch

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// alarm is one alarm, decided without the engine.
type alarm struct {
	// name is the alarm's resource name behind the component's.
	name, says        string
	namespace, metric string
	statistic         string
	// dimensions are the metric's, by name.
	dimensions map[string]pulumi.StringInput
	comparison string
	threshold  float64
	// period is in seconds; the alarm goes off after so many periods in a row.
	period, periods int
	// missing is what the absence of data means: breaching where silence is the failure itself.
	missing string
}

const (
	below = "LessThanThreshold"
	above = "GreaterThanThreshold"
	atTop = "GreaterThanOrEqualToThreshold"
)

// alarms lists every alarm of a region. Thresholds are judgement, except where a source is named.
func alarms(a *Args) []alarm {
	var all []alarm
	for _, nat := range a.NATGateways {
		all = append(all, alarm{
			name: "ports-" + nat.Name, says: "NAT gateway " + nat.Name + " has no ports left: connects hang. Raise network.addresses, or change network.egress",
			// Any is too many: each is a connect that hung. Source: Amazon VPC user guide, "Monitor NAT gateways using Amazon CloudWatch".
			namespace: "AWS/NATGateway", metric: "ErrorPortAllocation", statistic: "Sum",
			dimensions: map[string]pulumi.StringInput{"NatGatewayId": nat.ID}, comparison: above, threshold: 0, period: 60, periods: 1,
			missing: "notBreaching",
		})
	}
	for _, fleet := range a.Fleets {
		all = append(all, fleetAlarms(a.Namespace, fleet)...)
	}
	for _, shard := range a.Shards {
		all = append(all, shardAlarms(a.Namespace, shard)...)
	}
	for _, c := range a.Connections {
		all = append(all, alarm{
			// The metric of a connection is the mean of its two tunnels: 0.5 with one down, which AWS's own maintenance does to us now and
			// then, and 0 with both. Only both are worth waking somebody. Source: AWS Site-to-Site VPN user guide, "Monitor tunnels".
			name: "tunnels-" + c.Name, says: "Both tunnels of VPN connection " + c.Name + " are down",
			namespace: "AWS/VPN", metric: "TunnelState", statistic: "Maximum",
			dimensions: map[string]pulumi.StringInput{"VpnId": c.ID}, comparison: below, threshold: 0.25, period: 60, periods: 3,
			missing: "breaching",
		})
	}
	return all
}

func fleetAlarms(namespace string, f Fleet) []alarm {
	all := []alarm{{
		// At the ceiling for a quarter of an hour: jobs are waiting and the fleet may not grow.
		name: "busy-" + f.Name, says: "All machines of fleet " + f.Name + " are busy and it may not grow: raise count.max",
		namespace: namespace, metric: "BusyPercent", statistic: "Average",
		dimensions: map[string]pulumi.StringInput{"Fleet": pulumi.String(f.Dimension)}, comparison: atTop, threshold: 100, period: 300, periods: 3,
		missing: "notBreaching",
	}}
	if f.Min > 0 {
		all = append(all, alarm{
			name: "machines-" + f.Name, says: "Fleet " + f.Name + " has fewer machines in service than its minimum",
			namespace: "AWS/AutoScaling", metric: "GroupInServiceCapacity", statistic: "Minimum",
			dimensions: map[string]pulumi.StringInput{"AutoScalingGroupName": f.Group}, comparison: below, threshold: float64(f.Min),
			period: 60, periods: 10, missing: "breaching",
		})
	}
	return all
}

func shardAlarms(namespace string, s Shard) []alarm {
	dimensions := map[string]pulumi.StringInput{"Shard": pulumi.String(s.Dimension)}
	return []alarm{
		{
			name: "health-" + s.Name, says: "Cache server " + s.Name + " is not healthy, or says nothing: its tenants build without a cache",
			namespace: namespace, metric: "Healthy", statistic: "Minimum", dimensions: dimensions, comparison: below, threshold: 1,
			period: 60, periods: 5, missing: "breaching",
		},
		{
			name: "space-" + s.Name, says: "The volume of cache server " + s.Name + " is nearly full: raise cache.volume.size, which grows in place",
			namespace: namespace, metric: "UsedPercent", statistic: "Maximum", dimensions: dimensions, comparison: above, threshold: 92,
			period: 300, periods: 3, missing: "notBreaching",
		},
	}
}
