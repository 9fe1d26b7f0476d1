package preflight

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// askZones asks for the private zones of the stack's networks and for what is in those that are the stack's. Zones are made with their
// network, so there is none that this misses; asking each zone of the account for its tags was refused: Route 53 answers five calls a second.
func (n *named) askZones(ctx context.Context) error {
	var networks []ec2types.Vpc
	if err := eachPage(ctx, ec2.NewDescribeVpcsPaginator(ec2.NewFromConfig(n.cfg), &ec2.DescribeVpcsInput{
		Filters: []ec2types.Filter{{Name: aws.String("tag:" + plan.StackTag), Values: []string{n.stack}}},
	}), func(page *ec2.DescribeVpcsOutput) { networks = append(networks, page.Vpcs...) }); err != nil {
		return err
	}
	client := route53.NewFromConfig(n.cfg)
	for _, network := range networks {
		in := &route53.ListHostedZonesByVPCInput{VPCId: network.VpcId, VPCRegion: types.VPCRegion(n.cfg.Region)}
		for {
			page, err := client.ListHostedZonesByVPC(ctx, in)
			if err != nil {
				return err
			}
			for _, zone := range page.HostedZoneSummaries {
				if err := n.askZone(ctx, client, zone); err != nil {
					return err
				}
			}
			if in.NextToken = page.NextToken; in.NextToken == nil {
				break
			}
		}
	}
	return nil
}

func (n *named) askZone(ctx context.Context, client *route53.Client, zone types.HostedZoneSummary) error {
	if zone.Owner != nil && zone.Owner.OwningService != nil { // an endpoint's zone, which is its service's
		return nil
	}
	id := strings.TrimPrefix(aws.ToString(zone.HostedZoneId), "/hostedzone/")
	answer, err := client.ListTagsForResource(ctx, &route53.ListTagsForResourceInput{
		ResourceId: aws.String(id), ResourceType: types.TagResourceTypeHostedzone,
	})
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	tags := tagsOf(answer.ResourceTagSet.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
	if !n.keep("aws:route53/zone:Zone", id, tags) {
		return nil
	}
	return eachPage(ctx, route53.NewListResourceRecordSetsPaginator(client, &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String(id)}),
		func(page *route53.ListResourceRecordSetsOutput) {
			for _, record := range page.ResourceRecordSets {
				n.addRecord(id, record)
			}
		})
}

// addRecord notes a record that somebody made. Those of a zone itself come and go with it.
func (n *named) addRecord(zone string, r types.ResourceRecordSet) {
	if r.Type == types.RRTypeNs || r.Type == types.RRTypeSoa {
		return
	}
	// Route 53 writes the star as the octal number that it is in zone files.
	name := strings.Replace(strings.TrimSuffix(aws.ToString(r.Name), "."), `\052`, "*", 1)
	id := zone + "_" + name + "_" + string(r.Type)
	n.add(engine.Owned{
		Type: "aws:route53/record:Record", ID: id, ImportID: id,
		Inputs: map[string]any{"zoneId": zone, "name": name, "type": string(r.Type)},
	})
}
