package emulator_test

import (
	"fmt"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestPrivateAddresses(t *testing.T) {
	d := emulatortest.Start(t)
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1a", "10.42.1.0/24")
	fixed := func(ip string) props { return props{"subnetId": subnet.ID, "privateIps": []any{ip}} }
	for ip, want := range map[string]string{
		"10.42.2.10":  "does not fall within the subnet's address range",
		"10.42.1.0":   "reserved address range",
		"10.42.1.3":   "reserved address range",
		"10.42.1.255": "reserved address range",
		"ten":         "invalid value for parameter address",
	} {
		d.RequireCreateRefusal(aws.NetworkInterfaceType, fixed(ip), want)
	}
	eni := d.Create(aws.NetworkInterfaceType, "eni", fixed("10.42.1.4"))
	d.RequireCreateRefusal(aws.NetworkInterfaceType, fixed("10.42.1.4"), "InvalidIPAddress.InUse", eni.ID)
	if next := d.Create(aws.NetworkInterfaceType, "next", props{"subnetId": subnet.ID}); next.Output("privateIp") != "10.42.1.5" {
		t.Errorf("the next free address is %v", next.Output("privateIp"))
	}
	d.Create(aws.NetworkInterfaceType, "last", fixed("10.42.1.254"))
}

func TestSubnetRunsOutOfAddresses(t *testing.T) {
	d := emulatortest.Start(t)
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1a", "10.42.1.0/28")
	for i := range 16 - 5 {
		d.Create(aws.NetworkInterfaceType, fmt.Sprint(i), props{"subnetId": subnet.ID})
	}
	d.RequireCreateRefusal(aws.NetworkInterfaceType, props{"subnetId": subnet.ID}, "InsufficientFreeAddressesInSubnet")
}

func TestInterfaceGroups(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.1.0/24")
	var groups []any
	for i := range 6 {
		groups = append(groups, d.Create(aws.SecurityGroupType, fmt.Sprint(i), props{"vpcId": vpc.ID}).ID)
	}
	d.RequireCreateRefusal(aws.NetworkInterfaceType, props{"subnetId": subnet.ID, "securityGroups": groups},
		"SecurityGroupsPerInterfaceLimitExceeded")
	eni := d.Create(aws.NetworkInterfaceType, "eni", props{"subnetId": subnet.ID, "securityGroups": groups[:5]})
	emulatortest.RequireRefusal(t, eni.TryUpdate(props{"subnetId": subnet.ID, "securityGroups": groups}),
		"SecurityGroupsPerInterfaceLimitExceeded")
	if diff := eni.Diff(props{"subnetId": subnet.ID, "securityGroups": []any{groups[4], groups[0], groups[1], groups[2],
		groups[3]}}); len(diff.GetDetailedDiff()) > 0 {
		t.Errorf("the order of groups changes %v", diff.GetDetailedDiff())
	}
	bare := d.Create(aws.NetworkInterfaceType, "bare", props{"subnetId": subnet.ID})
	if got := bare.Output("securityGroups").([]any); len(got) != 1 || got[0] != vpc.Output("defaultSecurityGroupId") {
		t.Errorf("groups = %v, want the VPC's own", got)
	}
}

func TestInterfaceChanges(t *testing.T) {
	d := emulatortest.Start(t)
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1a", "10.42.1.0/24")
	eni := d.Create(aws.NetworkInterfaceType, "eni", props{"subnetId": subnet.ID, "privateIps": []any{"10.42.1.10"}})
	eni.Update(props{"subnetId": subnet.ID, "privateIps": []any{"10.42.1.10", "10.42.1.11"}, "sourceDestCheck": false})
	if eni.Output("sourceDestCheck") != false || eni.Output("privateIpsCount") != 1.0 {
		t.Errorf("outputs: %v", d.Unpack(eni.State))
	}
	emulatortest.RequireRefusal(t, eni.TryUpdate(props{"subnetId": subnet.ID, "privateIps": []any{"10.42.1.11"}}),
		"primary private IP address 10.42.1.10", "cannot be unassigned")
	emulatortest.RequireRefusal(t, eni.TryUpdate(props{"subnetId": subnet.ID, "privateIps": []any{"10.42.1.10", "10.42.9.9"}}),
		"does not fall within")
}
