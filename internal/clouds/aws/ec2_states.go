package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Several queries record states, which decide what is gone.

func (s *ec2Search) recordState(id *string, state string) {
	s.statesMu.Lock()
	defer s.statesMu.Unlock()
	s.found.States[aws.ToString(id)] = state
}

func (s *ec2Search) findNATGateways(ctx context.Context) error {
	return forEachPage(ctx, ec2.NewDescribeNatGatewaysPaginator(s.client, &ec2.DescribeNatGatewaysInput{Filter: byStackTag(s.stack)}),
		func(page *ec2.DescribeNatGatewaysOutput) {
			for _, gateway := range page.NatGateways {
				s.recordState(gateway.NatGatewayId, string(gateway.State))
			}
		})
}

func (s *ec2Search) findEndpoints(ctx context.Context) error {
	return forEachPage(ctx, ec2.NewDescribeVpcEndpointsPaginator(s.client, &ec2.DescribeVpcEndpointsInput{Filters: byStackTag(s.stack)}),
		func(page *ec2.DescribeVpcEndpointsOutput) {
			for _, endpoint := range page.VpcEndpoints {
				s.recordState(endpoint.VpcEndpointId, string(endpoint.State))
			}
		})
}

func (s *ec2Search) findVPNGateways(ctx context.Context) error {
	answer, err := s.client.DescribeVpnGateways(ctx, &ec2.DescribeVpnGatewaysInput{Filters: byStackTag(s.stack)})
	if err != nil {
		return err
	}
	for _, gateway := range answer.VpnGateways {
		s.recordState(gateway.VpnGatewayId, string(gateway.State))
	}
	return nil
}

func (s *ec2Search) findVPNConnections(ctx context.Context) error {
	answer, err := s.client.DescribeVpnConnections(ctx, &ec2.DescribeVpnConnectionsInput{Filters: byStackTag(s.stack)})
	if err != nil {
		return err
	}
	for _, connection := range answer.VpnConnections {
		s.recordState(connection.VpnConnectionId, string(connection.State))
	}
	return nil
}

func (s *ec2Search) findCustomerGateways(ctx context.Context) error {
	answer, err := s.client.DescribeCustomerGateways(ctx, &ec2.DescribeCustomerGatewaysInput{Filters: byStackTag(s.stack)})
	if err != nil {
		return err
	}
	for _, gateway := range answer.CustomerGateways {
		s.recordState(gateway.CustomerGatewayId, aws.ToString(gateway.State))
	}
	return nil
}

func (s *ec2Search) findDefaultGroups(ctx context.Context) error {
	return forEachPage(ctx, ec2.NewDescribeSecurityGroupsPaginator(s.client, &ec2.DescribeSecurityGroupsInput{
		Filters: byStackTag(s.stack, types.Filter{Name: aws.String("group-name"), Values: []string{"default"}}),
	}), func(page *ec2.DescribeSecurityGroupsOutput) {
		for _, group := range page.SecurityGroups {
			s.found.DefaultGroups = append(s.found.DefaultGroups, aws.ToString(group.GroupId))
		}
	})
}

// findLaunchedInterfaces finds the interfaces that EC2 deletes with their machine. An interface that outlives its machine has no such mark.
func (s *ec2Search) findLaunchedInterfaces(ctx context.Context) error {
	return forEachPage(ctx, ec2.NewDescribeNetworkInterfacesPaginator(s.client, &ec2.DescribeNetworkInterfacesInput{
		Filters: byStackTag(s.stack, types.Filter{Name: aws.String("attachment.delete-on-termination"), Values: []string{"true"}}),
	}), func(page *ec2.DescribeNetworkInterfacesOutput) {
		for _, i := range page.NetworkInterfaces {
			s.found.LaunchedInterfaces = append(s.found.LaunchedInterfaces, aws.ToString(i.NetworkInterfaceId))
		}
	})
}
