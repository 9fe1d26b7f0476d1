package emulator_test

import (
	"fmt"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func endpointProps(vpc *handle, kind, service string, more props) props {
	p := props{"vpcId": vpc.ID, "serviceName": "com.amazonaws.us-west-1." + service, "vpcEndpointType": kind}
	for name, v := range more {
		p[name] = v
	}
	return p
}

func TestEndpointServices(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	d.RequireCreateRefusal(aws.VPCEndpointType, endpointProps(vpc, "Interface", "nothing", nil), "InvalidServiceName", "does not exist")
	d.RequireCreateRefusal(aws.VPCEndpointType, endpointProps(vpc, "Gateway", "ssm", nil), "InvalidServiceName", "as Gateway endpoint")
	d.RequireCreateRefusal(aws.VPCEndpointType, endpointProps(vpc, "GatewayLoadBalancer", "s3", nil),
		"no rules for endpoints of type GatewayLoadBalancer")
	elsewhere := props{"vpcId": vpc.ID, "serviceName": "com.amazonaws.us-east-2.s3"}
	d.RequireCreateRefusal(aws.VPCEndpointType, elsewhere, "InvalidServiceName", "in us-west-1")
	for _, service := range aws.InterfaceServices {
		d.Create(aws.VPCEndpointType, service, endpointProps(vpc, "Interface", service, nil))
	}
	for _, service := range aws.GatewayServices {
		d.Create(aws.VPCEndpointType, "gateway-"+service, endpointProps(vpc, "Gateway", service, nil))
	}
}

func TestGatewayEndpoint(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	e := d.Create(aws.VPCEndpointType, "s3", endpointProps(d.vpc, "Gateway", "s3", props{"routeTableIds": []any{d.table.ID}}))
	d.RequireCreateRefusal(aws.VPCEndpointType, endpointProps(d.vpc, "Gateway", "s3", props{"routeTableIds": []any{d.table.ID}}),
		"RouteAlreadyExists: route table "+d.table.ID+" already has a route with destination-prefix-list-id")
	d.RequireCreateRefusal(aws.VPCEndpointType, endpointProps(d.vpc, "Gateway", "dynamodb", props{"subnetIds": []any{d.subnet.ID}}),
		"only supported for interface endpoints")
	emulatortest.RequireRefusal(t, d.table.TryDelete(), "has dependencies", e.ID)
	other := d.Create(aws.RouteTableType, "other", props{"vpcId": d.vpc.ID})
	e.Update(endpointProps(d.vpc, "Gateway", "s3", props{"routeTableIds": []any{other.ID}}))
	d.table.Delete()
	group := d.Create(aws.SecurityGroupType, "group", props{"vpcId": d.vpc.ID})
	rule := props{"securityGroupId": group.ID, "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "prefixListId": e.Output("prefixListId")}
	d.Create(aws.EgressRuleType, "s3", rule)
	rule["prefixListId"] = "pl-none"
	d.RequireCreateRefusal(aws.EgressRuleType, rule, "InvalidPrefixListID.NotFound")
}

func TestInterfaceEndpoint(t *testing.T) {
	d := newRouted(emulatortest.Start(t))
	b := d.Create(aws.SubnetType, "b", props{"vpcId": d.vpc.ID, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"})
	again := d.Create(aws.SubnetType, "again", props{"vpcId": d.vpc.ID, "cidrBlock": "10.42.2.0/24", "availabilityZone": "us-west-1a"})
	more := func(subnets ...*handle) props {
		ids := []any{}
		for _, s := range subnets {
			ids = append(ids, s.ID)
		}
		return endpointProps(d.vpc, "Interface", "ssm", props{"privateDnsEnabled": true, "subnetIds": ids})
	}
	d.RequireCreateRefusal(aws.VPCEndpointType, more(d.subnet, again), "DuplicateSubnetsInSameZone", "us-west-1a")
	d.RequireCreateRefusal(aws.VPCEndpointType, endpointProps(d.vpc, "Interface", "ssm", props{"routeTableIds": []any{d.table.ID}}),
		"not supported for interface endpoints")
	e := d.Create(aws.VPCEndpointType, "ssm", more(d.subnet))
	d.RequireCreateRefusal(aws.VPCEndpointType, more(b), "conflicting DNS domain")
	d.Create(aws.VPCEndpointType, "elsewhere", endpointProps(d.VPC("10.43.0.0/16"), "Interface", "ssm",
		props{"privateDnsEnabled": true}))
	emulatortest.RequireRefusal(t, d.subnet.TryDelete(), "has dependencies", "used by "+e.ID+")")
	e.Update(more(d.subnet, b))
	if n := len(e.Output("networkInterfaceIds").([]any)); n != 2 {
		t.Errorf("%d interfaces, want 2", n)
	}
	e.Update(more(b))
	d.subnet.Delete()
	emulatortest.RequireRefusal(t, e.TryUpdate(more(b, again, d.subnet)), "does not exist")
}

func TestPrivateDNSNeedsNames(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.Create(aws.VPCType, "dumb", props{"cidrBlock": "10.42.0.0/16"})
	d.RequireCreateRefusal(aws.VPCEndpointType, endpointProps(vpc, "Interface", "ssm", props{"privateDnsEnabled": true}),
		"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames", vpc.ID)
}

func TestEndpointQuotas(t *testing.T) {
	d := emulatortest.Start(t, "quota=L-1B52E74A:1", "quota=L-29B6F2EB:1")
	vpc := d.VPC("10.42.0.0/16")
	d.Create(aws.VPCEndpointType, "a", endpointProps(vpc, "Gateway", "s3", nil))
	d.Create(aws.VPCEndpointType, "b", endpointProps(vpc, "Interface", "ssm", nil))
	for _, kind := range []string{"Gateway", "Interface"} {
		d.RequireCreateRefusal(aws.VPCEndpointType, endpointProps(vpc, kind, "s3", nil), "VpcEndpointLimitExceeded")
	}
	if got := aws.Platform().Quotas["L-29B6F2EB"]; got != 50 {
		t.Errorf("default quota = %d", got)
	}
	d.Create(aws.VPCEndpointType, "other", endpointProps(d.VPC("10.43.0.0/16"), "Interface", "ssm", nil)) // per VPC
}

func TestEndpointGroups(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	var groups []any
	for i := range 6 {
		groups = append(groups, d.Create(aws.SecurityGroupType, fmt.Sprint(i), props{"vpcId": vpc.ID}).ID)
	}
	p := endpointProps(vpc, "Interface", "ssm", props{"subnetIds": []any{subnet.ID}, "securityGroupIds": groups})
	d.RequireCreateRefusal(aws.VPCEndpointType, p, "SecurityGroupsPerInterfaceLimitExceeded")
	p["securityGroupIds"] = groups[:1]
	e := d.Create(aws.VPCEndpointType, "e", p)
	p["securityGroupIds"] = groups[1:2]
	e.Update(p)
	for _, r := range d.Resources() {
		if r.Type == aws.NetworkInterfaceType && fmt.Sprint(r.Outputs["securityGroups"]) != fmt.Sprint(groups[1:2]) {
			t.Errorf("the endpoint's interface has %v, want %v", r.Outputs["securityGroups"], groups[1:2])
		}
	}
}
