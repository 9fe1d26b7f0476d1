package emulator

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func init() {
	define(networkInterfaceKind)
}

var networkInterfaceKind = &kind{
	typ: networkInterfaceType, prefix: "eni", arn: "arn:aws:ec2:%s:%s:network-interface/%s",
	missing:  "InvalidNetworkInterfaceID.NotFound: The networkInterface ID '%s' does not exist",
	inUse:    "InvalidParameterValue: Network interface '%s' is currently in use.",
	defaults: map[string]any{"sourceDestCheck": true, "ipv6AddressListEnabled": false, "privateIpListEnabled": false},
	refuse: []string{"attachments", "enablePrimaryIpv6", "interfaceType", "ipv4PrefixCount", "ipv4Prefixes", "ipv6AddressCount",
		"ipv6AddressLists", "ipv6Addresses", "ipv6PrefixCount", "ipv6Prefixes", "privateIp", "privateIpLists", "privateIpsCount"},
	refs: []ref{
		{path: "subnetId", to: []string{subnetType}, when: holds},
		{path: "securityGroups[]", to: []string{securityGroupType, defaultSecurityGroupType}, when: holds},
	},
	create: func(c *call) error {
		subnet := c.find(c.rec.str("subnetId"), subnetType)
		if err := c.dressInterface(c.rec, subnet, c.rec.strs("privateIps")); err != nil {
			return err
		}
		return c.checkGroups("securityGroups")
	},
	update: func(c *call) error {
		if err := c.checkGroups("securityGroups"); err != nil {
			return err
		}
		return c.reassignPrivate()
	},
	remove: func(c *call) error {
		if machine := c.st.machineOf(c.old); machine != nil {
			return inUse("InvalidParameterValue: Network interface '%s' is currently in use. (attached to %s)", c.old.ID, machine.ID)
		}
		c.unmapAll(c.old)
		return nil
	},
	live: func(s *State, r *record) map[string]any {
		attachments := []any{}
		if machine := s.machineOf(r); machine != nil {
			attachments = append(attachments, map[string]any{
				"attachmentId": str(r.Extra["attachment"]), "deviceIndex": 0.0, "instance": machine.ID})
		}
		return map[string]any{"attachments": attachments, "privateIpsCount": float64(len(r.strs("privateIps")) - 1)}
	},
}

// machineOf finds the running machine that an interface is attached to, or nil.
func (s *State) machineOf(eni *record) *record {
	if eni == nil {
		return nil
	}
	return s.near(eni, instanceType, str(eni.Extra["machine"]))
}

// checkGroups refuses more security groups than an interface may have.
func (c *call) checkGroups(property string) error {
	if n, limit := len(c.rec.strs(property)), c.quota(quotaGroupsPerInterface); n > limit {
		return exceeded("SecurityGroupsPerInterfaceLimitExceeded: The maximum number of security groups per interface has been reached. (%d, limit %d)",
			n, limit)
	}
	return nil
}

// newInterface makes an interface for something of the cloud's own: a NAT gateway, an endpoint, a machine. The caller stores it.
func (c *call) newInterface(subnet, owner *record, private []string) (*record, error) {
	eni := c.made(networkInterfaceType, c.newID("eni"), owner)
	eni.Outputs["subnetId"] = subnet.ID
	eni.Outputs["sourceDestCheck"] = true
	private = slices.DeleteFunc(private, func(s string) bool { return s == "" })
	return eni, c.dressInterface(eni, subnet, private)
}

