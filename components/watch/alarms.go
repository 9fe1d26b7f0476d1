package watch

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// alarm is one alarm, decided without the engine.
type alarm struct {
	// name is the alarm's resource name behind the component's.
	name, says string
	// of is what is watched. Of several metrics the greatest counts, so that the alarm is about all of them failing and not about one.
	of         []metric
	statistic  string
	comparison string
	threshold  float64
	// period is in seconds; the alarm goes off after so many periods in a row.
	period, periods int
	// missing is what the absence of data means: breaching where silence is the failure itself.
	missing string
}

// metric is one metric of one thing.
type metric struct {
	namespace, name string
	// dimensions are by name.
	dimensions map[string]pulumi.StringInput
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
			of:        []metric{{"AWS/NATGateway", "ErrorPortAllocation", map[string]pulumi.StringInput{"NatGatewayId": nat.ID}}},
			statistic: "Sum", comparison: above, threshold: 0, period: 60, periods: 1, missing: "notBreaching",
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

// linkAlarms watch the way to GCP. AWS has one metric for tunnel and session: with BGP it is 1 while the session is established and 0 in
// every other state, a tunnel that is down among them. Of a connection it is between 0 and 1 when one of its two tunnels is down, which
// AWS's own maintenance does to us now and then; below a quarter, both are. Source: AWS Site-to-Site VPN user guide, "Monitor AWS
// Site-to-Site VPN tunnels using Amazon CloudWatch". (Alarms on traffic were refused: it is reported for tunnels that are down too.)
func linkAlarms(connections []Named) []alarm {
	// Silence is the failure itself: a tunnel that is gone says nothing.
	down := alarm{statistic: "Maximum", comparison: below, threshold: 0.25, period: 60, missing: "breaching"}
	var all []alarm
	link := down
	for _, c := range connections {
		one := down
		one.name, one.says = "tunnels-"+c.Name, "Both tunnels of VPN connection "+c.Name+" are down, or have no BGP session: half of the link is left"
		one.of = []metric{{"AWS/VPN", "TunnelState", map[string]pulumi.StringInput{"VpnId": c.ID}}}
		one.periods = 3
		all, link.of = append(all, one), append(link.of, one.of...)
	}
	if len(connections) > 0 {
		// The whole link is worth the shorter wait: backend names lead nowhere.
		link.name, link.periods = "bgp", 2
		link.says = "No BGP session of any VPN connection is established: GCP is not reached over the link. Until it is, set gcp.path to public"
		all = append(all, link)
	}
	return all
}

func fleetAlarms(namespace string, f Fleet) []alarm {
	all := []alarm{{
		// At the ceiling for a quarter of an hour: jobs are waiting and the fleet may not grow.
		name: "busy-" + f.Name, says: "All machines of fleet " + f.Name + " are busy and it may not grow: raise count.max",
		of:        []metric{{namespace, "BusyPercent", map[string]pulumi.StringInput{"Fleet": pulumi.String(f.Dimension)}}},
		statistic: "Average", comparison: atTop, threshold: 100, period: 300, periods: 3, missing: "notBreaching",
	}}
	if f.Min > 0 {
		all = append(all, alarm{
			name: "machines-" + f.Name, says: "Fleet " + f.Name + " has fewer machines in service than its minimum",
			// AWS publishes it for groups that are told to, in the unit of the minimum.
			of:        []metric{{"AWS/AutoScaling", "GroupInServiceCapacity", map[string]pulumi.StringInput{"AutoScalingGroupName": f.Group}}},
			statistic: "Minimum", comparison: below, threshold: float64(f.Min), period: 60, periods: 10, missing: "breaching",
		})
	}
	return all
}

func shardAlarms(namespace string, s Shard) []alarm {
	dimensions := map[string]pulumi.StringInput{"Shard": pulumi.String(s.Dimension)}
	return []alarm{
		{
			name: "health-" + s.Name, says: "Cache server " + s.Name + " is not healthy, or says nothing: its tenants build without a cache",
			of: []metric{{namespace, "Healthy", dimensions}}, statistic: "Minimum", comparison: below, threshold: 1,
			period: 60, periods: 5, missing: "breaching",
		},
		{
			name: "space-" + s.Name, says: "The volume of cache server " + s.Name + " is nearly full: raise cache.volume.size, which grows in place",
			of: []metric{{namespace, "UsedPercent", dimensions}}, statistic: "Maximum", comparison: above, threshold: 92,
			period: 300, periods: 3, missing: "notBreaching",
		},
	}
}
