package emulator

import (
	"fmt"
	"testing"
)

func endpoint(vpc *thing, kind, service string, more props) props {
	p := props{"vpcId": vpc.id, "serviceName": "com.amazonaws.us-west-1." + service, "vpcEndpointType": kind}
	for name, v := range more {
		p[name] = v
	}
	return p
}

func TestEndpointServices(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	d.refusesToMake(VPCEndpointType, endpoint(vpc, "Interface", "nothing", nil), "InvalidServiceName", "does not exist")
	d.refusesToMake(VPCEndpointType, endpoint(vpc, "Gateway", "ssm", nil), "InvalidServiceName", "as Gateway endpoint")
	d.refusesToMake(VPCEndpointType, endpoint(vpc, "GatewayLoadBalancer", "s3", nil), "no rules for endpoints of type GatewayLoadBalancer")
	elsewhere := props{"vpcId": vpc.id, "serviceName": "com.amazonaws.us-east-2.s3"}
	d.refusesToMake(VPCEndpointType, elsewhere, "InvalidServiceName", "in us-west-1")
	for _, service := range interfaceServices {
		d.make(VPCEndpointType, service, endpoint(vpc, "Interface", service, nil))
	}
	for _, service := range gatewayServices {
		d.make(VPCEndpointType, "gateway-"+service, endpoint(vpc, "Gateway", service, nil))
	}
}

func TestGatewayEndpoint(t *testing.T) {
	d := routes(open(t))
	e := d.make(VPCEndpointType, "s3", endpoint(d.vpc, "Gateway", "s3", props{"routeTableIds": []any{d.table.id}}))
	d.refusesToMake(VPCEndpointType, endpoint(d.vpc, "Gateway", "s3", props{"routeTableIds": []any{d.table.id}}),
		"RouteAlreadyExists: route table "+d.table.id+" already has a route with destination-prefix-list-id")
	d.refusesToMake(VPCEndpointType, endpoint(d.vpc, "Gateway", "dynamodb", props{"subnetIds": []any{d.subnet.id}}), "only supported for interface endpoints")
	refuses(t, d.table.tryDelete(), "has dependencies", e.id)
	other := d.make(RouteTableType, "other", props{"vpcId": d.vpc.id})
	e.update(endpoint(d.vpc, "Gateway", "s3", props{"routeTableIds": []any{other.id}}))
	d.table.delete()
	group := d.make(SecurityGroupType, "group", props{"vpcId": d.vpc.id})
	rule := props{"securityGroupId": group.id, "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "prefixListId": e.out("prefixListId")}
	d.make(EgressRuleType, "s3", rule)
	rule["prefixListId"] = "pl-none"
	d.refusesToMake(EgressRuleType, rule, "InvalidPrefixListID.NotFound")
}

func TestInterfaceEndpoint(t *testing.T) {
	d := routes(open(t))
	b := d.make(SubnetType, "b", props{"vpcId": d.vpc.id, "cidrBlock": "10.42.1.0/24", "availabilityZone": "us-west-1b"})
	again := d.make(SubnetType, "again", props{"vpcId": d.vpc.id, "cidrBlock": "10.42.2.0/24", "availabilityZone": "us-west-1a"})
	more := func(subnets ...*thing) props {
		ids := []any{}
		for _, s := range subnets {
			ids = append(ids, s.id)
		}
		return endpoint(d.vpc, "Interface", "ssm", props{"privateDnsEnabled": true, "subnetIds": ids})
	}
	d.refusesToMake(VPCEndpointType, more(d.subnet, again), "DuplicateSubnetsInSameZone", "us-west-1a")
	d.refusesToMake(VPCEndpointType, endpoint(d.vpc, "Interface", "ssm", props{"routeTableIds": []any{d.table.id}}), "not supported for interface endpoints")
	e := d.make(VPCEndpointType, "ssm", more(d.subnet))
	d.refusesToMake(VPCEndpointType, more(b), "conflicting DNS domain")
	d.make(VPCEndpointType, "elsewhere", endpoint(d.driver.vpc("10.43.0.0/16"), "Interface", "ssm", props{"privateDnsEnabled": true}))
	refuses(t, d.subnet.tryDelete(), "has dependencies", "used by "+e.id+")")
	e.update(more(d.subnet, b))
	if n := len(e.out("networkInterfaceIds").([]any)); n != 2 {
		t.Errorf("%d interfaces, want 2", n)
	}
	e.update(more(b))
	d.subnet.delete()
	refuses(t, e.tryUpdate(more(b, again, d.subnet)), "does not exist")
}

func TestPrivateDNSNeedsNames(t *testing.T) {
	d := open(t)
	vpc := d.make(VPCType, "dumb", props{"cidrBlock": "10.42.0.0/16"})
	d.refusesToMake(VPCEndpointType, endpoint(vpc, "Interface", "ssm", props{"privateDnsEnabled": true}),
		"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames", vpc.id)
}

func TestEndpointQuotas(t *testing.T) {
	d := open(t, "quota=L-1B52E74A:1", "quota=L-29B6F2EB:1")
	vpc := d.vpc("10.42.0.0/16")
	d.make(VPCEndpointType, "a", endpoint(vpc, "Gateway", "s3", nil))
	d.make(VPCEndpointType, "b", endpoint(vpc, "Interface", "ssm", nil))
	for _, kind := range []string{"Gateway", "Interface"} {
		d.refusesToMake(VPCEndpointType, endpoint(vpc, kind, "s3", nil), "VpcEndpointLimitExceeded")
	}
	if got := quotas[quotaInterfaceEndpoints]; got != 50 {
		t.Errorf("default quota = %d", got)
	}
	d.make(VPCEndpointType, "other", endpoint(d.vpc("10.43.0.0/16"), "Interface", "ssm", nil)) // per VPC
}

func TestEndpointGroups(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	subnet := d.subnet(vpc, "us-west-1a", "10.42.0.0/24")
	var groups []any
	for i := range 6 {
		groups = append(groups, d.make(SecurityGroupType, fmt.Sprint(i), props{"vpcId": vpc.id}).id)
	}
	p := endpoint(vpc, "Interface", "ssm", props{"subnetIds": []any{subnet.id}, "securityGroupIds": groups})
	d.refusesToMake(VPCEndpointType, p, "SecurityGroupsPerInterfaceLimitExceeded")
	p["securityGroupIds"] = groups[:1]
	e := d.make(VPCEndpointType, "e", p)
	p["securityGroupIds"] = groups[1:2]
	e.update(p)
	for _, r := range d.resources() {
		if r.Type == NetworkInterfaceType && fmt.Sprint(r.Outputs["securityGroups"]) != fmt.Sprint(groups[1:2]) {
			t.Errorf("the endpoint's interface has %v, want %v", r.Outputs["securityGroups"], groups[1:2])
		}
	}
}
