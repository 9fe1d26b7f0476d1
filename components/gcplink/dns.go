package gcplink

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// makeZones makes the private zones that lead names over the link. Nothing else depends on them, so which way names resolve can change
// while every tunnel, route and firewall rule stays: there is a way to change back to.
func (b *builder) makeZones() error {
	for _, z := range b.args.Zones {
		name := b.child("zone", z.Name)
		zone, err := route53.NewZone(b.ctx, name, &route53.ZoneArgs{
			Name: pulumi.String(z.Name), Comment: pulumi.String("Beachhead: names over the link to GCP"), Tags: tag(name),
			Vpcs: route53.ZoneVpcArray{route53.ZoneVpcArgs{VpcId: b.args.VPC}},
		}, b.opts...)
		if err != nil {
			return err
		}
		for _, r := range z.Records {
			if _, err := route53.NewRecord(b.ctx, b.child("record", recordKey(r.Name)), &route53.RecordArgs{
				ZoneId: zone.ZoneId, Name: pulumi.String(r.Name), Type: pulumi.String(r.Type), Ttl: pulumi.Int(r.TTL),
				Records: pulumi.ToStringArray(r.Values),
			}, b.opts...); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordKey is a record's name without the star of a wildcard. No host's label begins with an underscore.
func recordKey(name string) string {
	if rest, wild := strings.CutPrefix(name, "*"); wild {
		return "_any" + rest
	}
	return name
}
