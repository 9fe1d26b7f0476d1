package aws

import (
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RolePolicyType is the Pulumi type token of an inline policy of an IAM role.
const RolePolicyType = "aws:iam/rolePolicy:RolePolicy"

var rolePolicyKind = &cloud.Kind{
	Type: RolePolicyType, Global: true,
	Missing:        "NoSuchEntity: The role policy %s cannot be found.",
	AutoNameLength: 128,
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	References:     []cloud.Reference{{Path: "role", To: []string{RoleType}, OnDelete: cloud.Block}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		return slices.Concat(checkIAMName(m, 128), checkPolicyDocument(m, "policy"))
	},
	Create: func(c *cloud.Call) error {
		c.New.ID = c.New.Text("role") + ":" + c.New.Text("name")
		if c.Find(c.New.ID, RolePolicyType) != nil {
			return cloud.Refuse("EntityAlreadyExists: the role policy %s already exists", c.New.ID) // PutRolePolicy would overwrite it silently
		}
		return nil
	},
}
