package emulator

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	SecurityPolicyType     = "gcp:compute/securityPolicy:SecurityPolicy"
	SecurityPolicyRuleType = "gcp:compute/securityPolicyRule:SecurityPolicyRule"
)

// lastPriority is that of the rule which every policy has: what none of the others decides.
const lastPriority = 2147483647

func securityPolicyKind() *Kind {
	return newKind(&Kind{
		Type: SecurityPolicyType, Global: true,
		Unsupported: []string{"adaptiveProtectionConfig", "advancedOptionsConfig", "recaptchaOptionsConfig"},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			l.CheckSupported("type", "CLOUD_ARMOR")
			// Rules written into the policy and rules as resources of their own undo each other on every run.
			if l.Has("rules") {
				l.Fail("rules", "the emulator has no rules for inline rules; use %s", SecurityPolicyRuleType)
			}
			return l.Failures()
		},
		Create: func(c *Call) error {
			c.New.Outputs["type"], c.New.Outputs["fingerprint"] = "CLOUD_ARMOR", fingerprintOf(c.New.ID)
			c.New.Outputs["rules"] = []any{map[string]any{"action": "allow", "priority": float64(lastPriority), "description": "default rule",
				"match": map[string]any{"versionedExpr": "SRC_IPS_V1", "config": map[string]any{"srcIpRanges": []any{"*"}}}}}
			return nil
		},
	}, collectionID)
}

func securityPolicyRuleKind() *Kind {
	return newKind(&Kind{
		Type: SecurityPolicyRuleType, Global: true,
		Unsupported: []string{"preconfiguredWafConfig", "rateLimitOptions"},
		ExactlyOne:  [][]string{{"match"}},
		References:  []Reference{{Path: "securityPolicy", To: []string{SecurityPolicyType}, OnDelete: Cascade}},
		Check:       checkSecurityRule,
	}, func(in Scope, r *Record) string {
		return fmt.Sprintf("projects/%s/global/securityPolicies/%s/priority/%d", in.Account, lastSegment(r.Text("securityPolicy")), r.Number("priority"))
	})
}

// maxRangesPerRule is how many ranges one rule of Cloud Armor matches at most.
const maxRangesPerRule = 10

func checkSecurityRule(m resource.PropertyMap) []catalog.Failure {
	l := ReadInputs(m)
	l.CheckRange("priority", 0, lastPriority-1)
	l.CheckSupported("action", "allow", "deny(403)", "deny(404)", "deny(502)")
	match := l.Nested("match")
	match.CheckChoice("versionedExpr", "SRC_IPS_V1")
	match.RefuseUnsupported("exprOptions")
	config := match.Nested("config")
	ranges := Texts(config.Values["srcIpRanges"])
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
