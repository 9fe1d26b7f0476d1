package kit

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// rolePath is the path of every role and instance profile. Beachhead finds roles by it: IAM lists them by path and not by tag.
const rolePath = "/beachhead/"

// Role describes an IAM role with one policy.
type Role struct {
	Description string
	// Service is the AWS service that assumes the role, such as EC2Service.
	Service string
	// PolicyName names the policy within the role.
	PolicyName string
	// Policy is the policy's JSON text.
	Policy pulumi.StringInput
}

// MachineRole is the role of machines.
type MachineRole struct {
	Role *iam.Role
	// Policy is the role's policy. A group whose machines need their rights from the start depends on it.
	Policy *iam.RolePolicy
	// Profile is the instance profile by which EC2 assigns the role to machines.
	Profile *iam.InstanceProfile
}

// CreateRole creates a role with its policy.
func (c *Component) CreateRole(name string, r Role) (*iam.Role, *iam.RolePolicy, error) {
	trust, err := TrustPolicy(r.Service)
	if err != nil {
		return nil, nil, err
	}
	role, err := Create(c, iam.NewRole, name, &iam.RoleArgs{
		Path: pulumi.String(rolePath), Description: pulumi.String(r.Description),
		AssumeRolePolicy: pulumi.String(trust), Tags: NameTag(name),
	})
	if err != nil {
		return nil, nil, err
	}
	policy, err := Create(c, iam.NewRolePolicy, name, &iam.RolePolicyArgs{
		Role: role.Name, Name: pulumi.String(r.PolicyName), Policy: r.Policy,
	})
	return role, policy, err
}

// CreateMachineRole creates a role that EC2 assumes, with its policy and its instance profile. It sets the role's service.
func (c *Component) CreateMachineRole(name string, r Role) (MachineRole, error) {
	r.Service = EC2Service
	role, policy, err := c.CreateRole(name, r)
	if err != nil {
		return MachineRole{}, err
	}
	profile, err := Create(c, iam.NewInstanceProfile, name, &iam.InstanceProfileArgs{
		Role: role.Name, Path: pulumi.String(rolePath), Tags: NameTag(name),
	})
	return MachineRole{Role: role, Policy: policy, Profile: profile}, err
}
