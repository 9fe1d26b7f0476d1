package preflight

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/regions/plan"
)

// typeByPrefix tells a thing's type by the first part of its id. Rules of security groups are missing: their ids do not tell whether
// they are for what comes in or what goes out.
var typeByPrefix = map[string]string{
	"eipalloc": "aws:ec2/eip:Eip",
	"eni":      "aws:ec2/networkInterface:NetworkInterface",
	"fl":       "aws:ec2/flowLog:FlowLog",
	"igw":      "aws:ec2/internetGateway:InternetGateway",
	"lt":       "aws:ec2/launchTemplate:LaunchTemplate",
	"nat":      "aws:ec2/natGateway:NatGateway",
	"rtb":      "aws:ec2/routeTable:RouteTable",
	"sg":       "aws:ec2/securityGroup:SecurityGroup",
	"subnet":   "aws:ec2/subnet:Subnet",
	"vpc":      "aws:ec2/vpc:Vpc",
	"vpce":     "aws:ec2/vpcEndpoint:VpcEndpoint",
}

// filterValues is how many values EC2 takes in one filter.
const filterValues = 200

// network is what EC2 answers about a stack. Each question writes fields of its own, so all can be asked at the same time.
type network struct {
	client *ec2.Client
	stack  string

	// names has an entry for everything that carries the stack's tag.
	names map[string]string
	// gone are gateways and endpoints that EC2 shows for an hour after they were deleted, tags and all.
	goneGateways, goneEndpoints map[string]bool
	// defaults are VPCs' default security groups.
	defaults  map[string]bool
	tables    []types.RouteTable
	rules     []types.SecurityGroupRule
	addresses []types.Address
}

func newNetwork(cfg aws.Config, stack string) *network {
	return &network{
		client: ec2.NewFromConfig(cfg), stack: stack, names: map[string]string{},
		goneGateways: map[string]bool{}, goneEndpoints: map[string]bool{}, defaults: map[string]bool{},
	}
}

func (n *network) questions() []func(context.Context) error {
	return []func(context.Context) error{
		n.askNames, n.askGateways, n.askEndpoints, n.askDefaults, n.askTables, n.askRules, n.askAddresses,
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

func (n *network) askGateways(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeNatGatewaysPaginator(n.client, &ec2.DescribeNatGatewaysInput{Filter: n.ours()}),
		func(page *ec2.DescribeNatGatewaysOutput) {
			for _, gateway := range page.NatGateways {
				if isGone(string(gateway.State)) {
					n.goneGateways[aws.ToString(gateway.NatGatewayId)] = true
				}
			}
		})
}

func (n *network) askEndpoints(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeVpcEndpointsPaginator(n.client, &ec2.DescribeVpcEndpointsInput{Filters: n.ours()}),
		func(page *ec2.DescribeVpcEndpointsOutput) {
			for _, endpoint := range page.VpcEndpoints {
				if isGone(string(endpoint.State)) {
					n.goneEndpoints[aws.ToString(endpoint.VpcEndpointId)] = true
				}
			}
		})
}

// isGone counts what failed too: it never comes to work, and EC2 takes it away by itself. EC2 writes states of endpoints in lower case
// where its documents have them in upper case.
func isGone(state string) bool {
	switch strings.ToLower(state) {
	case "deleting", "deleted", "failed", "rejected", "expired":
		return true
	}
	return false
}

func (n *network) askDefaults(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeSecurityGroupsPaginator(n.client, &ec2.DescribeSecurityGroupsInput{
		Filters: n.ours(types.Filter{Name: aws.String("group-name"), Values: []string{"default"}}),
	}), func(page *ec2.DescribeSecurityGroupsOutput) {
		for _, group := range page.SecurityGroups {
			n.defaults[aws.ToString(group.GroupId)] = true
		}
	})
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

// owned puts the answers together.
func (n *network) owned() []engine.Owned {
	var owned []engine.Owned
	for id, name := range n.names {
		prefix, _, _ := strings.Cut(id, "-")
		// What has no type here is the machines' and their volumes, which their group makes and the state never has.
		if typ, ours := typeByPrefix[prefix]; ours && !n.goneGateways[id] && !n.goneEndpoints[id] && !n.defaults[id] {
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
