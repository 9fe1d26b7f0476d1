package emulator

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	SecurityGroupType        = "aws:ec2/securityGroup:SecurityGroup"
	DefaultSecurityGroupType = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
	IngressRuleType          = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	EgressRuleType           = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
)

var (
	anyGroup = []string{SecurityGroupType, DefaultSecurityGroupType}
	// inlineRefs are the groups that rules written into a group refer to.
	inlineRefs = []Reference{
		{Path: "vpcId", To: []string{VPCType}, OnDelete: Block},
		{Path: "ingress[].securityGroups[]", To: anyGroup, OnDelete: Block},
		{Path: "egress[].securityGroups[]", To: anyGroup, OnDelete: Block},
	}
	groupWords = regexp.MustCompile(`^[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{0,255}$`)
)

var securityGroupKind = &Kind{
	Type: SecurityGroupType, IDPrefix: "sg", ARN: "arn:aws:ec2:%s:%s:security-group/%s",
	Missing:        "InvalidGroup.NotFound: The security group '%s' does not exist",
	InUse:          "DependencyViolation: resource %s has a dependent object",
	AutoNameLength: 255,
	Defaults:       map[string]any{"description": "Managed by Pulumi", "revokeRulesOnDelete": false},
	Sets:           []string{"ingress", "egress"},
	WriteOnly:      []string{"revokeRulesOnDelete"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	References:     inlineRefs,
	Check: func(m resource.PropertyMap) []catalog.Failure {
		var out []catalog.Failure
		for _, name := range []string{"name", "description"} {
			if s, known := KnownText(m, name); known && !groupWords.MatchString(s) {
				out = append(out, catalog.Failure{Property: name, Reason: fmt.Sprintf(
					"%q must match %s", s, groupWords)})
			}
		}
		if s, known := KnownText(m, "name"); known && strings.HasPrefix(s, "sg-") {
			out = append(out, catalog.Failure{Property: "name", Reason: `invalid value (cannot begin with sg-): AWS keeps that for ids`})
		}
		return out
	},
	Create: func(c *Call) error {
		vpc := c.New.Text("vpcId")
		if vpc == "" {
			return Refuse("VPCIdNotSpecified: No default VPC for this user")
		}
		for _, other := range c.ListHere(SecurityGroupType) {
			if other.Text("vpcId") == vpc && other.Text("name") == c.New.Text("name") {
				return Refuse("InvalidGroup.Duplicate: The security group '%s' already exists for VPC '%s' (%s)", other.Text("name"), vpc, other.ID)
			}
		}
		return checkInlineRuleCount(c)
	},
	Update: checkInlineRuleCount,
}

// checkInlineRuleCount refuses more rules in a group than the quota allows.
func checkInlineRuleCount(c *Call) error {
	for _, way := range []string{"ingress", "egress"} {
		if n := len(Objects(c.New.Get(way))); n > c.Quota(quotaRulesPerGroup) {
			return RefuseQuota("RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached. (%d %s)", n, way)
		}
	}
	return nil
}

// Every VPC comes with a default group. A resource of this kind takes it over instead of making one, and lets go of it when deleted.
var defaultSecurityGroupKind = &Kind{
	Type: DefaultSecurityGroupType, ARN: "arn:aws:ec2:%s:%s:security-group/%s",
	Missing:    securityGroupKind.Missing,
	InUse:      securityGroupKind.InUse,
	Defaults:   map[string]any{"revokeRulesOnDelete": false},
	Sets:       []string{"ingress", "egress"},
	WriteOnly:  []string{"revokeRulesOnDelete"},
	References: inlineRefs,
	Create: func(c *Call) error {
		vpc := c.Find(c.New.Text("vpcId"), VPCType)
		if vpc == nil {
			return Refuse("VPCIdNotSpecified: No default VPC for this user")
		}
		group := c.Find(vpc.Text("defaultSecurityGroupId"), DefaultSecurityGroupType)
		c.New.ID, c.New.Owner = group.ID, group.Owner
		c.New.Outputs = CopyMap(group.Outputs)
		return checkInlineRuleCount(c)
	},
	Update: checkInlineRuleCount,
	Retain: func(*Record) bool { return true },
}

var rulePeers = []string{"cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"}

// securityGroupRuleKind holds the rules of a rule: those of both ways are alike.
func securityGroupRuleKind(typ string) *Kind {
	return &Kind{
		Type: typ, IDPrefix: "sgr", ARN: "arn:aws:ec2:%s:%s:security-group-rule/%s",
		Missing:    "InvalidSecurityGroupRuleId.NotFound: The security group rule ID '%s' does not exist",
		ExactlyOne: [][]string{rulePeers},
		// Written with Terraform's newer framework: the table cannot know.
		CreateOnly: []string{"securityGroupId"},
		References: []Reference{
			{Path: "securityGroupId", To: anyGroup, OnDelete: Cascade},
			{Path: "referencedSecurityGroupId", To: anyGroup, OnDelete: Block},
		},
		Check: checkRulePorts,
		Create: func(c *Call) error {
			c.New.Outputs["securityGroupRuleId"] = c.New.ID
			return checkSecurityGroupRule(c)
		},
		Update: checkSecurityGroupRule,
	}
}

// checkRulePorts refuses a rule without ports where the protocol has them, and with ports where it has none.
func checkRulePorts(m resource.PropertyMap) []catalog.Failure {
	protocol, known := KnownText(m, "ipProtocol")
	if !known {
		return nil
	}
	ports := GivenInputs(m, []string{"fromPort", "toPort"})
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

// checkSecurityGroupRule refuses a rule that the group has already, one too many, and one for a list of addresses that is not there.
func checkSecurityGroupRule(c *Call) error {
	group := c.New.Text("securityGroupId")
	if pl := c.New.Text("prefixListId"); pl != "" && !isServicePrefixList(c.Region, pl) {
		return Refuse("InvalidPrefixListID.NotFound: The prefix list ID '%s' does not exist", pl)
	}
	n := 0
	for _, other := range c.ListHere(c.New.Type) {
		if other.Text("securityGroupId") != group || other.ID == c.New.ID {
			continue
		}
		n++
		if describeRule(other) == describeRule(c.New) {
			return Refuse("InvalidPermission.Duplicate: the specified rule %q already exists (%s)", describeRule(other), other.ID)
		}
	}
	if n >= c.Quota(quotaRulesPerGroup) {
		return RefuseQuota("RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached. (%s)", group)
	}
	return nil
}

func describeRule(r *Record) string {
	peer := ""
	for _, name := range rulePeers {
		peer += r.Text(name)
	}
	protocol := strings.NewReplacer("-1", "ALL", "tcp", "TCP", "udp", "UDP").Replace(r.Text("ipProtocol"))
	return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", peer, protocol, r.Number("fromPort"), r.Number("toPort"))
}
