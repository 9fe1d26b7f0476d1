package emulator_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestAddressQuota(t *testing.T) {
	d := emulatortest.Start(t)
	seen := map[any]bool{}
	for i := range 5 {
		ip := d.EIP(fmt.Sprint(i)).Output("publicIp")
		if seen[ip] {
			t.Errorf("%v was given out twice", ip)
		}
		seen[ip] = true
		if !cloud.PublicPool.Contains(netip.MustParseAddr(ip.(string))) {
			t.Errorf("%v is not of the pool", ip)
		}
	}
	d.RequireCreateRefusal(aws.EIPType, props{}, "AddressLimitExceeded: The maximum number of addresses has been reached.")
	emulatortest.Start(t, "quota=L-0263D0A3:0").RequireCreateRefusal(aws.EIPType, props{}, "AddressLimitExceeded")
}

func TestNATGatewayRefusals(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	d.RequireCreateRefusal(aws.NATGatewayType, props{"subnetId": d.subnet.ID}, "MissingParameter", "AllocationId")
	used := d.EIP("used")
	d.Create(aws.NATGatewayType, "nat", props{"subnetId": d.subnet.ID, "allocationId": used.ID})
	d.RequireCreateRefusal(aws.NATGatewayType, props{"subnetId": d.subnet.ID, "allocationId": used.ID},
		"Resource.AlreadyAssociated: Elastic IP address ["+used.ID+"] is already associated")
	emulatortest.RequireRefusal(t, used.TryDelete(), "InvalidIPAddress.InUse", "used by nat-")
	d.RequireCreateRefusal(aws.NATGatewayType, props{"subnetId": d.subnet.ID, "connectivityType": "private", "allocationId": d.EIP("e").ID},
		"InvalidParameter")
	d.Create(aws.NATGatewayType, "private", props{"subnetId": d.subnet.ID, "connectivityType": "private"})
}

// AWS accepts such a gateway, and says after minutes that it failed.
func TestNATGatewayWithoutInternetGateway(t *testing.T) {
	d := emulatortest.Start(t)
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1a", "10.42.0.0/24")
	d.RequireCreateRefusal(aws.NATGatewayType, props{"subnetId": subnet.ID, "allocationId": d.EIP("e").ID}, "Gateway.NotAttached",
		"no Internet gateway attached")
}

