package aws

import (
	"fmt"
	"slices"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// PolicyType is the Pulumi type token of a customer managed IAM policy.
const PolicyType = "aws:iam/policy:Policy"

const maxPolicy = 6144 // characters other than white space

var iamPolicyKind = &cloud.Kind{
	Type: PolicyType, Global: true,
	Missing:        "NoSuchEntity: Policy %s does not exist or is not attachable.",
	InUse:          "DeleteConflict: Cannot delete a policy attached to entities. %s",
	AutoNameLength: 128,
	Defaults:       map[string]any{"path": "/"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		size := 0
		for _, r := range in.Text("policy") {
			if !unicode.IsSpace(r) {
				size++
			}
		}
		if size > maxPolicy {
			in.Fail("policy", "LimitExceeded: Cannot exceed quota for PolicySize: %d (it has %d)", maxPolicy, size)
		}
		return slices.Concat(in.Failures(), checkIAMName(m, 128), checkPolicyDocument(m, "policy"))
	},
	Create: func(c *cloud.Call) error {
		name := c.New.Text("name")
		c.New.ID = fmt.Sprintf("arn:aws:iam::%s:policy%s%s", c.Account, c.New.Text("path"), name)
		for _, other := range c.ListHere(PolicyType) {
			if other.Text("name") == name {
				return cloud.Refuse("EntityAlreadyExists: A policy called %s already exists. Duplicate names are not allowed.", name)
			}
		}
		c.New.Outputs["arn"] = c.New.ID
		c.New.Outputs["policyId"] = fmt.Sprintf("ANPA%017X", c.NextNumber())
		return nil
	},
	Derive: func(s *cloud.State, r *cloud.Record) map[string]any {
		return map[string]any{"attachmentCount": float64(len(s.ReferrersOf(r.Key)))}
	},
}
