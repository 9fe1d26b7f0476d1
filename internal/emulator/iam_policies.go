package emulator

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	policyType           = "aws:iam/policy:Policy"
	policyAttachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
)

func init() {
	define(policyKind, policyAttachmentKind)
}

const (
	maxPolicy = 6144 // characters other than white space
	awsPolicy = "arn:aws:iam::aws:policy/"
)

// awsPolicies are those of AWS's own that a build region may need, of the hundreds that there are.
var awsPolicies = []string{"AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly", "AmazonSSMManagedInstanceCore",
	"AmazonSSMPatchAssociation", "CloudWatchAgentServerPolicy", "service-role/AWSDataLifecycleManagerServiceRole",
	"service-role/AmazonEBSCSIDriverPolicy"}

var policyKind = &kind{
	typ: policyType, global: true,
	missing:  "NoSuchEntity: Policy %s does not exist or is not attachable.",
	inUse:    "DeleteConflict: Cannot delete a policy attached to entities. %s",
	autoName: 128,
	defaults: map[string]any{"path": "/"},
	notBoth:  [][]string{{"name", "namePrefix"}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		size := 0
		for _, r := range l.str("policy") {
			if !unicode.IsSpace(r) {
				size++
			}
		}
		if size > maxPolicy {
			l.bad("policy", "LimitExceeded: Cannot exceed quota for PolicySize: %d (it has %d)", maxPolicy, size)
		}
		return slices.Concat(l.failures(), checkNames(m, 128), checkDocument(m, "policy"))
	},
	create: func(c *call) error {
		name := c.rec.str("name")
		c.rec.ID = fmt.Sprintf("arn:aws:iam::%s:policy%s%s", c.account, c.rec.str("path"), name)
		for _, other := range c.here(policyType) {
			if other.str("name") == name {
				return refused("EntityAlreadyExists: A policy called %s already exists. Duplicate names are not allowed.", name)
			}
		}
		c.rec.Outputs["arn"] = c.rec.ID
		c.st.ids++
		c.rec.Outputs["policyId"] = fmt.Sprintf("ANPA%017X", c.st.ids)
		return nil
	},
	live: func(s *State, r *record) map[string]any {
		return map[string]any{"attachmentCount": float64(len(s.usersOf(r.key)))}
	},
}

var policyAttachmentKind = &kind{
	typ: policyAttachmentType, global: true,
	missing: "NoSuchEntity: the attachment %s cannot be found.",
	refs: []ref{
		{path: "role", to: []string{roleType}, when: holds},
		{path: "policyArn", to: []string{policyType}, when: holds, lax: true},
	},
	importID: func(r *record) string {
		return r.str("role") + "/" + r.str("policyArn")
	},
	create: func(c *call) error {
		role, arn := c.rec.str("role"), c.rec.str("policyArn")
		for _, other := range c.here(policyAttachmentType) {
			if other.str("role") == role && other.str("policyArn") == arn { // AttachRolePolicy would say yes again
				return refused("EntityAlreadyExists: %s is attached to %s already", arn, role)
			}
		}
		c.rec.ID = c.newID(role)
		if name, ok := strings.CutPrefix(arn, awsPolicy); ok {
			if !slices.Contains(awsPolicies, name) {
				return refused("NoSuchEntity: Policy %s does not exist, or is not among those of AWS that the emulator knows", arn)
			}
			return nil
		}
		if c.find(arn, policyType) == nil {
			return refused(policyKind.missing, arn)
		}
		return nil
	},
}
