package gcplink

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/route53"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createDNSZones creates the private zones that lead names over the link. No other resource depends on them, so a change between private
// and public names leaves every tunnel, route and firewall rule in place, and can be undone.
func (b *builder) createDNSZones() error {
	for _, z := range b.args.Zones {
		name := b.ChildName("zone", z.Name)
		zone, err := kit.Create(b.Component, route53.NewZone, name, &route53.ZoneArgs{
			Name: pulumi.String(z.Name), Comment: pulumi.String("Beachhead: names over the link to GCP"), Tags: kit.NameTag(name),
			Vpcs: route53.ZoneVpcArray{route53.ZoneVpcArgs{VpcId: b.args.VPC}},
		})
		if err != nil {
			return err
		}
		for _, r := range z.Records {
			if _, err := kit.Create(b.Component, route53.NewRecord, b.ChildName("record", recordKey(r.Name)), &route53.RecordArgs{
				ZoneId: zone.ZoneId, Name: pulumi.String(r.Name), Type: pulumi.String(r.Type), Ttl: pulumi.Int(r.TTL),
				Records: pulumi.ToStringArray(r.Values),
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordKey returns a record's name without the star of a wildcard. No host name has a label that begins with an underscore.
func recordKey(name string) string {
	if rest, wild := strings.CutPrefix(name, "*"); wild {
		return "_any" + rest
	}
	return name
}
