package stacks

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/internal/plan"
)

const (
	// snapshotsAt is a time at which few build: between the evening of the American west coast and the morning of Europe's east.
	snapshotsAt = "09:00"
	// snapshotDays is for how long snapshots are kept: past a long weekend on which nobody saw that a cache had gone bad.
	snapshotDays = 7
)

func (r *region) makeCache() error {
	c := r.plan.Cache
	if c == nil {
		return nil
	}
	document, err := c.Map.MarshalDocument()
	if err != nil {
		return err
	}
	args := &cache.Args{
		Stack: r.plan.Name, Region: r.plan.Region, Account: r.plan.Account, Domain: c.Domain,
		InstanceTypes: c.InstanceTypes, Image: c.ImageParameter, RunnerCIDRs: c.Clients, HashPort: c.HashPort,
		Map:       cache.Map{Parameter: c.MapParameter, Document: string(document)},
		Snapshots: cache.Snapshots{At: snapshotsAt, KeepDays: snapshotDays, CopyTo: copyTo(c, r.plan.Region)},
		Tags:      r.plan.Tags, VPC: r.net.VPCID, Bucket: r.depot.Bucket,
	}
	for _, z := range r.plan.Network.Zones {
		subnet := cache.Subnet{Zone: z.Name, CIDR: z.Subnets[plan.CacheTier], ID: r.net.CacheSubnets[z.Name]}
		for _, reserved := range c.Reserved {
			if reserved.Zone == z.Name {
				subnet.Fixed = reserved.Block
			}
		}
		args.Subnets = append(args.Subnets, subnet)
		// The internet gateway passes on nothing of a machine that has no public address.
		args.PublicAddresses = args.PublicAddresses || z.CacheRoute.Kind == plan.ViaInternet
	}
	seeds := r.seeds()
	for i, s := range c.Shards {
		shard, err := r.shard(s)
		if err != nil {
			return err
		}
		if seeds != nil {
			shard.Volume.Snapshot = seeds[i]
		}
		args.Shards = append(args.Shards, shard)
	}
	r.cache, err = cache.New(r.ctx, "cache", args, r.inAWS())
	return err
}

func (r *region) shard(s plan.Shard) (cache.Shard, error) {
	data, err := r.plan.ShardUserData(s, r.agent.sums)
	if err != nil {
		return cache.Shard{}, err
	}
	v := r.plan.Cache.Volume
	return cache.Shard{
		Number: s.Number, Zone: s.Zone, Address: s.Address, UserData: data, MovedParameter: s.MovedParameter,
		Volume: cache.Volume{GiB: v.SizeGiB, IOPS: v.IOPS, MiBps: v.Throughput},
	}, nil
}

// copyTo gives the AWS regions that get copies, each once. A region that seeds from this one and is in the same AWS region finds the
// snapshots where they are.
func copyTo(c *plan.Cache, here string) []string {
	var targets []string
	seen := map[string]bool{}
	for _, t := range c.CopyTo {
		if !seen[t.Region] && t.Region != here {
			seen[t.Region] = true
			targets = append(targets, t.Region)
		}
	}
	return targets
}

// seeds are the newest snapshots of the shards with the same numbers in the region that this one is seeded from; nil without one. They
// count for volumes that are yet to be made, and for no others. Where none has been copied here, a volume starts blank; the command line
// says so, since it knows which volumes are new, and this program does not.
func (r *region) seeds() []pulumi.StringPtrOutput {
	c := r.plan.Cache
	if c.Seed == "" {
		return nil
	}
	var seeds []pulumi.StringPtrOutput
	for _, s := range c.Shards {
		seeds = append(seeds, r.newestSnapshot(c.Seed, s.Name))
	}
	return seeds
}

func (r *region) newestSnapshot(stack, volume string) pulumi.StringPtrOutput {
	filter := func(name, value string) ebs.GetSnapshotIdsFilterInput {
		return ebs.GetSnapshotIdsFilterArgs{Name: pulumi.String(name), Values: pulumi.ToStringArray([]string{value})}
	}
	found := ebs.GetSnapshotIdsOutput(r.ctx, ebs.GetSnapshotIdsOutputArgs{
		Owners:  pulumi.ToStringArray([]string{"self"}),
		Filters: ebs.GetSnapshotIdsFilterArray{filter("status", "completed"), filter("tag:"+cache.CacheTag, stack), filter("tag:Name", volume)},
	}, pulumi.Provider(r.amazon))
	// The ids come newest first. Source: the AWS provider's documentation of aws_ebs_snapshot_ids.
	return found.Ids().ApplyT(func(ids []string) *string {
		if len(ids) == 0 {
			return nil
		}
		return &ids[0]
	}).(pulumi.StringPtrOutput)
}
