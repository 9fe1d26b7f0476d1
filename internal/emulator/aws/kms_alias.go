package aws

import (
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// KMSAliasType is the Pulumi type token of an alias of a KMS key.
const KMSAliasType = "aws:kms/alias:Alias"

var aliasName = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`)

var kmsAliasKind = &cloud.Kind{
	Type: KMSAliasType, ARN: "arn:aws:kms:%s:%s:%s",
	Missing:    "NotFoundException: Alias %s is not found.",
	ExactlyOne: [][]string{{"name", "namePrefix"}},
	// with the key, at the end of its waiting period
	References: []cloud.Reference{{Path: "targetKeyId", To: []string{KMSKeyType}, OnDelete: cloud.Cascade}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		for _, name := range []string{"name", "namePrefix"} {
			in.CheckPattern(name, aliasName)
			if strings.HasPrefix(in.Text(name), "alias/aws/") {
				in.Fail(name, "NotAuthorizedException: alias/aws/ is reserved for AWS")
			}
		}
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		return assignUniqueName(c, "AlreadyExistsException: An alias with the name %s already exists")
	},
	Derive: func(s *cloud.State, r *cloud.Record) map[string]any {
		if key := s.FindTarget(r, &cloud.Reference{To: []string{KMSKeyType}}, r.Text("targetKeyId")); key != nil {
			return map[string]any{"targetKeyArn": arnOf(s, key)}
		}
		return nil
	},
}
