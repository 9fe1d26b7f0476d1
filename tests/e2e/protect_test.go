package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/engine"
)

// guarded declares an address and, unless it is left out, a protected log group with the given name.
func guarded(group string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String("us-west-2")})
		if err != nil {
			return err
		}
		if _, err := ec2.NewEip(ctx, "address", &ec2.EipArgs{Domain: pulumi.String("vpc")}, pulumi.Provider(provider)); err != nil {
			return err
		}
		if group == "" {
			return nil
		}
		_, err = cloudwatch.NewLogGroup(ctx, "treasure", &cloudwatch.LogGroupArgs{Name: pulumi.String(group)},
			pulumi.Provider(provider), pulumi.Protect(true))
		return err
	}
}

// Protected things that would be replaced or deleted are refused before anything changes, by preview, up and down.
func TestProtectedThingsAreRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.up(guarded("gold"))
	before := len(s.operations())
	for what, try := range map[string]func() error{
		"preview of a replacement": func() error { _, err := s.open(guarded("silver")).Preview(t.Context()); return err },
		"up to a replacement":      func() error { _, err := s.open(guarded("silver")).Up(t.Context()); return err },
		"preview of a removal":     func() error { _, err := s.open(guarded("")).Preview(t.Context()); return err },
		"up to a removal":          func() error { _, err := s.open(guarded("")).Up(t.Context()); return err },
		"down":                     func() error { _, err := s.open(guarded("gold")).Down(t.Context()); return err },
	} {
		if err := try(); !errors.Is(err, engine.ErrRefused) || !strings.Contains(err.Error(), "treasure") {
			t.Errorf("%s: %v, want a refusal that names the thing", what, err)
		}
	}
	if after := s.operations(); len(after) != before {
		t.Errorf("the refused changes made %d operations, the first %+v", len(after)-before, after[before])
	}
}
