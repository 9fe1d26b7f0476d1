package aws

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RoleType is the Pulumi type token of an IAM role.
const RoleType = "aws:iam/role:Role"

var roleKind = &cloud.Kind{
	Type: RoleType, Global: true,
	Missing:        "NoSuchEntity: The role with name %s cannot be found.",
	InUse:          "DeleteConflict: Cannot delete entity %s, must detach or delete its policies and remove it from instance profiles first.",
	AutoNameLength: 64,
	Defaults:       map[string]any{"forceDetachPolicies": false, "maxSessionDuration": 3600.0, "path": "/"},
	WriteOnly:      []string{"forceDetachPolicies"},
	Sets:           []string{"inlinePolicies"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		out := slices.Concat(checkIAMName(m, 64), checkPolicyDocument(m, "assumeRolePolicy"))
		if v := catalog.Bare(m["maxSessionDuration"]); v.IsNumber() && (v.NumberValue() < 3600 || v.NumberValue() > 43200) {
			out = append(out, catalog.Failure{Property: "maxSessionDuration", Reason: "must be between 3600 and 43200"})
		}
		return out
	},
	Create: func(c *cloud.Call) error {
		if err := assignUniqueName(c, "EntityAlreadyExists: Role with name %s already exists."); err != nil {
			return err
		}
		return storeIAMOutputs(c, "role", "AROA")
	},
}
