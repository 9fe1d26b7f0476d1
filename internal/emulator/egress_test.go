package emulator

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestAddressQuota(t *testing.T) {
	d := open(t)
	seen := map[any]bool{}
	for i := range 5 {
		ip := d.eip(fmt.Sprint(i)).out("publicIp")
		if seen[ip] {
			t.Errorf("%v was given out twice", ip)
		}
		seen[ip] = true
		if !publicPool.Contains(netip.MustParseAddr(ip.(string))) {
			t.Errorf("%v is not of the pool", ip)
		}
	}
	d.refusesToMake(EIPType, props{}, "AddressLimitExceeded: The maximum number of addresses has been reached.")
	open(t, "quota=L-0263D0A3:0").refusesToMake(EIPType, props{}, "AddressLimitExceeded")
}

func TestAddressPool(t *testing.T) {
	c := &Call{State: newState(registry())}
	seen := map[string]bool{}
	for range 1 << 17 {
		seen[c.NewAddress()] = true
	}
	if len(seen) != 1<<17 {
		t.Errorf("%d addresses of %d", len(seen), 1<<17)
	}
}

func TestNATGatewayRefusals(t *testing.T) {
	d := routes(open(t))
	d.refusesToMake(NATGatewayType, props{"subnetId": d.subnet.id}, "MissingParameter", "AllocationId")
	used := d.eip("used")
	d.make(NATGatewayType, "nat", props{"subnetId": d.subnet.id, "allocationId": used.id})
	d.refusesToMake(NATGatewayType, props{"subnetId": d.subnet.id, "allocationId": used.id},
		"Resource.AlreadyAssociated: Elastic IP address ["+used.id+"] is already associated")
	refuses(t, used.tryDelete(), "InvalidIPAddress.InUse", "used by nat-")
	d.refusesToMake(NATGatewayType, props{"subnetId": d.subnet.id, "connectivityType": "private", "allocationId": d.eip("e").id}, "InvalidParameter")
	d.make(NATGatewayType, "private", props{"subnetId": d.subnet.id, "connectivityType": "private"})
}

// AWS accepts such a gateway, and says after minutes that it failed.
func TestNATGatewayWithoutInternetGateway(t *testing.T) {
	d := open(t)
	subnet := d.subnet(d.vpc("10.42.0.0/16"), "us-west-1a", "10.42.0.0/24")
	d.refusesToMake(NATGatewayType, props{"subnetId": subnet.id, "allocationId": d.eip("e").id}, "Gateway.NotAttached", "no Internet gateway attached")
}

