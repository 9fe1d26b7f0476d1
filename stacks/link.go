package stacks

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/internal/plan"
)

func (r *region) makeLink() error {
	if a := r.plan.Admission; a != nil {
		if _, err := gcplink.NewAdmission(r.ctx, "admission", &gcplink.AdmissionArgs{
			Stack: r.plan.Name, Project: a.Project, Policy: a.Policy, Priority: a.Priority, Addresses: r.net.Addresses,
		}, r.inBoth()); err != nil {
			return err
		}
	}
	l := r.plan.Link
	if l == nil {
		return nil
	}
	args := &gcplink.Args{
		Names: "beachhead-" + r.plan.Name, VPC: r.net.VPCID, RouteTables: r.routeTables(), Network: l.Network,
		AWSASN: l.ASNs.AWS, GCPASN: l.ASNs.GCP, Advertised: l.Advertised, Sources: l.Sources,
	}
	if len(l.Tunnels) != gcplink.Tunnels {
		return fmt.Errorf("the plan has %d tunnels; a link has %d", len(l.Tunnels), gcplink.Tunnels)
	}
	args.Inside = [gcplink.Tunnels]netip.Prefix{}
	for i, t := range l.Tunnels {
		args.Inside[i] = t.Inside
	}
	for _, s := range l.Services {
		args.Services = append(args.Services, gcplink.Service{Name: s.Name, Address: s.Address, Ports: s.Ports})
	}
	for _, z := range l.Zones {
		zone := gcplink.Zone{Name: z.Name}
		for _, record := range z.Records {
			zone.Records = append(zone.Records, gcplink.Record{Name: record.Name, Type: record.Type, TTL: record.TTL, Values: record.Values})
		}
		args.Zones = append(args.Zones, zone)
	}
	var err error
	r.link, err = gcplink.New(r.ctx, "link", args, r.inBoth())
	return err
}

// routeTables are those of whoever talks to GCP: runners in either tier, and cache servers.
func (r *region) routeTables() map[string]pulumi.StringInput {
	tables := map[string]pulumi.StringInput{string(plan.PublicTier): r.net.PublicRouteTable}
	for _, z := range r.plan.Network.Zones {
		tables[string(plan.PrivateTier)+"-"+z.Name] = r.net.RunnerRouteTables[z.Name]
		tables[string(plan.CacheTier)+"-"+z.Name] = r.net.CacheRouteTables[z.Name]
	}
	return tables
}
