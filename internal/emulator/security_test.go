package emulator

import (
	"fmt"
	"testing"
)

func TestSecurityGroupRefusals(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	d.refusesToMake(SecurityGroupType, props{}, "VPCIdNotSpecified")
	d.refusesToMake(SecurityGroupType, props{"vpcId": vpc.id, "name": "sg-mine"}, "cannot begin with sg-")
	d.refusesToMake(SecurityGroupType, props{"vpcId": vpc.id, "description": "naïve"}, "description: ", "must match")
	one := d.make(SecurityGroupType, "one", props{"vpcId": vpc.id, "name": "runners"})
	d.refusesToMake(SecurityGroupType, props{"vpcId": vpc.id, "name": "runners"},
		"InvalidGroup.Duplicate: The security group 'runners' already exists for VPC '"+vpc.id+"'", one.id)
	d.make(SecurityGroupType, "elsewhere", props{"vpcId": d.vpc("10.43.0.0/16").id, "name": "runners"})
	if one.out("description") != "Managed by Pulumi" {
		t.Errorf("description = %v", one.out("description"))
	}
}

func rule(group *thing, port int, cidr string) props {
	return props{"securityGroupId": group.id, "ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": cidr}
}

func TestRuleRefusals(t *testing.T) {
	d := open(t)
	group := d.make(SecurityGroupType, "group", props{"vpcId": d.vpc("10.42.0.0/16").id})
	two := rule(group, 22, "10.0.0.0/8")
	two["referencedSecurityGroupId"] = group.id
	d.refusesToMake(IngressRuleType, two, "exactly one of cidrIpv4, cidrIpv6, prefixListId, referencedSecurityGroupId")
	none := rule(group, 22, "")
	d.refusesToMake(IngressRuleType, none, "exactly one of cidrIpv4", "none is")
	d.refusesToMake(IngressRuleType, props{"securityGroupId": group.id, "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8"}, "fromPort and toPort must be given")
	d.refusesToMake(IngressRuleType, props{"securityGroupId": group.id, "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8", "fromPort": 9, "toPort": 1}, "Invalid TCP/UDP port range (9:1)")
	d.refusesToMake(IngressRuleType, props{"securityGroupId": group.id, "ipProtocol": "-1", "cidrIpv4": "10.0.0.0/8", "toPort": 1}, "no ports may be given")
	one := d.make(IngressRuleType, "one", rule(group, 443, "10.0.0.0/8"))
	d.refusesToMake(IngressRuleType, rule(group, 443, "10.0.0.0/8"),
		`InvalidPermission.Duplicate: the specified rule "peer: 10.0.0.0/8, TCP, from port: 443, to port: 443, ALLOW" already exists`, one.id)
	d.make(EgressRuleType, "other way", rule(group, 443, "10.0.0.0/8"))
	other := d.make(IngressRuleType, "other", rule(group, 444, "10.0.0.0/8"))
	refuses(t, other.tryUpdate(rule(group, 443, "10.0.0.0/8")), "InvalidPermission.Duplicate")
}

func TestRuleQuota(t *testing.T) {
	d := open(t)
	group := d.make(SecurityGroupType, "group", props{"vpcId": d.vpc("10.42.0.0/16").id})
	for i := range 60 {
		d.make(IngressRuleType, fmt.Sprint(i), rule(group, 1000+i, "10.0.0.0/8"))
	}
	d.refusesToMake(IngressRuleType, rule(group, 2000, "10.0.0.0/8"), "RulesPerSecurityGroupLimitExceeded")
	d.make(EgressRuleType, "other way", rule(group, 2000, "10.0.0.0/8"))
	var inline []any
	for range 61 {
		inline = append(inline, props{"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrBlocks": []any{"10.0.0.0/8"}})
	}
	d.refusesToMake(SecurityGroupType, props{"vpcId": d.resources()[0].Outputs["vpcId"], "ingress": inline}, "RulesPerSecurityGroupLimitExceeded")
}

// The schema of these does not say that a rule cannot change its group: they are written with a newer framework.
func TestRuleOfAnotherGroupIsAnotherRule(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	one := d.make(SecurityGroupType, "one", props{"vpcId": vpc.id})
	two := d.make(SecurityGroupType, "two", props{"vpcId": vpc.id})
	r := d.make(IngressRuleType, "r", rule(one, 443, "10.0.0.0/8"))
	if got := r.diff(rule(two, 443, "10.0.0.0/8")).GetReplaces(); len(got) != 1 {
		t.Errorf("replaces %v", got)
	}
	r.update(rule(one, 8443, "10.0.0.0/8"))
}

func TestSecurityGroupInUse(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	subnet := d.subnet(vpc, "us-west-1a", "10.42.0.0/24")
	group := d.make(SecurityGroupType, "group", props{"vpcId": vpc.id})
	peer := d.make(SecurityGroupType, "peer", props{"vpcId": vpc.id})
	self := props{"securityGroupId": group.id, "ipProtocol": "-1", "referencedSecurityGroupId": group.id}
	d.make(IngressRuleType, "self", self)
	self["securityGroupId"] = peer.id
	from := d.make(IngressRuleType, "peer", self)
	eni := d.make(NetworkInterfaceType, "eni", props{"subnetId": subnet.id, "securityGroups": []any{group.id}})
	refuses(t, group.tryDelete(), "DependencyViolation: resource "+group.id+" has a dependent object", eni.id, from.id)
	eni.delete()
	from.delete()
	group.delete() // with the rule that refers to itself
	for _, r := range d.resources() {
		if r.Type == IngressRuleType {
			t.Errorf("%s is left", r.ID)
		}
	}
}

func TestDefaultSecurityGroup(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.42.0.0/16")
	group := d.make(DefaultSecurityGroupType, "locked", props{"vpcId": vpc.id, "tags": props{"Name": "locked"}})
	if group.id != vpc.out("defaultSecurityGroupId") {
		t.Errorf("took over %s, not the VPC's own %v", group.id, vpc.out("defaultSecurityGroupId"))
	}
	group.update(props{"vpcId": vpc.id, "tags": props{"Name": "shut"}})
	group.delete()
	for _, r := range d.resources() {
		if r.ID == group.id && r.Managed {
			t.Error("it was not let go of")
		}
	}
	if len(d.resources()) != 3 {
		t.Errorf("%d resources, want the VPC and its own two", len(d.resources()))
	}
	vpc.delete()
	d.refusesToMake(DefaultSecurityGroupType, props{}, "VPCIdNotSpecified")
}
