package cache

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/vpc"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// ComponentType is the component's type token.
const ComponentType = "beachhead:aws:ShardedCache"

// CacheTag marks the resources of a cache. Its value is the region's name. Data volumes have it, of which snapshots are created, and also
// servers and their groups, because the roles' policies name them by it. Servers' root disks do not have it.
const CacheTag = "beachhead:cache"

// ShardedCache is a region's NFS cache. The keys of its maps are shards, by the two digits in the shard's name.
type ShardedCache struct {
	pulumi.ResourceState

	// VolumeIDs are the ids of the data volumes.
	VolumeIDs pulumi.StringMapOutput `pulumi:"volumeIds"`
	// Addresses are the fixed addresses that runners mount.
	Addresses pulumi.StringMapOutput `pulumi:"addresses"`
	// Names are the servers' DNS names. They exist minutes after the servers, so nothing that must be quick may wait for them.
	Names pulumi.StringMapOutput `pulumi:"names"`
	// GroupNames are the names of the scaling groups.
	GroupNames pulumi.StringMapOutput `pulumi:"groupNames"`
	// MapParameter is the name of the parameter that holds the shard map.
	MapParameter pulumi.StringOutput `pulumi:"mapParameter"`
	// SecurityGroup is the id of the servers' security group.
	SecurityGroup pulumi.StringOutput `pulumi:"securityGroup"`
	// ZoneID is the id of the private DNS zone.
	ZoneID pulumi.StringOutput `pulumi:"zoneId"`
}

// builder creates a cache's resources. Each of its steps fills in fields for later steps.
type builder struct {
	*kit.Component
	args *Args
	out  *ShardedCache

	securityGroup *ec2.SecurityGroup
	https         *vpc.SecurityGroupEgressRule
	zone          *route53.Zone
	parameter     *ssm.Parameter
	// reserved are the reservations of fixed addresses by zone. A zone without fixed addresses has none.
	reserved map[string]*ec2.SubnetCidrReservation

	volumes, addresses, names, groups pulumi.StringMap
}

// New creates a cache. By the model durations, a shard's group exists 24 seconds after its subnet (interface 2, policy 2, group 20), and
// the stack waits for no more than that. The server serves 54 seconds later (26 to login, 25 to attach the volume, 3 for its self-check),
// or 99 on an image without the packages. Shards do not wait for each other. DNS names exist 105 seconds after the VPC (zone 70, record
// 35), later than the servers: the map contains addresses, so no runner waits for names.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*ShardedCache, error) {
	c := &ShardedCache{}
	component, err := kit.Register(ctx, kit.Kind{Noun: "cache", Token: ComponentType}, name, c, args, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{
		Component: component, args: args, out: c, reserved: map[string]*ec2.SubnetCidrReservation{},
		volumes: pulumi.StringMap{}, addresses: pulumi.StringMap{}, names: pulumi.StringMap{}, groups: pulumi.StringMap{},
	}
	if err := b.RunSteps(
		b.createSecurityGroup, b.reserveAddresses, b.createDNSZone, b.createMap, b.createShards, b.createSnapshotPolicy, b.publishOutputs,
	); err != nil {
		return nil, err
	}
	return c, nil
}

func (b *builder) publishOutputs() error {
	c := b.out
	c.VolumeIDs, c.Addresses = b.volumes.ToStringMapOutput(), b.addresses.ToStringMapOutput()
	c.Names, c.GroupNames = b.names.ToStringMapOutput(), b.groups.ToStringMapOutput()
	c.MapParameter, c.ZoneID = b.parameter.Name, b.zone.ID().ToStringOutput()
	c.SecurityGroup = b.securityGroup.ID().ToStringOutput()
	return b.PublishOutputs(pulumi.Map{
		"volumeIds": c.VolumeIDs, "addresses": c.Addresses, "names": c.Names, "groupNames": c.GroupNames,
		"mapParameter": c.MapParameter, "securityGroup": c.SecurityGroup, "zoneId": c.ZoneID,
	})
}

// reserveAddresses reserves the fixed addresses. Otherwise EC2 may assign the address of a later shard to a server's own
// interface, and the creation of that shard then fails until the server is replaced.
func (b *builder) reserveAddresses() error {
	for _, s := range b.args.Subnets {
		if !s.Fixed.IsValid() {
			continue
		}
		reserved, err := kit.Create(b.Component, ec2.NewSubnetCidrReservation, b.ChildName("fixed", s.Zone), &ec2.SubnetCidrReservationArgs{
			SubnetId: s.ID, CidrBlock: pulumi.String(s.Fixed.String()), ReservationType: pulumi.String("explicit"),
			Description: pulumi.String("Fixed addresses of cache shards"),
		})
		if err != nil {
			return err
		}
		b.reserved[s.Zone] = reserved
	}
	return nil
}

func (b *builder) createDNSZone() error {
	var err error
	name := b.ChildName("zone")
	b.zone, err = kit.Create(b.Component, route53.NewZone, name, &route53.ZoneArgs{
		Name: pulumi.String(b.args.Domain), Comment: pulumi.String("Cache servers"),
		Vpcs: route53.ZoneVpcArray{route53.ZoneVpcArgs{VpcId: b.args.VPC}}, Tags: kit.NameTag(name),
	})
	return err
}

// createMap creates the parameter that holds the shard map.
func (b *builder) createMap() error {
	var err error
	name := b.ChildName("map")
	b.parameter, err = kit.Create(b.Component, ssm.NewParameter, name, &ssm.ParameterArgs{
		Name: pulumi.String(b.args.Map.Parameter), Type: pulumi.String("String"),
		Description: pulumi.String("Which slot is on which cache shard"),
		// Not Value, which is always a secret: a preview must show which slots a change moves.
		InsecureValue: pulumi.String(b.args.Map.Document),
		// A standard parameter holds 4 KiB, an advanced one 8. With either of them fixed, a change of size in one direction would be a
		// replacement, and for a moment the map would not exist.
		Tier: pulumi.String("Intelligent-Tiering"), Tags: kit.NameTag(name),
	})
	return err
}
