package emulator_test

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func routeOf(d *driver, subnet *handle) aws.EgressRoute {
	d.T.Helper()
	var w aws.EgressRoute
	if err := d.Cloud.View(func(s *cloud.State) error {
		w = aws.DefaultRoute(s, subnet.ID)
		return nil
	}); err != nil {
		d.T.Fatal(err)
	}
	return w
}

// requireRoute checks a way: live when why is empty, and dead for that reason when it is not.
func requireRoute(t testing.TB, w aws.EgressRoute, kind, why string) {
	t.Helper()
	if w.Kind != kind || w.Live != (why == "") || !strings.Contains(w.Why, why) || (w.Why == "") != (why == "") {
		t.Errorf("way is %+v, want %q, and why %q", w, kind, why)
	}
}

// private is a second subnet with a table of its own, whose default route goes to what a test says.
func (r *routed) private() (subnet, table *handle) {
	r.T.Helper()
	subnet = r.Create(aws.SubnetType, "private", props{"vpcId": r.vpc.ID, "cidrBlock": "10.42.9.0/24", "availabilityZone": "us-west-1a"})
	table = r.Create(aws.RouteTableType, "private", props{"vpcId": r.vpc.ID})
	r.Create(aws.RouteTableAssociationType, "private", props{"routeTableId": table.ID, "subnetId": subnet.ID})
	return subnet, table
}

func TestWayThroughInternetGateway(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	requireRoute(t, routeOf(d.driver, d.subnet), "", "has no route to 0.0.0.0/0") // the main table
	d.Create(aws.RouteTableAssociationType, "a", props{"routeTableId": d.table.ID, "subnetId": d.subnet.ID})
	requireRoute(t, routeOf(d.driver, d.subnet), "", d.table.ID+" has no route")
	d.Create(aws.RouteType, "r", d.route("0.0.0.0/0", "gatewayId", d.igw))
	requireRoute(t, routeOf(d.driver, d.subnet), "internet-gateway", "")
	d.igw.Update(props{"vpcId": d.driver.VPC("10.43.0.0/16").ID})
	requireRoute(t, routeOf(d.driver, d.subnet), "internet-gateway", "is not attached to "+d.vpc.ID)
	d.igw.Delete()
	requireRoute(t, routeOf(d.driver, d.subnet), "internet-gateway", "does not exist")
	requireRoute(t, routeOf(d.driver, &handle{ID: "subnet-none"}), "", "subnet subnet-none does not exist")
}

func TestWayThroughNATGateway(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	subnet, table := d.private()
	nat := d.nat("nat")
	d.Create(aws.RouteType, "r", props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": nat.ID})
	requireRoute(t, routeOf(d.driver, subnet), "nat-gateway", "has no route to an internet gateway")
	d.Create(aws.RouteTableAssociationType, "a", props{"routeTableId": d.table.ID, "subnetId": d.subnet.ID})
	r := d.Create(aws.RouteType, "out", d.route("0.0.0.0/0", "gatewayId", d.igw))
	requireRoute(t, routeOf(d.driver, subnet), "nat-gateway", "")
	r.Update(d.route("0.0.0.0/0", "natGatewayId", nat)) // round in a circle
	requireRoute(t, routeOf(d.driver, subnet), "nat-gateway", "has no route to an internet gateway")
	nat.Delete()
	requireRoute(t, routeOf(d.driver, subnet), "nat-gateway", "NAT gateway "+nat.ID+" does not exist")
	inward := d.Create(aws.NATGatewayType, "inward", props{"subnetId": d.subnet.ID, "connectivityType": "private"})
	other, table := d.Create(aws.SubnetType, "o", props{"vpcId": d.vpc.ID, "cidrBlock": "10.42.8.0/24"}), d.Create(aws.RouteTableType, "o",
		props{"vpcId": d.vpc.ID})
	d.Create(aws.RouteTableAssociationType, "o", props{"routeTableId": table.ID, "subnetId": other.ID})
	d.Create(aws.RouteType, "o", props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": inward.ID})
	requireRoute(t, routeOf(d.driver, other), "nat-gateway", "has no public address")
}

func TestWayThroughNATInstance(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	subnet, table := f.private()
	eni, _, group := f.pinned()
	f.Create(aws.RouteType, "r", props{"routeTableId": table.ID, "destinationCidrBlock": "0.0.0.0/0", "networkInterfaceId": eni.ID})
	requireRoute(t, routeOf(f.driver, subnet), "network-interface", "is attached to no running machine")
	g := f.Create(aws.AutoScalingGroupType, "nat", group(nil))
	requireRoute(t, routeOf(f.driver, subnet), "network-interface", "has no public address")
	f.Create(aws.EIPType, "eip", props{"networkInterface": eni.ID})
	requireRoute(t, routeOf(f.driver, subnet), "network-interface", "has no route to an internet gateway")
	f.Create(aws.RouteTableAssociationType, "a", props{"routeTableId": f.table.ID, "subnetId": f.subnet.ID})
	f.Create(aws.RouteType, "out", f.route("0.0.0.0/0", "gatewayId", f.igw))
	requireRoute(t, routeOf(f.driver, subnet), "network-interface", "")
	eni.Update(props{"subnetId": f.subnet.ID, "privateIps": []any{"10.42.0.10"}, "sourceDestCheck": true})
	requireRoute(t, routeOf(f.driver, subnet), "network-interface", "checks source and destination")
	g.Delete()
	requireRoute(t, routeOf(f.driver, subnet), "network-interface", "is attached to no running machine")
	eni.Delete()
	requireRoute(t, routeOf(f.driver, subnet), "network-interface", "does not exist")
}
