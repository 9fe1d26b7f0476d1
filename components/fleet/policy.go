package fleet

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// policy allows what the agent calls, on what it calls it on.
func (b *builder) policy() pulumi.StringOutput {
	parameters := []string{}
	for _, name := range append([]string{b.args.TokenParameter(), b.args.PostureParameter()}, b.args.ReadParameters...) {
		parameters = append(parameters, fmt.Sprintf("arn:aws:ssm:%s:%s:parameter%s", b.args.Region, b.args.Account, name))
	}
	own := []kit.Statement{
		{Action: []string{"ssm:GetParameter"}, Resource: parameters},
		kit.OwnHooks(b.args.Region, b.args.Account, map[string]string{"Name": b.name}, "autoscaling:SetInstanceProtection"),
	}
	return b.args.Bucket.ToStringOutput().ApplyT(func(bucket string) (string, error) {
		return kit.Policy(append(kit.Basics(b.args.Region, b.args.Account, bucket), own...)...)
	}).(pulumi.StringOutput)
}
