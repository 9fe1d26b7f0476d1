package gcp

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// SecurityPolicyRuleType is the Pulumi type token of one rule of a Cloud Armor security policy.
const SecurityPolicyRuleType = "gcp:compute/securityPolicyRule:SecurityPolicyRule"

// lastPriority is the priority of the default rule, which every policy has and which applies when no other rule matches.
const lastPriority = 2147483647

func securityPolicyRuleKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type: SecurityPolicyRuleType, Global: true,
		Unsupported: []string{"preconfiguredWafConfig", "rateLimitOptions"},
		ExactlyOne:  [][]string{{"match"}},
		References:  []cloud.Reference{{Path: "securityPolicy", To: []string{SecurityPolicyType}, OnDelete: cloud.Cascade}},
		Check:       checkSecurityRule,
	}, func(in cloud.Scope, r *cloud.Record) string {
		return fmt.Sprintf("projects/%s/global/securityPolicies/%s/priority/%d", in.Account, lastSegment(r.Text("securityPolicy")),
			r.Number("priority"))
	})
}

// maxRangesPerRule is the maximum number of ranges in one Cloud Armor rule.
const maxRangesPerRule = 10

func checkSecurityRule(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckRange("priority", 0, lastPriority-1)
	in.CheckSupported("action", "allow", "deny(403)", "deny(404)", "deny(502)")
	match := in.Nested("match")
	match.CheckChoice("versionedExpr", "SRC_IPS_V1")
	match.RefuseUnsupported("exprOptions")
	config := match.Nested("config")
	ranges := cloud.Texts(config.Values["srcIpRanges"])
	switch {
	case match.Has("versionedExpr") && match.Has("expr"):
		match.Fail("expr", "cannot be set together with versionedExpr")
	case match.Has("versionedExpr") && !match.Has("config"):
		match.Fail("config", "is required with versionedExpr")
	case len(ranges) > maxRangesPerRule:
		config.Fail("srcIpRanges", "at most %d ranges in a rule, got %d", maxRangesPerRule, len(ranges))
	}
	for i, s := range ranges {
		_, prefix := netip.ParsePrefix(s)
		_, address := netip.ParseAddr(s)
		if s != "*" && prefix != nil && address != nil {
			config.Fail(fmt.Sprintf("srcIpRanges[%d]", i), "%q is not a valid network range", s)
		}
	}
	return in.Failures()
}
