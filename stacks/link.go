package stacks

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// createAdmission creates the Cloud Armor rule that lets the region's runners in, if the plan has one.
func (r *region) createAdmission() error {
	a := r.plan.Admission
	if a == nil {
		return nil
	}
	_, err := gcplink.NewAdmission(r.ctx, "admission", &gcplink.AdmissionArgs{
		Stack: r.plan.Name, Project: a.Project, Policy: a.Policy, Priority: a.Priority, Addresses: r.net.Addresses,
	}, r.inBoth())
	return err
}

// createLink creates the link to GCP if the plan has one.
func (r *region) createLink() error {
	l := r.plan.Link
	if l == nil {
		return nil
	}
	args := &gcplink.Args{
		Names: "beachhead-" + r.plan.Name, VPC: r.net.VPCID, RouteTables: r.routeTables(), Network: l.Network,
		AWSASN: l.ASNs.AWS, GCPASN: l.ASNs.GCP, Advertised: l.Advertised, Sources: l.Sources,
	}
	if len(l.Tunnels) != gcplink.Tunnels {
		return fmt.Errorf("the plan has %d tunnels; want %d", len(l.Tunnels), gcplink.Tunnels)
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

// routeTables returns the ids of the route tables that need routes to GCP: those of runners in both tiers, and of cache servers.
func (r *region) routeTables() map[string]pulumi.StringInput {
	tables := map[string]pulumi.StringInput{string(plan.PublicTier): r.net.PublicRouteTable}
	for _, z := range r.plan.Network.Zones {
		tables[string(plan.PrivateTier)+"-"+z.Name] = r.net.RunnerRouteTables[z.Name]
		tables[string(plan.CacheTier)+"-"+z.Name] = r.net.CacheRouteTables[z.Name]
	}
	return tables
}
