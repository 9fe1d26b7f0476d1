package emulator

import (
	"strings"
	"testing"
)

func routeOf(d *Driver, subnet *Handle) EgressRoute {
	d.T.Helper()
	var w EgressRoute
	if err := d.Cloud.View(func(s *State) error {
		w = DefaultRoute(s, subnet.ID)
		return nil
	}); err != nil {
		d.T.Fatal(err)
	}
	return w
}

// requireRoute checks a way: live when why is empty, and dead for that reason when it is not.
func requireRoute(t testing.TB, w EgressRoute, kind, why string) {
	t.Helper()
	if w.Kind != kind || w.Live != (why == "") || !strings.Contains(w.Why, why) || (w.Why == "") != (why == "") {
		t.Errorf("way is %+v, want %q, and why %q", w, kind, why)
	}
}

// private is a second subnet with a table of its own, whose default route goes to what a test says.
func (r *routed) private() (subnet, table *Handle) {
	r.T.Helper()
	subnet = r.Create(SubnetType, "private", Props{"vpcId": r.vpc.ID, "cidrBlock": "10.42.9.0/24", "availabilityZone": "us-west-1a"})
	table = r.Create(RouteTableType, "private", Props{"vpcId": r.vpc.ID})
	r.Create(RouteTableAssociationType, "private", Props{"routeTableId": table.ID, "subnetId": subnet.ID})
	return subnet, table
}

func TestWayThroughInternetGateway(t *testing.T) {
	d := newRouted(Start(t))
	requireRoute(t, routeOf(d.Driver, d.subnet), "", "has no route to 0.0.0.0/0") // the main table
	d.Create(RouteTableAssociationType, "a", Props{"routeTableId": d.table.ID, "subnetId": d.subnet.ID})
	requireRoute(t, routeOf(d.Driver, d.subnet), "", d.table.ID+" has no route")
	d.Create(RouteType, "r", d.route("0.0.0.0/0", "gatewayId", d.igw))
	requireRoute(t, routeOf(d.Driver, d.subnet), "internet-gateway", "")
	d.igw.Update(Props{"vpcId": d.Driver.VPC("10.43.0.0/16").ID})
	requireRoute(t, routeOf(d.Driver, d.subnet), "internet-gateway", "is not attached to "+d.vpc.ID)
	d.igw.Delete()
	requireRoute(t, routeOf(d.Driver, d.subnet), "internet-gateway", "does not exist")
	requireRoute(t, routeOf(d.Driver, &Handle{ID: "subnet-none"}), "", "subnet subnet-none does not exist")
}

func TestWayThroughNATGateway(t *testing.T) {
	d := newRouted(Start(t))
	subnet, table := d.private()
	nat := d.nat("nat")
	d.Create(RouteType, "r", Props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": nat.ID})
	requireRoute(t, routeOf(d.Driver, subnet), "nat-gateway", "has no route to an internet gateway")
	d.Create(RouteTableAssociationType, "a", Props{"routeTableId": d.table.ID, "subnetId": d.subnet.ID})
	r := d.Create(RouteType, "out", d.route("0.0.0.0/0", "gatewayId", d.igw))
	requireRoute(t, routeOf(d.Driver, subnet), "nat-gateway", "")
	r.Update(d.route("0.0.0.0/0", "natGatewayId", nat)) // round in a circle
	requireRoute(t, routeOf(d.Driver, subnet), "nat-gateway", "has no route to an internet gateway")
	nat.Delete()
	requireRoute(t, routeOf(d.Driver, subnet), "nat-gateway", "NAT gateway "+nat.ID+" does not exist")
	inward := d.Create(NATGatewayType, "inward", Props{"subnetId": d.subnet.ID, "connectivityType": "private"})
	other, table := d.Create(SubnetType, "o", Props{"vpcId": d.vpc.ID, "cidrBlock": "10.42.8.0/24"}), d.Create(RouteTableType, "o", Props{"vpcId": d.vpc.ID})
	d.Create(RouteTableAssociationType, "o", Props{"routeTableId": table.ID, "subnetId": other.ID})
	d.Create(RouteType, "o", Props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": inward.ID})
	requireRoute(t, routeOf(d.Driver, other), "nat-gateway", "has no public address")
}

func TestWayThroughNATInstance(t *testing.T) {
	f := newFleets(Start(t))
	subnet, table := f.private()
	eni, _, group := f.pinned()
	f.Create(RouteType, "r", Props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "networkInterfaceId": eni.ID})
	requireRoute(t, routeOf(f.Driver, subnet), "network-interface", "is attached to no running machine")
	g := f.Create(AutoScalingGroupType, "nat", group(nil))
	requireRoute(t, routeOf(f.Driver, subnet), "network-interface", "has no public address")
	f.Create(EIPType, "eip", Props{"networkInterface": eni.ID})
	requireRoute(t, routeOf(f.Driver, subnet), "network-interface", "has no route to an internet gateway")
	f.Create(RouteTableAssociationType, "a", Props{"routeTableId": f.table.ID, "subnetId": f.subnet.ID})
	f.Create(RouteType, "out", f.route("0.0.0.0/0", "gatewayId", f.igw))
	requireRoute(t, routeOf(f.Driver, subnet), "network-interface", "")
	eni.Update(Props{"subnetId": f.subnet.ID, "privateIps": []any{"10.42.0.10"}, "sourceDestCheck": true})
	requireRoute(t, routeOf(f.Driver, subnet), "network-interface", "checks source and destination")
	g.Delete()
	requireRoute(t, routeOf(f.Driver, subnet), "network-interface", "is attached to no running machine")
	eni.Delete()
	requireRoute(t, routeOf(f.Driver, subnet), "network-interface", "does not exist")
}
