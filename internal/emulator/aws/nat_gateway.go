package aws

import (
	"slices"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// NATGatewayType is the Pulumi type token of a NAT gateway.
const NATGatewayType = "aws:ec2/natGateway:NatGateway"

var natGatewayKind = &cloud.Kind{
	Type: NATGatewayType, IDPrefix: "nat",
	Missing:     "InvalidNatGatewayID.NotFound: The natGateway ID '%s' does not exist",
	InUse:       "DependencyViolation: The natGateway '%s' has dependencies and cannot be deleted.",
	Defaults:    map[string]any{"connectivityType": "public"},
	Unsupported: []string{"secondaryPrivateIpAddressCount", "secondaryPrivateIpAddresses"},
	References: []cloud.Reference{
		{Path: "subnetId", To: []string{SubnetType}, OnDelete: cloud.Block},
		{Path: "allocationId", To: []string{EIPType}, OnDelete: cloud.Block},
		{Path: "secondaryAllocationIds[]", To: []string{EIPType}, OnDelete: cloud.Block},
	},
	Create:         createNATGateway,
	FailureSeconds: natFailureSeconds,
	Update: func(c *cloud.Call) error {
		if !c.HasChanged("secondaryAllocationIds") {
			return nil
		}
		return associateNATAddresses(c, c.Find(c.New.Text("networkInterfaceId"), NetworkInterfaceType).Clone())
	},
	Delete: func(c *cloud.Call) error {
		if eni := c.Find(c.Old.Text("networkInterfaceId"), NetworkInterfaceType); eni != nil {
			disassociateAll(c, eni)
		}
		return nil
	},
}

// natFailureSeconds is how long a NAT gateway takes to report that it failed (docs/facts.md, section 1).
const natFailureSeconds = 220

func createNATGateway(c *cloud.Call) error {
	public := c.New.Text("connectivityType") != "private"
	switch {
	case public && c.New.Text("allocationId") == "":
		return cloud.Refuse("MissingParameter: The request must include the AllocationId parameter. Add the required parameter and retry " +
			"the request.")
	case !public && (c.New.Text("allocationId") != "" || len(c.New.Texts("secondaryAllocationIds")) > 0):
		return cloud.Refuse("InvalidParameter: AllocationId cannot be given for a private NAT gateway")
	}
	subnet := c.Find(c.New.Text("subnetId"), SubnetType)
	if countNATGateways(c, subnet.Text("availabilityZone")) >= c.Quota(quotaNATGatewaysPerZone) {
		return cloud.RefuseQuota("NatGatewayLimitExceeded: Performing this operation would exceed the limit of %d NAT gateways in %s",
			c.Quota(quotaNATGatewaysPerZone), subnet.Text("availabilityZone"))
	}
	eni, err := newInterface(c, subnet, c.New, []string{c.New.Text("privateIp")})
	if err != nil {
		return err
	}
	eni.Outputs["interfaceType"] = "nat_gateway"
	c.New.Outputs["networkInterfaceId"] = eni.ID
	c.New.Outputs["privateIp"] = eni.Text("privateIp")
	if !public {
		c.Store(eni)
		return nil
	}
	if vpc := subnet.Text("vpcId"); attachedGateway(c.State, c.Scope, vpc) == nil {
		return cloud.RefuseAfter(natFailureSeconds, "Gateway.NotAttached: Network %s has no Internet gateway attached", vpc)
	}
	return associateNATAddresses(c, eni)
}

// countNATGateways returns the number of NAT gateways in a zone. AWS applies the quota to each zone, not to the region.
func countNATGateways(c *cloud.Call, zone string) int {
	n := 0
	for _, nat := range c.ListHere(NATGatewayType) {
		if s := c.Find(nat.Text("subnetId"), SubnetType); s != nil && s.Text("availabilityZone") == zone {
			n++
		}
	}
	return n
}

// associateNATAddresses maps each of a NAT gateway's addresses to a private address of its interface, and disassociates all others.
func associateNATAddresses(c *cloud.Call, eni *cloud.Record) error {
	ids := append([]string{c.New.Text("allocationId")}, c.New.Texts("secondaryAllocationIds")...)
	if limit := c.Quota(quotaAddressesPerNAT); len(ids) > limit {
		return cloud.RefuseQuota("NatGatewayAddressLimitExceeded: a NAT gateway can have at most %d Elastic IP addresses (%s)", limit,
			quotaAddressesPerNAT)
	}
	for _, eip := range addressesOf(c.State, eni) {
		if !slices.Contains(ids, eip.ID) {
			freed := eip.Clone()
			eni.Outputs["privateIps"] = cloud.AnyList(removeString(eni.Texts("privateIps"), freed.Text("privateIp")))
			disassociate(freed)
			c.Store(freed)
		}
	}
	for _, id := range ids {
		eip := c.Find(id, EIPType).Clone()
		if associatedInterface(eip) == eni.ID {
			continue
		}
		private := eni.Text("privateIp")
		if id != ids[0] {
			var err error
			if private, err = addPrivateAddress(c, eni); err != nil {
				return err
			}
		}
		if err := associateAddress(c, eip, eni, private); err != nil {
			return err
		}
		c.Store(eip)
	}
	c.Store(eni)
	return storeNATOutputs(c, eni, ids)
}

func storeNATOutputs(c *cloud.Call, eni *cloud.Record, ids []string) error {
	first := c.Find(ids[0], EIPType)
	c.New.Outputs["associationId"] = first.Text("associationId")
	c.New.Outputs["publicIp"] = first.Text("publicIp")
	secondary := removeString(eni.Texts("privateIps"), eni.Text("privateIp"))
	c.New.Outputs["secondaryPrivateIpAddresses"] = cloud.AnyList(secondary)
	c.New.Outputs["secondaryPrivateIpAddressCount"] = float64(len(secondary))
	return nil
}

func removeString(list []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(e string) bool { return e == s })
}
