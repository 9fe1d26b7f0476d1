package emulator

import (
	"strings"
	"testing"
)

func (d *driver) way(subnet *thing) EgressRoute {
	d.t.Helper()
	var w EgressRoute
	if err := d.cloud.View(func(s *State) error {
		w = DefaultRoute(s, subnet.id)
		return nil
	}); err != nil {
		d.t.Fatal(err)
	}
	return w
}

// leads checks a way: live when why is empty, and dead for that reason when it is not.
func leads(t testing.TB, w EgressRoute, kind, why string) {
	t.Helper()
	if w.Kind != kind || w.Live != (why == "") || !strings.Contains(w.Why, why) || (w.Why == "") != (why == "") {
		t.Errorf("way is %+v, want %q, and why %q", w, kind, why)
	}
}

// private is a second subnet with a table of its own, whose default route goes to what a test says.
func (r *routed) private() (subnet, table *thing) {
	r.t.Helper()
	subnet = r.make(SubnetType, "private", props{"vpcId": r.vpc.id, "cidrBlock": "10.42.9.0/24", "availabilityZone": "us-west-1a"})
	table = r.make(RouteTableType, "private", props{"vpcId": r.vpc.id})
	r.make(RouteTableAssociationType, "private", props{"routeTableId": table.id, "subnetId": subnet.id})
	return subnet, table
}

func TestWayThroughInternetGateway(t *testing.T) {
	d := routes(open(t))
	leads(t, d.way(d.subnet), "", "has no route to 0.0.0.0/0") // the main table
	d.make(RouteTableAssociationType, "a", props{"routeTableId": d.table.id, "subnetId": d.subnet.id})
	leads(t, d.way(d.subnet), "", d.table.id+" has no route")
	d.make(RouteType, "r", d.route("0.0.0.0/0", "gatewayId", d.igw))
	leads(t, d.way(d.subnet), "internet-gateway", "")
	d.igw.update(props{"vpcId": d.driver.vpc("10.43.0.0/16").id})
	leads(t, d.way(d.subnet), "internet-gateway", "is not attached to "+d.vpc.id)
	d.igw.delete()
	leads(t, d.way(d.subnet), "internet-gateway", "does not exist")
	leads(t, d.way(&thing{id: "subnet-none"}), "", "subnet subnet-none does not exist")
}

func TestWayThroughNATGateway(t *testing.T) {
	d := routes(open(t))
	subnet, table := d.private()
	nat := d.nat("nat")
	d.make(RouteType, "r", props{"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": nat.id})
	leads(t, d.way(subnet), "nat-gateway", "has no route to an internet gateway")
	d.make(RouteTableAssociationType, "a", props{"routeTableId": d.table.id, "subnetId": d.subnet.id})
	r := d.make(RouteType, "out", d.route("0.0.0.0/0", "gatewayId", d.igw))
	leads(t, d.way(subnet), "nat-gateway", "")
	r.update(d.route("0.0.0.0/0", "natGatewayId", nat)) // round in a circle
	leads(t, d.way(subnet), "nat-gateway", "has no route to an internet gateway")
	nat.delete()
	leads(t, d.way(subnet), "nat-gateway", "NAT gateway "+nat.id+" does not exist")
	inward := d.make(NATGatewayType, "inward", props{"subnetId": d.subnet.id, "connectivityType": "private"})
	other, table := d.make(SubnetType, "o", props{"vpcId": d.vpc.id, "cidrBlock": "10.42.8.0/24"}), d.make(RouteTableType, "o", props{"vpcId": d.vpc.id})
	d.make(RouteTableAssociationType, "o", props{"routeTableId": table.id, "subnetId": other.id})
	d.make(RouteType, "o", props{"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": inward.id})
	leads(t, d.way(other), "nat-gateway", "has no public address")
}

func TestWayThroughNATInstance(t *testing.T) {
	f := fleets(open(t))
	subnet, table := f.private()
	eni, _, group := f.pinned()
	f.make(RouteType, "r", props{"routeTableId": table.id, "destinationCidrBlock": "0.0.0.0/0", "networkInterfaceId": eni.id})
	leads(t, f.way(subnet), "network-interface", "is attached to no running machine")
	g := f.make(AutoScalingGroupType, "nat", group(nil))
	leads(t, f.way(subnet), "network-interface", "has no public address")
	f.make(EIPType, "eip", props{"networkInterface": eni.id})
	leads(t, f.way(subnet), "network-interface", "has no route to an internet gateway")
	f.make(RouteTableAssociationType, "a", props{"routeTableId": f.table.id, "subnetId": f.subnet.id})
	f.make(RouteType, "out", f.route("0.0.0.0/0", "gatewayId", f.igw))
	leads(t, f.way(subnet), "network-interface", "")
	eni.update(props{"subnetId": f.subnet.id, "privateIps": []any{"10.42.0.10"}, "sourceDestCheck": true})
	leads(t, f.way(subnet), "network-interface", "checks source and destination")
	g.delete()
	leads(t, f.way(subnet), "network-interface", "is attached to no running machine")
	eni.delete()
	leads(t, f.way(subnet), "network-interface", "does not exist")
}
