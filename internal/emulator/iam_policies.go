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
	PolicyType               = "aws:iam/policy:Policy"
	RolePolicyAttachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
)

const (
	maxPolicy = 6144 // characters other than white space
	awsPolicy = "arn:aws:iam::aws:policy/"
)

// awsPolicies are those of AWS's own that a build region may need, of the hundreds that there are.
var awsPolicies = []string{"AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly", "AmazonSSMManagedInstanceCore",
	"AmazonSSMPatchAssociation", "CloudWatchAgentServerPolicy", "service-role/AWSDataLifecycleManagerServiceRole",
	"service-role/AmazonEBSCSIDriverPolicy"}

var iamPolicyKind = &Kind{
	Type: PolicyType, Global: true,
	Missing:        "NoSuchEntity: Policy %s does not exist or is not attachable.",
	InUse:          "DeleteConflict: Cannot delete a policy attached to entities. %s",
	AutoNameLength: 128,
	Defaults:       map[string]any{"path": "/"},
	AtMostOne:      [][]string{{"name", "namePrefix"}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := ReadInputs(m)
		size := 0
		for _, r := range l.Text("policy") {
			if !unicode.IsSpace(r) {
				size++
			}
		}
		if size > maxPolicy {
			l.Fail("policy", "LimitExceeded: Cannot exceed quota for PolicySize: %d (it has %d)", maxPolicy, size)
		}
		return slices.Concat(l.Failures(), checkIAMName(m, 128), checkPolicyDocument(m, "policy"))
	},
	Create: func(c *Call) error {
		name := c.New.Text("name")
		c.New.ID = fmt.Sprintf("arn:aws:iam::%s:policy%s%s", c.Account, c.New.Text("path"), name)
		for _, other := range c.ListHere(PolicyType) {
			if other.Text("name") == name {
				return Refuse("EntityAlreadyExists: A policy called %s already exists. Duplicate names are not allowed.", name)
			}
		}
		c.New.Outputs["arn"] = c.New.ID
		c.New.Outputs["policyId"] = fmt.Sprintf("ANPA%017X", c.NextNumber())
		return nil
	},
	Derive: func(s *State, r *Record) map[string]any {
		return map[string]any{"attachmentCount": float64(len(s.ReferrersOf(r.Key)))}
	},
}

var policyAttachmentKind = &Kind{
	Type: RolePolicyAttachmentType, Global: true,
	Missing: "NoSuchEntity: the attachment %s cannot be found.",
	References: []Reference{
		{Path: "role", To: []string{RoleType}, OnDelete: Block},
		{Path: "policyArn", To: []string{PolicyType}, OnDelete: Block, Lenient: true},
	},
	ImportID: func(r *Record) string {
		return r.Text("role") + "/" + r.Text("policyArn")
	},
	Create: func(c *Call) error {
		role, arn := c.New.Text("role"), c.New.Text("policyArn")
		for _, other := range c.ListHere(RolePolicyAttachmentType) {
			if other.Text("role") == role && other.Text("policyArn") == arn { // AttachRolePolicy would say yes again
				return Refuse("EntityAlreadyExists: %s is attached to %s already", arn, role)
			}
		}
		c.New.ID = c.NewID(role)
		if name, ok := strings.CutPrefix(arn, awsPolicy); ok {
			if !slices.Contains(awsPolicies, name) {
				return Refuse("NoSuchEntity: Policy %s does not exist, or is not among those of AWS that the emulator knows", arn)
			}
			return nil
		}
		if c.Find(arn, PolicyType) == nil {
			return Refuse(iamPolicyKind.Missing, arn)
		}
		return nil
	},
}
