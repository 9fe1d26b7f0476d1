package preflight

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Not everything that carries the stack's tag is the stack's to take up. EC2 shows gateways, endpoints and connections for an hour after
// they were deleted, tags and all; a VPC's default security group is adopted by whoever names it; and launches make interfaces.

func (n *network) leave(id *string, out bool) {
	if out {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.leftOut[aws.ToString(id)] = true
	}
}

func (n *network) askGateways(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeNatGatewaysPaginator(n.client, &ec2.DescribeNatGatewaysInput{Filter: n.ours()}),
		func(page *ec2.DescribeNatGatewaysOutput) {
			for _, gateway := range page.NatGateways {
				n.leave(gateway.NatGatewayId, isGone(string(gateway.State)))
			}
		})
}

func (n *network) askEndpoints(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeVpcEndpointsPaginator(n.client, &ec2.DescribeVpcEndpointsInput{Filters: n.ours()}),
		func(page *ec2.DescribeVpcEndpointsOutput) {
			for _, endpoint := range page.VpcEndpoints {
				n.leave(endpoint.VpcEndpointId, isGone(string(endpoint.State)))
			}
		})
}

func (n *network) askVPNGateways(ctx context.Context) error {
	answer, err := n.client.DescribeVpnGateways(ctx, &ec2.DescribeVpnGatewaysInput{Filters: n.ours()})
	if err != nil {
		return err
	}
	for _, gateway := range answer.VpnGateways {
		n.leave(gateway.VpnGatewayId, isGone(string(gateway.State)))
	}
	return nil
}

func (n *network) askConnections(ctx context.Context) error {
	answer, err := n.client.DescribeVpnConnections(ctx, &ec2.DescribeVpnConnectionsInput{Filters: n.ours()})
	if err != nil {
		return err
	}
	for _, connection := range answer.VpnConnections {
		n.leave(connection.VpnConnectionId, isGone(string(connection.State)))
	}
	return nil
}

func (n *network) askCustomers(ctx context.Context) error {
	answer, err := n.client.DescribeCustomerGateways(ctx, &ec2.DescribeCustomerGatewaysInput{Filters: n.ours()})
	if err != nil {
		return err
	}
	for _, gateway := range answer.CustomerGateways {
		n.leave(gateway.CustomerGatewayId, isGone(aws.ToString(gateway.State)))
	}
	return nil
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
			n.leave(group.GroupId, true)
		}
	})
}

// askInterfaces leaves out those that go with their machine: a launch made them. Those that outlive one are attached without that.
func (n *network) askInterfaces(ctx context.Context) error {
	return eachPage(ctx, ec2.NewDescribeNetworkInterfacesPaginator(n.client, &ec2.DescribeNetworkInterfacesInput{
		Filters: n.ours(types.Filter{Name: aws.String("attachment.delete-on-termination"), Values: []string{"true"}}),
	}), func(page *ec2.DescribeNetworkInterfacesOutput) {
		for _, i := range page.NetworkInterfaces {
			n.leave(i.NetworkInterfaceId, true)
		}
	})
}
