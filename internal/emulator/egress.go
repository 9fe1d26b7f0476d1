package emulator

import (
	"fmt"
	"slices"
	"strings"
)

const (
	EIPType              = "aws:ec2/eip:Eip"
	EIPAssociationType   = "aws:ec2/eipAssociation:EipAssociation"
	NATGatewayType       = "aws:ec2/natGateway:NatGateway"
	NetworkInterfaceType = "aws:ec2/networkInterface:NetworkInterface"
)

var eipKind = &Kind{
	Type: EIPType, IDPrefix: "eipalloc", ARN: "arn:aws:ec2:%s:%s:elastic-ip/%s",
	Missing:     "InvalidAllocationID.NotFound: The allocation ID '%s' does not exist",
	InUse:       "InvalidIPAddress.InUse: The address with allocation id '%s' is in use and cannot be released",
	Unsupported: []string{"address", "associateWithPrivateIp", "customerOwnedIpv4Pool", "instance", "ipamPoolId", "publicIpv4Pool"},
	References:  []Reference{{Path: "networkInterface", To: []string{NetworkInterfaceType}}},
	Create:      allocateAddress,
	Update: func(c *Call) error {
		if !c.HasChanged("networkInterface") {
			return nil
		}
		disassociate(c.New)
		return associateOwnInterface(c)
	},
	Derive: func(_ *State, r *Record) map[string]any {
		return map[string]any{"networkInterface": associatedInterface(r)}
	},
}

func allocateAddress(c *Call) error {
	if len(c.ListHere(EIPType)) >= c.Quota(quotaAddresses) {
		return RefuseQuota("AddressLimitExceeded: The maximum number of addresses has been reached.")
	}
	ip := c.NewAddress()
	c.New.Outputs = map[string]any{
		"allocationId": c.New.ID, "publicIp": ip, "publicDns": publicDNSName(c.Region, ip),
		"domain": "vpc", "networkBorderGroup": c.Region, "publicIpv4Pool": "amazon", "vpc": true,
	}
	return associateOwnInterface(c)
}

func publicDNSName(region, ip string) string {
	return fmt.Sprintf("ec2-%s.%s.compute.amazonaws.com", strings.ReplaceAll(ip, ".", "-"), region)
}

// associateOwnInterface associates an address with the interface that its own inputs name, if any.
func associateOwnInterface(c *Call) error {
	id := c.New.Text("networkInterface")
	if id == "" {
		return nil
	}
	return associateAddress(c, c.New, c.Find(id, NetworkInterfaceType), "")
}

// associateAddress maps an address to a private one of an interface, the first unless another is given. The caller stores the address.
func associateAddress(c *Call, eip, eni *Record, private string) error {
	if other := eip.Text("associationId"); other != "" {
		return Refuse("Resource.AlreadyAssociated: Elastic IP address [%s] is already associated (%s)", eip.ID, other)
	}
	if private == "" {
		private = eni.Text("privateIp")
	}
	if !slices.Contains(eni.Texts("privateIps"), private) {
		return Refuse("InvalidParameterValue: the private IP address %s is not assigned to %s", private, eni.ID)
	}
	for _, other := range c.ListHere(EIPType) {
		if other.ID != eip.ID && associatedInterface(other) == eni.ID && other.Text("privateIp") == private {
			return Refuse("Resource.AlreadyAssociated: %s of interface %s is already associated with %s", private, eni.ID, other.ID)
		}
	}
	vpc := c.State.NetworkOf(eni)
	if attachedGateway(c.State, c.Scope, vpc) == nil {
		return Refuse("Gateway.NotAttached: Network %s is not attached to any internet gateway", vpc)
	}
	eip.Outputs["associationId"] = c.NewID("eipassoc")
	eip.Outputs["networkInterface"] = eni.ID
	eip.Outputs["privateIp"] = private
	eip.Outputs["privateDns"] = privateDNSName(c.Region, private)
	return nil
}

func disassociate(eip *Record) {
	for _, name := range []string{"associationId", "networkInterface", "privateIp", "privateDns"} {
		delete(eip.Outputs, name)
	}
}

// associatedInterface is the interface that an address is associated with now, whatever its inputs said; empty when with none.
func associatedInterface(eip *Record) string {
	if eip.Text("associationId") == "" {
		return ""
	}
	return Text(eip.Outputs["networkInterface"])
}

// addressesOf lists the addresses that are mapped to an interface.
func addressesOf(s *State, eni *Record) []*Record {
	var list []*Record
	for _, eip := range s.RecordsOf(EIPType) {
		if eip.Account == eni.Account && eip.Region == eni.Region && associatedInterface(eip) == eni.ID {
			list = append(list, eip)
		}
	}
	return list
}

// publicAddressOf is by what an interface is known outside: an address mapped to it, or the one it was launched with.
func publicAddressOf(s *State, eni *Record) string {
	for _, eip := range addressesOf(s, eni) {
		return eip.Text("publicIp")
	}
	return Text(eni.Extra["publicIp"])
}

// disassociateAll takes all addresses off an interface.
func disassociateAll(c *Call, eni *Record) {
	for _, eip := range addressesOf(c.State, eni) {
		eip = eip.Clone()
		disassociate(eip)
		c.Store(eip)
	}
}

