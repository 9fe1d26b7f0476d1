package preflight

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// typeByPrefix tells a thing's type by the first part of its id. Rules of security groups are missing: their ids do not tell whether
// they are for what comes in or what goes out. So are volumes: most are machines' root disks.
var typeByPrefix = map[string]string{
	"cgw":      "aws:ec2/customerGateway:CustomerGateway",
	"eipalloc": "aws:ec2/eip:Eip",
	"eni":      "aws:ec2/networkInterface:NetworkInterface",
	"fl":       "aws:ec2/flowLog:FlowLog",
	"igw":      "aws:ec2/internetGateway:InternetGateway",
	"lt":       "aws:ec2/launchTemplate:LaunchTemplate",
	"nat":      "aws:ec2/natGateway:NatGateway",
	"rtb":      "aws:ec2/routeTable:RouteTable",
	"sg":       "aws:ec2/securityGroup:SecurityGroup",
	"subnet":   "aws:ec2/subnet:Subnet",
	"vgw":      "aws:ec2/vpnGateway:VpnGateway",
	"vpc":      "aws:ec2/vpc:Vpc",
	"vpce":     "aws:ec2/vpcEndpoint:VpcEndpoint",
	"vpn":      "aws:ec2/vpnConnection:VpnConnection",
}

// filterValues is how many values EC2 takes in one filter.
const filterValues = 200

// network is what EC2 answers about a stack. All questions can be asked at the same time: each writes fields of its own, but for what is
// left out.
type network struct {
	client *ec2.Client
	stack  string

	// names has an entry for everything that carries the stack's tag.
	names map[string]string
	mu    sync.Mutex
	// leftOut has what carries the tag and is not the stack's to take up.
	leftOut map[string]bool

	tables       []types.RouteTable
	rules        []types.SecurityGroupRule
	addresses    []types.Address
	volumes      []types.Volume
	reservations []types.SubnetCidrReservation
}

func newNetwork(cfg aws.Config, stack string) *network {
	return &network{client: ec2.NewFromConfig(cfg), stack: stack, names: map[string]string{}, leftOut: map[string]bool{}}
}

func (n *network) questions() []func(context.Context) error {
	return []func(context.Context) error{
		n.askNames, n.askGateways, n.askEndpoints, n.askVPNGateways, n.askConnections, n.askCustomers, n.askDefaults, n.askInterfaces,
		n.askTables, n.askRules, n.askAddresses, n.askVolumes, n.askReservations,
	}
}

// ours keeps EC2's answers to what carries the stack's tag.
func (n *network) ours(more ...types.Filter) []types.Filter {
	return append([]types.Filter{{Name: aws.String("tag:" + plan.StackTag), Values: []string{n.stack}}}, more...)
}

// askNames asks for the tags rather than for the things: that is one call for all types, and as current as the things themselves.
func (n *network) askNames(ctx context.Context) error {
	var ids []string
	if err := eachPage(ctx, ec2.NewDescribeTagsPaginator(n.client, &ec2.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("key"), Values: []string{plan.StackTag}}, {Name: aws.String("value"), Values: []string{n.stack}},
	}}), func(page *ec2.DescribeTagsOutput) {
		for _, tag := range page.Tags {
			ids = append(ids, aws.ToString(tag.ResourceId))
			n.names[aws.ToString(tag.ResourceId)] = ""
		}
	}); err != nil {
		return err
	}
	for some := range slices.Chunk(ids, filterValues) {
		if err := eachPage(ctx, ec2.NewDescribeTagsPaginator(n.client, &ec2.DescribeTagsInput{Filters: []types.Filter{
			{Name: aws.String("key"), Values: []string{nameTag}}, {Name: aws.String("resource-id"), Values: some},
		}}), func(page *ec2.DescribeTagsOutput) {
			for _, tag := range page.Tags {
				n.names[aws.ToString(tag.ResourceId)] = aws.ToString(tag.Value)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

func (n *network) askTables(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeRouteTablesPaginator(n.client, &ec2.DescribeRouteTablesInput{Filters: n.ours()}),
		func(page *ec2.DescribeRouteTablesOutput) { n.tables = append(n.tables, page.RouteTables...) })
}

func (n *network) askRules(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeSecurityGroupRulesPaginator(n.client, &ec2.DescribeSecurityGroupRulesInput{Filters: n.ours()}),
		func(page *ec2.DescribeSecurityGroupRulesOutput) {
			n.rules = append(n.rules, page.SecurityGroupRules...)
		})
}

func (n *network) askAddresses(ctx context.Context) error {
	answer, err := n.client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: n.ours()})
	if err != nil {
		return err
	}
	n.addresses = answer.Addresses
	return nil
}

// askVolumes asks for data volumes, also those that a stack left behind when it went. Root disks lack the cache's tag.
func (n *network) askVolumes(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeVolumesPaginator(n.client, &ec2.DescribeVolumesInput{Filters: n.ours(
		types.Filter{Name: aws.String("tag-key"), Values: []string{cache.CacheTag}},
		// What is being deleted must not be taken up, and what has failed comes to nothing.
		types.Filter{Name: aws.String("status"), Values: []string{"creating", "available", "in-use"}},
	)}), func(page *ec2.DescribeVolumesOutput) { n.volumes = append(n.volumes, page.Volumes...) })
}

