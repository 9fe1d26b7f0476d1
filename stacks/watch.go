package stacks

import (
	"fmt"

	"github.com/beachhead-build/beachhead/components/kit"
	"github.com/beachhead-build/beachhead/components/watch"
)

// createWatch creates alarms, dashboard and notifications.
func (r *region) createWatch() error {
	args := &watch.Args{
		Region: r.plan.Region, Account: r.plan.Account, Stack: r.plan.Name, Namespace: kit.Namespace,
		Email: r.plan.Alerts.Email, Webhooks: r.plan.Alerts.Webhooks,
	}
	for _, z := range r.plan.Network.Zones {
		if z.NATAddresses > 0 {
			args.NATGateways = append(args.NATGateways, watch.Named{Name: z.Name, ID: r.net.NATGateways[z.Name]})
		}
	}
	for _, f := range r.plan.Fleets {
		args.Fleets = append(args.Fleets, watch.Fleet{Name: f.Name, Group: r.fleets[f.Name].GroupName, Dimension: f.Path, Min: f.Min})
	}
	if r.plan.Cache != nil {
		for _, s := range r.plan.Cache.Shards {
			args.Shards = append(args.Shards, watch.Shard{Name: s.Name, Dimension: s.Name})
		}
	}
	if l := r.plan.Link; l != nil {
		// While GCP establishes the BGP sessions, the alarms go off: one mail reports that the link is down, and one that it is up. Waiting for
		// the sessions would not avoid that, since a new alarm evaluates earlier minutes too, and the alarms would be the last resources of
		// all.
		for side := range l.Tunnels[len(l.Tunnels)-1].Connection + 1 {
			key := fmt.Sprint(side)
			args.Connections = append(args.Connections, watch.Named{Name: key, ID: r.link.ConnectionIDs[key]})
		}
	}
	var err error
	r.watch, err = watch.New(r.ctx, "watch", args, r.inAWS())
	return err
}
