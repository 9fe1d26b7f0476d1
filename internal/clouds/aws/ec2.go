package aws

import (
	"context"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/internal/clouds"
	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// maxFilterValues is the number of values that EC2 accepts in one filter.
const maxFilterValues = 200

// ec2Search queries EC2 about a stack. Its queries can run in parallel: each writes fields of its own, except for the states.
type ec2Search struct {
	client *ec2.Client
	stack  string

	// statesMu guards found.States.
	statesMu sync.Mutex
	found    inventory.EC2
}

func newEC2Search(cfg aws.Config, stack string) *ec2Search {
	found := inventory.EC2{Names: map[string]string{}, States: map[string]string{}}
	return &ec2Search{client: ec2.NewFromConfig(cfg), stack: stack, found: found}
}

func (s *ec2Search) queries() []clouds.Query {
	return []clouds.Query{
		s.findNames, s.findNATGateways, s.findEndpoints, s.findVPNGateways, s.findVPNConnections, s.findCustomerGateways,
		s.findDefaultGroups, s.findLaunchedInterfaces, s.findRouteTables, s.findRules, s.findAddresses, s.findVolumes, s.findReservations,
	}
}

// byStackTag returns a filter for the stack's tag, and further filters.
func byStackTag(stack string, more ...types.Filter) []types.Filter {
	return append([]types.Filter{{Name: aws.String("tag:" + plan.StackTag), Values: []string{stack}}}, more...)
}

// findNames lists tags and not resources: one call serves all types, and its answer is as current as the lists of resources.
func (s *ec2Search) findNames(ctx context.Context) error {
	var ids []string
	if err := forEachPage(ctx, ec2.NewDescribeTagsPaginator(s.client, &ec2.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("key"), Values: []string{plan.StackTag}}, {Name: aws.String("value"), Values: []string{s.stack}},
	}}), func(page *ec2.DescribeTagsOutput) {
		for _, tag := range page.Tags {
			ids = append(ids, aws.ToString(tag.ResourceId))
			s.found.Names[aws.ToString(tag.ResourceId)] = ""
		}
	}); err != nil {
		return err
	}
	for some := range slices.Chunk(ids, maxFilterValues) {
		if err := forEachPage(ctx, ec2.NewDescribeTagsPaginator(s.client, &ec2.DescribeTagsInput{Filters: []types.Filter{
			{Name: aws.String("key"), Values: []string{inventory.NameTag}}, {Name: aws.String("resource-id"), Values: some},
		}}), func(page *ec2.DescribeTagsOutput) {
			for _, tag := range page.Tags {
				s.found.Names[aws.ToString(tag.ResourceId)] = aws.ToString(tag.Value)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

func (s *ec2Search) findRouteTables(ctx context.Context) error {
	return forEachPage(ctx, ec2.NewDescribeRouteTablesPaginator(s.client, &ec2.DescribeRouteTablesInput{Filters: byStackTag(s.stack)}),
		func(page *ec2.DescribeRouteTablesOutput) {
			for _, table := range page.RouteTables {
				s.found.RouteTables = append(s.found.RouteTables, routeTable(table))
			}
		})
}

func routeTable(t types.RouteTable) inventory.RouteTable {
	table := inventory.RouteTable{ID: aws.ToString(t.RouteTableId)}
	for _, r := range t.Routes {
		table.Routes = append(table.Routes, inventory.Route{
			Destination: aws.ToString(r.DestinationCidrBlock), Origin: string(r.Origin), GatewayID: aws.ToString(r.GatewayId),
		})
	}
	for _, a := range t.Associations {
		association := inventory.TableAssociation{
			ID: aws.ToString(a.RouteTableAssociationId), SubnetID: aws.ToString(a.SubnetId), Main: aws.ToBool(a.Main),
		}
		if a.AssociationState != nil {
			association.State = string(a.AssociationState.State)
		}
		table.Associations = append(table.Associations, association)
	}
	return table
}

func (s *ec2Search) findRules(ctx context.Context) error {
	in := &ec2.DescribeSecurityGroupRulesInput{Filters: byStackTag(s.stack)}
	return forEachPage(ctx, ec2.NewDescribeSecurityGroupRulesPaginator(s.client, in),
		func(page *ec2.DescribeSecurityGroupRulesOutput) {
			for _, rule := range page.SecurityGroupRules {
				s.found.Rules = append(s.found.Rules, inventory.SecurityGroupRule{
					ID: aws.ToString(rule.SecurityGroupRuleId), Name: nameTag(rule.Tags), Egress: aws.ToBool(rule.IsEgress),
				})
			}
		})
}

func (s *ec2Search) findAddresses(ctx context.Context) error {
	answer, err := s.client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: byStackTag(s.stack)})
	if err != nil {
		return err
	}
	for _, a := range answer.Addresses {
		s.found.Addresses = append(s.found.Addresses, inventory.Address{
			AllocationID: aws.ToString(a.AllocationId), AssociationID: aws.ToString(a.AssociationId),
			InterfaceID: aws.ToString(a.NetworkInterfaceId),
		})
	}
	return nil
}

// findVolumes finds data volumes, also those that a down kept. Root disks have no cache tag.
func (s *ec2Search) findVolumes(ctx context.Context) error {
	return forEachPage(ctx, ec2.NewDescribeVolumesPaginator(s.client, &ec2.DescribeVolumesInput{Filters: byStackTag(s.stack,
		types.Filter{Name: aws.String("tag-key"), Values: []string{cache.CacheTag}},
		// A volume that EC2 is deleting must not be adopted, and a failed one is never going to work.
		types.Filter{Name: aws.String("status"), Values: []string{"creating", "available", "in-use"}},
	)}), func(page *ec2.DescribeVolumesOutput) {
		for _, v := range page.Volumes {
			s.found.Volumes = append(s.found.Volumes, inventory.Volume{
				ID: aws.ToString(v.VolumeId), Name: nameTag(v.Tags), Zone: aws.ToString(v.AvailabilityZone), GiB: aws.ToInt32(v.Size),
			})
		}
	})
}

// findReservations queries each subnet of the stack: the provider sets no tags on reservations.
func (s *ec2Search) findReservations(ctx context.Context) error {
	var subnets []types.Subnet
	if err := forEachPage(ctx, ec2.NewDescribeSubnetsPaginator(s.client, &ec2.DescribeSubnetsInput{Filters: byStackTag(s.stack)}),
		func(page *ec2.DescribeSubnetsOutput) { subnets = append(subnets, page.Subnets...) }); err != nil {
		return err
	}
	for _, subnet := range subnets {
		if err := s.findReservationsIn(ctx, subnet.SubnetId); err != nil && !isNotFound(err) {
			return err
		}
	}
	return nil
}

// findReservationsIn follows the pages itself: the SDK has no paginator for this call.
func (s *ec2Search) findReservationsIn(ctx context.Context, subnet *string) error {
	in := &ec2.GetSubnetCidrReservationsInput{SubnetId: subnet}
	for {
		page, err := s.client.GetSubnetCidrReservations(ctx, in)
		if err != nil {
			return err
		}
		for _, r := range page.SubnetIpv4CidrReservations {
			s.found.Reservations = append(s.found.Reservations, inventory.CIDRReservation{
				ID: aws.ToString(r.SubnetCidrReservationId), SubnetID: aws.ToString(r.SubnetId), CIDR: aws.ToString(r.Cidr),
			})
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

func nameTag(tags []types.Tag) string {
	return tagMap(tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })[inventory.NameTag]
}
