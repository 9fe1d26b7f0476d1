// Package stacks turns a plan into Pulumi programs. It alone creates providers, maps the plan to component arguments and exports
// outputs.
package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/artifacts"
	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/components/fleet"
	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/components/network"
	"github.com/beachhead-build/beachhead/components/watch"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// region is a region on its way.
type region struct {
	ctx    *pulumi.Context
	plan   *plan.Plan
	agent  *agent // nil without machines
	amazon *aws.Provider
	google *gcp.Provider

	net    *network.Network
	depot  *artifacts.Artifacts
	link   *gcplink.Link
	cache  *cache.ShardedCache
	fleets map[string]*fleet.Fleet
	watch  *watch.Watch
}

// Region is the program of one region: everything in the plan, with the fewest edges. Bin is the folder with the builds of the node agent,
// as `make agent` leaves them there; without them it fails with ErrNoAgent, unless the region has no machines. A program that lacks them,
// or stack secrets, fails before it declares anything, for secrets with an error for each.
func Region(p *plan.Plan, bin string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		secrets, err := tokens(ctx, p)
		if err != nil {
			return err
		}
		r := &region{ctx: ctx, plan: p, fleets: map[string]*fleet.Fleet{}}
		if p.HasMachines() {
			if r.agent, err = findAgent(bin); err != nil {
				return err
			}
		}
		// On a stack of its own: Pulumi writes the stack trace of each resource into the state, and the whole state at each step. From
		// here on it is a third of what it is below the engine.
		made := make(chan error)
		go func() { made <- r.make(secrets) }()
		return <-made
	}
}

// make declares everything. The order is that in which later steps read what earlier ones made. It does not serialise the engine: only
// data does. The link takes longest and comes as early as it can; nothing but its own parts waits for it.
func (r *region) make(secrets map[string]pulumi.StringOutput) error {
	for _, step := range []func() error{
		r.makeProviders, r.makeArtifacts, r.makeNetwork, r.makeLink, r.makeCache,
		func() error { return r.makeFleets(secrets) }, r.makeWatch,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	for name, value := range r.outputs() {
		r.ctx.Export(name, value)
	}
	return nil
}

func (r *region) makeProviders() error {
	var err error
	if r.amazon, err = aws.NewProvider(r.ctx, "aws", &aws.ProviderArgs{
		Region: pulumi.String(r.plan.Region),
		// Credentials of another account are refused by the provider too, in case this program runs without our checks before it.
		AllowedAccountIds: pulumi.ToStringArray([]string{r.plan.Account}),
		DefaultTags:       aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(r.plan.Tags)},
	}); err != nil {
		return fmt.Errorf("the AWS provider: %w", err)
	}
	project, place := r.project()
	if project == "" {
		return nil
	}
	args := &gcp.ProviderArgs{Project: pulumi.String(project)}
	if place != "" {
		args.Region = pulumi.String(place)
	}
	if r.google, err = gcp.NewProvider(r.ctx, "gcp", args); err != nil {
		return fmt.Errorf("the GCP provider: %w", err)
	}
	return nil
}

// project is the GCP project and region in which the region has anything; empty: it has nothing there, and needs no credentials for it.
func (r *region) project() (project, place string) {
	switch {
	case r.plan.Link != nil:
		return r.plan.Link.Project, r.plan.Link.Region
	case r.plan.Admission != nil:
		return r.plan.Admission.Project, ""
	}
	return "", ""
}

// inAWS and inBoth are the options of components by where they have resources.
func (r *region) inAWS() pulumi.ResourceOption { return pulumi.Providers(r.amazon) }

func (r *region) inBoth() pulumi.ResourceOption { return pulumi.Providers(r.amazon, r.google) }

func (r *region) makeNetwork() error {
	n := r.plan.Network
	args := &network.Args{
		CIDR: n.CIDR, Region: r.plan.Region, Account: r.plan.Account, Internet: n.Internet, InterfaceEndpoints: n.InterfaceEndpoints,
		FlowLogGroup: n.FlowLogGroup, FlowLogDays: n.FlowLogDays, Tags: r.plan.Tags,
	}
	if r.depot != nil {
		args.Bucket = r.depot.Bucket
	}
	for _, z := range n.Zones {
		zone := network.Zone{
			Name:    z.Name,
			Private: z.Subnets[plan.PrivateTier], Public: z.Subnets[plan.PublicTier],
			Cache: z.Subnets[plan.CacheTier], Link: z.Subnets[plan.LinkTier],
			RunnerWay: way(z.RunnerRoute), CacheWay: way(z.CacheRoute), NATAddresses: z.NATAddresses,
		}
		if i := z.NATInstance; i != nil {
			data, err := r.plan.NATUserData(z.Name, r.agent.sums)
			if err != nil {
				return err
			}
			zone.NATInstance = &network.NATInstance{InstanceType: i.InstanceType, Address: i.Address, Image: i.Image, UserData: data}
		}
		args.Zones = append(args.Zones, zone)
	}
	var err error
	r.net, err = network.New(r.ctx, "net", args, r.inAWS())
	return err
}

func way(w plan.Route) network.Way { return network.Way{Kind: network.WayKind(w.Kind), Zone: w.Zone} }

// makeArtifacts makes the bucket where there are machines to fetch from it.
func (r *region) makeArtifacts() error {
	if r.agent == nil {
		return nil
	}
	args := &artifacts.Args{Bucket: r.plan.Bucket}
	for _, arch := range r.agent.architectures() {
		args.Agents = append(args.Agents, artifacts.Agent{
			Arch: string(arch), Key: plan.AgentKey(arch, r.agent.sums[arch]), Path: r.agent.files[arch],
		})
	}
	var err error
	r.depot, err = artifacts.New(r.ctx, "artifacts", args, r.inAWS())
	return err
}
