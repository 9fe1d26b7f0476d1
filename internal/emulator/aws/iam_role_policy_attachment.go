package aws

import (
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RolePolicyAttachmentType is the Pulumi type token of the attachment of a managed IAM policy to a role.
const RolePolicyAttachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"

const awsPolicy = "arn:aws:iam::aws:policy/"

// awsPolicies are the AWS managed policies that a build region may need, of several hundred.
var awsPolicies = []string{"AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly", "AmazonSSMManagedInstanceCore",
	"AmazonSSMPatchAssociation", "CloudWatchAgentServerPolicy", "service-role/AWSDataLifecycleManagerServiceRole",
	"service-role/AmazonEBSCSIDriverPolicy"}

var policyAttachmentKind = &cloud.Kind{
	Type: RolePolicyAttachmentType, Global: true,
	Missing: "NoSuchEntity: the attachment %s cannot be found.",
	References: []cloud.Reference{
		{Path: "role", To: []string{RoleType}, OnDelete: cloud.Block},
		{Path: "policyArn", To: []string{PolicyType}, OnDelete: cloud.Block, Lenient: true},
	},
	ImportID: func(r *cloud.Record) string {
		return r.Text("role") + "/" + r.Text("policyArn")
	},
	Create: func(c *cloud.Call) error {
		role, arn := c.New.Text("role"), c.New.Text("policyArn")
		for _, other := range c.ListHere(RolePolicyAttachmentType) {
			if other.Text("role") == role && other.Text("policyArn") == arn { // AttachRolePolicy would say yes again
				return cloud.Refuse("EntityAlreadyExists: %s is attached to %s already", arn, role)
			}
		}
		c.New.ID = c.NewID(role)
		if name, ok := strings.CutPrefix(arn, awsPolicy); ok {
			if !slices.Contains(awsPolicies, name) {
				return cloud.Refuse("NoSuchEntity: Policy %s does not exist, or is not among those of AWS that the emulator knows", arn)
			}
			return nil
		}
		if c.Find(arn, PolicyType) == nil {
			return cloud.Refuse(iamPolicyKind.Missing, arn)
		}
		return nil
	},
}
