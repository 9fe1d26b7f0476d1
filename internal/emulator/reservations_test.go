package emulator

import "testing"

func TestReservations(t *testing.T) {
	d := Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	with := func(cidr, typ string) Props {
		return Props{"subnetId": subnet.ID, "cidrBlock": cidr, "reservationType": typ}
	}
	d.RequireCreateRefusal(SubnetReservationType, with("10.42.1.0/28", "explicit"), "not within the subnet's CIDR range")
	d.RequireCreateRefusal(SubnetReservationType, with("10.42.0.1/28", "explicit"), "not a valid IPv4 CIDR block")
	d.RequireCreateRefusal(SubnetReservationType, with("10.42.0.0/28", "prefix"), "rules for explicit only")
	r := d.Create(SubnetReservationType, "r", with("10.42.0.0/28", "explicit"))
	d.RequireCreateRefusal(SubnetReservationType, with("10.42.0.8/29", "explicit"), "conflicts with another reservation", r.ID)
	loose := d.Create(NetworkInterfaceType, "loose", Props{"subnetId": subnet.ID})
	fixed := d.Create(NetworkInterfaceType, "fixed", Props{"subnetId": subnet.ID, "privateIps": []any{"10.42.0.10"}})
	if loose.Output("privateIp") != "10.42.0.16" || fixed.Output("privateIp") != "10.42.0.10" {
		t.Errorf("addresses %v and %v, want the first after the reservation and the fixed one within", loose.Output("privateIp"), fixed.Output("privateIp"))
	}
	for _, r := range []*Handle{loose, fixed} {
		r.Delete()
	}
	RequireRefusal(t, subnet.TryDelete(), "has dependencies", r.ID)
	r.Delete()
	subnet.Delete()
}
