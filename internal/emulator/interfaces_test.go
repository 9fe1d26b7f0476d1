package emulator

import (
	"fmt"
	"testing"
)

func TestPrivateAddresses(t *testing.T) {
	d := open(t)
	subnet := d.subnet(d.vpc("10.42.0.0/16"), "us-west-1a", "10.42.1.0/24")
	fixed := func(ip string) props { return props{"subnetId": subnet.id, "privateIps": []any{ip}} }
	for ip, want := range map[string]string{
		"10.42.2.10":  "does not fall within the subnet's address range",
		"10.42.1.0":   "reserved address range",
		"10.42.1.3":   "reserved address range",
		"10.42.1.255": "reserved address range",
		"ten":         "invalid value for parameter address",
	} {
		d.refusesToMake(NetworkInterfaceType, fixed(ip), want)
	}
	eni := d.make(NetworkInterfaceType, "eni", fixed("10.42.1.4"))
	d.refusesToMake(NetworkInterfaceType, fixed("10.42.1.4"), "InvalidIPAddress.InUse", eni.id)
	if next := d.make(NetworkInterfaceType, "next", props{"subnetId": subnet.id}); next.out("privateIp") != "10.42.1.5" {
		t.Errorf("the next free address is %v", next.out("privateIp"))
	}
	d.make(NetworkInterfaceType, "last", fixed("10.42.1.254"))
}

func TestSubnetRunsOutOfAddresses(t *testing.T) {
	d := open(t)
	subnet := d.subnet(d.vpc("10.42.0.0/16"), "us-west-1a", "10.42.1.0/28")
	for i := range 16 - 5 {
		d.make(NetworkInterfaceType, fmt.Sprint(i), props{"subnetId": subnet.id})
	}
	d.refusesToMake(NetworkInterfaceType, props{"subnetId": subnet.id}, "InsufficientFreeAddressesInSubnet")
}

func TestInterfaceGroups(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	subnet := d.subnet(vpc, "us-west-1a", "10.42.1.0/24")
	var groups []any
	for i := range 6 {
		groups = append(groups, d.make(SecurityGroupType, fmt.Sprint(i), props{"vpcId": vpc.id}).id)
	}
	d.refusesToMake(NetworkInterfaceType, props{"subnetId": subnet.id, "securityGroups": groups}, "SecurityGroupsPerInterfaceLimitExceeded")
	eni := d.make(NetworkInterfaceType, "eni", props{"subnetId": subnet.id, "securityGroups": groups[:5]})
	refuses(t, eni.tryUpdate(props{"subnetId": subnet.id, "securityGroups": groups}), "SecurityGroupsPerInterfaceLimitExceeded")
	if diff := eni.diff(props{"subnetId": subnet.id, "securityGroups": []any{groups[4], groups[0], groups[1], groups[2], groups[3]}}); len(diff.GetDetailedDiff()) > 0 {
		t.Errorf("the order of groups changes %v", diff.GetDetailedDiff())
	}
	bare := d.make(NetworkInterfaceType, "bare", props{"subnetId": subnet.id})
	if got := bare.out("securityGroups").([]any); len(got) != 1 || got[0] != vpc.out("defaultSecurityGroupId") {
		t.Errorf("groups = %v, want the VPC's own", got)
	}
}

func TestInterfaceChanges(t *testing.T) {
	d := open(t)
	subnet := d.subnet(d.vpc("10.42.0.0/16"), "us-west-1a", "10.42.1.0/24")
	eni := d.make(NetworkInterfaceType, "eni", props{"subnetId": subnet.id, "privateIps": []any{"10.42.1.10"}})
	eni.update(props{"subnetId": subnet.id, "privateIps": []any{"10.42.1.10", "10.42.1.11"}, "sourceDestCheck": false})
	if eni.out("sourceDestCheck") != false || eni.out("privateIpsCount") != 1.0 {
		t.Errorf("outputs: %v", d.unpack(eni.state))
	}
	refuses(t, eni.tryUpdate(props{"subnetId": subnet.id, "privateIps": []any{"10.42.1.11"}}), "primary private IP address 10.42.1.10", "cannot be unassigned")
	refuses(t, eni.tryUpdate(props{"subnetId": subnet.id, "privateIps": []any{"10.42.1.10", "10.42.9.9"}}), "does not fall within")
}
