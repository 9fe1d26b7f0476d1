package emulator

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const (
	eipType              = "aws:ec2/eip:Eip"
	eipAssociationType   = "aws:ec2/eipAssociation:EipAssociation"
	natGatewayType       = "aws:ec2/natGateway:NatGateway"
	networkInterfaceType = "aws:ec2/networkInterface:NetworkInterface"
)

func init() {
	define(eipKind, eipAssociationKind, natGatewayKind)
}

var eipKind = &kind{
	typ: eipType, prefix: "eipalloc", arn: "arn:aws:ec2:%s:%s:elastic-ip/%s",
	missing: "InvalidAllocationID.NotFound: The allocation ID '%s' does not exist",
	inUse:   "InvalidIPAddress.InUse: The address with allocation id '%s' is in use and cannot be released",
	refuse:  []string{"address", "associateWithPrivateIp", "customerOwnedIpv4Pool", "instance", "ipamPoolId", "publicIpv4Pool"},
	refs:    []ref{{path: "networkInterface", to: []string{networkInterfaceType}}},
	create:  createEip,
	update: func(c *call) error {
		if !c.changed("networkInterface") {
			return nil
		}
		disassociate(c.rec)
		return c.associateOwn()
	},
	live: func(_ *State, r *record) map[string]any { return map[string]any{"networkInterface": mappedTo(r)} },
}

// publicPool is where public addresses come from: the range for benchmarks, which routes nowhere.
var publicPool = netip.MustParsePrefix("198.18.0.0/15")

// newAddress gives out the next public address. They come round again after 131,072.
func (c *call) newAddress() string {
	c.st.addresses++
	base := publicPool.Addr().As4()
	n := c.st.addresses
	base[1] += byte(n >> 16 & 1)
	base[2], base[3] = byte(n>>8), byte(n)
	return netip.AddrFrom4(base).String()
}

func createEip(c *call) error {
	if len(c.here(eipType)) >= c.quota(quotaAddresses) {
		return exceeded("AddressLimitExceeded: The maximum number of addresses has been reached.")
	}
	ip := c.newAddress()
	c.rec.Outputs = map[string]any{
		"allocationId": c.rec.ID, "publicIp": ip, "publicDns": publicName(c.region, ip),
		"domain": "vpc", "networkBorderGroup": c.region, "publicIpv4Pool": "amazon", "vpc": true,
	}
	return c.associateOwn()
}

func publicName(region, ip string) string {
	return fmt.Sprintf("ec2-%s.%s.compute.amazonaws.com", strings.ReplaceAll(ip, ".", "-"), region)
}

// associateOwn associates an address with the interface that its own inputs name, if any.
func (c *call) associateOwn() error {
	id := c.rec.str("networkInterface")
	if id == "" {
		return nil
	}
	return c.associate(c.rec, c.find(id, networkInterfaceType), "")
}

// associate maps an address to a private one of an interface, the first unless another is given. The caller stores the address.
func (c *call) associate(eip, eni *record, private string) error {
	if other := eip.str("associationId"); other != "" {
		return refused("Resource.AlreadyAssociated: Elastic IP address [%s] is already associated (%s)", eip.ID, other)
	}
	if private == "" {
		private = eni.str("privateIp")
	}
	if !slices.Contains(eni.strs("privateIps"), private) {
		return refused("InvalidParameterValue: the private IP address %s is not assigned to %s", private, eni.ID)
	}
	for _, other := range c.here(eipType) {
		if other.ID != eip.ID && mappedTo(other) == eni.ID && other.str("privateIp") == private {
			return refused("Resource.AlreadyAssociated: %s of interface %s is already associated with %s", private, eni.ID, other.ID)
		}
	}
	vpc := c.st.vpcOf(eni)
	if c.st.gatewayOf(c.scope, vpc) == nil {
		return refused("Gateway.NotAttached: Network %s is not attached to any internet gateway", vpc)
	}
	eip.Outputs["associationId"] = c.newID("eipassoc")
	eip.Outputs["networkInterface"] = eni.ID
	eip.Outputs["privateIp"] = private
	eip.Outputs["privateDns"] = privateName(c.region, private)
	return nil
}

