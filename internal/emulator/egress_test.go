package emulator

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestAddressQuota(t *testing.T) {
	d := Start(t)
	seen := map[any]bool{}
	for i := range 5 {
		ip := d.EIP(fmt.Sprint(i)).Output("publicIp")
		if seen[ip] {
			t.Errorf("%v was given out twice", ip)
		}
		seen[ip] = true
		if !PublicPool.Contains(netip.MustParseAddr(ip.(string))) {
			t.Errorf("%v is not of the pool", ip)
		}
	}
	d.RequireCreateRefusal(EIPType, Props{}, "AddressLimitExceeded: The maximum number of addresses has been reached.")
	Start(t, "quota=L-0263D0A3:0").RequireCreateRefusal(EIPType, Props{}, "AddressLimitExceeded")
}

func TestAddressPool(t *testing.T) {
	c := &Call{State: newState(NewRegistry())}
	seen := map[string]bool{}
	for range 1 << 17 {
		seen[c.NewAddress()] = true
	}
	if len(seen) != 1<<17 {
		t.Errorf("%d addresses of %d", len(seen), 1<<17)
	}
}

func TestNATGatewayRefusals(t *testing.T) {
	d := newRouted(Start(t))
	d.RequireCreateRefusal(NATGatewayType, Props{"subnetId": d.subnet.ID}, "MissingParameter", "AllocationId")
	used := d.EIP("used")
	d.Create(NATGatewayType, "nat", Props{"subnetId": d.subnet.ID, "allocationId": used.ID})
	d.RequireCreateRefusal(NATGatewayType, Props{"subnetId": d.subnet.ID, "allocationId": used.ID},
		"Resource.AlreadyAssociated: Elastic IP address ["+used.ID+"] is already associated")
	RequireRefusal(t, used.TryDelete(), "InvalidIPAddress.InUse", "used by nat-")
	d.RequireCreateRefusal(NATGatewayType, Props{"subnetId": d.subnet.ID, "connectivityType": "private", "allocationId": d.EIP("e").ID}, "InvalidParameter")
	d.Create(NATGatewayType, "private", Props{"subnetId": d.subnet.ID, "connectivityType": "private"})
}

// AWS accepts such a gateway, and says after minutes that it failed.
func TestNATGatewayWithoutInternetGateway(t *testing.T) {
	d := Start(t)
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1a", "10.42.0.0/24")
	d.RequireCreateRefusal(NATGatewayType, Props{"subnetId": subnet.ID, "allocationId": d.EIP("e").ID}, "Gateway.NotAttached", "no Internet gateway attached")
}