// askReservations asks for those of the stack's subnets: the provider gives them no tags.
func (n *network) askReservations(ctx context.Context) error {
	var subnets []types.Subnet
	if err := eachPage(ctx, ec2.NewDescribeSubnetsPaginator(n.client, &ec2.DescribeSubnetsInput{Filters: n.ours()}),
		func(page *ec2.DescribeSubnetsOutput) { subnets = append(subnets, page.Subnets...) }); err != nil {
		return err
	}
	for _, subnet := range subnets {
		in := &ec2.GetSubnetCidrReservationsInput{SubnetId: subnet.SubnetId}
		for {
			page, err := n.client.GetSubnetCidrReservations(ctx, in)
			if isMissing(err) {
				break
			}
			if err != nil {
				return err
			}
			n.reservations = append(n.reservations, page.SubnetIpv4CidrReservations...)
			if in.NextToken = page.NextToken; in.NextToken == nil {
				break
			}
		}
	}
	return nil
}

// owned puts the answers together.
func (n *network) owned() []engine.Owned {
	var owned []engine.Owned
	for id, name := range n.names {
		prefix, _, _ := strings.Cut(id, "-")
		// What has no type here is the machines, which their group makes and the state never has, and what is asked for below.
		if typ, ours := typeByPrefix[prefix]; ours && !n.leftOut[id] {
			owned = append(owned, engine.Owned{Type: typ, Name: name, ID: id, ImportID: id})
		}
	}
	for _, rule := range n.rules {
		typ, id := "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", aws.ToString(rule.SecurityGroupRuleId)
		if aws.ToBool(rule.IsEgress) {
			typ = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
		}
		owned = append(owned, engine.Owned{Type: typ, Name: nameOf(rule.Tags), ID: id, ImportID: id})
	}
	for _, table := range n.tables {
		owned = append(owned, routes(table)...)
		owned = append(owned, associations(table)...)
	}
	for _, v := range n.volumes {
		id := aws.ToString(v.VolumeId)
		owned = append(owned, engine.Owned{
			Type: "aws:ebs/volume:Volume", Name: nameOf(v.Tags), ID: id, ImportID: id,
			Inputs: map[string]any{"size": aws.ToInt32(v.Size), "availabilityZone": aws.ToString(v.AvailabilityZone)},
		})
	}
	for _, r := range n.reservations {
		id, subnet := aws.ToString(r.SubnetCidrReservationId), aws.ToString(r.SubnetId)
		owned = append(owned, engine.Owned{
			Type: "aws:ec2/subnetCidrReservation:SubnetCidrReservation", ID: id, ImportID: subnet + ":" + id,
			Inputs: map[string]any{"subnetId": subnet, "cidrBlock": aws.ToString(r.Cidr)},
		})
	}
	return append(owned, n.addressAssociations()...)
}

// routes are those that somebody made in a table. The VPC's own is the table's, those of gateway endpoints are the endpoints', which
// name no block but a list of them.
func routes(table types.RouteTable) []engine.Owned {
	var owned []engine.Owned
	id := aws.ToString(table.RouteTableId)
	for _, route := range table.Routes {
		block := aws.ToString(route.DestinationCidrBlock)
		if route.Origin != types.RouteOriginCreateRoute || block == "" || strings.HasPrefix(aws.ToString(route.GatewayId), "vpce-") {
			continue
		}
		owned = append(owned, engine.Owned{
			Type: "aws:ec2/route:Route",
			// EC2 has no ids for routes; this is the provider's.
			ID: fmt.Sprintf("r-%s%d", id, crc32.ChecksumIEEE([]byte(block))), ImportID: id + "_" + block,
			Inputs: map[string]any{"routeTableId": id, "destinationCidrBlock": block},
		})
	}
	return owned
}

// associations are those of a table with subnets. The main one is the VPC's.
func associations(table types.RouteTable) []engine.Owned {
	var owned []engine.Owned
	for _, association := range table.Associations {
		subnet := aws.ToString(association.SubnetId)
		if aws.ToBool(association.Main) || subnet == "" || isLoose(association.AssociationState) {
			continue
		}
		owned = append(owned, engine.Owned{
			Type: "aws:ec2/routeTableAssociation:RouteTableAssociation", ID: aws.ToString(association.RouteTableAssociationId),
			ImportID: subnet + "/" + aws.ToString(table.RouteTableId), Inputs: map[string]any{"subnetId": subnet},
		})
	}
	return owned
}

func isLoose(state *types.RouteTableAssociationState) bool {
	if state == nil {
		return false
	}
	switch state.State {
	case types.RouteTableAssociationStateCodeDisassociating, types.RouteTableAssociationStateCodeDisassociated,
		types.RouteTableAssociationStateCodeFailed:
		return true
	default:
		return false
	}
}

// addressAssociations are those with interfaces of ours. A NAT gateway's addresses are associated with an interface too, which EC2
// made and nobody tagged.
func (n *network) addressAssociations() []engine.Owned {
	var owned []engine.Owned
	for _, address := range n.addresses {
		id := aws.ToString(address.AssociationId)
		if _, ours := n.names[aws.ToString(address.NetworkInterfaceId)]; id == "" || !ours {
			continue
		}
		owned = append(owned, engine.Owned{
			Type: "aws:ec2/eipAssociation:EipAssociation", ID: id, ImportID: id,
			Inputs: map[string]any{"allocationId": aws.ToString(address.AllocationId)},
		})
	}
	return owned
}

func nameOf(tags []types.Tag) string {
	for _, tag := range tags {
		if aws.ToString(tag.Key) == nameTag {
			return aws.ToString(tag.Value)
		}
	}
	return ""
}
