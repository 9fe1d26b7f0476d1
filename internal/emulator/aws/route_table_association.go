package aws

import (
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RouteTableAssociationType is the Pulumi type token of the association of a subnet with a route table.
const RouteTableAssociationType = "aws:ec2/routeTableAssociation:RouteTableAssociation"

var routeTableAssociationKind = &cloud.Kind{
	Type: RouteTableAssociationType, IDPrefix: "rtbassoc",
	Missing:     "InvalidAssociationID.NotFound: The association ID '%s' does not exist",
	ExactlyOne:  [][]string{{"subnetId", "gatewayId"}},
	Unsupported: []string{"gatewayId"},
	References: []cloud.Reference{
		{Path: "routeTableId", To: []string{RouteTableType}, OnDelete: cloud.Block},
		{Path: "subnetId", To: []string{SubnetType}, OnDelete: cloud.Cascade},
	},
	ImportID: func(r *cloud.Record) string { return r.Text("subnetId") + "/" + r.Text("routeTableId") },
	Create: func(c *cloud.Call) error {
		if other := associationOf(c.State, c.Find(c.New.Text("subnetId"), SubnetType)); other != nil {
			return cloud.Refuse("Resource.AlreadyAssociated: the specified association for route table %s conflicts with an existing "+
				"association (%s of %s)",
				c.New.Text("routeTableId"), other.ID, other.Text("routeTableId"))
		}
		return nil
	},
}

// associationOf returns a subnet's association with a route table, or nil: then the VPC's main table applies.
func associationOf(s *cloud.State, subnet *cloud.Record) *cloud.Record {
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
