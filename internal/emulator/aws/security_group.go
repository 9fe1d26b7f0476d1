package aws

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// SecurityGroupType is the Pulumi type token of a security group that a program creates.
const SecurityGroupType = "aws:ec2/securityGroup:SecurityGroup"

// DefaultSecurityGroupType is the Pulumi type token of a VPC's default security group, which AWS creates with the VPC.
const DefaultSecurityGroupType = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

var (
	anyGroup = []string{SecurityGroupType, DefaultSecurityGroupType}
	// inlineRefs are the references in a group's inline rules.
	inlineRefs = []cloud.Reference{
		{Path: "vpcId", To: []string{VPCType}, OnDelete: cloud.Block},
		{Path: "ingress[].securityGroups[]", To: anyGroup, OnDelete: cloud.Block},
		{Path: "egress[].securityGroups[]", To: anyGroup, OnDelete: cloud.Block},
	}
	groupWords = regexp.MustCompile(`^[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{0,255}$`)
)

var securityGroupKind = &cloud.Kind{
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
			if s, known := cloud.KnownText(m, name); known && !groupWords.MatchString(s) {
				out = append(out, catalog.Failure{Property: name, Reason: fmt.Sprintf(
					"%q must match %s", s, groupWords)})
			}
		}
		if s, known := cloud.KnownText(m, "name"); known && strings.HasPrefix(s, "sg-") {
			out = append(out, catalog.Failure{Property: "name", Reason: `invalid value (cannot begin with sg-): AWS reserves that for ids`})
		}
		return out
	},
	Create: func(c *cloud.Call) error {
		vpc := c.New.Text("vpcId")
		if vpc == "" {
			return cloud.Refuse("VPCIdNotSpecified: No default VPC for this user")
		}
		for _, other := range c.ListHere(SecurityGroupType) {
			if other.Text("vpcId") == vpc && other.Text("name") == c.New.Text("name") {
				return cloud.Refuse("InvalidGroup.Duplicate: The security group '%s' already exists for VPC '%s' (%s)", other.Text("name"), vpc,
					other.ID)
			}
		}
		return checkInlineRuleCount(c)
	},
	Update: checkInlineRuleCount,
}

// checkInlineRuleCount refuses more rules in a group than the quota allows.
func checkInlineRuleCount(c *cloud.Call) error {
	for _, way := range []string{"ingress", "egress"} {
		if n := len(cloud.Objects(c.New.Get(way))); n > c.Quota(quotaRulesPerGroup) {
			return cloud.RefuseQuota("RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached. (%d %s)",
				n, way)
		}
	}
	return nil
}

// Every VPC has a default group. A resource of this kind adopts it instead of creating one, and releases it when deleted.
var defaultSecurityGroupKind = &cloud.Kind{
	Type: DefaultSecurityGroupType, ARN: "arn:aws:ec2:%s:%s:security-group/%s",
	Missing:    securityGroupKind.Missing,
	InUse:      securityGroupKind.InUse,
	Defaults:   map[string]any{"revokeRulesOnDelete": false},
	Sets:       []string{"ingress", "egress"},
	WriteOnly:  []string{"revokeRulesOnDelete"},
	References: inlineRefs,
	Create: func(c *cloud.Call) error {
		vpc := c.Find(c.New.Text("vpcId"), VPCType)
		if vpc == nil {
			return cloud.Refuse("VPCIdNotSpecified: No default VPC for this user")
		}
		group := c.Find(vpc.Text("defaultSecurityGroupId"), DefaultSecurityGroupType)
		c.New.ID, c.New.Owner = group.ID, group.Owner
		c.New.Outputs = cloud.CopyMap(group.Outputs)
		return checkInlineRuleCount(c)
	},
	Update: checkInlineRuleCount,
	Retain: func(*cloud.Record) bool { return true },
}
