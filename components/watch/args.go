// Package watch is the component that makes a region's alarms, its dashboard, and the way by which people hear of them.
package watch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Args describes what is watched. How many things there are is plain data; their ids are inputs.
type Args struct {
	// Region is the AWS region's code, Account its account, and Stack the region file's name, which names topic and dashboard.
	Region, Account, Stack string
	// Email and Webhooks are where notifications go; webhooks are https addresses.
	Email, Webhooks []string
	// Namespace is that of the metrics which machines publish themselves.
	Namespace string
	// NATGateways are names with the ids of NAT gateways.
	NATGateways []Named
	// Fleets are the runner fleets.
	Fleets []Fleet
	// Shards are the cache servers.
	Shards []Shard
	// Connections are names with the ids of VPN connections of two tunnels each.
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
	// Group is the scaling group's name.
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

func (a *Args) validate() error {
	if a == nil {
		return errors.New("a watch needs arguments")
	}
	var errs *multierror.Error
	for _, hook := range a.Webhooks {
		if !strings.HasPrefix(hook, "https://") {
			errs = multierror.Append(errs, fmt.Errorf("webhook %q; want an https address", hook))
		}
	}
	if a.Stack == "" || a.Region == "" || a.Account == "" {
		errs = multierror.Append(errs, errors.New("it needs the names of its stack, its region and its account"))
	}
	return errs.ErrorOrNil()
}
