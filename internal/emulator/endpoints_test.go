package emulator

import (
	"fmt"
	"testing"
)

func endpointProps(vpc *Handle, kind, service string, more Props) Props {
	p := Props{"vpcId": vpc.ID, "serviceName": "com.amazonaws.us-west-1." + service, "vpcEndpointType": kind}
	for name, v := range more {
		p[name] = v
	}
	return p
}

func TestEndpointServices(t *testing.T) {
	d := Start(t)
	vpc := d.VPC("10.42.0.0/16")
	d.RequireCreateRefusal(VPCEndpointType, endpointProps(vpc, "Interface", "nothing", nil), "InvalidServiceName", "does not exist")
	d.RequireCreateRefusal(VPCEndpointType, endpointProps(vpc, "Gateway", "ssm", nil), "InvalidServiceName", "as Gateway endpoint")
	d.RequireCreateRefusal(VPCEndpointType, endpointProps(vpc, "GatewayLoadBalancer", "s3", nil), "no rules for endpoints of type GatewayLoadBalancer")
	elsewhere := Props{"vpcId": vpc.ID, "serviceName": "com.amazonaws.us-east-2.s3"}
	d.RequireCreateRefusal(VPCEndpointType, elsewhere, "InvalidServiceName", "in us-west-1")
	for _, service := range InterfaceServices {
		d.Create(VPCEndpointType, service, endpointProps(vpc, "Interface", service, nil))
	}
	for _, service := range GatewayServices {
		d.Create(VPCEndpointType, "gateway-"+service, endpointProps(vpc, "Gateway", service, nil))
	}
}

func TestGatewayEndpoint(t *testing.T) {
	d := newRouted(Start(t))
	e := d.Create(VPCEndpointType, "s3", endpointProps(d.vpc, "Gateway", "s3", Props{"routeTableIds": []any{d.table.ID}}))
	d.RequireCreateRefusal(VPCEndpointType, endpointProps(d.vpc, "Gateway", "s3", Props{"routeTableIds": []any{d.table.ID}}),
		"RouteAlreadyExists: route table "+d.table.ID+" already has a route with destination-prefix-list-id")
	d.RequireCreateRefusal(VPCEndpointType, endpointProps(d.vpc, "Gateway", "dynamodb", Props{"subnetIds": []any{d.subnet.ID}}), "only supported for interface endpoints")
	RequireRefusal(t, d.table.TryDelete(), "has dependencies", e.ID)
	other := d.Create(RouteTableType, "other", Props{"vpcId": d.vpc.ID})
	e.Update(endpointProps(d.vpc, "Gateway", "s3", Props{"routeTableIds": []any{other.ID}}))
	d.table.Delete()
	group := d.Create(SecurityGroupType, "group", Props{"vpcId": d.vpc.ID})
	rule := Props{"securityGroupId": group.ID, "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "prefixListId": e.Output("prefixListId")}
	d.Create(EgressRuleType, "s3", rule)
	rule["prefixListId"] = "pl-none"
	d.RequireCreateRefusal(EgressRuleType, rule, "InvalidPrefixListID.NotFound")
}

func TestInterfaceEndpoint(t *testing.T) {
	d := newRouted(Start(t))
	b := d.Create(SubnetType, "b", Props{"vpcId": d.vpc.ID, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"})
	again := d.Create(SubnetType, "again", Props{"vpcId": d.vpc.ID, "cidrBlock": "10.42.2.0/24", "availabilityZone": "us-west-1a"})
	more := func(subnets ...*Handle) Props {
		ids := []any{}
		for _, s := range subnets {
			ids = append(ids, s.ID)
		}
		return endpointProps(d.vpc, "Interface", "ssm", Props{"privateDnsEnabled": true, "subnetIds": ids})
	}
	d.RequireCreateRefusal(VPCEndpointType, more(d.subnet, again), "DuplicateSubnetsInSameZone", "us-west-1a")
	d.RequireCreateRefusal(VPCEndpointType, endpointProps(d.vpc, "Interface", "ssm", Props{"routeTableIds": []any{d.table.ID}}), "not supported for interface endpoints")
	e := d.Create(VPCEndpointType, "ssm", more(d.subnet))
	d.RequireCreateRefusal(VPCEndpointType, more(b), "conflicting DNS domain")
	d.Create(VPCEndpointType, "elsewhere", endpointProps(d.Driver.VPC("10.43.0.0/16"), "Interface", "ssm", Props{"privateDnsEnabled": true}))
	RequireRefusal(t, d.subnet.TryDelete(), "has dependencies", "used by "+e.ID+")")
	e.Update(more(d.subnet, b))
	if n := len(e.Output("networkInterfaceIds").([]any)); n != 2 {
		t.Errorf("%d interfaces, want 2", n)
	}
	e.Update(more(b))
	d.subnet.Delete()
	RequireRefusal(t, e.TryUpdate(more(b, again, d.subnet)), "does not exist")
}

func TestPrivateDNSNeedsNames(t *testing.T) {
	d := Start(t)
	vpc := d.Create(VPCType, "dumb", Props{"cidrBlock": "10.42.0.0/16"})
	d.RequireCreateRefusal(VPCEndpointType, endpointProps(vpc, "Interface", "ssm", Props{"privateDnsEnabled": true}),
		"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames", vpc.ID)
}

func TestEndpointQuotas(t *testing.T) {
	d := Start(t, "quota=L-1B52E74A:1", "quota=L-29B6F2EB:1")
	vpc := d.VPC("10.42.0.0/16")
	d.Create(VPCEndpointType, "a", endpointProps(vpc, "Gateway", "s3", nil))
	d.Create(VPCEndpointType, "b", endpointProps(vpc, "Interface", "ssm", nil))
	for _, kind := range []string{"Gateway", "Interface"} {
		d.RequireCreateRefusal(VPCEndpointType, endpointProps(vpc, kind, "s3", nil), "VpcEndpointLimitExceeded")
	}
	if got := AWSPlatform().Quotas["L-29B6F2EB"]; got != 50 {
		t.Errorf("default quota = %d", got)
	}
	d.Create(VPCEndpointType, "other", endpointProps(d.VPC("10.43.0.0/16"), "Interface", "ssm", nil)) // per VPC
}

func TestEndpointGroups(t *testing.T) {
	d := Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	var groups []any
	for i := range 6 {
		groups = append(groups, d.Create(SecurityGroupType, fmt.Sprint(i), Props{"vpcId": vpc.ID}).ID)
	}
	p := endpointProps(vpc, "Interface", "ssm", Props{"subnetIds": []any{subnet.ID}, "securityGroupIds": groups})
	d.RequireCreateRefusal(VPCEndpointType, p, "SecurityGroupsPerInterfaceLimitExceeded")
	p["securityGroupIds"] = groups[:1]
	e := d.Create(VPCEndpointType, "e", p)
	p["securityGroupIds"] = groups[1:2]
	e.Update(p)
	for _, r := range d.Resources() {
		if r.Type == NetworkInterfaceType && fmt.Sprint(r.Outputs["securityGroups"]) != fmt.Sprint(groups[1:2]) {
			t.Errorf("the endpoint's interface has %v, want %v", r.Outputs["securityGroups"], groups[1:2])
		}
	}
}
