// Package watch is the component that makes a region's alarms, its dashboard, and the way by which people hear of them.
package watch

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describes what is watched. How many things there are is plain data; their ids are inputs.
type Args struct {
	// Region is the AWS region's code, Account its account, and Stack the region file's name, which names topic and dashboard.
	Region, Account, Stack string
	// Email and Webhooks are where notifications go; webhooks are https addresses, which are kept as secrets.
	Email, Webhooks []string
	// Namespace is that of the metrics which machines publish themselves.
	Namespace string
	// NATGateways are names with the ids of NAT gateways.
	NATGateways []Named
	// Fleets are the runner fleets.
	Fleets []Fleet
	// Shards are the cache servers.
	Shards []Shard
	// Connections are names with the ids of VPN connections of two tunnels each, with BGP, which together are the link.
	Connections []Named
}

// Named is a thing with its name, which does not change, and its id.
type Named struct {
	Name string
	ID   pulumi.StringInput
}

// Fleet is a runner fleet as alarms see it.
type Fleet struct {
	Name string
	// Group is the scaling group's name; the group publishes GroupInServiceCapacity.
	Group pulumi.StringInput
	// Dimension is the value of the dimension Fleet of its machines' metrics.
	Dimension string
	// Min is the capacity that must be in service; 0: nothing must.
	Min int
}

// Shard is a cache server as alarms see it.
type Shard struct {
	Name string
	// Dimension is the value of the dimension Shard of its metrics.
	Dimension string
}

// maxMetrics is how many metrics one alarm reads. Source: Amazon CloudWatch API reference, PutMetricAlarm.
const maxMetrics = 10

func (a *Args) validate() error {
	if a == nil {
		return errors.New("a watch needs arguments")
	}
	var errs *multierror.Error
	for i, hook := range a.Webhooks {
		// The address is not told: it may be a secret.
		if hookHost(hook) == "" || slices.Contains(a.Webhooks[:i], hook) {
			errs = multierror.Append(errs, fmt.Errorf("webhooks[%d]; want an https address, each once", i))
		}
	}
	if len(a.Connections) > maxMetrics {
		errs = multierror.Append(errs, fmt.Errorf("%d connections; one alarm reads at most %d metrics", len(a.Connections), maxMetrics))
	}
	if a.Stack == "" || a.Region == "" || a.Account == "" {
		errs = multierror.Append(errs, errors.New("it needs the names of its stack, its region and its account"))
	}
	return errs.ErrorOrNil()
}
