package emulator

import (
	"fmt"
	"hash/crc32"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	RouteTableType            = "aws:ec2/routeTable:RouteTable"
	RouteType                 = "aws:ec2/route:Route"
	RouteTableAssociationType = "aws:ec2/routeTableAssociation:RouteTableAssociation"
)

var routeTableKind = &Kind{
	Type: RouteTableType, IDPrefix: "rtb", ARN: "arn:aws:ec2:%s:%s:route-table/%s",
	Missing:     "InvalidRouteTableID.NotFound: The routeTable ID '%s' does not exist",
	InUse:       "DependencyViolation: The routeTable '%s' has dependencies and cannot be deleted.",
	References:  []Reference{{Path: "vpcId", To: []string{VPCType}, OnDelete: Block}},
	Unsupported: []string{"propagatingVgws"},
	// Routes written into the table and routes as resources of their own undo each other on every run. We have the latter, so that
	// a change of mode can move one route at a time.
	Check: func(m resource.PropertyMap) []catalog.Failure {
		if _, ok := m["routes"]; ok {
			return []catalog.Failure{{Property: "routes", Reason: "the emulator has no rules for inline routes; use aws:ec2/route:Route"}}
		}
		return nil
	},
}

// The inputs of a route of which exactly one must be given.
var (
	routeDestinations = []string{"destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"}
	routeTargets      = []string{"gatewayId", "natGatewayId", "networkInterfaceId", "carrierGatewayId", "coreNetworkArn",
		"egressOnlyGatewayId", "localGatewayId", "transitGatewayId", "vpcEndpointId", "vpcPeeringConnectionId"}
)

var routeKind = &Kind{
	Type:        RouteType,
	Missing:     "InvalidRoute.NotFound: The route '%s' does not exist",
	ExactlyOne:  [][]string{routeDestinations, routeTargets},
	Unsupported: routeTargets[3:],
	References: []Reference{
		{Path: "routeTableId", To: []string{RouteTableType}, OnDelete: Cascade},
		// A target may go: the route stays and leads nowhere, as in AWS.
		{Path: "gatewayId", To: []string{InternetGatewayType}},
		{Path: "natGatewayId", To: []string{NATGatewayType}},
		{Path: "networkInterfaceId", To: []string{NetworkInterfaceType}},
	},
	ImportID: func(r *Record) string { return r.Text("routeTableId") + "_" + destinationOf(r) },
	Create:   createRoute,
	Update:   updateRoute,
	Derive:   describeRoute,
}

func destinationOf(r *Record) string {
	for _, name := range routeDestinations {
		if d := r.Text(name); d != "" {
			return d
		}
	}
	return ""
}

func createRoute(c *Call) error {
	table, destination := c.New.Text("routeTableId"), destinationOf(c.New)
	c.New.ID = fmt.Sprintf("r-%s%d", table, crc32.ChecksumIEEE([]byte(destination))) // as Terraform makes it
	if c.Find(c.New.ID, RouteType) != nil {
		return Refuse("RouteAlreadyExists: The route identified by %s already exists in %s.", destination, table)
	}
	vpc := c.Find(c.State.NetworkOf(c.New), VPCType)
	if vpc != nil && vpc.Text("cidrBlock") == destination {
		return Refuse("RouteAlreadyExists: The route identified by %s already exists in %s: it is the local route.", destination, table)
	}
	if countRoutes(c, table) >= c.Quota(quotaRoutesPerTable) {
		return RefuseQuota("RouteLimitExceeded: The maximum number of routes has been reached in %s.", table)
	}
	c.New.Outputs["origin"] = "CreateRoute"
	return checkRouteGateway(c)
}

// countRoutes counts a table's routes, gateway endpoints' among them.
func countRoutes(c *Call, table string) int {
	n := 0
	for _, u := range c.State.ReferrersOf(c.KeyOf(RouteTableType, table)) {
		if u.Type == RouteType || u.Type == VPCEndpointType {
			n++
		}
	}
	return n
}

// updateRoute forgets the target that a route had, which the cloud would otherwise go on telling.
func updateRoute(c *Call) error {
	for _, target := range routeTargets {
		if _, given := c.New.Inputs[target]; !given {
			delete(c.New.Outputs, target)
		}
	}
	return checkRouteGateway(c)
}

// checkRouteGateway refuses a gateway that is attached to no VPC; one attached elsewhere is refused with all references.
func checkRouteGateway(c *Call) error {
	id := c.New.Text("gatewayId")
	if igw := c.Find(id, InternetGatewayType); igw != nil && igw.Text("vpcId") == "" {
		return Refuse("InvalidParameterValue: route table %s and network gateway %s belong to different networks", c.New.Text("routeTableId"), id)
	}
	return nil
}

// describeRoute tells whether the route leads anywhere. The machine behind an interface is told as well, as the real API does.
func describeRoute(s *State, r *Record) map[string]any {
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

var routeTableAssociationKind = &Kind{
	Type: RouteTableAssociationType, IDPrefix: "rtbassoc",
	Missing:     "InvalidAssociationID.NotFound: The association ID '%s' does not exist",
	ExactlyOne:  [][]string{{"subnetId", "gatewayId"}},
	Unsupported: []string{"gatewayId"},
	References: []Reference{
		{Path: "routeTableId", To: []string{RouteTableType}, OnDelete: Block},
		{Path: "subnetId", To: []string{SubnetType}, OnDelete: Cascade},
	},
	ImportID: func(r *Record) string { return r.Text("subnetId") + "/" + r.Text("routeTableId") },
	Create: func(c *Call) error {
		if other := associationOf(c.State, c.Find(c.New.Text("subnetId"), SubnetType)); other != nil {
			return Refuse("Resource.AlreadyAssociated: the specified association for route table %s conflicts with an existing association (%s of %s)",
				c.New.Text("routeTableId"), other.ID, other.Text("routeTableId"))
		}
		return nil
	},
}

// associationOf finds a subnet's association with a route table, or nil: then the VPC's main table holds.
func associationOf(s *State, subnet *Record) *Record {
	if subnet == nil {
		return nil
	}
	for _, u := range s.ReferrersOf(subnet.Key) {
		if u.Type == RouteTableAssociationType {
			return u
		}
	}
	return nil
}
