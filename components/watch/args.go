// Package watch is the component for a region's monitoring: alarms, a dashboard, and the topic that notifies people of alarms.
package watch

import (
	"errors"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// Args describes what a watch monitors. The number of resources is plain data; their ids are inputs.
type Args struct {
	// Region is the AWS region's code, and Account its account. Stack is the region file's name, which names topic and dashboard.
	Region, Account, Stack string
	// Email and Webhooks are the receivers of notifications. Webhooks are https addresses, which stay secret.
	Email, Webhooks []string
	// Namespace is the CloudWatch namespace of the metrics that machines publish.
	Namespace string
	// NATGateways are the NAT gateways by name.
	NATGateways []Named
	// Fleets are the runner fleets.
	Fleets []Fleet
	// Shards are the cache servers.
	Shards []Shard
	// Connections are the VPN connections by name. Each has two tunnels with BGP; together they are the link.
	Connections []Named
}

// Named is a resource with a name that does not change, and its id.
type Named struct {
	Name string
	ID   pulumi.StringInput
}

// Fleet is a runner fleet as alarms refer to it.
type Fleet struct {
	Name string
	// Group is the name of the scaling group, which publishes GroupInServiceCapacity.
	Group pulumi.StringInput
	// Dimension is the value of the dimension Fleet of its machines' metrics.
	Dimension string
	// Min is the capacity that must be in service. 0: none must be.
	Min int
}

// Shard is a cache server as alarms refer to it.
type Shard struct {
	Name string
	// Dimension is the value of the dimension Shard of its metrics.
	Dimension string
}

// maxMetrics is the number of metrics that one alarm reads. Source: Amazon CloudWatch API reference, PutMetricAlarm.
const maxMetrics = 10

// Validate returns an error that lists every problem of the arguments. It contains no webhook addresses, because they may be secret.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("arguments are missing")
	}
	p := &kit.Problems{}
	for i, hook := range a.Webhooks {
		p.RefuseIf(webhookHost(hook) == "", "webhooks[%d]: want an https address", i)
		p.RefuseIf(slices.Contains(a.Webhooks[:i], hook), "webhooks[%d]: the address is listed twice", i)
	}
	p.RefuseIf(len(a.Connections) > maxMetrics, "%d VPN connections; one alarm reads at most %d metrics", len(a.Connections), maxMetrics)
	p.RefuseIf(a.Stack == "" || a.Region == "" || a.Account == "",
		"stack %q, region %q, account %q; want all of them", a.Stack, a.Region, a.Account)
	return p.Combine()
}
