package network

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Type is the component's type token.
const Type = "beachhead:aws:Network"

const anywhere = "0.0.0.0/0"

// Network is a build region's VPC.
type Network struct {
	pulumi.ResourceState

	// VPCID is the id of the VPC.
	VPCID pulumi.StringOutput `pulumi:"vpcId"`
	// PublicRouteTable is the id of the public tier's, which fleets use under public egress.
	PublicRouteTable pulumi.StringOutput `pulumi:"publicRouteTable"`

	// The maps below are plain, so that whoever takes one zone's value waits for that zone alone.

	// PrivateSubnets, PublicSubnets, CacheSubnets and LinkSubnets are subnet ids by zone.
	PrivateSubnets, PublicSubnets, CacheSubnets, LinkSubnets pulumi.StringMap
	// RunnerRouteTables and CacheRouteTables are ids by zone, for routes that the link adds.
	RunnerRouteTables, CacheRouteTables pulumi.StringMap
	// NATGateways are the ids of the NAT gateways by zone.
	NATGateways pulumi.StringMap
	// Addresses are the public addresses of NAT gateways and NAT instances by name, for allow-lists elsewhere.
	Addresses pulumi.StringMap
}

// builder holds what is made on the way, by zone.
type builder struct {
	ctx  *pulumi.Context
	name string
	args *Args
	opts []pulumi.ResourceOption

	vpc            *ec2.Vpc
	internet       *ec2.InternetGateway
	publicTable    *ec2.RouteTable
	publicRoute    *ec2.Route
	public         map[string]zoneSubnet
	tables         pulumi.StringArray
	natGateways    map[string]*ec2.NatGateway
	natInstances   map[string]natMachine
	out            *Network
	subnets        map[string]pulumi.StringMap
	runnerTables   pulumi.StringMap
	cacheTables    pulumi.StringMap
	addresses      pulumi.StringMap
	endpointAccess *ec2.SecurityGroup
}

// zoneSubnet is a subnet and its association with a route table.
type zoneSubnet struct {
	subnet      *ec2.Subnet
	association *ec2.RouteTableAssociation
}

// New makes a network. Seconds to ready, by the model durations: 17 to the first usable subnet, and 105 more where the way out is
// a NAT gateway, 103 more where it is a NAT instance: interface 2, template 2, group 20, login 26, and 53 until its agent says that it
// carries traffic. Its role, whose profile takes 12, is there before the subnet.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Network, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	n := &Network{}
	if err := ctx.RegisterComponentResource(Type, name, n, opts...); err != nil {
		return nil, fmt.Errorf("registering network %q: %w", name, err)
	}
	b := &builder{
		ctx: ctx, name: name, args: args, opts: []pulumi.ResourceOption{pulumi.Parent(n)}, out: n,
		public: map[string]zoneSubnet{}, natGateways: map[string]*ec2.NatGateway{}, natInstances: map[string]natMachine{},
		subnets:      map[string]pulumi.StringMap{"private": {}, "public": {}, "cache": {}, "link": {}},
		runnerTables: pulumi.StringMap{}, cacheTables: pulumi.StringMap{}, addresses: pulumi.StringMap{},
	}
	// The order is that in which later steps read what earlier ones made. It does not serialise the engine: only data does.
	for _, step := range []func() error{
		b.makeVPC, b.makePublicSubnets, b.makeNATGateways, b.makeNATInstances, b.makePrivateSubnets, b.makeEndpoints, b.makeFlowLogs,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("network %q: %w", name, err)
		}
	}
	return n, b.publish()
}

func (b *builder) publish() error {
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
	return b.ctx.RegisterResourceOutputs(n, pulumi.Map{
		"vpcId": n.VPCID, "privateSubnets": n.PrivateSubnets, "publicSubnets": n.PublicSubnets, "cacheSubnets": n.CacheSubnets,
		"linkSubnets": n.LinkSubnets, "runnerRouteTables": n.RunnerRouteTables, "cacheRouteTables": n.CacheRouteTables,
		"publicRouteTable": n.PublicRouteTable, "addresses": n.Addresses, "natGateways": n.NATGateways,
	})
}

// child is the name of one of the component's resources, keyed by what does not move: its role and its zone, never its position.
func (b *builder) child(role string, zone ...string) string {
	name := b.name + "-" + role
	for _, part := range zone {
		name += "-" + part
	}
	return name
}

// tag gives the Name tag. It is more than a label: a resource that a killed run made and could not record is found again by it.
func tag(name string) pulumi.StringMap { return pulumi.StringMap{"Name": pulumi.String(name)} }

func (b *builder) with(more ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(append([]pulumi.ResourceOption{}, b.opts...), more...)
}

