package aws

import (
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RoutePropagationType is the Pulumi type token of the propagation of a virtual private gateway's routes to a route table.
const RoutePropagationType = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"

func routePropagationKind() *cloud.Kind {
	return &cloud.Kind{
		Type:    RoutePropagationType,
		Missing: "InvalidPropagation.NotFound: The propagation '%s' does not exist",
		References: []cloud.Reference{
			{Path: "routeTableId", To: []string{RouteTableType}, OnDelete: cloud.Cascade},
			{Path: "vpnGatewayId", To: []string{VPNGatewayType}, OnDelete: cloud.Cascade},
		},
		Create: func(c *cloud.Call) error {
			gateway, table := c.New.Text("vpnGatewayId"), c.New.Text("routeTableId")
			c.New.ID = gateway + "_" + table // as Terraform makes it
			if c.Find(c.New.ID, RoutePropagationType) != nil {
				return cloud.Refuse("RouteTable.PropagationExists: %s propagates the routes of %s already", table, gateway)
			}
			vpc := c.State.NetworkOf(c.Find(table, RouteTableType))
			if at := VPCOfVPNGateway(c.State, c.Find(gateway, VPNGatewayType)); at != vpc {
				return cloud.Refuse("Gateway.NotAttached: The gateway %s is not attached to the VPC %s of %s", gateway, vpc, table)
			}
			return nil
		},
	}
}
