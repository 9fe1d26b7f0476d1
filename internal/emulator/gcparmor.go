package emulator

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	securityPolicyType     = "gcp:compute/securityPolicy:SecurityPolicy"
	securityPolicyRuleType = "gcp:compute/securityPolicyRule:SecurityPolicyRule"
)

func init() {
	define(securityPolicyKind(), securityPolicyRuleKind())
}

// lastPriority is that of the rule which every policy has: what none of the others decides.
const lastPriority = 2147483647

func securityPolicyKind() *kind {
	return inGoogle(&kind{
		typ: securityPolicyType, global: true,
		refuse: []string{"adaptiveProtectionConfig", "advancedOptionsConfig", "recaptchaOptionsConfig"},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			l.only("type", "CLOUD_ARMOR")
			// Rules written into the policy and rules as resources of their own undo each other on every run.
			if l.has("rules") {
				l.bad("rules", "the emulator has no rules for inline rules; use %s", securityPolicyRuleType)
			}
			return l.failures()
		},
		create: func(c *call) error {
			c.rec.Outputs["type"], c.rec.Outputs["fingerprint"] = "CLOUD_ARMOR", fingerprint(c.rec.ID)
			c.rec.Outputs["rules"] = []any{map[string]any{"action": "allow", "priority": float64(lastPriority), "description": "default rule",
				"match": map[string]any{"versionedExpr": "SRC_IPS_V1", "config": map[string]any{"srcIpRanges": []any{"*"}}}}}
			return nil
		},
	}, inCollection)
}

func securityPolicyRuleKind() *kind {
	return inGoogle(&kind{
		typ: securityPolicyRuleType, global: true,
		refuse: []string{"preconfiguredWafConfig", "rateLimitOptions"},
		oneOf:  [][]string{{"match"}},
		refs:   []ref{{path: "securityPolicy", to: []string{securityPolicyType}, when: fades}},
		check:  checkSecurityRule,
	}, func(in scope, r *record) string {
		return fmt.Sprintf("projects/%s/global/securityPolicies/%s/priority/%d", in.account, lastStep(r.str("securityPolicy")), r.num("priority"))
	})
}

// maxRangesPerRule is how many ranges one rule of Cloud Armor matches at most.
const maxRangesPerRule = 10

func checkSecurityRule(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.number("priority", 0, lastPriority-1)
	l.only("action", "allow", "deny(403)", "deny(404)", "deny(502)")
	match := l.under("match")
	match.choice("versionedExpr", "SRC_IPS_V1")
	match.noRules("exprOptions")
	config := match.under("config")
	ranges := strs(config.in["srcIpRanges"])
	switch {
	case match.has("versionedExpr") && match.has("expr"):
		match.bad("expr", "cannot be given together with versionedExpr")
	case match.has("versionedExpr") && !match.has("config"):
		match.bad("config", "is required with versionedExpr")
	case len(ranges) > maxRangesPerRule:
		config.bad("srcIpRanges", "at most %d ranges in a rule, got %d", maxRangesPerRule, len(ranges))
	}
	for i, s := range ranges {
		_, prefix := netip.ParsePrefix(s)
		_, address := netip.ParseAddr(s)
		if s != "*" && prefix != nil && address != nil {
			config.bad(fmt.Sprintf("srcIpRanges[%d]", i), "%q is not a valid network range", s)
		}
	}
	return l.failures()
}
