package emulator_test

import (
	"fmt"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

// routed is a VPC with a subnet, an internet gateway and an empty route table.
type routed struct {
	*driver
	vpc, subnet, igw, table *handle
}

func newRouted(d *driver) *routed {
	d.T.Helper()
	vpc := d.VPC("10.42.0.0/16")
	return &routed{driver: d, vpc: vpc, subnet: d.Subnet(vpc, "us-west-1a", "10.42.0.0/24"), igw: d.InternetGateway(vpc),
		table: d.Create(aws.RouteTableType, "table", props{"vpcId": vpc.ID})}
}

func (r *routed) route(destination, target string, to *handle) props {
	return props{"routeTableId": r.table.ID, "destinationCidrBlock": destination, target: to.ID}
}

func (r *routed) nat(name string) *handle {
	r.T.Helper()
	return r.Create(aws.NATGatewayType, name, props{"subnetId": r.subnet.ID, "allocationId": r.EIP(name).ID})
}

func TestRouteRefusals(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	nat := d.nat("nat")
	both := d.route("0.0.0.0/0", "gatewayId", d.igw)
	both["natGatewayId"] = nat.ID
	d.RequireCreateRefusal(aws.RouteType, both, "exactly one of gatewayId, natGatewayId", "gatewayId and natGatewayId are")
	d.RequireCreateRefusal(aws.RouteType, props{"routeTableId": d.table.ID, "destinationCidrBlock": "0.0.0.0/0"}, "exactly one of gatewayId",
		"none is")
	two := d.route("0.0.0.0/0", "gatewayId", d.igw)
	two["destinationIpv6CidrBlock"] = "::/0"
	d.RequireCreateRefusal(aws.RouteType, two, "exactly one of destinationCidrBlock")
	d.RequireCreateRefusal(aws.RouteType, props{"routeTableId": d.table.ID, "gatewayId": d.igw.ID}, "exactly one of destinationCidrBlock",
		"none is")
	d.Create(aws.RouteType, "default", d.route("0.0.0.0/0", "gatewayId", d.igw))
	d.RequireCreateRefusal(aws.RouteType, d.route("0.0.0.0/0", "natGatewayId", nat),
		"RouteAlreadyExists: The route identified by 0.0.0.0/0 already exists")
	d.RequireCreateRefusal(aws.RouteType, d.route("10.42.0.0/16", "natGatewayId", nat), "RouteAlreadyExists", "local route")
	loose := d.Create(aws.InternetGatewayType, "loose", props{})
	d.RequireCreateRefusal(aws.RouteType, d.route("10.0.0.0/8", "gatewayId", loose), "belong to different networks")
}

// A target that is known to come and not known by name counts as given.
func TestRouteTargetUnknown(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	p := props{"routeTableId": emulatortest.Unknown{}, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": emulatortest.Unknown{}}
	if _, err := d.Check(aws.RouteType, "r", nil, p); err != nil {
		t.Error(err)
	}
	p["gatewayId"] = emulatortest.Unknown{}
	if _, err := d.Check(aws.RouteType, "r", nil, p); err == nil {
		t.Error("two unknown targets were taken")
	}
}

func TestRouteQuota(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	for i := range 50 {
		d.Create(aws.RouteType, fmt.Sprint(i), d.route(fmt.Sprintf("172.16.%d.0/24", i), "gatewayId", d.igw))
	}
	d.RequireCreateRefusal(aws.RouteType, d.route("0.0.0.0/0", "gatewayId", d.igw),
		"RouteLimitExceeded: The maximum number of routes has been reached")
}

// A change of egress mode moves a route in place: the subnet is never without one.
func TestRouteMovesInPlace(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	nat := d.nat("nat")
	eni := d.Create(aws.NetworkInterfaceType, "nat", props{"subnetId": d.subnet.ID})
	r := d.Create(aws.RouteType, "default", d.route("0.0.0.0/0", "natGatewayId", nat))
	r.Update(d.route("0.0.0.0/0", "networkInterfaceId", eni))
	r.Update(d.route("0.0.0.0/0", "gatewayId", d.igw))
	if got := r.Output("networkInterfaceId"); got != nil && got != "" {
		t.Errorf("the route still tells of the interface %v", got)
	}
	for _, live := range d.Resources() {
		if live.ID == r.ID && (live.Inputs["natGatewayId"] != nil || live.Inputs["gatewayId"] != d.igw.ID) {
			t.Errorf("the route has %v", live.Inputs)
		}
	}
	if diff := r.Diff(d.route("10.0.0.0/8", "gatewayId", d.igw)); len(diff.GetReplaces()) != 1 {
		t.Errorf("another destination replaces %v", diff.GetReplaces())
	}
}

// A NAT gateway may be deleted under a route, as in AWS: the route turns into a black hole.
func TestRouteTurnsBlack(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	nat := d.nat("nat")
	r := d.Create(aws.RouteType, "default", d.route("0.0.0.0/0", "natGatewayId", nat))
	if r.Output("state") != "active" {
		t.Errorf("state = %v", r.Output("state"))
	}
	nat.Delete()
	if got := d.Read(aws.RouteType, "default", r.ID, r.Inputs).Output("state"); got != "blackhole" {
		t.Errorf("state = %v", got)
	}
	r.Update(d.route("0.0.0.0/0", "gatewayId", d.igw)) // the way out of it
	if r.Output("state") != "active" {
		t.Errorf("state = %v", r.Output("state"))
	}
}

func TestRouteTable(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	d.RequireCreateRefusal(aws.RouteTableType, props{"vpcId": d.vpc.ID, "routes": []any{props{"cidrBlock": "0.0.0.0/0",
		"gatewayId": d.igw.ID}}},
		"no rules for inline routes; use aws:ec2/route:Route")
	a := d.Create(aws.RouteTableAssociationType, "a", props{"routeTableId": d.table.ID, "subnetId": d.subnet.ID})
	d.RequireCreateRefusal(aws.RouteTableAssociationType, props{"routeTableId": d.table.ID, "subnetId": d.subnet.ID},
		"Resource.AlreadyAssociated: the specified association for route table "+d.table.ID+" conflicts", a.ID)
	emulatortest.RequireRefusal(t, d.table.TryDelete(), "DependencyViolation: The routeTable '"+d.table.ID+"' has dependencies", a.ID)
	other := d.Create(aws.RouteTableType, "other", props{"vpcId": d.vpc.ID})
	a.Update(props{"routeTableId": other.ID, "subnetId": d.subnet.ID})
	d.table.Delete()
}
