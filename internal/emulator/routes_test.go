package emulator

import (
	"fmt"
	"testing"
)

// routed is a VPC with a subnet, an internet gateway and an empty route table.
type routed struct {
	*driver
	vpc, subnet, igw, table *thing
}

func routes(d *driver) *routed {
	d.t.Helper()
	vpc := d.vpc("10.42.0.0/16")
	return &routed{driver: d, vpc: vpc, subnet: d.subnet(vpc, "us-west-1a", "10.42.0.0/24"), igw: d.gateway(vpc),
		table: d.make(RouteTableType, "table", props{"vpcId": vpc.id})}
}

func (r *routed) route(destination, target string, to *thing) props {
	return props{"routeTableId": r.table.id, "destinationCidrBlock": destination, target: to.id}
}

func (r *routed) nat(name string) *thing {
	r.t.Helper()
	return r.make(NATGatewayType, name, props{"subnetId": r.subnet.id, "allocationId": r.eip(name).id})
}

func TestRouteRefusals(t *testing.T) {
	d := routes(open(t))
	nat := d.nat("nat")
	both := d.route("0.0.0.0/0", "gatewayId", d.igw)
	both["natGatewayId"] = nat.id
	d.refusesToMake(RouteType, both, "exactly one of gatewayId, natGatewayId", "gatewayId and natGatewayId are")
	d.refusesToMake(RouteType, props{"routeTableId": d.table.id, "destinationCidrBlock": "0.0.0.0/0"}, "exactly one of gatewayId", "none is")
	two := d.route("0.0.0.0/0", "gatewayId", d.igw)
	two["destinationIpv6CidrBlock"] = "::/0"
	d.refusesToMake(RouteType, two, "exactly one of destinationCidrBlock")
	d.refusesToMake(RouteType, props{"routeTableId": d.table.id, "gatewayId": d.igw.id}, "exactly one of destinationCidrBlock", "none is")
	d.make(RouteType, "default", d.route("0.0.0.0/0", "gatewayId", d.igw))
	d.refusesToMake(RouteType, d.route("0.0.0.0/0", "natGatewayId", nat), "RouteAlreadyExists: The route identified by 0.0.0.0/0 already exists")
	d.refusesToMake(RouteType, d.route("10.42.0.0/16", "natGatewayId", nat), "RouteAlreadyExists", "local route")
	loose := d.make(InternetGatewayType, "loose", props{})
	d.refusesToMake(RouteType, d.route("10.0.0.0/8", "gatewayId", loose), "belong to different networks")
}

// A target that is known to come and not known by name counts as given.
func TestRouteTargetUnknown(t *testing.T) {
	d := routes(open(t))
	p := props{"routeTableId": unknown{}, "destinationCidrBlock": "0.0.0.0/0", "natGatewayId": unknown{}}
	if _, err := d.check(RouteType, "r", nil, p); err != nil {
		t.Error(err)
	}
	p["gatewayId"] = unknown{}
	if _, err := d.check(RouteType, "r", nil, p); err == nil {
		t.Error("two unknown targets were taken")
	}
}

func TestRouteQuota(t *testing.T) {
	d := routes(open(t))
	for i := range 50 {
		d.make(RouteType, fmt.Sprint(i), d.route(fmt.Sprintf("172.16.%d.0/24", i), "gatewayId", d.igw))
	}
	d.refusesToMake(RouteType, d.route("0.0.0.0/0", "gatewayId", d.igw), "RouteLimitExceeded: The maximum number of routes has been reached")
}

// A change of egress mode moves a route in place: the subnet is never without one.
func TestRouteMovesInPlace(t *testing.T) {
	d := routes(open(t))
	nat := d.nat("nat")
	eni := d.make(NetworkInterfaceType, "nat", props{"subnetId": d.subnet.id})
	r := d.make(RouteType, "default", d.route("0.0.0.0/0", "natGatewayId", nat))
	r.update(d.route("0.0.0.0/0", "networkInterfaceId", eni))
	r.update(d.route("0.0.0.0/0", "gatewayId", d.igw))
	if got := r.out("networkInterfaceId"); got != nil && got != "" {
		t.Errorf("the route still tells of the interface %v", got)
	}
	for _, live := range d.resources() {
		if live.ID == r.id && (live.Inputs["natGatewayId"] != nil || live.Inputs["gatewayId"] != d.igw.id) {
			t.Errorf("the route has %v", live.Inputs)
		}
	}
	if diff := r.diff(d.route("10.0.0.0/8", "gatewayId", d.igw)); len(diff.GetReplaces()) != 1 {
		t.Errorf("another destination replaces %v", diff.GetReplaces())
	}
}

// A NAT gateway may be deleted under a route, as in AWS: the route turns into a black hole.
func TestRouteTurnsBlack(t *testing.T) {
	d := routes(open(t))
	nat := d.nat("nat")
	r := d.make(RouteType, "default", d.route("0.0.0.0/0", "natGatewayId", nat))
	if r.out("state") != "active" {
		t.Errorf("state = %v", r.out("state"))
	}
	nat.delete()
	if got := d.read(RouteType, "default", r.id, r.inputs).out("state"); got != "blackhole" {
		t.Errorf("state = %v", got)
	}
	r.update(d.route("0.0.0.0/0", "gatewayId", d.igw)) // the way out of it
	if r.out("state") != "active" {
		t.Errorf("state = %v", r.out("state"))
	}
}

func TestRouteTable(t *testing.T) {
	d := routes(open(t))
	d.refusesToMake(RouteTableType, props{"vpcId": d.vpc.id, "routes": []any{props{"cidrBlock": "0.0.0.0/0", "gatewayId": d.igw.id}}},
		"no rules for inline routes; use aws:ec2/route:Route")
	a := d.make(RouteTableAssociationType, "a", props{"routeTableId": d.table.id, "subnetId": d.subnet.id})
	d.refusesToMake(RouteTableAssociationType, props{"routeTableId": d.table.id, "subnetId": d.subnet.id},
		"Resource.AlreadyAssociated: the specified association for route table "+d.table.id+" conflicts", a.id)
	refuses(t, d.table.tryDelete(), "DependencyViolation: The routeTable '"+d.table.id+"' has dependencies", a.id)
	other := d.make(RouteTableType, "other", props{"vpcId": d.vpc.id})
	a.update(props{"routeTableId": other.id, "subnetId": d.subnet.id})
	d.table.delete()
}
