package stacks

import (
	"fmt"
	"path"

	"github.com/hashicorp/go-multierror"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/beachhead-build/beachhead/components/fleet"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// busyPercent is the part of busy machines that scaling aims at: under it a quarter of the jobs that run can come on top at once.
// Judgement.
const busyPercent = 75

// tokens reads the stack secrets that the plan names.
func tokens(ctx *pulumi.Context, p *plan.Plan) (map[string]pulumi.StringOutput, error) {
	settings := config.New(ctx, "")
	found := map[string]pulumi.StringOutput{}
	var errs *multierror.Error
	for _, name := range p.SecretNames() {
		value, err := settings.TrySecret(name)
		if err != nil {
			errs = multierror.Append(errs, fmt.Errorf("the stack has no secret %s; `pulumi config set --secret %s --stack %s` asks for it",
				name, name, ctx.Stack()))
			continue
		}
		found[name] = value
	}
	return found, errs.ErrorOrNil()
}

func (r *region) makeFleets(secrets map[string]pulumi.StringOutput) error {
	for _, f := range r.plan.Fleets {
		data, err := r.plan.FleetUserData(f, r.agent.sums)
		if err != nil {
			return err
		}
		args := &fleet.Args{
			Region: r.plan.Region, Account: r.plan.Account, Path: f.Path, Min: f.Min, Max: f.Max,
			OnDemandBase: f.OnDemandBase, OnDemandPercent: f.OnDemandPercent, Launching: f.Launching, Posture: string(r.plan.Posture),
			DiskGiB: f.DiskGiB, Image: f.ImageParameter, PublicAddress: f.PublicAddress, UserData: data,
			HookSeconds: f.HookSeconds, LifetimeDays: f.LifetimeDays, BusyPercent: busyPercent, Tags: r.plan.Tags,
			VPC: r.net.VPCID, Subnets: r.subnets(f.Tier), Bucket: r.depot.Bucket,
		}
		for _, t := range f.Types {
			args.Types = append(args.Types, fleet.Type{Name: t.Name, Weight: t.Weight})
		}
		// A group has no size of its own to set, since scaling owns it; with no room above zero it has none.
		if f.Desired != nil {
			args.Max = *f.Desired
		}
		if f.Cache {
			args.ReadParameters = cacheParameters(r.plan.Cache)
		}
		if f.Agent.Secret != "" {
			args.Token = secrets[f.Agent.Secret]
		}
		if r.fleets[f.Name], err = fleet.New(r.ctx, "fleet-"+f.Name, args, r.inAWS()); err != nil {
			return err
		}
	}
	return nil
}

// cacheParameters are those that runners read to find a tenant's files: the map, older versions of it, and what each shard has copied. AWS
// does not say under which name IAM sees a parameter that is asked for as NAME:VERSION; no parameter has a colon in its own. The last is a
// folder of such parameters and of nothing else, so that one more shard changes no fleet's role.
func cacheParameters(c *plan.Cache) []string {
	return []string{c.MapParameter, c.MapParameter + ":*", path.Dir(shardmap.MovedParameter(c.MapParameter, 0)) + "/*"}
}

// subnets gives the ids of a tier's subnets, in the order of the zones.
func (r *region) subnets(tier plan.Tier) pulumi.StringArray {
	byZone := r.net.PrivateSubnets
	if tier == plan.PublicTier {
		byZone = r.net.PublicSubnets
	}
	var ids pulumi.StringArray
	for _, z := range r.plan.Network.Zones {
		ids = append(ids, byZone[z.Name])
	}
	return ids
}
