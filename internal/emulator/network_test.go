package emulator

import (
	"fmt"
	"strings"
	"testing"
)

// vpc, subnet and the like make what most tests stand on.
func (d *driver) vpc(cidr string) *thing {
	d.t.Helper()
	return d.make(VPCType, "vpc-"+cidr, props{"cidrBlock": cidr, "enableDnsHostnames": true})
}

func (d *driver) subnet(vpc *thing, zone, cidr string) *thing {
	d.t.Helper()
	return d.make(SubnetType, "subnet-"+cidr, props{"vpcId": vpc.id, "cidrBlock": cidr, "availabilityZone": zone})
}

func (d *driver) gateway(vpc *thing) *thing {
	d.t.Helper()
	return d.make(InternetGatewayType, "igw", props{"vpcId": vpc.id})
}

func (d *driver) eip(name string) *thing {
	d.t.Helper()
	return d.make(EIPType, name, props{"domain": "vpc"})
}

func TestVPC(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	if vpc.out("arn") != "arn:aws:ec2:us-west-1:123456789012:vpc/"+vpc.id {
		t.Errorf("arn = %v", vpc.out("arn"))
	}
	if vpc.out("enableDnsSupport") != true {
		t.Error("DNS support is not on by default")
	}
	own := map[string]bool{}
	for _, r := range d.resources() {
		own[r.ID] = !r.Managed
	}
	if !own[vpc.out("defaultSecurityGroupId").(string)] || !own[vpc.out("mainRouteTableId").(string)] {
		t.Errorf("the VPC came without its own security group or route table: %v", own)
	}
	if diff := vpc.diff(props{"cidrBlock": "10.43.0.0/16", "enableDnsHostnames": true}); len(diff.GetReplaces()) != 1 {
		t.Errorf("another range replaces %v", diff.GetReplaces())
	}
	vpc.delete()
	if left := d.resources(); len(left) > 0 {
		t.Errorf("left after the VPC: %v", left)
	}
}

func TestVPCRefusals(t *testing.T) {
	d := open(t)
	for cidr, want := range map[string]string{
		"10.0.0.0/8": "between /16 and /28", "10.0.0.0/29": "between /16 and /28", "10.0.0.1/16": "such as 10.0.0.0/16",
		"ten": "not a valid IPv4 CIDR block", "fd00::/56": "not a valid IPv4 CIDR block",
	} {
		d.refusesToMake(VPCType, props{"cidrBlock": cidr}, "cidrBlock: ", want)
	}
	d.refusesToMake(VPCType, props{}, "exactly one of cidrBlock must be given")
	d.refusesToMake(VPCType, props{"cidrBlock": "10.0.0.0/16", "assignGeneratedIpv6CidrBlock": true}, "has no rules for this property")
	for i := range 5 {
		d.vpc(fmt.Sprintf("10.%d.0.0/16", i))
	}
	d.refusesToMake(VPCType, props{"cidrBlock": "10.9.0.0/16"}, "VpcLimitExceeded: The maximum number of VPCs has been reached.")
	d.elsewhere(props{"region": "us-east-2"}).vpc("10.9.0.0/16") // quotas are per region
}

func TestSubnetRefusals(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	first := d.subnet(vpc, "us-west-1a", "10.42.0.0/20")
	try := func(cidr, zone, want string) {
		t.Helper()
		d.refusesToMake(SubnetType, props{"vpcId": vpc.id, "cidrBlock": cidr, "availabilityZone": zone}, want)
	}
	try("10.43.0.0/24", "us-west-1a", "InvalidSubnet.Range: The CIDR '10.43.0.0/24' is invalid.")
	try("10.42.15.0/24", "us-west-1a", "InvalidSubnet.Conflict: The CIDR '10.42.15.0/24' conflicts with another subnet ("+first.id)
	try("10.42.16.0/24", "us-west-1x", "Value (us-west-1x) for parameter availabilityZone is invalid.")
	try("10.42.16.0/29", "us-west-1a", "between /16 and /28")
	small := d.vpc("10.44.0.0/20")
	d.refusesToMake(SubnetType, props{"vpcId": small.id, "cidrBlock": "10.44.0.0/16"}, "InvalidSubnet.Range")
	d.subnet(d.make(VPCType, "twin", props{"cidrBlock": "10.42.0.0/16"}), "us-west-1a", "10.42.0.0/20") // overlaps only in another VPC
}

func TestSubnetSettings(t *testing.T) {
	d := open(t)
	subnet := d.subnet(d.vpc("10.42.0.0/16"), "us-west-1b", "10.42.0.0/20")
	if id := subnet.out("availabilityZoneId"); !strings.HasPrefix(id.(string), "usw1-az") {
		t.Errorf("zone id = %v", id)
	}
	p := plainProps(props{"vpcId": subnet.out("vpcId"), "cidrBlock": "10.42.0.0/20", "availabilityZone": "us-west-1b", "mapPublicIpOnLaunch": true})
	subnet.update(p)
	if subnet.out("mapPublicIpOnLaunch") != true {
		t.Error("public addresses on launch were not switched on")
	}
	// A zone that the program does not name any more is the one that it has.
	delete(p, "availabilityZone")
	if diff := subnet.diff(p); len(diff.GetDetailedDiff()) > 0 {
		t.Errorf("leaving the zone to the cloud changes %v", diff.GetDetailedDiff())
	}
}

func TestInternetGateway(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	igw := d.gateway(vpc)
	d.refusesToMake(InternetGatewayType, props{"vpcId": vpc.id}, "Network "+vpc.id+" already has an internet gateway attached")
	other := d.vpc("10.43.0.0/16")
	loose := d.make(InternetGatewayType, "loose", props{})
	refuses(t, loose.tryUpdate(props{"vpcId": vpc.id}), "already has an internet gateway attached")
	loose.update(props{"vpcId": other.id})
	for i := range 3 {
		d.make(InternetGatewayType, fmt.Sprint(i), props{})
	}
	d.refusesToMake(InternetGatewayType, props{}, "InternetGatewayLimitExceeded")
	refuses(t, vpc.tryDelete(), "DependencyViolation: The vpc '"+vpc.id+"' has dependencies", igw.id)
}

func TestGatewayStaysWhileAddressesAreMapped(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	igw := d.gateway(vpc)
	eni := d.make(NetworkInterfaceType, "eni", props{"subnetId": d.subnet(vpc, "us-west-1a", "10.42.0.0/24").id})
	eip := d.make(EIPType, "eip", props{"networkInterface": eni.id})
	words := "DependencyViolation: Network " + vpc.id + " has some mapped public address(es)."
	refuses(t, igw.tryDelete(), words, eni.id)
	refuses(t, igw.tryUpdate(props{"vpcId": d.vpc("10.43.0.0/16").id}), words)
	eip.delete()
	igw.delete()
}

func TestSubnetInUse(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	subnet := d.subnet(vpc, "us-west-1a", "10.42.0.0/24")
	table := d.make(RouteTableType, "table", props{"vpcId": vpc.id})
	d.make(RouteTableAssociationType, "a", props{"routeTableId": table.id, "subnetId": subnet.id})
	eni := d.make(NetworkInterfaceType, "eni", props{"subnetId": subnet.id})
	refuses(t, subnet.tryDelete(), "DependencyViolation: The subnet '"+subnet.id+"' has dependencies", "used by "+eni.id+")")
	eni.delete()
	subnet.delete() // and its association with it
	table.delete()
}
