package emulator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestVPC(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	if vpc.Output("arn") != "arn:aws:ec2:us-west-1:123456789012:vpc/"+vpc.ID {
		t.Errorf("arn = %v", vpc.Output("arn"))
	}
	if vpc.Output("enableDnsSupport") != true {
		t.Error("DNS support is not on by default")
	}
	own := map[string]bool{}
	for _, r := range d.Resources() {
		own[r.ID] = !r.Managed
	}
	if !own[vpc.Output("defaultSecurityGroupId").(string)] || !own[vpc.Output("mainRouteTableId").(string)] {
		t.Errorf("the VPC came without its own security group or route table: %v", own)
	}
	if diff := vpc.Diff(props{"cidrBlock": "10.43.0.0/16", "enableDnsHostnames": true}); len(diff.GetReplaces()) != 1 {
		t.Errorf("another range replaces %v", diff.GetReplaces())
	}
	vpc.Delete()
	if left := d.Resources(); len(left) > 0 {
		t.Errorf("left after the VPC: %v", left)
	}
}

func TestVPCRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	for cidr, want := range map[string]string{
		"10.0.0.0/8": "between /16 and /28", "10.0.0.0/29": "between /16 and /28", "10.0.0.1/16": "such as 10.0.0.0/16",
		"ten": "not a valid IPv4 CIDR block", "fd00::/56": "not a valid IPv4 CIDR block",
	} {
		d.RequireCreateRefusal(aws.VPCType, props{"cidrBlock": cidr}, "cidrBlock: ", want)
	}
	d.RequireCreateRefusal(aws.VPCType, props{}, "exactly one of cidrBlock must be set")
	d.RequireCreateRefusal(aws.VPCType, props{"cidrBlock": "10.0.0.0/16", "assignGeneratedIpv6CidrBlock": true},
		"has no rules for this property")
	for i := range 5 {
		d.VPC(fmt.Sprintf("10.%d.0.0/16", i))
	}
	d.RequireCreateRefusal(aws.VPCType, props{"cidrBlock": "10.9.0.0/16"}, "VpcLimitExceeded: The maximum number of VPCs has been reached.")
	d.Elsewhere(props{"region": "us-east-2"}).VPC("10.9.0.0/16") // quotas are per region
}

func TestSubnetRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	first := d.Subnet(vpc, "us-west-1a", "10.42.0.0/20")
	try := func(cidr, zone, want string) {
		t.Helper()
		d.RequireCreateRefusal(aws.SubnetType, props{"vpcId": vpc.ID, "cidrBlock": cidr, "availabilityZone": zone}, want)
	}
	try("10.43.0.0/24", "us-west-1a", "InvalidSubnet.Range: The CIDR '10.43.0.0/24' is invalid.")
	try("10.42.15.0/24", "us-west-1a", "InvalidSubnet.Conflict: The CIDR '10.42.15.0/24' conflicts with another subnet ("+first.ID)
	try("10.42.16.0/24", "us-west-1x", "Value (us-west-1x) for parameter availabilityZone is invalid.")
	try("10.42.16.0/29", "us-west-1a", "between /16 and /28")
	small := d.VPC("10.44.0.0/20")
	d.RequireCreateRefusal(aws.SubnetType, props{"vpcId": small.ID, "cidrBlock": "10.44.0.0/16"}, "InvalidSubnet.Range")
	d.Subnet(d.Create(aws.VPCType, "twin", props{"cidrBlock": "10.42.0.0/16"}), "us-west-1a", "10.42.0.0/20") // overlaps only in another VPC
}

func TestSubnetSettings(t *testing.T) {
	d := emulatortest.Start(t)
	subnet := d.Subnet(d.VPC("10.42.0.0/16"), "us-west-1b", "10.42.0.0/20")
	if id := subnet.Output("availabilityZoneId"); !strings.HasPrefix(id.(string), "usw1-az") {
		t.Errorf("zone id = %v", id)
	}
	p := emulatortest.PlainProps(props{"vpcId": subnet.Output("vpcId"), "cidrBlock": "10.42.0.0/20", "availabilityZone": "us-west-1b",
		"mapPublicIpOnLaunch": true})
	subnet.Update(p)
	if subnet.Output("mapPublicIpOnLaunch") != true {
		t.Error("public addresses on launch were not switched on")
	}
	// A zone that the program does not name any more is the one that it has.
	delete(p, "availabilityZone")
	if diff := subnet.Diff(p); len(diff.GetDetailedDiff()) > 0 {
		t.Errorf("leaving the zone to the cloud changes %v", diff.GetDetailedDiff())
	}
}

func TestInternetGateway(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	igw := d.InternetGateway(vpc)
	d.RequireCreateRefusal(aws.InternetGatewayType, props{"vpcId": vpc.ID}, "Network "+vpc.ID+" already has an internet gateway attached")
	other := d.VPC("10.43.0.0/16")
	loose := d.Create(aws.InternetGatewayType, "loose", props{})
	emulatortest.RequireRefusal(t, loose.TryUpdate(props{"vpcId": vpc.ID}), "already has an internet gateway attached")
	loose.Update(props{"vpcId": other.ID})
	for i := range 3 {
		d.Create(aws.InternetGatewayType, fmt.Sprint(i), props{})
	}
	d.RequireCreateRefusal(aws.InternetGatewayType, props{}, "InternetGatewayLimitExceeded")
	emulatortest.RequireRefusal(t, vpc.TryDelete(), "DependencyViolation: The vpc '"+vpc.ID+"' has dependencies", igw.ID)
}

func TestGatewayStaysWhileAddressesAreMapped(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	igw := d.InternetGateway(vpc)
	eni := d.Create(aws.NetworkInterfaceType, "eni", props{"subnetId": d.Subnet(vpc, "us-west-1a", "10.42.0.0/24").ID})
	eip := d.Create(aws.EIPType, "eip", props{"networkInterface": eni.ID})
	words := "DependencyViolation: Network " + vpc.ID + " has some mapped public address(es)."
	emulatortest.RequireRefusal(t, igw.TryDelete(), words, eni.ID)
	emulatortest.RequireRefusal(t, igw.TryUpdate(props{"vpcId": d.VPC("10.43.0.0/16").ID}), words)
	eip.Delete()
	igw.Delete()
}

func TestSubnetInUse(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	table := d.Create(aws.RouteTableType, "table", props{"vpcId": vpc.ID})
	d.Create(aws.RouteTableAssociationType, "a", props{"routeTableId": table.ID, "subnetId": subnet.ID})
	eni := d.Create(aws.NetworkInterfaceType, "eni", props{"subnetId": subnet.ID})
	emulatortest.RequireRefusal(t, subnet.TryDelete(), "DependencyViolation: The subnet '"+subnet.ID+"' has dependencies",
		"used by "+eni.ID+")")
	eni.Delete()
	subnet.Delete() // and its association with it
	table.Delete()
}
