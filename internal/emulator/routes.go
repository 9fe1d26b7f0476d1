package emulator

import (
	"fmt"
	"hash/crc32"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	routeTableType  = "aws:ec2/routeTable:RouteTable"
	routeType       = "aws:ec2/route:Route"
	associationType = "aws:ec2/routeTableAssociation:RouteTableAssociation"
)

func init() {
	define(routeTableKind, routeKind, associationKind)
}

var routeTableKind = &kind{
	typ: routeTableType, prefix: "rtb", arn: "arn:aws:ec2:%s:%s:route-table/%s",
	missing: "InvalidRouteTableID.NotFound: The routeTable ID '%s' does not exist",
	inUse:   "DependencyViolation: The routeTable '%s' has dependencies and cannot be deleted.",
	refs:    []ref{{path: "vpcId", to: []string{vpcType}, when: holds}},
	refuse:  []string{"propagatingVgws"},
	// Routes written into the table and routes as resources of their own undo each other on every run. We have the latter, so that
	// a change of mode can move one route at a time.
	check: func(m resource.PropertyMap) []catalog.Failure {
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

var routeKind = &kind{
	typ:     routeType,
	missing: "InvalidRoute.NotFound: The route '%s' does not exist",
	oneOf:   [][]string{routeDestinations, routeTargets},
	refuse:  routeTargets[3:],
	refs: []ref{
		{path: "routeTableId", to: []string{routeTableType}, when: fades},
		// A target may go: the route stays and leads nowhere, as in AWS.
		{path: "gatewayId", to: []string{internetGatewayType}},
		{path: "natGatewayId", to: []string{natGatewayType}},
		{path: "networkInterfaceId", to: []string{networkInterfaceType}},
	},
	importID: func(r *record) string { return r.str("routeTableId") + "_" + destinationOf(r) },
	create:   createRoute,
	update:   moveRoute,
	live:     liveRoute,
}

func destinationOf(r *record) string {
	for _, name := range routeDestinations {
		if d := r.str(name); d != "" {
			return d
		}
	}
	return ""
}

func createRoute(c *call) error {
	table, destination := c.rec.str("routeTableId"), destinationOf(c.rec)
	c.rec.ID = fmt.Sprintf("r-%s%d", table, crc32.ChecksumIEEE([]byte(destination))) // as Terraform makes it
	if c.find(c.rec.ID, routeType) != nil {
		return refused("RouteAlreadyExists: The route identified by %s already exists in %s.", destination, table)
	}
	vpc := c.find(c.st.vpcOf(c.rec), vpcType)
	if vpc != nil && vpc.str("cidrBlock") == destination {
		return refused("RouteAlreadyExists: The route identified by %s already exists in %s: it is the local route.", destination, table)
	}
	if c.routesIn(table) >= c.quota(quotaRoutesPerTable) {
		return exceeded("RouteLimitExceeded: The maximum number of routes has been reached in %s.", table)
	}
	c.rec.Outputs["origin"] = "CreateRoute"
	return c.checkGatewayOfRoute()
}

// routesIn counts a table's routes, gateway endpoints' among them.
func (c *call) routesIn(table string) int {
	n := 0
	for _, u := range c.st.usersOf(c.key(routeTableType, table)) {
		if u.Type == routeType || u.Type == vpcEndpointType {
			n++
		}
	}
	return n
}

// moveRoute forgets the target that a route had, which the cloud would otherwise go on telling.
func moveRoute(c *call) error {
	for _, target := range routeTargets {
		if _, given := c.rec.Inputs[target]; !given {
			delete(c.rec.Outputs, target)
		}
	}
	return c.checkGatewayOfRoute()
}

// checkGatewayOfRoute refuses a gateway that is attached to no VPC; one attached elsewhere is refused with all references.
func (c *call) checkGatewayOfRoute() error {
	id := c.rec.str("gatewayId")
	if igw := c.find(id, internetGatewayType); igw != nil && igw.str("vpcId") == "" {
		return refused("InvalidParameterValue: route table %s and network gateway %s belong to different networks", c.rec.str("routeTableId"), id)
	}
	return nil
}

// liveRoute tells whether the route leads anywhere. The machine behind an interface is told as well, as the real API does.
func liveRoute(s *State, r *record) map[string]any {
	out := map[string]any{"state": "blackhole", "instanceId": "", "instanceOwnerId": ""}
	eni := s.near(r, networkInterfaceType, r.str("networkInterfaceId"))
	if machine := s.machineOf(eni); machine != nil {
		out["instanceId"], out["instanceOwnerId"], out["state"] = machine.ID, machine.Account, "active"
	}
	igw := s.near(r, internetGatewayType, r.str("gatewayId"))
	if s.near(r, natGatewayType, r.str("natGatewayId")) != nil || igw != nil && igw.str("vpcId") != "" {
		out["state"] = "active"
	}
	return out
}

// near finds something in the region of a record, or nil.
func (s *State) near(r *record, typ, id string) *record {
	return s.records[key{Type: typ, Account: r.Account, Region: r.Region, ID: id}]
}

var associationKind = &kind{
	typ: associationType, prefix: "rtbassoc",
	missing: "InvalidAssociationID.NotFound: The association ID '%s' does not exist",
	oneOf:   [][]string{{"subnetId", "gatewayId"}},
	refuse:  []string{"gatewayId"},
	refs: []ref{
		{path: "routeTableId", to: []string{routeTableType}, when: holds},
		{path: "subnetId", to: []string{subnetType}, when: fades},
	},
	importID: func(r *record) string { return r.str("subnetId") + "/" + r.str("routeTableId") },
	create: func(c *call) error {
		if other := c.st.associationOf(c.find(c.rec.str("subnetId"), subnetType)); other != nil {
			return refused("Resource.AlreadyAssociated: the specified association for route table %s conflicts with an existing association (%s of %s)",
				c.rec.str("routeTableId"), other.ID, other.str("routeTableId"))
		}
		return nil
	},
}

// associationOf finds a subnet's association with a route table, or nil: then the VPC's main table holds.
func (s *State) associationOf(subnet *record) *record {
	if subnet == nil {
		return nil
	}
	for _, u := range s.usersOf(subnet.key) {
		if u.Type == associationType {
			return u
		}
	}
	return nil
}