// dressInterface gives an interface its private addresses, the fixed ones or the next free one, and what else it is born with.
func (c *call) dressInterface(eni, subnet *record, fixed []string) error {
	for _, ip := range fixed {
		if err := c.checkPrivate(subnet, eni.ID, ip); err != nil {
			return err
		}
	}
	private := slices.Clone(fixed)
	if len(private) == 0 {
		ip, err := c.freePrivate(subnet)
		if err != nil {
			return err
		}
		private = []string{ip}
	}
	eni.Outputs["privateIp"] = private[0]
	eni.Outputs["privateIps"] = anys(private)
	eni.Outputs["privateDnsName"] = privateName(c.region, private[0])
	eni.Outputs["interfaceType"] = "interface"
	n := uint32(c.st.ids)
	mac := binary.BigEndian.AppendUint32(nil, n)
	eni.Outputs["macAddress"] = fmt.Sprintf("0a:be:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3])
	if len(eni.strs("securityGroups")) == 0 {
		vpc := c.find(subnet.str("vpcId"), vpcType)
		eni.Outputs["securityGroups"] = []any{vpc.str("defaultSecurityGroupId")}
	}
	return nil
}

func privateName(region, ip string) string {
	return fmt.Sprintf("ip-%s.%s.compute.internal", strings.ReplaceAll(ip, ".", "-"), region)
}

// takenPrivate lists the private addresses in use in a subnet, with what uses them.
func (c *call) takenPrivate(subnet *record) map[string]*record {
	taken := map[string]*record{}
	for _, u := range c.st.usersOf(subnet.key) {
		if u.Type == networkInterfaceType {
			for _, ip := range u.strs("privateIps") {
				taken[ip] = u
			}
		}
	}
	return taken
}

// usable returns a subnet's first and last usable address: AWS keeps the first four and the last.
func usable(subnet *record) (first, last netip.Addr) {
	p := netip.MustParsePrefix(subnet.str("cidrBlock"))
	start := binary.BigEndian.Uint32(p.Masked().Addr().AsSlice())
	at := func(n uint32) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
	}
	return at(start + 4), at(start + 1<<(32-p.Bits()) - 2)
}

// checkPrivate refuses a fixed address outside the subnet, a reserved one, or one in use by another interface.
func (c *call) checkPrivate(subnet *record, eni, ip string) error {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return refused("InvalidParameterValue: invalid value for parameter address: %s", ip)
	}
	first, last := usable(subnet)
	switch other := c.takenPrivate(subnet)[addr.String()]; {
	case !netip.MustParsePrefix(subnet.str("cidrBlock")).Contains(addr):
		return refused("InvalidParameterValue: Address %s does not fall within the subnet's address range (%s)", ip, subnet.str("cidrBlock"))
	case addr.Less(first) || last.Less(addr):
		return refused("InvalidParameterValue: Address %s is in subnet's reserved address range", ip)
	case other != nil && other.ID != eni:
		return refused("InvalidIPAddress.InUse: The specified address %s is already in use (%s)", ip, c.st.face(other).ID)
	}
	return nil
}

// freePrivate is the lowest free address of a subnet, outside its reservations.
func (c *call) freePrivate(subnet *record) (string, error) {
	taken, kept := c.takenPrivate(subnet), c.reservations(subnet)
	first, last := usable(subnet)
	for ip := first; !last.Less(ip); ip = ip.Next() {
		isKept := slices.ContainsFunc(kept, func(r reserved) bool { return r.prefix.Contains(ip) })
		if taken[ip.String()] == nil && !isKept {
			return ip.String(), nil
		}
	}
	return "", exceeded("InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request. (%s)",
		subnet.ID)
}

// addPrivate gives an interface one more private address.
func (c *call) addPrivate(eni *record) (string, error) {
	c.set(eni.clone()) // so that its own addresses count as taken
	ip, err := c.freePrivate(c.find(eni.str("subnetId"), subnetType))
	if err == nil {
		eni.Outputs["privateIps"] = anys(append(eni.strs("privateIps"), ip))
	}
	return ip, err
}

// reassignPrivate changes an interface's addresses; the primary one stays for its life.
func (c *call) reassignPrivate() error {
	if !c.changed("privateIps") {
		return nil
	}
	want := c.rec.strs("privateIps")
	if primary := c.rec.str("privateIp"); !slices.Contains(want, primary) {
		return refused("InvalidParameterValue: the primary private IP address %s of %s cannot be unassigned", primary, c.rec.ID)
	}
	subnet := c.find(c.rec.str("subnetId"), subnetType)
	for _, ip := range want {
		if err := c.checkPrivate(subnet, c.rec.ID, ip); err != nil {
			return err
		}
	}
	return nil
}
