// Package stacks creates Pulumi programs from plans. Only this package creates providers, translates a plan into arguments of components,
// and exports outputs.
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

// region creates a region's resources. Each of its steps fills in fields for later steps.
type region struct {
	ctx  *pulumi.Context
	plan *plan.Plan
	// secrets are the stack's secrets by name.
	secrets map[string]pulumi.StringOutput
	// agent is nil in a region without machines.
	agent *agent
	// google is nil in a region without resources in GCP.
	amazon *aws.Provider
	google *gcp.Provider

	net       *network.Network
	artifacts *artifacts.Artifacts
	link      *gcplink.Link
	cache     *cache.ShardedCache
	fleets    map[string]*fleet.Fleet
	watch     *watch.Watch
}

// Region returns the program of one region: every resource of the plan, with as few dependencies as possible. The folder bin contains the
// builds of the node agent, which `make agent` creates. The program fails before it registers a resource if a build is missing
// (ErrNoAgent; a region without machines needs none), or if stack secrets are missing, with an error for each.
func Region(p *plan.Plan, bin string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		secrets, err := readSecrets(ctx, p)
		if err != nil {
			return err
		}
		r := &region{ctx: ctx, plan: p, secrets: secrets, fleets: map[string]*fleet.Fleet{}}
		if p.HasMachines() {
			if r.agent, err = findAgent(bin); err != nil {
				return err
			}
		}
		// A goroutine of its own has a short stack. Pulumi writes the stack trace of each resource into the state, and the whole state at each
		// step; below the engine's frames the traces would be three times as long.
		done := make(chan error)
		go func() { done <- r.createAll() }()
		return <-done
	}
}

// createAll registers every resource. The order is only that in which later steps read the results of earlier ones. The engine does not
// wait between steps: it orders resources by their data. The link takes longest and comes as early as possible; only its own parts and
// its alarms wait for it.
func (r *region) createAll() error {
	for _, step := range []func() error{
		r.createProviders, r.createArtifacts, r.createNetwork, r.createAdmission, r.createLink, r.createCache, r.createFleets, r.createWatch,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	for name, value := range r.listOutputs() {
		r.ctx.Export(name, value)
	}
	return nil
}

// createProviders creates the AWS provider of the region, and the GCP provider if the region has resources in GCP.
func (r *region) createProviders() error {
	var err error
	if r.amazon, err = aws.NewProvider(r.ctx, "aws", &aws.ProviderArgs{
		Region: pulumi.String(r.plan.Region),
		// The provider refuses credentials of another account too, in case this program runs without Beachhead's checks before it.
		AllowedAccountIds: pulumi.ToStringArray([]string{r.plan.Account}),
		DefaultTags:       aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(r.plan.Tags)},
	}); err != nil {
		return fmt.Errorf("creating the provider aws: %w", err)
	}
	project, location := r.findProject()
	if project == "" {
		return nil
	}
	args := &gcp.ProviderArgs{Project: pulumi.String(project)}
	if location != "" {
		args.Region = pulumi.String(location)
	}
	if r.google, err = gcp.NewProvider(r.ctx, "gcp", args); err != nil {
		return fmt.Errorf("creating the provider gcp: %w", err)
	}
	return nil
}

// findProject returns the GCP project and the GCP region of the region's resources. A region without resources in GCP has no project and
// needs no credentials for it. If the only resource is the admission rule, it returns a project and no GCP region.
func (r *region) findProject() (project, location string) {
	switch {
	case r.plan.Link != nil:
		return r.plan.Link.Project, r.plan.Link.Region
	case r.plan.Admission != nil:
		return r.plan.Admission.Project, ""
	}
	return "", ""
}

// inAWS and inBoth return the provider options of components with resources in AWS only, and in both clouds.
func (r *region) inAWS() pulumi.ResourceOption { return pulumi.Providers(r.amazon) }

func (r *region) inBoth() pulumi.ResourceOption { return pulumi.Providers(r.amazon, r.google) }

// createNetwork creates the VPC.
func (r *region) createNetwork() error {
	n := r.plan.Network
	args := &network.Args{
		CIDR: n.CIDR, Region: r.plan.Region, Account: r.plan.Account, Internet: n.Internet, InterfaceEndpoints: n.InterfaceEndpoints,
		FlowLogGroup: n.FlowLogGroup, FlowLogDays: n.FlowLogDays, Tags: r.plan.Tags,
	}
	if r.artifacts != nil {
		args.Bucket = r.artifacts.Bucket
	}
	for _, z := range n.Zones {
		zone := network.Zone{
			Name:    z.Name,
			Private: z.Subnets[plan.PrivateTier], Public: z.Subnets[plan.PublicTier],
			Cache: z.Subnets[plan.CacheTier], Link: z.Subnets[plan.LinkTier],
			RunnerRoute: convertRoute(z.RunnerRoute), CacheRoute: convertRoute(z.CacheRoute), NATAddresses: z.NATAddresses,
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

func convertRoute(r plan.Route) network.Route {
	return network.Route{Kind: network.RouteKind(r.Kind), Zone: r.Zone}
}

// createArtifacts creates the bucket with the node agent, unless the region has no machines.
func (r *region) createArtifacts() error {
	if r.agent == nil {
		return nil
	}
	args := &artifacts.Args{Bucket: r.plan.Bucket}
	for _, arch := range r.agent.listArchitectures() {
		args.Agents = append(args.Agents, artifacts.Agent{
			Arch: string(arch), Key: plan.AgentKey(arch, r.agent.sums[arch]), Path: r.agent.files[arch],
		})
	}
	var err error
	r.artifacts, err = artifacts.New(r.ctx, "artifacts", args, r.inAWS())
	return err
}