func TestNATGatewayQuotaIsPerZone(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	for i := range 5 {
		d.nat(fmt.Sprint(i))
	}
	p := props{"subnetId": d.subnet.ID, "connectivityType": "private"}
	d.RequireCreateRefusal(aws.NATGatewayType, p, "NatGatewayLimitExceeded", "us-west-1a")
	p["subnetId"] = d.Create(aws.SubnetType, "b", props{"vpcId": d.vpc.ID, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"}).ID
	d.Create(aws.NATGatewayType, "elsewhere", p)
}

func TestNATGatewayAddresses(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	one, two, three := d.EIP("one"), d.EIP("two"), d.EIP("three")
	p := props{"subnetId": d.subnet.ID, "allocationId": one.ID, "secondaryAllocationIds": []any{two.ID}}
	nat := d.Create(aws.NATGatewayType, "nat", p)
	if nat.Output("publicIp") != one.Output("publicIp") || nat.Output("secondaryPrivateIpAddressCount") != 1.0 {
		t.Errorf("outputs: %v", d.Unpack(nat.State))
	}
	p["secondaryAllocationIds"] = []any{three.ID}
	nat.Update(p)
	two.Delete() // free again
	emulatortest.RequireRefusal(t, three.TryDelete(), "used by "+nat.ID)
	p["secondaryAllocationIds"] = []any{three.ID, d.EIP("four").ID}
	emulatortest.RequireRefusal(t, nat.TryUpdate(p), "at most 2 Elastic IP addresses")
	nat.Delete()
	one.Delete()
	three.Delete()
}

func TestNATGatewayKeepsItsAddress(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	nat := d.nat("nat")
	diff := nat.Diff(props{"subnetId": d.subnet.ID, "allocationId": d.EIP("other").ID})
	if len(diff.GetReplaces()) != 1 || diff.GetReplaces()[0] != "allocationId" {
		t.Errorf("another address replaces %v", diff.GetReplaces())
	}
	emulatortest.RequireRefusal(t, d.subnet.TryDelete(), "has dependencies", nat.ID)
}

func TestAddressAssociation(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	eip := d.EIP("eip")
	eni := d.Create(aws.NetworkInterfaceType, "eni", props{"subnetId": d.subnet.ID, "privateIps": []any{"10.42.0.20", "10.42.0.21"}})
	p := props{"allocationId": eip.ID, "networkInterfaceId": eni.ID}
	wrong := props{"allocationId": eip.ID, "networkInterfaceId": eni.ID, "privateIpAddress": "10.42.0.99"}
	d.RequireCreateRefusal(aws.EIPAssociationType, wrong, "10.42.0.99 is not assigned to "+eni.ID)
	a := d.Create(aws.EIPAssociationType, "a", p)
	d.RequireCreateRefusal(aws.EIPAssociationType, p, "Resource.AlreadyAssociated: Elastic IP address ["+eip.ID+"] is already associated")
	d.RequireCreateRefusal(aws.EIPAssociationType, props{"allocationId": d.EIP("second").ID, "networkInterfaceId": eni.ID},
		"10.42.0.20 of interface")
	emulatortest.RequireRefusal(t, eip.TryDelete(), "InvalidIPAddress.InUse", "used by "+a.ID)
	d.Create(aws.NetworkInterfaceType, "other", props{"subnetId": d.subnet.ID})
	a.Delete()
	eip.Delete()
}

func TestAddressMovesOnRequest(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	eip := d.EIP("eip")
	one := d.Create(aws.NetworkInterfaceType, "one", props{"subnetId": d.subnet.ID})
	two := d.Create(aws.NetworkInterfaceType, "two", props{"subnetId": d.subnet.ID})
	d.Create(aws.EIPAssociationType, "a", props{"allocationId": eip.ID, "networkInterfaceId": one.ID})
	d.Create(aws.EIPAssociationType, "b", props{"allocationId": eip.ID, "networkInterfaceId": two.ID, "allowReassociation": true})
	if got := d.Read(aws.EIPType, "eip", eip.ID, eip.Inputs).Output("networkInterface"); got != two.ID {
		t.Errorf("the address is on %v, want %s", got, two.ID)
	}
	held := d.EIP("held")
	d.Create(aws.NATGatewayType, "nat", props{"subnetId": d.subnet.ID, "allocationId": held.ID})
	d.RequireCreateRefusal(aws.EIPAssociationType, props{"allocationId": held.ID, "networkInterfaceId": one.ID, "allowReassociation": true},
		"Resource.AlreadyAssociated: Elastic IP address ["+held.ID+"]")
}

func TestAddressNeedsInternetGateway(t *testing.T) {
	d := emulatortest.Start(t)
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1a", "10.42.0.0/24")
	eni := d.Create(aws.NetworkInterfaceType, "eni", props{"subnetId": subnet.ID})
	d.RequireCreateRefusal(aws.EIPAssociationType, props{"allocationId": d.EIP("e").ID, "networkInterfaceId": eni.ID},
		"Gateway.NotAttached: Network")
	d.RequireCreateRefusal(aws.EIPType, props{"networkInterface": eni.ID}, "is not attached to any internet gateway")
}

func TestAddressWithOwnInterface(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	one := d.Create(aws.NetworkInterfaceType, "one", props{"subnetId": d.subnet.ID})
	two := d.Create(aws.NetworkInterfaceType, "two", props{"subnetId": d.subnet.ID})
	eip := d.Create(aws.EIPType, "eip", props{"networkInterface": one.ID})
	if eip.Output("privateIp") != one.Output("privateIp") {
		t.Errorf("mapped to %v, want %v", eip.Output("privateIp"), one.Output("privateIp"))
	}
	eip.Update(props{"networkInterface": two.ID})
	if eip.Output("networkInterface") != two.ID {
		t.Errorf("mapped to %v", eip.Output("networkInterface"))
	}
	two.Delete() // AWS takes the address off then
	if got := d.Read(aws.EIPType, "eip", eip.ID, eip.Inputs).Output("networkInterface"); got != "" {
		t.Errorf("mapped to %v, which is gone", got)
	}
}
