package aws

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// NetworkInterfaceType is the Pulumi type token of an EC2 network interface.
const NetworkInterfaceType = "aws:ec2/networkInterface:NetworkInterface"

var networkInterfaceKind = &cloud.Kind{
	Type: NetworkInterfaceType, IDPrefix: "eni", ARN: "arn:aws:ec2:%s:%s:network-interface/%s",
	Missing:  "InvalidNetworkInterfaceID.NotFound: The networkInterface ID '%s' does not exist",
	InUse:    "InvalidParameterValue: Network interface '%s' is currently in use.",
	Defaults: map[string]any{"sourceDestCheck": true, "ipv6AddressListEnabled": false, "privateIpListEnabled": false},
	Unsupported: []string{"attachments", "enablePrimaryIpv6", "interfaceType", "ipv4PrefixCount", "ipv4Prefixes", "ipv6AddressCount",
		"ipv6AddressLists", "ipv6Addresses", "ipv6PrefixCount", "ipv6Prefixes", "privateIp", "privateIpLists", "privateIpsCount"},
	References: []cloud.Reference{
		{Path: "subnetId", To: []string{SubnetType}, OnDelete: cloud.Block},
		{Path: "securityGroups[]", To: []string{SecurityGroupType, DefaultSecurityGroupType}, OnDelete: cloud.Block},
	},
	Create: func(c *cloud.Call) error {
		subnet := c.Find(c.New.Text("subnetId"), SubnetType)
		if err := configureInterface(c, c.New, subnet, c.New.Texts("privateIps")); err != nil {
			return err
		}
		return checkGroupCount(c, "securityGroups")
	},
	Update: func(c *cloud.Call) error {
		if err := checkGroupCount(c, "securityGroups"); err != nil {
			return err
		}
		return checkReassignment(c)
	},
	Delete: func(c *cloud.Call) error {
		if machine := instanceOf(c.State, c.Old); machine != nil {
			return cloud.RefuseInUse("InvalidParameterValue: Network interface '%s' is currently in use. (attached to %s)", c.Old.ID, machine.ID)
		}
		disassociateAll(c, c.Old)
		return nil
	},
	Derive: func(s *cloud.State, r *cloud.Record) map[string]any {
		attachments := []any{}
		if machine := instanceOf(s, r); machine != nil {
			attachments = append(attachments, map[string]any{
				"attachmentId": cloud.Text(r.Extra["attachment"]), "deviceIndex": 0.0, "instance": machine.ID})
		}
		return map[string]any{"attachments": attachments, "privateIpsCount": float64(len(r.Texts("privateIps")) - 1)}
	},
}

// instanceOf returns the running machine that an interface is attached to, or nil.
func instanceOf(s *cloud.State, eni *cloud.Record) *cloud.Record {
	if eni == nil {
		return nil
	}
	return s.RecordNear(eni, InstanceType, cloud.Text(eni.Extra["machine"]))
}

// checkGroupCount refuses more security groups than an interface may have.
func checkGroupCount(c *cloud.Call, property string) error {
	if n, limit := len(c.New.Texts(property)), c.Quota(quotaGroupsPerInterface); n > limit {
		return cloud.RefuseQuota("SecurityGroupsPerInterfaceLimitExceeded: The maximum number of security groups per interface has been "+
			"reached. (%d, limit %d)",
			n, limit)
	}
	return nil
}

// newInterface returns an interface for a resource of the cloud: a NAT gateway, an endpoint, a machine. The caller stores it.
func newInterface(c *cloud.Call, subnet, owner *cloud.Record, private []string) (*cloud.Record, error) {
	eni := c.NewRecord(NetworkInterfaceType, c.NewID("eni"), owner)
	eni.Outputs["subnetId"] = subnet.ID
	eni.Outputs["sourceDestCheck"] = true
	private = slices.DeleteFunc(private, func(s string) bool { return s == "" })
	return eni, configureInterface(c, eni, subnet, private)
}

// configureInterface sets the private addresses of an interface, the fixed ones or the next free one, and its other initial values.
func configureInterface(c *cloud.Call, eni, subnet *cloud.Record, fixed []string) error {
	for _, ip := range fixed {
		if err := checkPrivateAddress(c, subnet, eni.ID, ip); err != nil {
			return err
		}
	}
	private := slices.Clone(fixed)
	if len(private) == 0 {
		ip, err := findFreeAddress(c, subnet)
		if err != nil {
			return err
		}
		private = []string{ip}
	}
	eni.Outputs["privateIp"] = private[0]
	eni.Outputs["privateIps"] = cloud.AnyList(private)
	eni.Outputs["privateDnsName"] = privateDNSName(c.Region, private[0])
	eni.Outputs["interfaceType"] = "interface"
	n := uint32(c.LastNumber())
	mac := binary.BigEndian.AppendUint32(nil, n)
	eni.Outputs["macAddress"] = fmt.Sprintf("0a:be:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3])
	if len(eni.Texts("securityGroups")) == 0 {
		vpc := c.Find(subnet.Text("vpcId"), VPCType)
		eni.Outputs["securityGroups"] = []any{vpc.Text("defaultSecurityGroupId")}
	}
	return nil
}

// checkReassignment refuses new private addresses without the primary one, which an interface keeps for its life, and invalid ones.
func checkReassignment(c *cloud.Call) error {
	if !c.HasChanged("privateIps") {
		return nil
	}
	want := c.New.Texts("privateIps")
	if primary := c.New.Text("privateIp"); !slices.Contains(want, primary) {
		return cloud.Refuse("InvalidParameterValue: the primary private IP address %s of %s cannot be unassigned", primary, c.New.ID)
	}
	subnet := c.Find(c.New.Text("subnetId"), SubnetType)
	for _, ip := range want {
		if err := checkPrivateAddress(c, subnet, c.New.ID, ip); err != nil {
			return err
		}
	}
	return nil
}
