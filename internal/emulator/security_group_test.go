package emulator_test

import (
	"fmt"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestSecurityGroupRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	d.RequireCreateRefusal(aws.SecurityGroupType, props{}, "VPCIdNotSpecified")
	d.RequireCreateRefusal(aws.SecurityGroupType, props{"vpcId": vpc.ID, "name": "sg-mine"}, "cannot begin with sg-")
	d.RequireCreateRefusal(aws.SecurityGroupType, props{"vpcId": vpc.ID, "description": "naïve"}, "description: ", "must match")
	one := d.Create(aws.SecurityGroupType, "one", props{"vpcId": vpc.ID, "name": "runners"})
	d.RequireCreateRefusal(aws.SecurityGroupType, props{"vpcId": vpc.ID, "name": "runners"},
		"InvalidGroup.Duplicate: The security group 'runners' already exists for VPC '"+vpc.ID+"'", one.ID)
	d.Create(aws.SecurityGroupType, "elsewhere", props{"vpcId": d.VPC("10.43.0.0/16").ID, "name": "runners"})
	if one.Output("description") != "Managed by Pulumi" {
		t.Errorf("description = %v", one.Output("description"))
	}
}

func ruleProps(group *handle, port int, cidr string) props {
	return props{"securityGroupId": group.ID, "ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": cidr}
}

func TestRuleRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	group := d.Create(aws.SecurityGroupType, "group", props{"vpcId": d.VPC("10.42.0.0/16").ID})
	two := ruleProps(group, 22, "10.0.0.0/8")
	two["referencedSecurityGroupId"] = group.ID
	d.RequireCreateRefusal(aws.IngressRuleType, two, "exactly one of cidrIpv4, cidrIpv6, prefixListId, referencedSecurityGroupId")
	none := ruleProps(group, 22, "")
	d.RequireCreateRefusal(aws.IngressRuleType, none, "exactly one of cidrIpv4", "none is")
	d.RequireCreateRefusal(aws.IngressRuleType, props{"securityGroupId": group.ID, "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8"},
		"fromPort and toPort must be set")
	d.RequireCreateRefusal(aws.IngressRuleType, props{"securityGroupId": group.ID, "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8",
		"fromPort": 9, "toPort": 1}, "Invalid TCP/UDP port range (9:1)")
	d.RequireCreateRefusal(aws.IngressRuleType, props{"securityGroupId": group.ID, "ipProtocol": "-1", "cidrIpv4": "10.0.0.0/8", "toPort": 1},
		"no ports may be set")
	one := d.Create(aws.IngressRuleType, "one", ruleProps(group, 443, "10.0.0.0/8"))
	d.RequireCreateRefusal(aws.IngressRuleType, ruleProps(group, 443, "10.0.0.0/8"),
		`InvalidPermission.Duplicate: the specified rule "peer: 10.0.0.0/8, TCP, from port: 443, to port: 443, ALLOW" already exists`, one.ID)
	d.Create(aws.EgressRuleType, "other way", ruleProps(group, 443, "10.0.0.0/8"))
	other := d.Create(aws.IngressRuleType, "other", ruleProps(group, 444, "10.0.0.0/8"))
	emulatortest.RequireRefusal(t, other.TryUpdate(ruleProps(group, 443, "10.0.0.0/8")), "InvalidPermission.Duplicate")
}

func TestRuleQuota(t *testing.T) {
	d := emulatortest.Start(t)
	group := d.Create(aws.SecurityGroupType, "group", props{"vpcId": d.VPC("10.42.0.0/16").ID})
	for i := range 60 {
		d.Create(aws.IngressRuleType, fmt.Sprint(i), ruleProps(group, 1000+i, "10.0.0.0/8"))
	}
	d.RequireCreateRefusal(aws.IngressRuleType, ruleProps(group, 2000, "10.0.0.0/8"), "RulesPerSecurityGroupLimitExceeded")
	d.Create(aws.EgressRuleType, "other way", ruleProps(group, 2000, "10.0.0.0/8"))
	var inline []any
	for range 61 {
		inline = append(inline, props{"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrBlocks": []any{"10.0.0.0/8"}})
	}
	d.RequireCreateRefusal(aws.SecurityGroupType, props{"vpcId": d.Resources()[0].Outputs["vpcId"], "ingress": inline},
		"RulesPerSecurityGroupLimitExceeded")
}

// The schema of these does not say that a rule cannot change its group: they are written with a newer framework.
func TestRuleOfAnotherGroupIsAnotherRule(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	one := d.Create(aws.SecurityGroupType, "one", props{"vpcId": vpc.ID})
	two := d.Create(aws.SecurityGroupType, "two", props{"vpcId": vpc.ID})
	r := d.Create(aws.IngressRuleType, "r", ruleProps(one, 443, "10.0.0.0/8"))
	if got := r.Diff(ruleProps(two, 443, "10.0.0.0/8")).GetReplaces(); len(got) != 1 {
		t.Errorf("replaces %v", got)
	}
	r.Update(ruleProps(one, 8443, "10.0.0.0/8"))
}

func TestSecurityGroupInUse(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	subnet := d.Subnet(vpc, "us-west-1a", "10.42.0.0/24")
	group := d.Create(aws.SecurityGroupType, "group", props{"vpcId": vpc.ID})
	peer := d.Create(aws.SecurityGroupType, "peer", props{"vpcId": vpc.ID})
	self := props{"securityGroupId": group.ID, "ipProtocol": "-1", "referencedSecurityGroupId": group.ID}
	d.Create(aws.IngressRuleType, "self", self)
	self["securityGroupId"] = peer.ID
	from := d.Create(aws.IngressRuleType, "peer", self)
	eni := d.Create(aws.NetworkInterfaceType, "eni", props{"subnetId": subnet.ID, "securityGroups": []any{group.ID}})
	emulatortest.RequireRefusal(t, group.TryDelete(), "DependencyViolation: resource "+group.ID+" has a dependent object", eni.ID, from.ID)
	eni.Delete()
	from.Delete()
	group.Delete() // with the rule that refers to itself
	for _, r := range d.Resources() {
		if r.Type == aws.IngressRuleType {
			t.Errorf("%s is left", r.ID)
		}
	}
}

func TestDefaultSecurityGroup(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.42.0.0/16")
	group := d.Create(aws.DefaultSecurityGroupType, "locked", props{"vpcId": vpc.ID, "tags": props{"Name": "locked"}})
	if group.ID != vpc.Output("defaultSecurityGroupId") {
		t.Errorf("took over %s, not the VPC's own %v", group.ID, vpc.Output("defaultSecurityGroupId"))
	}
	group.Update(props{"vpcId": vpc.ID, "tags": props{"Name": "shut"}})
	group.Delete()
	for _, r := range d.Resources() {
		if r.ID == group.ID && r.Managed {
			t.Error("it was not let go of")
		}
	}
	if len(d.Resources()) != 3 {
		t.Errorf("%d resources, want the VPC and its own two", len(d.Resources()))
	}
	vpc.Delete()
	d.RequireCreateRefusal(aws.DefaultSecurityGroupType, props{}, "VPCIdNotSpecified")
}
