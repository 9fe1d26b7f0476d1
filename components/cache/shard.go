package cache

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// shard is one shard on its way. What outlives the server is named name, and what is the server's own, server: the disk and the interface
// that a launch makes carry the Name tag server, so that nobody takes a root disk for a data volume.
type shard struct {
	Shard
	key, name, server string
	subnet            Subnet
	volume            *ebs.Volume
	iface             *ec2.NetworkInterface
	moved             *ssm.Parameter
}

func (b *builder) makeShards() error {
	for _, s := range b.args.Shards {
		key := fmt.Sprintf("%02d", s.Number)
		subnet, _ := b.args.subnet(s.Zone)
		one := &shard{Shard: s, key: key, name: b.child("shard", key), server: b.child("shard", key, "server"), subnet: subnet}
		for _, step := range []func(*shard) error{b.makeVolume, b.makeInterface, b.makeName, b.makeMoved, b.makeServer} {
			if err := step(one); err != nil {
				return fmt.Errorf("shard %s: %w", key, err)
			}
		}
	}
	return nil
}

// makeVolume makes the data volume, or takes up the one that an earlier stack left. It alone is protected and retained: on the component
// the same options would freeze groups and interfaces too.
func (b *builder) makeVolume(s *shard) error {
	options := b.with(
		pulumi.Protect(true), pulumi.RetainOnDelete(true),
		// The snapshot is what a volume was made from, and create-only: without this, every newer snapshot would be a reason to replace a
		// volume that has more in it than any snapshot.
		pulumi.IgnoreChanges([]string{"snapshotId"}),
	)
	if s.Volume.Import != "" {
		options = append(options, pulumi.Import(pulumi.ID(s.Volume.Import)))
	}
	args := &ebs.VolumeArgs{
		AvailabilityZone: pulumi.String(s.Zone), Type: pulumi.String("gp3"), Encrypted: pulumi.Bool(true),
		Size: pulumi.Int(s.Volume.GiB), Iops: pulumi.Int(s.Volume.IOPS), Throughput: pulumi.Int(s.Volume.MiBps),
		SnapshotId: s.Volume.Snapshot, Tags: pulumi.StringMap{"Name": pulumi.String(s.name), CacheTag: pulumi.String(b.args.Stack)},
	}
	var err error
	if s.volume, err = ebs.NewVolume(b.ctx, s.name, args, options...); err != nil {
		return err
	}
	b.volumes[s.key] = s.volume.ID().ToStringOutput()
	return nil
}

// makeInterface makes the interface with the address that runners mount from. The server's agent attaches it when everything else is
// ready. (As the launch template's first interface it would need no agent, as with NAT instances, but then a new server could not even
// start before a dead one lets go, and runners would reach a server that does not serve yet.)
func (b *builder) makeInterface(s *shard) error {
	var err error
	s.iface, err = ec2.NewNetworkInterface(b.ctx, s.name, &ec2.NetworkInterfaceArgs{
		SubnetId: s.subnet.ID, PrivateIps: pulumi.ToStringArray([]string{s.Address.String()}),
		SecurityGroups: pulumi.StringArray{b.access.ID()}, Description: pulumi.String("The address that runners mount from"),
		// By both tags the server finds it.
		Tags: pulumi.StringMap{"Name": pulumi.String(s.name), CacheTag: pulumi.String(b.args.Stack)},
	}, b.opts...)
	b.addresses[s.key] = pulumi.String(s.Address.String())
	return err
}

// makeName gives the address a name. It needs the zone and not the interface, since the address is known before.
func (b *builder) makeName(s *shard) error {
	record, err := route53.NewRecord(b.ctx, s.name, &route53.RecordArgs{
		ZoneId: b.zone.ID(), Name: pulumi.String("shard-" + s.key + "." + b.args.Domain), Type: pulumi.String("A"),
		Ttl: pulumi.Int(300), Records: pulumi.ToStringArray([]string{s.Address.String()}),
	}, b.opts...)
	if err != nil {
		return err
	}
	b.names[s.key] = record.Name
	return nil
}

// makeMoved makes the parameter in which the shard's server says what it has copied from where it was before: made here and not by the server,
// whose role may then write this one and make none, and so that it goes when the cache goes. Two seconds, beside the volume's ten.
func (b *builder) makeMoved(s *shard) error {
	var err error
	name := s.name + "-moved"
	s.moved, err = ssm.NewParameter(b.ctx, name, &ssm.ParameterArgs{
		Name: pulumi.String(s.MovedParameter), Type: pulumi.String("String"), InsecureValue: pulumi.String("{}"),
		Description: pulumi.String("What the server of a cache shard has copied from where it was before"), Tags: tag(name),
	}, b.with(
		// The value is the server's: after a refresh, an up would set it back, and readers would look for files where they were. Nothing else
		// here but tags may ever change: the provider writes the value that the state has along with a new description.
		pulumi.IgnoreChanges([]string{"insecureValue", "value"}),
	)...)
	return err
}
