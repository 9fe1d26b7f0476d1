package aws

import (
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// EIPAssociationType is the Pulumi type token of the association of an Elastic IP address with a network interface.
const EIPAssociationType = "aws:ec2/eipAssociation:EipAssociation"

var eipAssociationKind = &cloud.Kind{
	Type:        EIPAssociationType,
	Missing:     "InvalidAssociationID.NotFound: The association ID '%s' does not exist",
	ExactlyOne:  [][]string{{"allocationId"}, {"networkInterfaceId"}},
	Unsupported: []string{"publicIp", "instanceId"},
	References: []cloud.Reference{
		{Path: "allocationId", To: []string{EIPType}, OnDelete: cloud.Block},
		{Path: "networkInterfaceId", To: []string{NetworkInterfaceType}, OnDelete: cloud.Cascade},
	},
	WriteOnly: []string{"allowReassociation"},
	Create: func(c *cloud.Call) error {
		eip := c.Find(c.New.Text("allocationId"), EIPType).Clone()
		eni := c.Find(c.New.Text("networkInterfaceId"), NetworkInterfaceType)
		held := c.Find(associatedInterface(eip), NetworkInterfaceType)
		if c.New.Bool("allowReassociation") && held != nil && held.Text("interfaceType") != "nat_gateway" {
			disassociate(eip) // a NAT gateway does not give its address away
		}
		if err := associateAddress(c, eip, eni, c.New.Text("privateIpAddress")); err != nil {
			return err
		}
		c.Store(eip)
		c.New.ID = eip.Text("associationId")
		c.New.Outputs = map[string]any{"privateIpAddress": eip.Text("privateIp"), "publicIp": eip.Text("publicIp")}
		return nil
	},
	Delete: func(c *cloud.Call) error {
		if eip := c.Find(c.Old.Text("allocationId"), EIPType); eip != nil && eip.Text("associationId") == c.Old.ID {
			eip = eip.Clone()
			disassociate(eip)
			c.Store(eip)
		}
		return nil
	},
	Derive: func(s *cloud.State, r *cloud.Record) map[string]any {
		if eni := s.RecordNear(r, NetworkInterfaceType, r.Text("networkInterfaceId")); eni != nil {
			if machine := instanceOf(s, eni); machine != nil {
				return map[string]any{"instanceId": machine.ID}
			}
		}
		return nil
	},
}
