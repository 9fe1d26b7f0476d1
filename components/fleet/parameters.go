package fleet

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createParameters creates the parameters that machines read: the posture, and the registration token if there is one.
func (b *builder) createParameters() error {
	posture := b.ChildName("posture")
	if _, err := kit.Create(b.Component, ssm.NewParameter, posture, &ssm.ParameterArgs{
		Name: pulumi.String(b.args.PostureParameter()), Type: pulumi.String("String"), InsecureValue: pulumi.String(b.args.Posture),
		Description: pulumi.String("What the machines are to do: active, standby or draining"), Tags: kit.NameTag(posture),
	}); err != nil || b.args.Token == nil {
		return err
	}
	token := b.ChildName("token")
	_, err := kit.Create(b.Component, ssm.NewParameter, token, &ssm.ParameterArgs{
		Name: pulumi.String(b.args.TokenParameter()), Type: pulumi.String("SecureString"), Value: b.args.Token,
		Description: pulumi.String("The CI system's registration token"), Tags: kit.NameTag(token),
	})
	return err
}
