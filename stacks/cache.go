package stacks

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/internal/plan"
)

const (
	// snapshotsAt is a time at which few people build: between the evening of the American west coast and the morning of Eastern Europe.
	snapshotsAt = "09:00"
	// snapshotDays is the number of days for which snapshots are stored. It covers a long weekend on which a cache is bad and no operator
	// notices.
	snapshotDays = 7
)

// createCache creates the sharded cache if the plan has one.
func (r *region) createCache() error {
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
		Snapshots: cache.Snapshots{At: snapshotsAt, KeepDays: snapshotDays, CopyTo: listCopyTargets(c, r.plan.Region)},
		Tags:      r.plan.Tags, VPC: r.net.VPCID, Bucket: r.artifacts.Bucket,
	}
	for _, z := range r.plan.Network.Zones {
		subnet := cache.Subnet{Zone: z.Name, CIDR: z.Subnets[plan.CacheTier], ID: r.net.CacheSubnets[z.Name]}
		for _, reserved := range c.Reserved {
			if reserved.Zone == z.Name {
				subnet.Fixed = reserved.Block
			}
		}
		args.Subnets = append(args.Subnets, subnet)
		// The internet gateway forwards no traffic of a machine without a public address.
		args.PublicAddresses = args.PublicAddresses || z.CacheRoute.Kind == plan.ViaInternet
	}
	seeds := r.findSeeds()
	for i, s := range c.Shards {
		shard, err := r.describeShard(s)
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

func (r *region) describeShard(s plan.Shard) (cache.Shard, error) {
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

// listCopyTargets returns the AWS regions to which snapshots are copied, each once. A region that seeds from this one and is in the same
// AWS region needs no copies.
func listCopyTargets(c *plan.Cache, here string) []string {
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

// findSeeds returns the newest snapshot of each shard's namesake in the region from which this one is seeded, or nil if there is no such
// region. Seeds apply to new volumes only. A volume without a snapshot here starts blank. The command line reports that, since it knows
// which volumes are new, and this program does not.
func (r *region) findSeeds() []pulumi.StringPtrOutput {
	c := r.plan.Cache
	if c.Seed == "" {
		return nil
	}
	var seeds []pulumi.StringPtrOutput
	for _, s := range c.Shards {
		seeds = append(seeds, r.findNewestSnapshot(c.Seed, s.Name))
	}
	return seeds
}

// findNewestSnapshot returns the id of the newest complete snapshot of a stack's volume, or nil if there is none.
func (r *region) findNewestSnapshot(stack, volume string) pulumi.StringPtrOutput {
	filter := func(name, value string) ebs.GetSnapshotIdsFilterInput {
		return ebs.GetSnapshotIdsFilterArgs{Name: pulumi.String(name), Values: pulumi.ToStringArray([]string{value})}
	}
	found := ebs.GetSnapshotIdsOutput(r.ctx, ebs.GetSnapshotIdsOutputArgs{
		Owners:  pulumi.ToStringArray([]string{"self"}),
		Filters: ebs.GetSnapshotIdsFilterArray{filter("status", "completed"), filter("tag:"+cache.CacheTag, stack), filter("tag:Name", volume)},
	}, pulumi.Provider(r.amazon))
	// The newest id comes first. Source: the AWS provider's documentation of aws_ebs_snapshot_ids.
	return found.Ids().ApplyT(func(ids []string) *string {
		if len(ids) == 0 {
			return nil
		}
		return &ids[0]
	}).(pulumi.StringPtrOutput)
}
