package cache

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ebs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// shard is one shard and its resources. Resources that outlive the server have the name in name. The server's own resources, and the disk
// and the interface that a launch creates, have the name in server, so that a root disk is never mistaken for a data volume.
type shard struct {
	Shard
	// key is the shard's number in two digits.
	key, name, server string
	subnet            Subnet
	volume            *ebs.Volume
	iface             *ec2.NetworkInterface
	moved             *ssm.Parameter
}

func (b *builder) createShards() error {
	for _, s := range b.args.Shards {
		key := fmt.Sprintf("%02d", s.Number)
		subnet, _ := b.args.findSubnet(s.Zone)
		one := &shard{Shard: s, key: key, name: b.ChildName("shard", key), server: b.ChildName("shard", key, "server"), subnet: subnet}
		for _, step := range []func(*shard) error{
			b.createVolume, b.createInterface, b.createDNSRecord, b.createMovedParameter, b.createServer,
		} {
			if err := step(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// createVolume creates the data volume, or adopts the one that an earlier stack retained. It is the only resource that is protected and
// retained: on the component, the same options would freeze groups and interfaces too.
func (b *builder) createVolume(s *shard) error {
	options := []pulumi.ResourceOption{
		pulumi.Protect(true), pulumi.RetainOnDelete(true),
		// The snapshot is the one from which a volume was created, and create-only: if it were not ignored, every newer snapshot would
		// replace a volume that has more data than any snapshot.
		pulumi.IgnoreChanges([]string{"snapshotId"}),
	}
	if s.Volume.Import != "" {
		options = append(options, pulumi.Import(pulumi.ID(s.Volume.Import)))
	}
	var err error
	if s.volume, err = kit.Create(b.Component, ebs.NewVolume, s.name, &ebs.VolumeArgs{
		AvailabilityZone: pulumi.String(s.Zone), Type: pulumi.String("gp3"), Encrypted: pulumi.Bool(true),
		Size: pulumi.Int(s.Volume.GiB), Iops: pulumi.Int(s.Volume.IOPS), Throughput: pulumi.Int(s.Volume.MiBps),
		SnapshotId: s.Volume.Snapshot, Tags: b.addCacheTag(s.name),
	}, options...); err != nil {
		return err
	}
	b.volumes[s.key] = s.volume.ID().ToStringOutput()
	return nil
}

// createInterface creates the interface with the fixed address that runners mount. The server's agent attaches it when everything else is
// ready. (As the launch template's first interface it would need no agent, as with NAT instances. But then a new server could not even
// start before a dead one detaches it, and runners would reach a server that does not serve yet.)
func (b *builder) createInterface(s *shard) error {
	var err error
	s.iface, err = kit.Create(b.Component, ec2.NewNetworkInterface, s.name, &ec2.NetworkInterfaceArgs{
		SubnetId: s.subnet.ID, PrivateIps: pulumi.ToStringArray([]string{s.Address.String()}),
		SecurityGroups: pulumi.StringArray{b.securityGroup.ID()}, Description: pulumi.String("The address that runners mount from"),
		Tags: b.addCacheTag(s.name),
	})
	b.addresses[s.key] = pulumi.String(s.Address.String())
	return err
}

// createDNSRecord creates the DNS name of the fixed address. It needs the zone and not the interface, since the address is known before.
func (b *builder) createDNSRecord(s *shard) error {
	record, err := kit.Create(b.Component, route53.NewRecord, s.name, &route53.RecordArgs{
		ZoneId: b.zone.ID(), Name: pulumi.String("shard-" + s.key + "." + b.args.Domain), Type: pulumi.String("A"),
		Ttl: pulumi.Int(300), Records: pulumi.ToStringArray([]string{s.Address.String()}),
	})
	if err != nil {
		return err
	}
	b.names[s.key] = record.Name
	return nil
}

// createMovedParameter creates the parameter in which the shard's server reports what it has copied from other shards. The stack creates
// it, not the server: so the server's role may write this parameter and create none, and the parameter is deleted with the cache. It
// takes two seconds, beside the volume's ten.
func (b *builder) createMovedParameter(s *shard) error {
	var err error
	name := s.name + "-moved"
	s.moved, err = kit.Create(b.Component, ssm.NewParameter, name, &ssm.ParameterArgs{
		Name: pulumi.String(s.MovedParameter), Type: pulumi.String("String"), InsecureValue: pulumi.String("{}"),
		Description: pulumi.String("What the server of a cache shard has copied from where it was before"), Tags: kit.NameTag(name),
	},
		// The server owns the value: after a refresh, an up would reset it, and readers would look for files where they were before. Nothing
		// here but tags may ever change, the description included: the provider writes the state's value along with any other change.
		pulumi.IgnoreChanges([]string{"insecureValue", "value"}),
	)
	return err
}

// addCacheTag returns the tags by which a server finds the volume and the interface of its shard.
func (b *builder) addCacheTag(name string) pulumi.StringMap {
	tags := kit.NameTag(name)
	tags[CacheTag] = pulumi.String(b.args.Stack)
	return tags
}
