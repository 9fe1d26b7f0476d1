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

// busyPercent is the percentage of busy machines that scaling aims at: a quarter of the fleet is free for jobs that start at the same
// time. It is our estimate.
const busyPercent = 75

// readSecrets returns the stack secrets that the plan names. It returns an error for each one that is missing.
func readSecrets(ctx *pulumi.Context, p *plan.Plan) (map[string]pulumi.StringOutput, error) {
	settings := config.New(ctx, "")
	found := map[string]pulumi.StringOutput{}
	var errs *multierror.Error
	for _, name := range p.SecretNames() {
		value, err := settings.TrySecret(name)
		if err != nil {
			errs = multierror.Append(errs, fmt.Errorf("the stack has no secret %s; set it with `pulumi config set --secret %s --stack %s`",
				name, name, ctx.Stack()))
			continue
		}
		found[name] = value
	}
	return found, errs.ErrorOrNil()
}

// createFleets creates the runner fleets of the plan.
func (r *region) createFleets() error {
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
			VPC: r.net.VPCID, Subnets: r.subnetIDs(f.Tier), Bucket: r.artifacts.Bucket,
		}
		for _, t := range f.Types {
			args.Types = append(args.Types, fleet.Type{Name: t.Name, Weight: t.Weight})
		}
		// The desired capacity belongs to scaling, so the stack cannot set it. A planned size becomes the maximum.
		if f.Desired != nil {
			args.Max = *f.Desired
		}
		if f.Cache {
			args.ReadParameters = listCacheParameters(r.plan.Cache)
		}
		if f.Agent.Secret != "" {
			args.Token = r.secrets[f.Agent.Secret]
		}
		if r.fleets[f.Name], err = fleet.New(r.ctx, "fleet-"+f.Name, args, r.inAWS()); err != nil {
			return err
		}
	}
	return nil
}

// listCacheParameters returns the parameters that runners read to find a tenant's files: the shard map, its older versions, and what each
// shard has copied. AWS does not document under which name IAM sees a parameter that is read as NAME:VERSION; no other parameter has a
// colon in its name. The last name stands for a folder that contains only such parameters, so that one more shard changes no fleet's
// role.
func listCacheParameters(c *plan.Cache) []string {
	return []string{c.MapParameter, c.MapParameter + ":*", path.Dir(shardmap.MovedParameter(c.MapParameter, 0)) + "/*"}
}

// subnetIDs returns the ids of a tier's subnets, in the order of the zones.
func (r *region) subnetIDs(tier plan.Tier) pulumi.StringArray {
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
