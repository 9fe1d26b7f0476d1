package emulator

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

var networkInterfaceKind = &Kind{
	Type: NetworkInterfaceType, IDPrefix: "eni", ARN: "arn:aws:ec2:%s:%s:network-interface/%s",
	Missing:  "InvalidNetworkInterfaceID.NotFound: The networkInterface ID '%s' does not exist",
	InUse:    "InvalidParameterValue: Network interface '%s' is currently in use.",
	Defaults: map[string]any{"sourceDestCheck": true, "ipv6AddressListEnabled": false, "privateIpListEnabled": false},
	Unsupported: []string{"attachments", "enablePrimaryIpv6", "interfaceType", "ipv4PrefixCount", "ipv4Prefixes", "ipv6AddressCount",
		"ipv6AddressLists", "ipv6Addresses", "ipv6PrefixCount", "ipv6Prefixes", "privateIp", "privateIpLists", "privateIpsCount"},
	References: []Reference{
		{Path: "subnetId", To: []string{SubnetType}, OnDelete: Block},
		{Path: "securityGroups[]", To: []string{SecurityGroupType, DefaultSecurityGroupType}, OnDelete: Block},
	},
	Create: func(c *Call) error {
		subnet := c.Find(c.New.Text("subnetId"), SubnetType)
		if err := configureInterface(c, c.New, subnet, c.New.Texts("privateIps")); err != nil {
			return err
		}
		return checkGroupCount(c, "securityGroups")
	},
	Update: func(c *Call) error {
		if err := checkGroupCount(c, "securityGroups"); err != nil {
			return err
		}
		return checkReassignment(c)
	},
	Delete: func(c *Call) error {
		if machine := instanceOf(c.State, c.Old); machine != nil {
			return RefuseInUse("InvalidParameterValue: Network interface '%s' is currently in use. (attached to %s)", c.Old.ID, machine.ID)
		}
		disassociateAll(c, c.Old)
		return nil
	},
	Derive: func(s *State, r *Record) map[string]any {
		attachments := []any{}
		if machine := instanceOf(s, r); machine != nil {
			attachments = append(attachments, map[string]any{
				"attachmentId": Text(r.Extra["attachment"]), "deviceIndex": 0.0, "instance": machine.ID})
		}
		return map[string]any{"attachments": attachments, "privateIpsCount": float64(len(r.Texts("privateIps")) - 1)}
	},
}

// instanceOf finds the running machine that an interface is attached to, or nil.
func instanceOf(s *State, eni *Record) *Record {
	if eni == nil {
		return nil
	}
	return s.RecordNear(eni, InstanceType, Text(eni.Extra["machine"]))
}

// checkGroupCount refuses more security groups than an interface may have.
func checkGroupCount(c *Call, property string) error {
	if n, limit := len(c.New.Texts(property)), c.Quota(quotaGroupsPerInterface); n > limit {
		return RefuseQuota("SecurityGroupsPerInterfaceLimitExceeded: The maximum number of security groups per interface has been reached. (%d, limit %d)",
			n, limit)
	}
	return nil
}

// newInterface makes an interface for something of the cloud's own: a NAT gateway, an endpoint, a machine. The caller stores it.
func newInterface(c *Call, subnet, owner *Record, private []string) (*Record, error) {
	eni := c.NewRecord(NetworkInterfaceType, c.NewID("eni"), owner)
	eni.Outputs["subnetId"] = subnet.ID
	eni.Outputs["sourceDestCheck"] = true
	private = slices.DeleteFunc(private, func(s string) bool { return s == "" })
	return eni, configureInterface(c, eni, subnet, private)
}

// configureInterface gives an interface its private addresses, the fixed ones or the next free one, and what else it is born with.
func configureInterface(c *Call, eni, subnet *Record, fixed []string) error {
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
	eni.Outputs["privateIps"] = AnyList(private)
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

func privateDNSName(region, ip string) string {
	return fmt.Sprintf("ip-%s.%s.compute.internal", strings.ReplaceAll(ip, ".", "-"), region)
}

// takenAddresses lists the private addresses in use in a subnet, with what uses them.
func takenAddresses(c *Call, subnet *Record) map[string]*Record {
	taken := map[string]*Record{}
	for _, u := range c.State.ReferrersOf(subnet.Key) {
		if u.Type == NetworkInterfaceType {
			for _, ip := range u.Texts("privateIps") {
				taken[ip] = u
			}
		}
	}
	return taken
}

// usableRange returns a subnet's first and last usable address: AWS keeps the first four and the last.
func usableRange(subnet *Record) (first, last netip.Addr) {
	p := netip.MustParsePrefix(subnet.Text("cidrBlock"))
	start := binary.BigEndian.Uint32(p.Masked().Addr().AsSlice())
	at := func(n uint32) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
	}
	return at(start + 4), at(start + 1<<(32-p.Bits()) - 2)
}

// checkPrivateAddress refuses a fixed address outside the subnet, a reserved one, or one in use by another interface.
func checkPrivateAddress(c *Call, subnet *Record, eni, ip string) error {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return Refuse("InvalidParameterValue: invalid value for parameter address: %s", ip)
	}
	first, last := usableRange(subnet)
	switch other := takenAddresses(c, subnet)[addr.String()]; {
	case !netip.MustParsePrefix(subnet.Text("cidrBlock")).Contains(addr):
		return Refuse("InvalidParameterValue: Address %s does not fall within the subnet's address range (%s)", ip, subnet.Text("cidrBlock"))
	case addr.Less(first) || last.Less(addr):
		return Refuse("InvalidParameterValue: Address %s is in subnet's reserved address range", ip)
	case other != nil && other.ID != eni:
		return Refuse("InvalidIPAddress.InUse: The specified address %s is already in use (%s)", ip, c.State.VisibleRecord(other).ID)
	}
	return nil
}

// findFreeAddress is the lowest free address of a subnet, outside its reservations.
func findFreeAddress(c *Call, subnet *Record) (string, error) {
	taken, kept := takenAddresses(c, subnet), reservationsOf(c, subnet)
	first, last := usableRange(subnet)
	for ip := first; !last.Less(ip); ip = ip.Next() {
		isKept := slices.ContainsFunc(kept, func(r reservedRange) bool { return r.prefix.Contains(ip) })
		if taken[ip.String()] == nil && !isKept {
			return ip.String(), nil
		}
	}
	return "", RefuseQuota("InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request. (%s)",
		subnet.ID)
}

// addPrivateAddress gives an interface one more private address.
func addPrivateAddress(c *Call, eni *Record) (string, error) {
	c.Store(eni.Clone()) // so that its own addresses count as taken
	ip, err := findFreeAddress(c, c.Find(eni.Text("subnetId"), SubnetType))
	if err == nil {
		eni.Outputs["privateIps"] = AnyList(append(eni.Texts("privateIps"), ip))
	}
	return ip, err
}

// checkReassignment changes an interface's addresses; the primary one stays for its life.
func checkReassignment(c *Call) error {
	if !c.HasChanged("privateIps") {
		return nil
	}
	want := c.New.Texts("privateIps")
	if primary := c.New.Text("privateIp"); !slices.Contains(want, primary) {
		return Refuse("InvalidParameterValue: the primary private IP address %s of %s cannot be unassigned", primary, c.New.ID)
	}
	subnet := c.Find(c.New.Text("subnetId"), SubnetType)
	for _, ip := range want {
		if err := checkPrivateAddress(c, subnet, c.New.ID, ip); err != nil {
			return err
		}
	}
	return nil
}