func disassociate(eip *record) {
	for _, name := range []string{"associationId", "networkInterface", "privateIp", "privateDns"} {
		delete(eip.Outputs, name)
	}
}

// mappedTo is the interface that an address is associated with now, whatever its inputs said; empty when with none.
func mappedTo(eip *record) string {
	if eip.str("associationId") == "" {
		return ""
	}
	return str(eip.Outputs["networkInterface"])
}

// addressesOf lists the addresses that are mapped to an interface.
func (s *State) addressesOf(eni *record) []*record {
	var list []*record
	for _, eip := range s.of(eipType) {
		if eip.Account == eni.Account && eip.Region == eni.Region && mappedTo(eip) == eni.ID {
			list = append(list, eip)
		}
	}
	return list
}

// publicAddress is by what an interface is known outside: an address mapped to it, or the one it was launched with.
func (s *State) publicAddress(eni *record) string {
	for _, eip := range s.addressesOf(eni) {
		return eip.str("publicIp")
	}
	return str(eni.Extra["publicIp"])
}

// unmapAll takes all addresses off an interface.
func (c *call) unmapAll(eni *record) {
	for _, eip := range c.st.addressesOf(eni) {
		eip = eip.clone()
		disassociate(eip)
		c.set(eip)
	}
}

var eipAssociationKind = &kind{
	typ:     eipAssociationType,
	missing: "InvalidAssociationID.NotFound: The association ID '%s' does not exist",
	oneOf:   [][]string{{"allocationId"}, {"networkInterfaceId"}},
	refuse:  []string{"publicIp", "instanceId"},
	refs: []ref{
		{path: "allocationId", to: []string{eipType}, when: holds},
		{path: "networkInterfaceId", to: []string{networkInterfaceType}, when: fades},
	},
	unread: []string{"allowReassociation"},
	create: func(c *call) error {
		eip := c.find(c.rec.str("allocationId"), eipType).clone()
		eni := c.find(c.rec.str("networkInterfaceId"), networkInterfaceType)
		held := c.find(mappedTo(eip), networkInterfaceType)
		if c.rec.flag("allowReassociation") && held != nil && held.str("interfaceType") != "nat_gateway" {
			disassociate(eip) // a NAT gateway does not give its address away
		}
		if err := c.associate(eip, eni, c.rec.str("privateIpAddress")); err != nil {
			return err
		}
		c.set(eip)
		c.rec.ID = eip.str("associationId")
		c.rec.Outputs = map[string]any{"privateIpAddress": eip.str("privateIp"), "publicIp": eip.str("publicIp")}
		return nil
	},
	remove: func(c *call) error {
		if eip := c.find(c.old.str("allocationId"), eipType); eip != nil && eip.str("associationId") == c.old.ID {
			eip = eip.clone()
			disassociate(eip)
			c.set(eip)
		}
		return nil
	},
	live: func(s *State, r *record) map[string]any {
		if eni := s.near(r, networkInterfaceType, r.str("networkInterfaceId")); eni != nil {
			if machine := s.machineOf(eni); machine != nil {
				return map[string]any{"instanceId": machine.ID}
			}
		}
		return nil
	},
}

var natGatewayKind = &kind{
	typ: natGatewayType, prefix: "nat",
	missing:  "InvalidNatGatewayID.NotFound: The natGateway ID '%s' does not exist",
	inUse:    "DependencyViolation: The natGateway '%s' has dependencies and cannot be deleted.",
	defaults: map[string]any{"connectivityType": "public"},
	refuse:   []string{"secondaryPrivateIpAddressCount", "secondaryPrivateIpAddresses"},
	refs: []ref{
		{path: "subnetId", to: []string{subnetType}, when: holds},
		{path: "allocationId", to: []string{eipType}, when: holds},
		{path: "secondaryAllocationIds[]", to: []string{eipType}, when: holds},
	},
	create: createNAT,
	update: func(c *call) error {
		if !c.changed("secondaryAllocationIds") {
			return nil
		}
		return c.mapNAT(c.find(c.rec.str("networkInterfaceId"), networkInterfaceType).clone())
	},
	remove: func(c *call) error {
		if eni := c.find(c.old.str("networkInterfaceId"), networkInterfaceType); eni != nil {
			c.unmapAll(eni)
		}
		return nil
	},
}

