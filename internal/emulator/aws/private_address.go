package aws

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

func privateDNSName(region, ip string) string {
	return fmt.Sprintf("ip-%s.%s.compute.internal", strings.ReplaceAll(ip, ".", "-"), region)
}

// takenAddresses returns the private addresses in use in a subnet, with the interfaces that use them.
func takenAddresses(c *cloud.Call, subnet *cloud.Record) map[string]*cloud.Record {
	taken := map[string]*cloud.Record{}
	for _, u := range c.State.ReferrersOf(subnet.Key) {
		if u.Type == NetworkInterfaceType {
			for _, ip := range u.Texts("privateIps") {
				taken[ip] = u
			}
		}
	}
	return taken
}

// usableRange returns a subnet's first and last usable address. AWS reserves the first four and the last.
func usableRange(subnet *cloud.Record) (first, last netip.Addr) {
	p := netip.MustParsePrefix(subnet.Text("cidrBlock"))
	start := binary.BigEndian.Uint32(p.Masked().Addr().AsSlice())
	at := func(n uint32) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
	}
	return at(start + 4), at(start + 1<<(32-p.Bits()) - 2)
}

// checkPrivateAddress refuses a fixed address outside the subnet, a reserved one, or one in use by another interface.
func checkPrivateAddress(c *cloud.Call, subnet *cloud.Record, eni, ip string) error {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return cloud.Refuse("InvalidParameterValue: invalid value for parameter address: %s", ip)
	}
	first, last := usableRange(subnet)
	switch other := takenAddresses(c, subnet)[addr.String()]; {
	case !netip.MustParsePrefix(subnet.Text("cidrBlock")).Contains(addr):
		return cloud.Refuse("InvalidParameterValue: Address %s does not fall within the subnet's address range (%s)", ip,
			subnet.Text("cidrBlock"))
	case addr.Less(first) || last.Less(addr):
		return cloud.Refuse("InvalidParameterValue: Address %s is in subnet's reserved address range", ip)
	case other != nil && other.ID != eni:
		return cloud.Refuse("InvalidIPAddress.InUse: The specified address %s is already in use (%s)", ip, c.State.VisibleRecord(other).ID)
	}
	return nil
}

// findFreeAddress returns the lowest free address of a subnet, outside its reservations.
func findFreeAddress(c *cloud.Call, subnet *cloud.Record) (string, error) {
	taken, kept := takenAddresses(c, subnet), reservationsOf(c, subnet)
	first, last := usableRange(subnet)
	for ip := first; !last.Less(ip); ip = ip.Next() {
		isKept := slices.ContainsFunc(kept, func(r reservedRange) bool { return r.prefix.Contains(ip) })
		if taken[ip.String()] == nil && !isKept {
			return ip.String(), nil
		}
	}
	return "", cloud.RefuseQuota("InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy "+
		"the request. (%s)",
		subnet.ID)
}

// addPrivateAddress assigns one more private address to an interface.
func addPrivateAddress(c *cloud.Call, eni *cloud.Record) (string, error) {
	c.Store(eni.Clone()) // so that its own addresses count as taken
	ip, err := findFreeAddress(c, c.Find(eni.Text("subnetId"), SubnetType))
	if err == nil {
		eni.Outputs["privateIps"] = cloud.AnyList(append(eni.Texts("privateIps"), ip))
	}
	return ip, err
}
