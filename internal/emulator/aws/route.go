package aws

import (
	"fmt"
	"hash/crc32"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RouteType is the Pulumi type token of one route in a route table.
const RouteType = "aws:ec2/route:Route"

// The inputs that state a route's destination and target. Exactly one of each must be set.
var (
	routeDestinations = []string{"destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"}
	routeTargets      = []string{"gatewayId", "natGatewayId", "networkInterfaceId", "carrierGatewayId", "coreNetworkArn",
		"egressOnlyGatewayId", "localGatewayId", "transitGatewayId", "vpcEndpointId", "vpcPeeringConnectionId"}
)

var routeKind = &cloud.Kind{
	Type:        RouteType,
	Missing:     "InvalidRoute.NotFound: The route '%s' does not exist",
	ExactlyOne:  [][]string{routeDestinations, routeTargets},
	Unsupported: routeTargets[3:],
	References: []cloud.Reference{
		{Path: "routeTableId", To: []string{RouteTableType}, OnDelete: cloud.Cascade},
		// A target can be deleted: the route stays and leads nowhere, as in AWS.
		{Path: "gatewayId", To: []string{InternetGatewayType}},
		{Path: "natGatewayId", To: []string{NATGatewayType}},
		{Path: "networkInterfaceId", To: []string{NetworkInterfaceType}},
	},
	ImportID: func(r *cloud.Record) string { return r.Text("routeTableId") + "_" + destinationOf(r) },
	Create:   createRoute,
	Update:   updateRoute,
	Derive:   describeRoute,
}

func destinationOf(r *cloud.Record) string {
	for _, name := range routeDestinations {
		if d := r.Text(name); d != "" {
			return d
		}
	}
	return ""
}

func createRoute(c *cloud.Call) error {
	table, destination := c.New.Text("routeTableId"), destinationOf(c.New)
	c.New.ID = fmt.Sprintf("r-%s%d", table, crc32.ChecksumIEEE([]byte(destination))) // as Terraform makes it
	if c.Find(c.New.ID, RouteType) != nil {
		return cloud.Refuse("RouteAlreadyExists: The route identified by %s already exists in %s.", destination, table)
	}
	vpc := c.Find(c.State.NetworkOf(c.New), VPCType)
	if vpc != nil && vpc.Text("cidrBlock") == destination {
		return cloud.Refuse("RouteAlreadyExists: The route identified by %s already exists in %s: it is the local route.", destination, table)
	}
	if countRoutes(c, table) >= c.Quota(quotaRoutesPerTable) {
		return cloud.RefuseQuota("RouteLimitExceeded: The maximum number of routes has been reached in %s.", table)
	}
	c.New.Outputs["origin"] = "CreateRoute"
	return checkRouteGateway(c)
}

// countRoutes returns the number of a table's routes, those of gateway endpoints included.
func countRoutes(c *cloud.Call, table string) int {
	n := 0
	for _, u := range c.State.ReferrersOf(c.KeyOf(RouteTableType, table)) {
		if u.Type == RouteType || u.Type == VPCEndpointType {
			n++
		}
	}
	return n
}

// updateRoute removes the previous target of a route, which the outputs would otherwise still show.
func updateRoute(c *cloud.Call) error {
	for _, target := range routeTargets {
		if _, given := c.New.Inputs[target]; !given {
			delete(c.New.Outputs, target)
		}
	}
	return checkRouteGateway(c)
}

// checkRouteGateway refuses a gateway that is attached to no VPC. checkReferences refuses one that is attached to another VPC.
func checkRouteGateway(c *cloud.Call) error {
	id := c.New.Text("gatewayId")
	if igw := c.Find(id, InternetGatewayType); igw != nil && igw.Text("vpcId") == "" {
		return cloud.Refuse("InvalidParameterValue: route table %s and network gateway %s belong to different networks",
			c.New.Text("routeTableId"), id)
	}
	return nil
}

// describeRoute returns whether the route leads anywhere, and the machine behind its interface, as the real API does.
func describeRoute(s *cloud.State, r *cloud.Record) map[string]any {
	out := map[string]any{"state": "blackhole", "instanceId": "", "instanceOwnerId": ""}
	eni := s.RecordNear(r, NetworkInterfaceType, r.Text("networkInterfaceId"))
	if machine := instanceOf(s, eni); machine != nil {
		out["instanceId"], out["instanceOwnerId"], out["state"] = machine.ID, machine.Account, "active"
	}
	igw := s.RecordNear(r, InternetGatewayType, r.Text("gatewayId"))
	if s.RecordNear(r, NATGatewayType, r.Text("natGatewayId")) != nil || igw != nil && igw.Text("vpcId") != "" {
		out["state"] = "active"
	}
	return out
}
