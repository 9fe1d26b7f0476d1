package gcp

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

const SecurityPolicyRuleType = "gcp:compute/securityPolicyRule:SecurityPolicyRule"

// lastPriority is that of the rule which every policy has: what none of the others decides.
const lastPriority = 2147483647

func securityPolicyRuleKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type: SecurityPolicyRuleType, Global: true,
		Unsupported: []string{"preconfiguredWafConfig", "rateLimitOptions"},
		ExactlyOne:  [][]string{{"match"}},
		References:  []cloud.Reference{{Path: "securityPolicy", To: []string{SecurityPolicyType}, OnDelete: cloud.Cascade}},
		Check:       checkSecurityRule,
	}, func(in cloud.Scope, r *cloud.Record) string {
		return fmt.Sprintf("projects/%s/global/securityPolicies/%s/priority/%d", in.Account, lastSegment(r.Text("securityPolicy")), r.Number("priority"))
	})
}

// maxRangesPerRule is how many ranges one rule of Cloud Armor matches at most.
const maxRangesPerRule = 10

func checkSecurityRule(m resource.PropertyMap) []catalog.Failure {
	l := cloud.ReadInputs(m)
	l.CheckRange("priority", 0, lastPriority-1)
	l.CheckSupported("action", "allow", "deny(403)", "deny(404)", "deny(502)")
	match := l.Nested("match")
	match.CheckChoice("versionedExpr", "SRC_IPS_V1")
	match.RefuseUnsupported("exprOptions")
	config := match.Nested("config")
	ranges := cloud.Texts(config.Values["srcIpRanges"])
	switch {
	case match.Has("versionedExpr") && match.Has("expr"):
		match.Fail("expr", "cannot be given together with versionedExpr")
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
	return l.Failures()
}
