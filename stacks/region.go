// Package stacks turns a plan into Pulumi programs. It alone creates providers, maps the plan to component arguments and exports
// outputs.
package stacks

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/network"
	"github.com/beachhead-build/beachhead/regions/plan"
)

// OutputsVersion is the version of the stack's outputs. It changes when a name goes away or changes its shape.
const OutputsVersion = 1

// Region is the program of one region: everything in the plan, with the fewest edges.
func Region(p *plan.Plan) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{
			Region: pulumi.String(p.Region),
			// Credentials of another account are refused by the provider too, in case this program runs without our checks before it.
			AllowedAccountIds: pulumi.ToStringArray([]string{p.Account}),
			DefaultTags:       aws.ProviderDefaultTagsArgs{Tags: pulumi.ToStringMap(p.Tags)},
		})
		if err != nil {
			return fmt.Errorf("the AWS provider: %w", err)
		}
		net, err := network.New(ctx, "net", networkArgs(p), pulumi.Providers(provider))
		if err != nil {
			return err
		}
		export(ctx, p, net)
		return nil
	}
}

func networkArgs(p *plan.Plan) *network.Args {
	n := p.Network
	args := &network.Args{
		CIDR: n.CIDR, Region: p.Region, Internet: n.Internet, InterfaceEndpoints: n.InterfaceEndpoints,
		FlowLogGroup: n.FlowLogGroup, FlowLogDays: n.FlowLogDays, Tags: p.Tags,
	}
	for _, z := range n.Zones {
		zone := network.Zone{
			Name:    z.Name,
			Private: z.Subnets[plan.PrivateTier], Public: z.Subnets[plan.PublicTier],
			Cache: z.Subnets[plan.CacheTier], Link: z.Subnets[plan.LinkTier],
			RunnerWay: way(z.RunnerWay), CacheWay: way(z.CacheWay), NATAddresses: z.NATAddresses,
		}
		if i := z.NATInstance; i != nil {
			zone.NATInstance = &network.NATInstance{InstanceType: i.InstanceType, Address: i.Address, Image: i.Image}
		}
		args.Zones = append(args.Zones, zone)
	}
	return args
}

func way(w plan.Way) network.Way { return network.Way{Kind: network.WayKind(w.Kind), Zone: w.Zone} }

// export publishes what other programs and people read. Everything but the version is named as in the network component.
func export(ctx *pulumi.Context, p *plan.Plan, net *network.Network) {
	for name, value := range map[string]pulumi.Input{
		"version": pulumi.Int(OutputsVersion), "region": pulumi.String(p.Region), "egress": pulumi.String(p.Network.Egress),
		"fleetTier": pulumi.String(p.Network.FleetTier), "vpcId": net.VPCID,
		"privateSubnets": net.PrivateSubnets, "publicSubnets": net.PublicSubnets, "cacheSubnets": net.CacheSubnets,
		"linkSubnets": net.LinkSubnets, "runnerRouteTables": net.RunnerRouteTables, "cacheRouteTables": net.CacheRouteTables,
		"addresses": net.Addresses,
	} {
		ctx.Export(name, value)
	}
}
