package emulator_test

import (
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestReservations(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	with := func(cidr, typ string) props {
		return props{"subnetId": subnet.ID, "cidrBlock": cidr, "reservationType": typ}
	}
	d.RequireCreateRefusal(aws.SubnetReservationType, with("10.42.1.0/28", "explicit"), "not within the subnet's CIDR range")
	d.RequireCreateRefusal(aws.SubnetReservationType, with("10.42.0.1/28", "explicit"), "not a valid IPv4 CIDR block")
	d.RequireCreateRefusal(aws.SubnetReservationType, with("10.42.0.0/28", "prefix"), "rules for explicit only")
	r := d.Create(aws.SubnetReservationType, "r", with("10.42.0.0/28", "explicit"))
	d.RequireCreateRefusal(aws.SubnetReservationType, with("10.42.0.8/29", "explicit"), "conflicts with another reservation", r.ID)
	loose := d.Create(aws.NetworkInterfaceType, "loose", props{"subnetId": subnet.ID})
	fixed := d.Create(aws.NetworkInterfaceType, "fixed", props{"subnetId": subnet.ID, "privateIps": []any{"10.42.0.10"}})
	if loose.Output("privateIp") != "10.42.0.16" || fixed.Output("privateIp") != "10.42.0.10" {
		t.Errorf("addresses %v and %v, want the first after the reservation and the fixed one within", loose.Output("privateIp"),
			fixed.Output("privateIp"))
	}
	for _, r := range []*handle{loose, fixed} {
		r.Delete()
	}
	emulatortest.RequireRefusal(t, subnet.TryDelete(), "has dependencies", r.ID)
	r.Delete()
	subnet.Delete()
}
