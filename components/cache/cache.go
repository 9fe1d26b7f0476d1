package cache

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ComponentType is the component's type token.
const ComponentType = "beachhead:aws:ShardedCache"

// CacheTag marks what belongs to a cache, with the region's name as its value: data volumes, which snapshots are made of, and servers
// and their groups, which roles are confined to. Servers' root disks do not have it.
const CacheTag = "beachhead:cache"

// ShardedCache is a build region's NFS cache. Its maps are by shard, whose keys are the two digits in the shard's name.
type ShardedCache struct {
	pulumi.ResourceState

	// VolumeIDs are the ids of the data volumes.
	VolumeIDs pulumi.StringMapOutput `pulumi:"volumeIds"`
	// Addresses are those that runners mount from.
	Addresses pulumi.StringMapOutput `pulumi:"addresses"`
	// Names are the servers' DNS names. They are there minutes after the servers, so nothing that must be quick may wait for them.
	Names pulumi.StringMapOutput `pulumi:"names"`
	// GroupNames are the names of the scaling groups.
	GroupNames pulumi.StringMapOutput `pulumi:"groupNames"`
	// MapParameter is the name of the parameter that holds the map.
	MapParameter pulumi.StringOutput `pulumi:"mapParameter"`
	// SecurityGroup is the id of the servers' security group.
	SecurityGroup pulumi.StringOutput `pulumi:"securityGroup"`
	// ZoneID is the id of the private DNS zone.
	ZoneID pulumi.StringOutput `pulumi:"zoneId"`
}

// builder holds what is made on the way.
type builder struct {
	ctx  *pulumi.Context
	name string
	args *Args
	opts []pulumi.ResourceOption

	access    *ec2.SecurityGroup
	https     *vpc.SecurityGroupEgressRule
	zone      *route53.Zone
	parameter *ssm.Parameter
	// reserved are the reservations of fixed addresses by zone, of the zones that have one.
	reserved map[string]*ec2.SubnetCidrReservation

	volumes, addresses, names, groups pulumi.StringMap
}

// New makes a cache. Seconds to ready, by the model durations: 24 from a shard's subnet until its group is made (interface 2, policy 2,
// group 20), which is all that the stack waits for; then 54 until the server serves (26 to login, 25 to attach the volume, 3 to check
// itself), 45 more on an image without the packages. Shards wait for nothing of each other. DNS names are there 105 after the VPC (zone
// 70, record 35), later than the servers: the map has addresses, so that nobody waits for names.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*ShardedCache, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("cache %q: %w", name, err)
	}
	c := &ShardedCache{}
	if err := ctx.RegisterComponentResource(ComponentType, name, c, opts...); err != nil {
		return nil, fmt.Errorf("registering cache %q: %w", name, err)
	}
	b := &builder{
		ctx: ctx, name: name, args: args, opts: []pulumi.ResourceOption{pulumi.Parent(c)},
		reserved: map[string]*ec2.SubnetCidrReservation{},
		volumes:  pulumi.StringMap{}, addresses: pulumi.StringMap{}, names: pulumi.StringMap{}, groups: pulumi.StringMap{},
	}
	// The order is that in which later steps read what earlier ones made. It does not serialise the engine: only data does.
	for _, step := range []func() error{b.makeAccess, b.reserve, b.makeZone, b.makeMap, b.makeShards, b.makeSnapshots} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("cache %q: %w", name, err)
		}
	}
	return c, b.publish(c)
}

func (b *builder) publish(c *ShardedCache) error {
	c.VolumeIDs, c.Addresses = b.volumes.ToStringMapOutput(), b.addresses.ToStringMapOutput()
	c.Names, c.GroupNames = b.names.ToStringMapOutput(), b.groups.ToStringMapOutput()
	c.MapParameter, c.ZoneID = b.parameter.Name, b.zone.ID().ToStringOutput()
	c.SecurityGroup = b.access.ID().ToStringOutput()
	return b.ctx.RegisterResourceOutputs(c, pulumi.Map{
		"volumeIds": c.VolumeIDs, "addresses": c.Addresses, "names": c.Names, "groupNames": c.GroupNames,
		"mapParameter": c.MapParameter, "securityGroup": c.SecurityGroup, "zoneId": c.ZoneID,
	})
}

// child is the name of one of the component's resources, keyed by what does not move.
func (b *builder) child(parts ...string) string { return b.name + "-" + strings.Join(parts, "-") }

// tag gives the Name tag. It is more than a label: a resource that a killed run made and could not record is found again by it.
func tag(name string) pulumi.StringMap { return pulumi.StringMap{"Name": pulumi.String(name)} }

func (b *builder) with(more ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(append([]pulumi.ResourceOption{}, b.opts...), more...)
}

// reserve keeps the fixed addresses from being given to whatever starts in the subnets. Without it EC2 may give a server's own interface
// the address of a shard that is yet to come, and that shard then fails until the server is replaced.
func (b *builder) reserve() error {
	for _, s := range b.args.Subnets {
		if !s.Fixed.IsValid() {
			continue
		}
		reserved, err := ec2.NewSubnetCidrReservation(b.ctx, b.child("fixed", s.Zone), &ec2.SubnetCidrReservationArgs{
			SubnetId: s.ID, CidrBlock: pulumi.String(s.Fixed.String()), ReservationType: pulumi.String("explicit"),
			Description: pulumi.String("Fixed addresses of cache shards"),
		}, b.opts...)
		if err != nil {
			return err
		}
		b.reserved[s.Zone] = reserved
	}
	return nil
}

func (b *builder) makeZone() error {
	var err error
	name := b.child("zone")
	b.zone, err = route53.NewZone(b.ctx, name, &route53.ZoneArgs{
		Name: pulumi.String(b.args.Domain), Comment: pulumi.String("Cache servers"),
		Vpcs: route53.ZoneVpcArray{route53.ZoneVpcArgs{VpcId: b.args.VPC}}, Tags: tag(name),
	}, b.opts...)
	return err
}

// makeMap makes the parameter that runners poll.
func (b *builder) makeMap() error {
	var err error
	name := b.child("map")
	b.parameter, err = ssm.NewParameter(b.ctx, name, &ssm.ParameterArgs{
		Name: pulumi.String(b.args.Map.Parameter), Type: pulumi.String("String"), Description: pulumi.String("Which slot is on which cache shard"),
		// Not Value, which is always a secret: a preview must show which slots a change moves.
		InsecureValue: pulumi.String(b.args.Map.Document),
		// A standard parameter holds 4 KiB, an advanced one 8. Naming either would make a change of size in one direction a replacement,
		// and with it a moment without a map.
		Tier: pulumi.String("Intelligent-Tiering"), Tags: tag(name),
	}, b.opts...)
	return err
}

// makeRole makes a role with one policy. The path is where roles are looked for: IAM lists them by path and not by tag.
func (b *builder) makeRole(name, description, trust string, policy pulumi.StringInput) (*iam.Role, *iam.RolePolicy, error) {
	role, err := iam.NewRole(b.ctx, name, &iam.RoleArgs{
		Path: pulumi.String(rolePath), Description: pulumi.String(description),
		AssumeRolePolicy: pulumi.String(trust), Tags: tag(name),
	}, b.opts...)
	if err != nil {
		return nil, nil, err
	}
	allowed, err := iam.NewRolePolicy(b.ctx, name, &iam.RolePolicyArgs{
		Role: role.Name, Name: pulumi.String("allow"), Policy: policy,
	}, b.opts...)
	return role, allowed, err
}
