package gcp

import (
	"context"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// SecurityPolicyType is the Pulumi type token of a Cloud Armor security policy.
const SecurityPolicyType = "gcp:compute/securityPolicy:SecurityPolicy"

func securityPolicyKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type: SecurityPolicyType, Global: true,
		Unsupported: []string{"adaptiveProtectionConfig", "advancedOptionsConfig", "recaptchaOptionsConfig"},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			in.CheckSupported("type", "CLOUD_ARMOR")
			// Inline rules and rules as separate resources overwrite each other on every run.
			if in.Has("rules") {
				in.Fail("rules", "the emulator has no rules for inline rules; use %s", SecurityPolicyRuleType)
			}
			return in.Failures()
		},
		Create: func(c *cloud.Call) error {
			c.New.Outputs["type"], c.New.Outputs["fingerprint"] = "CLOUD_ARMOR", fingerprintOf(c.New.ID)
			c.New.Outputs["rules"] = []any{map[string]any{"action": "allow", "priority": float64(lastPriority), "description": "default rule",
				"match": map[string]any{"versionedExpr": "SRC_IPS_V1", "config": map[string]any{"srcIpRanges": []any{"*"}}}}}
			return nil
		},
	}, collectionID)
}

// GiveSecurityPolicy creates a Cloud Armor policy in a GCP project that no program manages, unless the name exists already. Programs
// add rules to policies that they do not create. The operation takes no model time, and the journal records it.
func GiveSecurityPolicy(ctx context.Context, c *cloud.Cloud, project, name string) error {
	kind, inputs := c.KindOf(SecurityPolicyType), map[string]any{"name": name, "project": project, "description": "not managed by Beachhead"}
	_, err := c.Do(ctx, &cloud.Request{Scope: cloud.Scope{Account: project}, Kind: kind, Op: "create", Run: func(call *cloud.Call) error {
		if call.State.RecordAt(call.State.KeyIn(cloud.Scope{Account: project}, SecurityPolicyType, name)) != nil {
			return nil
		}
		if err := call.Create(inputs, ""); err != nil {
			return err
		}
		call.New.Managed = false
		return nil
	}})
	return err
}
