package aws

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// IngressRuleType is the Pulumi type token of one ingress rule of a security group.
const IngressRuleType = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"

// EgressRuleType is the Pulumi type token of one egress rule of a security group.
const EgressRuleType = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

var rulePeers = []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"}

// securityGroupRuleKind holds the rules of an ingress or an egress rule: both are alike.
func securityGroupRuleKind(typ string) *cloud.Kind {
	return &cloud.Kind{
		Type: typ, IDPrefix: "sgr", ARN: "arn:aws:ec2:%s:%s:security-group-rule/%s",
		Missing:    "InvalidSecurityGroupRuleId.NotFound: The security group rule ID '%s' does not exist",
		ExactlyOne: [][]string{rulePeers},
		// The provider implements this type with Terraform's newer framework, so the property table does not mark it.
		CreateOnly: []string{"securityGroupId"},
		References: []cloud.Reference{
			{Path: "securityGroupId", To: anyGroup, OnDelete: cloud.Cascade},
			{Path: "referencedSecurityGroupId", To: anyGroup, OnDelete: cloud.Block},
		},
		Check: checkRulePorts,
		Create: func(c *cloud.Call) error {
			c.New.Outputs["securityGroupRuleId"] = c.New.ID
			return checkSecurityGroupRule(c)
		},
		Update: checkSecurityGroupRule,
	}
}

// checkRulePorts refuses a rule without ports where the protocol has them, and with ports where it has none.
func checkRulePorts(m resource.PropertyMap) []catalog.Failure {
	protocol, known := cloud.KnownText(m, "ipProtocol")
	if !known {
		return nil
	}
	ports := cloud.GivenInputs(m, []string{"fromPort", "toPort"})
	switch protocol {
	case "tcp", "udp", "6", "17":
		if len(ports) < 2 {
			return []catalog.Failure{{Property: "fromPort", Reason: "fromPort and toPort must be set for " + protocol}}
		}
		from, to := catalog.Bare(m["fromPort"]), catalog.Bare(m["toPort"])
		if from.IsNumber() && to.IsNumber() && (from.NumberValue() < 0 || from.NumberValue() > to.NumberValue() || to.NumberValue() > 65535) {
			return []catalog.Failure{{Property: "fromPort", Reason: fmt.Sprintf(
				"Invalid TCP/UDP port range (%v:%v)", from.NumberValue(), to.NumberValue())}}
		}
	case "-1":
		if len(ports) > 0 {
			return []catalog.Failure{{Property: ports[0], Reason: "no ports may be set when ipProtocol is -1: it means all ports of all protocols"}}
		}
	}
	return nil
}

// checkSecurityGroupRule refuses a rule that the group has already, a rule above the quota, and one for a prefix list that does not exist.
func checkSecurityGroupRule(c *cloud.Call) error {
	group := c.New.Text("securityGroupId")
	if pl := c.New.Text("prefixListId"); pl != "" && !isServicePrefixList(c.Region, pl) {
		return cloud.Refuse("InvalidPrefixListID.NotFound: The prefix list ID '%s' does not exist", pl)
	}
	n := 0
	for _, other := range c.ListHere(c.New.Type) {
		if other.Text("securityGroupId") != group || other.ID == c.New.ID {
			continue
		}
		n++
		if describeRule(other) == describeRule(c.New) {
			return cloud.Refuse("InvalidPermission.Duplicate: the specified rule %q already exists (%s)", describeRule(other), other.ID)
		}
	}
	if n >= c.Quota(quotaRulesPerGroup) {
		return cloud.RefuseQuota("RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached. (%s)",
			group)
	}
	return nil
}

func describeRule(r *cloud.Record) string {
	peer := ""
	for _, name := range rulePeers {
		peer += r.Text(name)
	}
	protocol := strings.NewReplacer("-1", "ALL", "tcp", "TCP", "udp", "UDP").Replace(r.Text("ipProtocol"))
	return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", peer, protocol, r.Number("fromPort"), r.Number("toPort"))
}