func createNAT(c *call) error {
	public := c.rec.str("connectivityType") != "private"
	switch {
	case public && c.rec.str("allocationId") == "":
		return refused("MissingParameter: The request must include the AllocationId parameter. Add the required parameter and retry the request.")
	case !public && (c.rec.str("allocationId") != "" || len(c.rec.strs("secondaryAllocationIds")) > 0):
		return refused("InvalidParameter: AllocationId cannot be given for a private NAT gateway")
	}
	subnet := c.find(c.rec.str("subnetId"), subnetType)
	if c.natGatewaysIn(subnet.str("availabilityZone")) >= c.quota(quotaNATGatewaysPerZone) {
		return exceeded("NatGatewayLimitExceeded: Performing this operation would exceed the limit of %d NAT gateways in %s",
			c.quota(quotaNATGatewaysPerZone), subnet.str("availabilityZone"))
	}
	eni, err := c.newInterface(subnet, c.rec, []string{c.rec.str("privateIp")})
	if err != nil {
		return err
	}
	eni.Outputs["interfaceType"] = "nat_gateway"
	c.rec.Outputs["networkInterfaceId"] = eni.ID
	c.rec.Outputs["privateIp"] = eni.str("privateIp")
	if !public {
		c.set(eni)
		return nil
	}
	if vpc := subnet.str("vpcId"); c.st.gatewayOf(c.scope, vpc) == nil {
		return late(natFailureSeconds, "Gateway.NotAttached: Network %s has no Internet gateway attached", vpc)
	}
	return c.mapNAT(eni)
}

// natGatewaysIn counts the NAT gateways of a zone: that is how AWS counts them, not by region.
func (c *call) natGatewaysIn(zone string) int {
	n := 0
	for _, nat := range c.here(natGatewayType) {
		if s := c.find(nat.str("subnetId"), subnetType); s != nil && s.str("availabilityZone") == zone {
			n++
		}
	}
	return n
}

// mapNAT maps each of a NAT gateway's addresses to a private one of its interface, and takes the others off.
func (c *call) mapNAT(eni *record) error {
	ids := append([]string{c.rec.str("allocationId")}, c.rec.strs("secondaryAllocationIds")...)
	if limit := c.quota(quotaAddressesPerNAT); len(ids) > limit {
		return exceeded("NatGatewayAddressLimitExceeded: a NAT gateway can have at most %d Elastic IP addresses (%s)", limit, quotaAddressesPerNAT)
	}
	for _, eip := range c.st.addressesOf(eni) {
		if !slices.Contains(ids, eip.ID) {
			freed := eip.clone()
			eni.Outputs["privateIps"] = anys(without(eni.strs("privateIps"), freed.str("privateIp")))
			disassociate(freed)
			c.set(freed)
		}
	}
	for _, id := range ids {
		eip := c.find(id, eipType).clone()
		if mappedTo(eip) == eni.ID {
			continue
		}
		private := eni.str("privateIp")
		if id != ids[0] {
			var err error
			if private, err = c.addPrivate(eni); err != nil {
				return err
			}
		}
		if err := c.associate(eip, eni, private); err != nil {
			return err
		}
		c.set(eip)
	}
	c.set(eni)
	return c.tellNAT(eni, ids)
}

func (c *call) tellNAT(eni *record, ids []string) error {
	first := c.find(ids[0], eipType)
	c.rec.Outputs["associationId"] = first.str("associationId")
	c.rec.Outputs["publicIp"] = first.str("publicIp")
	secondary := without(eni.strs("privateIps"), eni.str("privateIp"))
	c.rec.Outputs["secondaryPrivateIpAddresses"] = anys(secondary)
	c.rec.Outputs["secondaryPrivateIpAddressCount"] = float64(len(secondary))
	return nil
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(e string) bool { return e == s })
}
