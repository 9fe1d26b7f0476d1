package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// EIPType is the Pulumi type token of an Elastic IP address.
const EIPType = "aws:ec2/eip:Eip"

var eipKind = &cloud.Kind{
	Type: EIPType, IDPrefix: "eipalloc", ARN: "arn:aws:ec2:%s:%s:elastic-ip/%s",
	Missing:     "InvalidAllocationID.NotFound: The allocation ID '%s' does not exist",
	InUse:       "InvalidIPAddress.InUse: The address with allocation id '%s' is in use and cannot be released",
	Unsupported: []string{"address", "associateWithPrivateIp", "customerOwnedIpv4Pool", "instance", "ipamPoolId", "publicIpv4Pool"},
	References:  []cloud.Reference{{Path: "networkInterface", To: []string{NetworkInterfaceType}}},
	Create:      allocateAddress,
	Update: func(c *cloud.Call) error {
		if !c.HasChanged("networkInterface") {
			return nil
		}
		disassociate(c.New)
		return associateOwnInterface(c)
	},
	Derive: func(_ *cloud.State, r *cloud.Record) map[string]any {
		return map[string]any{"networkInterface": associatedInterface(r)}
	},
}

func allocateAddress(c *cloud.Call) error {
	if len(c.ListHere(EIPType)) >= c.Quota(quotaAddresses) {
		return cloud.RefuseQuota("AddressLimitExceeded: The maximum number of addresses has been reached.")
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
func associateOwnInterface(c *cloud.Call) error {
	id := c.New.Text("networkInterface")
	if id == "" {
		return nil
	}
	return associateAddress(c, c.New, c.Find(id, NetworkInterfaceType), "")
}

// associateAddress maps an address to a private address of an interface: the first, unless private names another. The caller stores the
// address.
func associateAddress(c *cloud.Call, eip, eni *cloud.Record, private string) error {
	if other := eip.Text("associationId"); other != "" {
		return cloud.Refuse("Resource.AlreadyAssociated: Elastic IP address [%s] is already associated (%s)", eip.ID, other)
	}
	if private == "" {
		private = eni.Text("privateIp")
	}
	if !slices.Contains(eni.Texts("privateIps"), private) {
		return cloud.Refuse("InvalidParameterValue: the private IP address %s is not assigned to %s", private, eni.ID)
	}
	for _, other := range c.ListHere(EIPType) {
		if other.ID != eip.ID && associatedInterface(other) == eni.ID && other.Text("privateIp") == private {
			return cloud.Refuse("Resource.AlreadyAssociated: %s of interface %s is already associated with %s", private, eni.ID, other.ID)
		}
	}
	vpc := c.State.NetworkOf(eni)
	if attachedGateway(c.State, c.Scope, vpc) == nil {
		return cloud.Refuse("Gateway.NotAttached: Network %s is not attached to any internet gateway", vpc)
	}
	eip.Outputs["associationId"] = c.NewID("eipassoc")
	eip.Outputs["networkInterface"] = eni.ID
	eip.Outputs["privateIp"] = private
	eip.Outputs["privateDns"] = privateDNSName(c.Region, private)
	return nil
}

func disassociate(eip *cloud.Record) {
	for _, name := range []string{"associationId", "networkInterface", "privateIp", "privateDns"} {
		delete(eip.Outputs, name)
	}
}

// associatedInterface returns the interface that an address is associated with now, whatever its inputs state, or an empty string.
func associatedInterface(eip *cloud.Record) string {
	if eip.Text("associationId") == "" {
		return ""
	}
	return cloud.Text(eip.Outputs["networkInterface"])
}

// addressesOf lists the addresses that are mapped to an interface.
func addressesOf(s *cloud.State, eni *cloud.Record) []*cloud.Record {
	var list []*cloud.Record
	for _, eip := range s.RecordsOf(EIPType) {
		if eip.Account == eni.Account && eip.Region == eni.Region && associatedInterface(eip) == eni.ID {
			list = append(list, eip)
		}
	}
	return list
}

// publicAddressOf returns the public address of an interface: an Elastic IP address, or the address from its launch.
func publicAddressOf(s *cloud.State, eni *cloud.Record) string {
	for _, eip := range addressesOf(s, eni) {
		return eip.Text("publicIp")
	}
	return cloud.Text(eni.Extra["publicIp"])
}

// disassociateAll disassociates all addresses of an interface.
func disassociateAll(c *cloud.Call, eni *cloud.Record) {
	for _, eip := range addressesOf(c.State, eni) {
		eip = eip.Clone()
		disassociate(eip)
		c.Store(eip)
	}
}
