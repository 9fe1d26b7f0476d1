package emulator

import "testing"

func TestReservations(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	subnet := d.subnet(vpc, "us-west-1a", "10.42.0.0/24")
	with := func(cidr, typ string) props {
		return props{"subnetId": subnet.id, "cidrBlock": cidr, "reservationType": typ}
	}
	d.refusesToMake(SubnetReservationType, with("10.42.1.0/28", "explicit"), "not within the subnet's CIDR range")
	d.refusesToMake(SubnetReservationType, with("10.42.0.1/28", "explicit"), "not a valid IPv4 CIDR block")
	d.refusesToMake(SubnetReservationType, with("10.42.0.0/28", "prefix"), "rules for explicit only")
	r := d.make(SubnetReservationType, "r", with("10.42.0.0/28", "explicit"))
	d.refusesToMake(SubnetReservationType, with("10.42.0.8/29", "explicit"), "conflicts with another reservation", r.id)
	loose := d.make(NetworkInterfaceType, "loose", props{"subnetId": subnet.id})
	fixed := d.make(NetworkInterfaceType, "fixed", props{"subnetId": subnet.id, "privateIps": []any{"10.42.0.10"}})
	if loose.out("privateIp") != "10.42.0.16" || fixed.out("privateIp") != "10.42.0.10" {
		t.Errorf("addresses %v and %v, want the first after the reservation and the fixed one within", loose.out("privateIp"), fixed.out("privateIp"))
	}
	for _, r := range []*thing{loose, fixed} {
		r.delete()
	}
	refuses(t, subnet.tryDelete(), "has dependencies", r.id)
	r.delete()
	subnet.delete()
}