var eipAssociationKind = &Kind{
	Type:        EIPAssociationType,
	Missing:     "InvalidAssociationID.NotFound: The association ID '%s' does not exist",
	ExactlyOne:  [][]string{{"allocationId"}, {"networkInterfaceId"}},
	Unsupported: []string{"publicIp", "instanceId"},
	References: []Reference{
		{Path: "allocationId", To: []string{EIPType}, OnDelete: Block},
		{Path: "networkInterfaceId", To: []string{NetworkInterfaceType}, OnDelete: Cascade},
	},
	WriteOnly: []string{"allowReassociation"},
	Create: func(c *Call) error {
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
	Delete: func(c *Call) error {
		if eip := c.Find(c.Old.Text("allocationId"), EIPType); eip != nil && eip.Text("associationId") == c.Old.ID {
			eip = eip.Clone()
			disassociate(eip)
			c.Store(eip)
		}
		return nil
	},
	Derive: func(s *State, r *Record) map[string]any {
		if eni := s.RecordNear(r, NetworkInterfaceType, r.Text("networkInterfaceId")); eni != nil {
			if machine := instanceOf(s, eni); machine != nil {
				return map[string]any{"instanceId": machine.ID}
			}
		}
		return nil
	},
}

var natGatewayKind = &Kind{
	Type: NATGatewayType, IDPrefix: "nat",
	Missing:     "InvalidNatGatewayID.NotFound: The natGateway ID '%s' does not exist",
	InUse:       "DependencyViolation: The natGateway '%s' has dependencies and cannot be deleted.",
	Defaults:    map[string]any{"connectivityType": "public"},
	Unsupported: []string{"secondaryPrivateIpAddressCount", "secondaryPrivateIpAddresses"},
	References: []Reference{
		{Path: "subnetId", To: []string{SubnetType}, OnDelete: Block},
		{Path: "allocationId", To: []string{EIPType}, OnDelete: Block},
		{Path: "secondaryAllocationIds[]", To: []string{EIPType}, OnDelete: Block},
	},
	Create:         createNATGateway,
	FailureSeconds: natFailureSeconds,
	Update: func(c *Call) error {
		if !c.HasChanged("secondaryAllocationIds") {
			return nil
		}
		return associateNATAddresses(c, c.Find(c.New.Text("networkInterfaceId"), NetworkInterfaceType).Clone())
	},
	Delete: func(c *Call) error {
		if eni := c.Find(c.Old.Text("networkInterfaceId"), NetworkInterfaceType); eni != nil {
			disassociateAll(c, eni)
		}
		return nil
	},
}

// natFailureSeconds is what a NAT gateway takes to report that it failed (docs/facts.md, section 1).
const natFailureSeconds = 220

func createNATGateway(c *Call) error {
	public := c.New.Text("connectivityType") != "private"
	switch {
	case public && c.New.Text("allocationId") == "":
		return Refuse("MissingParameter: The request must include the AllocationId parameter. Add the required parameter and retry the request.")
	case !public && (c.New.Text("allocationId") != "" || len(c.New.Texts("secondaryAllocationIds")) > 0):
		return Refuse("InvalidParameter: AllocationId cannot be given for a private NAT gateway")
	}
	subnet := c.Find(c.New.Text("subnetId"), SubnetType)
	if countNATGateways(c, subnet.Text("availabilityZone")) >= c.Quota(quotaNATGatewaysPerZone) {
		return RefuseQuota("NatGatewayLimitExceeded: Performing this operation would exceed the limit of %d NAT gateways in %s",
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
		return RefuseAfter(natFailureSeconds, "Gateway.NotAttached: Network %s has no Internet gateway attached", vpc)
	}
	return associateNATAddresses(c, eni)
}

// countNATGateways counts the NAT gateways of a zone: that is how AWS counts them, not by region.
func countNATGateways(c *Call, zone string) int {
	n := 0
	for _, nat := range c.ListHere(NATGatewayType) {
		if s := c.Find(nat.Text("subnetId"), SubnetType); s != nil && s.Text("availabilityZone") == zone {
			n++
		}
	}
	return n
}

// associateNATAddresses maps each of a NAT gateway's addresses to a private one of its interface, and takes the others off.
func associateNATAddresses(c *Call, eni *Record) error {
	ids := append([]string{c.New.Text("allocationId")}, c.New.Texts("secondaryAllocationIds")...)
	if limit := c.Quota(quotaAddressesPerNAT); len(ids) > limit {
		return RefuseQuota("NatGatewayAddressLimitExceeded: a NAT gateway can have at most %d Elastic IP addresses (%s)", limit, quotaAddressesPerNAT)
	}
	for _, eip := range addressesOf(c.State, eni) {
		if !slices.Contains(ids, eip.ID) {
			freed := eip.Clone()
			eni.Outputs["privateIps"] = AnyList(removeString(eni.Texts("privateIps"), freed.Text("privateIp")))
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

func storeNATOutputs(c *Call, eni *Record, ids []string) error {
	first := c.Find(ids[0], EIPType)
	c.New.Outputs["associationId"] = first.Text("associationId")
	c.New.Outputs["publicIp"] = first.Text("publicIp")
	secondary := removeString(eni.Texts("privateIps"), eni.Text("privateIp"))
	c.New.Outputs["secondaryPrivateIpAddresses"] = AnyList(secondary)
	c.New.Outputs["secondaryPrivateIpAddressCount"] = float64(len(secondary))
	return nil
}

func removeString(list []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(e string) bool { return e == s })
}
