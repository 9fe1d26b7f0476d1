package network

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// Type is the component's type token.
const Type = "beachhead:aws:Network"

// Network is a region's VPC.
type Network struct {
	pulumi.ResourceState

	// VPCID is the id of the VPC.
	VPCID pulumi.StringOutput `pulumi:"vpcId"`
	// PublicRouteTable is the id of the public tier's route table, which fleets use under public egress.
	PublicRouteTable pulumi.StringOutput `pulumi:"publicRouteTable"`

	// The maps below are plain, so that a resource that needs one zone's value waits for that zone only.

	// PrivateSubnets, PublicSubnets, CacheSubnets and LinkSubnets are subnet ids by zone.
	PrivateSubnets, PublicSubnets, CacheSubnets, LinkSubnets pulumi.StringMap
	// RunnerRouteTables and CacheRouteTables are route table ids by zone, for the routes that the link adds.
	RunnerRouteTables, CacheRouteTables pulumi.StringMap
	// NATGateways are the ids of the NAT gateways by zone.
	NATGateways pulumi.StringMap
	// Addresses are the public addresses of NAT gateways and NAT instances by name, for allow-lists elsewhere.
	Addresses pulumi.StringMap
}

// builder creates a network's resources. Each of its steps fills in fields for later steps; the maps are by zone.
type builder struct {
	*kit.Component
	args *Args
	out  *Network

	vpc          *ec2.Vpc
	internet     *ec2.InternetGateway
	publicTable  *ec2.RouteTable
	publicRoute  *ec2.Route
	public       map[string]zoneSubnet
	tables       pulumi.StringArray
	natGateways  map[string]*ec2.NatGateway
	natInstances map[string]natInstance
	subnets      map[string]pulumi.StringMap
	runnerTables pulumi.StringMap
	cacheTables  pulumi.StringMap
	addresses    pulumi.StringMap
}

// New creates a network. By the model durations, the first subnet is usable after 17 seconds. Internet access takes 105 seconds more by a
// NAT gateway, and 103 more by a NAT instance: interface 2, template 2, group 20, login 26, and 53 until its agent reports that it
// forwards traffic. The NAT instance's role, whose profile takes 12 seconds, exists before the subnet.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Network, error) {
	n := &Network{}
	component, err := kit.Register(ctx, kit.Kind{Noun: "network", Token: Type}, name, n, args, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{
		Component: component, args: args, out: n,
		public: map[string]zoneSubnet{}, natGateways: map[string]*ec2.NatGateway{}, natInstances: map[string]natInstance{},
		subnets:      map[string]pulumi.StringMap{"private": {}, "public": {}, "cache": {}, "link": {}},
		runnerTables: pulumi.StringMap{}, cacheTables: pulumi.StringMap{}, addresses: pulumi.StringMap{},
	}
	if err := b.RunSteps(
		b.createVPC, b.createPublicSubnets, b.createNATGateways, b.createNATInstances, b.createPrivateSubnets, b.createEndpoints,
		b.createFlowLogs, b.publishOutputs,
	); err != nil {
		return nil, err
	}
	return n, nil
}

func (b *builder) publishOutputs() error {
	n := b.out
	n.VPCID = b.vpc.ID().ToStringOutput()
	n.PrivateSubnets, n.PublicSubnets = b.subnets["private"], b.subnets["public"]
	n.CacheSubnets, n.LinkSubnets = b.subnets["cache"], b.subnets["link"]
	n.RunnerRouteTables, n.CacheRouteTables = b.runnerTables, b.cacheTables
	n.PublicRouteTable = b.publicTable.ID().ToStringOutput()
	n.Addresses, n.NATGateways = b.addresses, pulumi.StringMap{}
	for zone, gateway := range b.natGateways {
		n.NATGateways[zone] = gateway.ID()
	}
	return b.PublishOutputs(pulumi.Map{
		"vpcId": n.VPCID, "privateSubnets": n.PrivateSubnets, "publicSubnets": n.PublicSubnets, "cacheSubnets": n.CacheSubnets,
		"linkSubnets": n.LinkSubnets, "runnerRouteTables": n.RunnerRouteTables, "cacheRouteTables": n.CacheRouteTables,
		"publicRouteTable": n.PublicRouteTable, "addresses": n.Addresses, "natGateways": n.NATGateways,
	})
}

func (b *builder) createVPC() error {
	var err error
	name := b.ChildName("vpc")
	if b.vpc, err = kit.Create(b.Component, ec2.NewVpc, name, &ec2.VpcArgs{
		CidrBlock: pulumi.String(b.args.CIDR.String()),
		// The names of endpoints and of the private DNS zone resolve only with both.
		EnableDnsSupport: pulumi.Bool(true), EnableDnsHostnames: pulumi.Bool(true), Tags: kit.NameTag(name),
	}); err != nil {
		return err
	}
	// The VPC's own security group lets its members connect to each other. Adopted without rules, it allows nothing to a machine whose
	// creator names no group.
	name = b.ChildName("locked")
	_, err = kit.Create(b.Component, ec2.NewDefaultSecurityGroup, name, &ec2.DefaultSecurityGroupArgs{
		VpcId: b.vpc.ID(), Tags: kit.NameTag(name),
	})
	return err
}