func TestNATGatewayQuotaIsPerZone(t *testing.T) {
	d := newRouted(Start(t))
	for i := range 5 {
		d.nat(fmt.Sprint(i))
	}
	p := Props{"subnetId": d.subnet.ID, "connectivityType": "private"}
	d.RequireCreateRefusal(NATGatewayType, p, "NatGatewayLimitExceeded", "us-west-1a")
	p["subnetId"] = d.Create(SubnetType, "b", Props{"vpcId": d.vpc.ID, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"}).ID
	d.Create(NATGatewayType, "elsewhere", p)
}

func TestNATGatewayAddresses(t *testing.T) {
	d := newRouted(Start(t))
	one, two, three := d.EIP("one"), d.EIP("two"), d.EIP("three")
	p := Props{"subnetId": d.subnet.ID, "allocationId": one.ID, "secondaryAllocationIds": []any{two.ID}}
	nat := d.Create(NATGatewayType, "nat", p)
	if nat.Output("publicIp") != one.Output("publicIp") || nat.Output("secondaryPrivateIpAddressCount") != 1.0 {
		t.Errorf("outputs: %v", d.Unpack(nat.State))
	}
	p["secondaryAllocationIds"] = []any{three.ID}
	nat.Update(p)
	two.Delete() // free again
	RequireRefusal(t, three.TryDelete(), "used by "+nat.ID)
	p["secondaryAllocationIds"] = []any{three.ID, d.EIP("four").ID}
	RequireRefusal(t, nat.TryUpdate(p), "at most 2 Elastic IP addresses")
	nat.Delete()
	one.Delete()
	three.Delete()
}

func TestNATGatewayKeepsItsAddress(t *testing.T) {
	d := newRouted(Start(t))
	nat := d.nat("nat")
	diff := nat.Diff(Props{"subnetId": d.subnet.ID, "allocationId": d.EIP("other").ID})
	if len(diff.GetReplaces()) != 1 || diff.GetReplaces()[0] != "allocationId" {
		t.Errorf("another address replaces %v", diff.GetReplaces())
	}
	RequireRefusal(t, d.subnet.TryDelete(), "has dependencies", nat.ID)
}

func TestAddressAssociation(t *testing.T) {
	d := newRouted(Start(t))
	eip := d.EIP("eip")
	eni := d.Create(NetworkInterfaceType, "eni", Props{"subnetId": d.subnet.ID, "privateIps": []any{"10.42.0.20", "10.42.0.21"}})
	p := Props{"allocationId": eip.ID, "networkInterfaceId": eni.ID}
	wrong := Props{"allocationId": eip.ID, "networkInterfaceId": eni.ID, "privateIpAddress": "10.42.0.99"}
	d.RequireCreateRefusal(EIPAssociationType, wrong, "10.42.0.99 is not assigned to "+eni.ID)
	a := d.Create(EIPAssociationType, "a", p)
	d.RequireCreateRefusal(EIPAssociationType, p, "Resource.AlreadyAssociated: Elastic IP address ["+eip.ID+"] is already associated")
	d.RequireCreateRefusal(EIPAssociationType, Props{"allocationId": d.EIP("second").ID, "networkInterfaceId": eni.ID}, "10.42.0.20 of interface")
	RequireRefusal(t, eip.TryDelete(), "InvalidIPAddress.InUse", "used by "+a.ID)
	d.Create(NetworkInterfaceType, "other", Props{"subnetId": d.subnet.ID})
	a.Delete()
	eip.Delete()
}

func TestAddressMovesOnRequest(t *testing.T) {
	d := newRouted(Start(t))
	eip := d.EIP("eip")
	one := d.Create(NetworkInterfaceType, "one", Props{"subnetId": d.subnet.ID})
	two := d.Create(NetworkInterfaceType, "two", Props{"subnetId": d.subnet.ID})
	d.Create(EIPAssociationType, "a", Props{"allocationId": eip.ID, "networkInterfaceId": one.ID})
	d.Create(EIPAssociationType, "b", Props{"allocationId": eip.ID, "networkInterfaceId": two.ID, "allowReassociation": true})
	if got := d.Read(EIPType, "eip", eip.ID, eip.Inputs).Output("networkInterface"); got != two.ID {
		t.Errorf("the address is on %v, want %s", got, two.ID)
	}
	held := d.EIP("held")
	d.Create(NATGatewayType, "nat", Props{"subnetId": d.subnet.ID, "allocationId": held.ID})
	d.RequireCreateRefusal(EIPAssociationType, Props{"allocationId": held.ID, "networkInterfaceId": one.ID, "allowReassociation": true},
		"Resource.AlreadyAssociated: Elastic IP address ["+held.ID+"]")
}

func TestAddressNeedsInternetGateway(t *testing.T) {
	d := Start(t)
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1a", "10.42.0.0/24")
	eni := d.Create(NetworkInterfaceType, "eni", Props{"subnetId": subnet.ID})
	d.RequireCreateRefusal(EIPAssociationType, Props{"allocationId": d.EIP("e").ID, "networkInterfaceId": eni.ID}, "Gateway.NotAttached: Network")
	d.RequireCreateRefusal(EIPType, Props{"networkInterface": eni.ID}, "is not attached to any internet gateway")
}

func TestAddressWithOwnInterface(t *testing.T) {
	d := newRouted(Start(t))
	one := d.Create(NetworkInterfaceType, "one", Props{"subnetId": d.subnet.ID})
	two := d.Create(NetworkInterfaceType, "two", Props{"subnetId": d.subnet.ID})
	eip := d.Create(EIPType, "eip", Props{"networkInterface": one.ID})
	if eip.Output("privateIp") != one.Output("privateIp") {
		t.Errorf("mapped to %v, want %v", eip.Output("privateIp"), one.Output("privateIp"))
	}
	eip.Update(Props{"networkInterface": two.ID})
	if eip.Output("networkInterface") != two.ID {
		t.Errorf("mapped to %v", eip.Output("networkInterface"))
	}
	two.Delete() // AWS takes the address off then
	if got := d.Read(EIPType, "eip", eip.ID, eip.Inputs).Output("networkInterface"); got != "" {
		t.Errorf("mapped to %v, which is gone", got)
	}
}
