package inventory

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// EC2 is what EC2 reports about a stack.
type EC2 struct {
	// Names maps the id of everything with the stack's tag to its Name tag.
	Names map[string]string
	// States maps the ids of NAT gateways, endpoints, VPN gateways, VPN connections and customer gateways to their states. EC2 lists them
	// for an hour after they were deleted, with their tags.
	States map[string]string
	// DefaultGroups are the ids of the VPCs' default security groups, which the provider adopts whenever a program names them.
	DefaultGroups []string
	// LaunchedInterfaces are the ids of network interfaces that a launch created. EC2 deletes them with their machine.
	LaunchedInterfaces []string

	RouteTables  []RouteTable
	Rules        []SecurityGroupRule
	Addresses    []Address
	Volumes      []Volume
	Reservations []CIDRReservation
}

// RouteTable is a route table with the stack's tag.
type RouteTable struct {
	ID           string
	Routes       []Route
	Associations []TableAssociation
}

// Route is an entry of a route table. Origin is EC2's word for how it was created; Destination is empty for a list of blocks.
type Route struct{ Destination, Origin, GatewayID string }

// TableAssociation is the association of a route table with a subnet. Its SubnetID is empty for an association with a gateway.
type TableAssociation struct {
	ID, SubnetID, State string
	Main                bool
}

// SecurityGroupRule is a rule with the stack's tag.
type SecurityGroupRule struct {
	ID, Name string
	Egress   bool
}

// Address is a public address with the stack's tag. AssociationID and InterfaceID are empty while it is not in use.
type Address struct{ AllocationID, AssociationID, InterfaceID string }

// Volume is a data volume of the stack.
type Volume struct {
	ID, Name, Zone string
	GiB            int32
}

// CIDRReservation is a reservation in a subnet of the stack.
type CIDRReservation struct{ ID, SubnetID, CIDR string }

// Owned returns everything of EC2 that the stack owns.
func (e *EC2) Owned() []Resource {
	var owned []Resource
	for id, name := range e.Names {
		// Two kinds of resources have no type by their id: machines, which their group launches and the state never holds, and resources
		// that have a query of their own.
		if typ, known := restype.FromID(id); known && !e.isExcluded(id) {
			owned = append(owned, Resource{Type: typ, Name: name, ID: id, ImportID: id})
		}
	}
	for _, rule := range e.Rules {
		typ := restype.IngressRule
		if rule.Egress {
			typ = restype.EgressRule
		}
		owned = append(owned, Resource{Type: typ, Name: rule.Name, ID: rule.ID, ImportID: rule.ID})
	}
	for _, table := range e.RouteTables {
		owned = append(owned, table.routes()...)
		owned = append(owned, table.subnetAssociations()...)
	}
	for _, v := range e.Volumes {
		owned = append(owned, Resource{
			Type: restype.Volume, Name: v.Name, ID: v.ID, ImportID: v.ID, Inputs: map[string]any{"size": v.GiB, "availabilityZone": v.Zone},
		})
	}
	for _, r := range e.Reservations {
		owned = append(owned, Resource{
			Type: restype.SubnetCIDRReservation, ID: r.ID, ImportID: r.SubnetID + ":" + r.ID,
			Inputs: map[string]any{"subnetId": r.SubnetID, "cidrBlock": r.CIDR},
		})
	}
	return append(owned, e.addressAssociations()...)
}

// isExcluded reports whether a resource has the stack's tag and yet is not the stack's to adopt.
func (e *EC2) isExcluded(id string) bool {
	return isGone(e.States[id]) || slices.Contains(e.DefaultGroups, id) || slices.Contains(e.LaunchedInterfaces, id)
}

// isGone reports whether a state means that a resource is deleted or is never going to work. EC2 deletes failed resources by itself. It
// writes the states of endpoints in lower case where its documents have them in upper case.
func isGone(state string) bool {
	switch strings.ToLower(state) {
	case "deleting", "deleted", "failed", "rejected", "expired":
		return true
	}
	return false
}

// routes returns the routes that a program created. The VPC's own route comes with the table. The routes of a gateway endpoint belong to
// the endpoint; they have no block but a list of blocks.
func (t RouteTable) routes() []Resource {
	var owned []Resource
	for _, route := range t.Routes {
		block := route.Destination
		if route.Origin != "CreateRoute" || block == "" || strings.HasPrefix(route.GatewayID, "vpce-") {
			continue
		}
		owned = append(owned, Resource{
			Type: restype.Route,
			// EC2 has no ids for routes; this one is the provider's.
			ID: fmt.Sprintf("r-%s%d", t.ID, crc32.ChecksumIEEE([]byte(block))), ImportID: t.ID + "_" + block,
			Inputs: map[string]any{"routeTableId": t.ID, "destinationCidrBlock": block},
		})
	}
	return owned
}

// subnetAssociations returns the associations of a table with subnets. The main association is the VPC's.
func (t RouteTable) subnetAssociations() []Resource {
	var owned []Resource
	for _, a := range t.Associations {
		if a.Main || a.SubnetID == "" || slices.Contains([]string{"disassociating", "disassociated", "failed"}, a.State) {
			continue
		}
		owned = append(owned, Resource{
			Type: restype.RouteTableAssociation, ID: a.ID, ImportID: a.SubnetID + "/" + t.ID, Inputs: map[string]any{"subnetId": a.SubnetID},
		})
	}
	return owned
}

// addressAssociations returns the associations of addresses with interfaces of the stack. EC2 also associates a NAT gateway's addresses
// with an interface; EC2 created that one, and it has no tags.
func (e *EC2) addressAssociations() []Resource {
	var owned []Resource
	for _, address := range e.Addresses {
		if _, tagged := e.Names[address.InterfaceID]; address.AssociationID == "" || !tagged {
			continue
		}
		owned = append(owned, Resource{
			Type: restype.EIPAssociation, ID: address.AssociationID, ImportID: address.AssociationID,
			Inputs: map[string]any{"allocationId": address.AllocationID},
		})
	}
	return owned
}