func TestNATGatewayQuotaIsPerZone(t *testing.T) {
	d := routes(open(t))
	for i := range 5 {
		d.nat(fmt.Sprint(i))
	}
	p := props{"subnetId": d.subnet.id, "connectivityType": "private"}
	d.refusesToMake(NATGatewayType, p, "NatGatewayLimitExceeded", "us-west-1a")
	p["subnetId"] = d.make(SubnetType, "b", props{"vpcId": d.vpc.id, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"}).id
	d.make(NATGatewayType, "elsewhere", p)
}

func TestNATGatewayAddresses(t *testing.T) {
	d := routes(open(t))
	one, two, three := d.eip("one"), d.eip("two"), d.eip("three")
	p := props{"subnetId": d.subnet.id, "allocationId": one.id, "secondaryAllocationIds": []any{two.id}}
	nat := d.make(NATGatewayType, "nat", p)
	if nat.out("publicIp") != one.out("publicIp") || nat.out("secondaryPrivateIpAddressCount") != 1.0 {
		t.Errorf("outputs: %v", d.unpack(nat.state))
	}
	p["secondaryAllocationIds"] = []any{three.id}
	nat.update(p)
	two.delete() // free again
	refuses(t, three.tryDelete(), "used by "+nat.id)
	p["secondaryAllocationIds"] = []any{three.id, d.eip("four").id}
	refuses(t, nat.tryUpdate(p), "at most 2 Elastic IP addresses")
	nat.delete()
	one.delete()
	three.delete()
}

func TestNATGatewayKeepsItsAddress(t *testing.T) {
	d := routes(open(t))
	nat := d.nat("nat")
	diff := nat.diff(props{"subnetId": d.subnet.id, "allocationId": d.eip("other").id})
	if len(diff.GetReplaces()) != 1 || diff.GetReplaces()[0] != "allocationId" {
		t.Errorf("another address replaces %v", diff.GetReplaces())
	}
	refuses(t, d.subnet.tryDelete(), "has dependencies", nat.id)
}

func TestAddressAssociation(t *testing.T) {
	d := routes(open(t))
	eip := d.eip("eip")
	eni := d.make(NetworkInterfaceType, "eni", props{"subnetId": d.subnet.id, "privateIps": []any{"10.42.0.20", "10.42.0.21"}})
	p := props{"allocationId": eip.id, "networkInterfaceId": eni.id}
	wrong := props{"allocationId": eip.id, "networkInterfaceId": eni.id, "privateIpAddress": "10.42.0.99"}
	d.refusesToMake(EIPAssociationType, wrong, "10.42.0.99 is not assigned to "+eni.id)
	a := d.make(EIPAssociationType, "a", p)
	d.refusesToMake(EIPAssociationType, p, "Resource.AlreadyAssociated: Elastic IP address ["+eip.id+"] is already associated")
	d.refusesToMake(EIPAssociationType, props{"allocationId": d.eip("second").id, "networkInterfaceId": eni.id}, "10.42.0.20 of interface")
	refuses(t, eip.tryDelete(), "InvalidIPAddress.InUse", "used by "+a.id)
	d.make(NetworkInterfaceType, "other", props{"subnetId": d.subnet.id})
	a.delete()
	eip.delete()
}

func TestAddressMovesOnRequest(t *testing.T) {
	d := routes(open(t))
	eip := d.eip("eip")
	one := d.make(NetworkInterfaceType, "one", props{"subnetId": d.subnet.id})
	two := d.make(NetworkInterfaceType, "two", props{"subnetId": d.subnet.id})
	d.make(EIPAssociationType, "a", props{"allocationId": eip.id, "networkInterfaceId": one.id})
	d.make(EIPAssociationType, "b", props{"allocationId": eip.id, "networkInterfaceId": two.id, "allowReassociation": true})
	if got := d.read(EIPType, "eip", eip.id, eip.inputs).out("networkInterface"); got != two.id {
		t.Errorf("the address is on %v, want %s", got, two.id)
	}
	held := d.eip("held")
	d.make(NATGatewayType, "nat", props{"subnetId": d.subnet.id, "allocationId": held.id})
	d.refusesToMake(EIPAssociationType, props{"allocationId": held.id, "networkInterfaceId": one.id, "allowReassociation": true},
		"Resource.AlreadyAssociated: Elastic IP address ["+held.id+"]")
}

func TestAddressNeedsInternetGateway(t *testing.T) {
	d := open(t)
	subnet := d.subnet(d.vpc("10.42.0.0/16"), "us-west-1a", "10.42.0.0/24")
	eni := d.make(NetworkInterfaceType, "eni", props{"subnetId": subnet.id})
	d.refusesToMake(EIPAssociationType, props{"allocationId": d.eip("e").id, "networkInterfaceId": eni.id}, "Gateway.NotAttached: Network")
	d.refusesToMake(EIPType, props{"networkInterface": eni.id}, "is not attached to any internet gateway")
}

func TestAddressWithOwnInterface(t *testing.T) {
	d := routes(open(t))
	one := d.make(NetworkInterfaceType, "one", props{"subnetId": d.subnet.id})
	two := d.make(NetworkInterfaceType, "two", props{"subnetId": d.subnet.id})
	eip := d.make(EIPType, "eip", props{"networkInterface": one.id})
	if eip.out("privateIp") != one.out("privateIp") {
		t.Errorf("mapped to %v, want %v", eip.out("privateIp"), one.out("privateIp"))
	}
	eip.update(props{"networkInterface": two.id})
	if eip.out("networkInterface") != two.id {
		t.Errorf("mapped to %v", eip.out("networkInterface"))
	}
	two.delete() // AWS takes the address off then
	if got := d.read(EIPType, "eip", eip.id, eip.inputs).out("networkInterface"); got != "" {
		t.Errorf("mapped to %v, which is gone", got)
	}
}
