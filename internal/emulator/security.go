package emulator

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	securityGroupType        = "aws:ec2/securityGroup:SecurityGroup"
	defaultSecurityGroupType = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
	ingressRuleType          = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	egressRuleType           = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
)

func init() {
	define(securityGroupKind, defaultSecurityGroupKind, ruleKind(ingressRuleType), ruleKind(egressRuleType))
}

var (
	anyGroup = []string{securityGroupType, defaultSecurityGroupType}
	// inlineRefs are the groups that rules written into a group refer to.
	inlineRefs = []ref{
		{path: "vpcId", to: []string{vpcType}, when: holds},
		{path: "ingress[].securityGroups[]", to: anyGroup, when: holds},
		{path: "egress[].securityGroups[]", to: anyGroup, when: holds},
	}
	groupWords = regexp.MustCompile(`^[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{0,255}$`)
)

var securityGroupKind = &kind{
	typ: securityGroupType, prefix: "sg", arn: "arn:aws:ec2:%s:%s:security-group/%s",
	missing:  "InvalidGroup.NotFound: The security group '%s' does not exist",
	inUse:    "DependencyViolation: resource %s has a dependent object",
	autoName: 255,
	defaults: map[string]any{"description": "Managed by Pulumi", "revokeRulesOnDelete": false},
	sets:     []string{"ingress", "egress"},
	unread:   []string{"revokeRulesOnDelete"},
	notBoth:  [][]string{{"name", "namePrefix"}},
	refs:     inlineRefs,
	check: func(m resource.PropertyMap) []catalog.Failure {
		var out []catalog.Failure
		for _, name := range []string{"name", "description"} {
			if s, known := text(m, name); known && !groupWords.MatchString(s) {
				out = append(out, catalog.Failure{Property: name, Reason: fmt.Sprintf(
					"%q must match %s", s, groupWords)})
			}
		}
		if s, known := text(m, "name"); known && strings.HasPrefix(s, "sg-") {
			out = append(out, catalog.Failure{Property: "name", Reason: `invalid value (cannot begin with sg-): AWS keeps that for ids`})
		}
		return out
	},
	create: func(c *call) error {
		vpc := c.rec.str("vpcId")
		if vpc == "" {
			return refused("VPCIdNotSpecified: No default VPC for this user")
		}
		for _, other := range c.here(securityGroupType) {
			if other.str("vpcId") == vpc && other.str("name") == c.rec.str("name") {
				return refused("InvalidGroup.Duplicate: The security group '%s' already exists for VPC '%s' (%s)", other.str("name"), vpc, other.ID)
			}
		}
		return c.checkInline()
	},
	update: (*call).checkInline,
}

// checkInline refuses more rules in a group than the quota allows.
func (c *call) checkInline() error {
	for _, way := range []string{"ingress", "egress"} {
		if n := len(objs(c.rec.get(way))); n > c.quota(quotaRulesPerGroup) {
			return exceeded("RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached. (%d %s)", n, way)
		}
	}
	return nil
}

// Every VPC comes with a default group. A resource of this kind takes it over instead of making one, and lets go of it when deleted.
var defaultSecurityGroupKind = &kind{
	typ: defaultSecurityGroupType, arn: "arn:aws:ec2:%s:%s:security-group/%s",
	missing:  securityGroupKind.missing,
	inUse:    securityGroupKind.inUse,
	defaults: map[string]any{"revokeRulesOnDelete": false},
	sets:     []string{"ingress", "egress"},
	unread:   []string{"revokeRulesOnDelete"},
	refs:     inlineRefs,
	create: func(c *call) error {
		vpc := c.find(c.rec.str("vpcId"), vpcType)
		if vpc == nil {
			return refused("VPCIdNotSpecified: No default VPC for this user")
		}
		group := c.find(vpc.str("defaultSecurityGroupId"), defaultSecurityGroupType)
		c.rec.ID, c.rec.Owner = group.ID, group.Owner
		c.rec.Outputs = copied(group.Outputs)
		return c.checkInline()
	},
	update: (*call).checkInline,
	stays:  func(*record) bool { return true },
}

var rulePeers = []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"}

// ruleKind holds the rules of a rule: those of both ways are alike.
func ruleKind(typ string) *kind {
	return &kind{
		typ: typ, prefix: "sgr", arn: "arn:aws:ec2:%s:%s:security-group-rule/%s",
		missing: "InvalidSecurityGroupRuleId.NotFound: The security group rule ID '%s' does not exist",
		oneOf:   [][]string{rulePeers},
		// Written with Terraform's newer framework: the table cannot know.
		createOnly: []string{"securityGroupId"},
		refs: []ref{
			{path: "securityGroupId", to: anyGroup, when: fades},
			{path: "referencedSecurityGroupId", to: anyGroup, when: holds},
		},
		check: checkPorts,
		create: func(c *call) error {
			c.rec.Outputs["securityGroupRuleId"] = c.rec.ID
			return c.checkRule()
		},
		update: (*call).checkRule,
	}
}

// checkPorts refuses a rule without ports where the protocol has them, and with ports where it has none.
func checkPorts(m resource.PropertyMap) []catalog.Failure {
	protocol, known := text(m, "ipProtocol")
	if !known {
		return nil
	}
	ports := given(m, []string{"fromPort", "toPort"})
	switch protocol {
	case "tcp", "udp", "6", "17":
		if len(ports) < 2 {
			return []catalog.Failure{{Property: "fromPort", Reason: "fromPort and toPort must be given for " + protocol}}
		}
		from, to := catalog.Bare(m["fromPort"]), catalog.Bare(m["toPort"])
		if from.IsNumber() && to.IsNumber() && (from.NumberValue() < 0 || from.NumberValue() > to.NumberValue() || to.NumberValue() > 65535) {
			return []catalog.Failure{{Property: "fromPort", Reason: fmt.Sprintf(
				"Invalid TCP/UDP port range (%v:%v)", from.NumberValue(), to.NumberValue())}}
		}
	case "-1":
		if len(ports) > 0 {
			return []catalog.Failure{{Property: ports[0], Reason: "no ports may be given when ipProtocol is -1: it means all of everything"}}
		}
	}
	return nil
}

// checkRule refuses a rule that the group has already, one too many, and one for a list of addresses that is not there.
func (c *call) checkRule() error {
	group := c.rec.str("securityGroupId")
	if pl := c.rec.str("prefixListId"); pl != "" && !isPrefixList(c.region, pl) {
		return refused("InvalidPrefixListID.NotFound: The prefix list ID '%s' does not exist", pl)
	}
	n := 0
	for _, other := range c.here(c.rec.Type) {
		if other.str("securityGroupId") != group || other.ID == c.rec.ID {
			continue
		}
		n++
		if describeRule(other) == describeRule(c.rec) {
			return refused("InvalidPermission.Duplicate: the specified rule %q already exists (%s)", describeRule(other), other.ID)
		}
	}
	if n >= c.quota(quotaRulesPerGroup) {
		return exceeded("RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached. (%s)", group)
	}
	return nil
}

func describeRule(r *record) string {
	peer := ""
	for _, name := range rulePeers {
		peer += r.str(name)
	}
	protocol := strings.NewReplacer("-1", "ALL", "tcp", "TCP", "udp", "UDP").Replace(r.str("ipProtocol"))
	return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", peer, protocol, r.num("fromPort"), r.num("toPort"))
}
