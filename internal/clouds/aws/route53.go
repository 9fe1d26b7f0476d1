package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// findZones finds the private zones of the stack's networks, and the records in the zones that the stack owns. A zone is created with its
// network, so this misses none. (Refused: querying the tags of each zone of the account. Route 53 answers five calls a second.)
func (s *serviceSearch) findZones(ctx context.Context) error {
	var networks []ec2types.Vpc
	if err := forEachPage(ctx, ec2.NewDescribeVpcsPaginator(ec2.NewFromConfig(s.cfg), &ec2.DescribeVpcsInput{Filters: byStackTag(s.stack)}),
		func(page *ec2.DescribeVpcsOutput) { networks = append(networks, page.Vpcs...) }); err != nil {
		return err
	}
	for _, network := range networks {
		if err := s.findZonesOf(ctx, network.VpcId); err != nil {
			return err
		}
	}
	return nil
}

// findZonesOf follows the pages itself: the SDK has no paginator for this call.
func (s *serviceSearch) findZonesOf(ctx context.Context, vpc *string) error {
	client := route53.NewFromConfig(s.cfg)
	in := &route53.ListHostedZonesByVPCInput{VPCId: vpc, VPCRegion: types.VPCRegion(s.cfg.Region)}
	for {
		page, err := client.ListHostedZonesByVPC(ctx, in)
		if err != nil {
			return err
		}
		for _, zone := range page.HostedZoneSummaries {
			if err := s.addZone(ctx, client, zone); err != nil {
				return err
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

// addZone records a zone that the stack owns, and the records in it.
func (s *serviceSearch) addZone(ctx context.Context, client *route53.Client, zone types.HostedZoneSummary) error {
	if zone.Owner != nil && zone.Owner.OwningService != nil { // the zone of an endpoint belongs to that service
		return nil
	}
	id := strings.TrimPrefix(aws.ToString(zone.HostedZoneId), "/hostedzone/")
	answer, err := client.ListTagsForResource(ctx, &route53.ListTagsForResourceInput{
		ResourceId: aws.String(id), ResourceType: types.TagResourceTypeHostedzone,
	})
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	tags := tagMap(answer.ResourceTagSet.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
	if !s.addIfOwned(restype.DNSZone, id, tags) {
		return nil
	}
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(id)}
	return forEachPage(ctx, route53.NewListResourceRecordSetsPaginator(client, in),
		func(page *route53.ListResourceRecordSetsOutput) {
			for _, record := range page.ResourceRecordSets {
				if r, owned := inventory.RecordOf(id, aws.ToString(record.Name), string(record.Type)); owned {
					s.add(r)
				}
			}
		})
}
