package aws

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// InstanceProfileType is the Pulumi type token of an IAM instance profile.
const InstanceProfileType = "aws:iam/instanceProfile:InstanceProfile"

var instanceProfileKind = &cloud.Kind{
	Type: InstanceProfileType, Global: true,
	Missing:        "NoSuchEntity: Instance Profile %s cannot be found.",
	AutoNameLength: 128,
	Defaults:       map[string]any{"path": "/"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	References:     []cloud.Reference{{Path: "role", To: []string{RoleType}, OnDelete: cloud.Block}},
	Check:          func(m resource.PropertyMap) []catalog.Failure { return checkIAMName(m, 128) },
	Create: func(c *cloud.Call) error {
		if err := assignUniqueName(c, "EntityAlreadyExists: Instance Profile %s already exists."); err != nil {
			return err
		}
		return storeIAMOutputs(c, "instance-profile", "AIPA")
	},
}
