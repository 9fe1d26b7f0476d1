package fleet

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

func (b *builder) createRole() error {
	var err error
	b.role, err = b.CreateMachineRole(b.Name(), kit.Role{
		Description: "Machines of a runner fleet", PolicyName: "agent", Policy: b.allowAgentCalls(),
	})
	return err
}

// allowAgentCalls returns the policy that allows the agent's calls, and those only on the fleet's own parameters and group.
func (b *builder) allowAgentCalls() pulumi.StringOutput {
	parameters := []string{}
	for _, name := range append([]string{b.args.TokenParameter(), b.args.PostureParameter()}, b.args.ReadParameters...) {
		parameters = append(parameters, fmt.Sprintf("arn:aws:ssm:%s:%s:parameter%s", b.args.Region, b.args.Account, name))
	}
	own := []kit.Statement{
		{Actions: []string{"ssm:GetParameter"}, Resources: parameters},
		kit.AllowOwnGroup(b.args.Region, b.args.Account, map[string]string{"Name": b.Name()}, "autoscaling:SetInstanceProtection"),
	}
	return b.args.Bucket.ToStringOutput().ApplyT(func(bucket string) (string, error) {
		return kit.RolePolicy(append(kit.AllowMachineBasics(b.args.Region, b.args.Account, bucket), own...)...)
	}).(pulumi.StringOutput)
}