func (b *builder) makeVPC() error {
	var err error
	if b.vpc, err = ec2.NewVpc(b.ctx, b.child("vpc"), &ec2.VpcArgs{
		CidrBlock: pulumi.String(b.args.CIDR.String()),
		// Endpoints' own names, and those of the private zone, resolve only with both.
		EnableDnsSupport: pulumi.Bool(true), EnableDnsHostnames: pulumi.Bool(true),
		Tags: tag(b.child("vpc")),
	}, b.opts...); err != nil {
		return err
	}
	// The VPC's own group lets its members talk to each other. Adopted without rules, it opens nothing to whoever forgets to name one.
	_, err = ec2.NewDefaultSecurityGroup(b.ctx, b.child("locked"), &ec2.DefaultSecurityGroupArgs{
		VpcId: b.vpc.ID(), Tags: tag(b.child("locked")),
	}, b.opts...)
	return err
}

func (b *builder) makeSubnet(tier, zone string, block netip.Prefix, table *ec2.RouteTable) (zoneSubnet, error) {
	name := b.child(tier, zone)
	// No public address on launch, in the public tier neither: it would make the subnet ten seconds slower, and fleets ask for
	// addresses in their launch templates when the mode wants them.
	subnet, err := ec2.NewSubnet(b.ctx, name, &ec2.SubnetArgs{
		VpcId: b.vpc.ID(), AvailabilityZone: pulumi.String(zone), CidrBlock: pulumi.String(block.String()), Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return zoneSubnet{}, err
	}
	b.subnets[tier][zone] = subnet.ID()
	association, err := ec2.NewRouteTableAssociation(b.ctx, name, &ec2.RouteTableAssociationArgs{
		SubnetId: subnet.ID(), RouteTableId: table.ID(),
	}, b.opts...)
	return zoneSubnet{subnet: subnet, association: association}, err
}

func (b *builder) makeTable(role string, zone ...string) (*ec2.RouteTable, error) {
	name := b.child(role, zone...)
	table, err := ec2.NewRouteTable(b.ctx, name, &ec2.RouteTableArgs{VpcId: b.vpc.ID(), Tags: tag(name)}, b.opts...)
	if err == nil {
		b.tables = append(b.tables, table.ID())
	}
	return table, err
}

// makePublicSubnets makes the public tier, which is there in every mode: NAT gateways live in it, and runners under public egress.
func (b *builder) makePublicSubnets() error {
	var err error
	if b.publicTable, err = b.makeTable("public"); err != nil {
		return err
	}
	// The gateway is there in every mode: without a route to it nothing passes, and AWS does not let it go while any machine has a public
	// address, so that a change of mode would stop half-way for as long as one lives.
	name := b.child("internet")
	if b.internet, err = ec2.NewInternetGateway(b.ctx, name, &ec2.InternetGatewayArgs{VpcId: b.vpc.ID(), Tags: tag(name)}, b.opts...); err != nil {
		return err
	}
	if b.args.Internet {
		if b.publicRoute, err = ec2.NewRoute(b.ctx, b.child("default", "public"), &ec2.RouteArgs{
			RouteTableId: b.publicTable.ID(), DestinationCidrBlock: pulumi.String(anywhere), GatewayId: b.internet.ID(),
		}, b.opts...); err != nil {
			return err
		}
	}
	for _, z := range b.args.Zones {
		if b.public[z.Name], err = b.makeSubnet("public", z.Name, z.Public, b.publicTable); err != nil {
			return err
		}
	}
	return nil
}

// makePrivateSubnets makes the private runner, cache and link subnets. Runner and cache subnets have a route table for each zone in
// every mode, also where one would do: a table costs nothing, and a change of mode then moves one route in place, where a shared table
// would need new tables and a moment in which associations move.
func (b *builder) makePrivateSubnets() error {
	linkTable, err := b.makeTable("link")
	if err != nil {
		return err
	}
	for _, z := range b.args.Zones {
		runners, err := b.makeRoutedSubnet("private", z.Name, z.Private, z.RunnerWay)
		if err != nil {
			return err
		}
		caches, err := b.makeRoutedSubnet("cache", z.Name, z.Cache, z.CacheWay)
		if err != nil {
			return err
		}
		b.runnerTables[z.Name], b.cacheTables[z.Name] = runners.ID(), caches.ID()
		if _, err := b.makeSubnet("link", z.Name, z.Link, linkTable); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) makeRoutedSubnet(tier, zone string, block netip.Prefix, way Way) (*ec2.RouteTable, error) {
	table, err := b.makeTable(tier, zone)
	if err != nil {
		return nil, err
	}
	if _, err := b.makeSubnet(tier, zone, block, table); err != nil {
		return nil, err
	}
	return table, b.makeDefaultRoute(b.child("default", tier, zone), table, way)
}
