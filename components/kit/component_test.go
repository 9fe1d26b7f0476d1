package kit_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

// part is a component without resources of its own.
type part struct {
	pulumi.ResourceState
}

var kind = kit.Kind{Noun: "part", Token: "beachhead:test:Part"}

// checked are arguments with the given problem.
type checked struct{ problem error }

func (c checked) Validate() error { return c.problem }

// record records a component named part that runs one step.
func record(t *testing.T, step func(*kit.Component) error) recorder.Recording {
	t.Helper()
	return recorder.Record(t, func(ctx *pulumi.Context) error { return build(ctx, step) })
}

func build(ctx *pulumi.Context, step func(*kit.Component) error) error {
	p := &part{}
	c, err := kit.Register(ctx, kind, "part", p, checked{})
	if err != nil {
		return err
	}
	return c.RunSteps(func() error { return step(c) }, func() error { return c.PublishOutputs(pulumi.Map{"done": pulumi.Bool(true)}) })
}

func TestRegisterRefusesBadArguments(t *testing.T) {
	_, err := kit.Register(nil, kind, "part", &part{}, checked{errors.New("no wheels")})
	if err == nil || err.Error() != `part "part": no wheels` {
		t.Errorf("%v", err)
	}
}

func TestChildrenHaveNameTagAndParent(t *testing.T) {
	all := record(t, func(c *kit.Component) error {
		name := c.ChildName("vpc", "us-west-1a", "0")
		_, err := kit.Create(c, ec2.NewVpc, name, &ec2.VpcArgs{Tags: kit.NameTag(name)}, pulumi.Protect(true))
		return err
	})
	parent := all.Named(t, kind.Token, "part")
	if parent.Custom {
		t.Error("the component is a custom resource")
	}
	vpc := all.Named(t, "aws:ec2/vpc:Vpc", "part-vpc-us-west-1a-0")
	if urn := resource.URN(vpc.Parent); urn.Name() != "part" || string(urn.Type()) != kind.Token {
		t.Errorf("its parent is %s", vpc.Parent)
	}
	if !vpc.Protect {
		t.Error("options of a single resource are lost")
	}
	if got := vpc.Inputs["tags"].ObjectValue()["Name"].StringValue(); got != vpc.Name {
		t.Errorf("its Name tag is %q", got)
	}
}

// The caller's options apply to the component, and children inherit them from it.
func TestComponentHasItsCallersOptions(t *testing.T) {
	all := recorder.Record(t, func(ctx *pulumi.Context) error {
		c, err := kit.Register(ctx, kind, "part", &part{}, checked{}, pulumi.Protect(true))
		if err != nil {
			return err
		}
		_, err = kit.Create(c, ec2.NewVpc, c.Name(), &ec2.VpcArgs{})
		return err
	})
	for _, r := range all {
		if r.Type != string(resource.RootStackType) && !r.Protect {
			t.Errorf("%s %s is not protected", r.Type, r.Name)
		}
	}
}

func TestStepsEndAtTheFirstError(t *testing.T) {
	var ran []string
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		c, err := kit.Register(ctx, kind, "part", &part{}, checked{})
		if err != nil {
			return err
		}
		step := func(name string, err error) func() error {
			return func() error {
				ran = append(ran, name)
				return err
			}
		}
		return c.RunSteps(step("one", nil), step("two", errors.New("broken")), step("three", nil))
	}, pulumi.WithMocks("beachhead", "test", quiet{}))
	if err == nil || !strings.Contains(err.Error(), `part "part": broken`) {
		t.Errorf("%v", err)
	}
	if !slices.Equal(ran, []string{"one", "two"}) {
		t.Errorf("ran %q, want the first two", ran)
	}
}

// quiet accepts every registration.
type quiet struct{}

func (quiet) NewResource(a pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return a.Name, a.Inputs, nil
}

func (quiet) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// An error of the SDK, such as a missing argument, names the component, the resource and its type.
func TestErrorsNameTheResource(t *testing.T) {
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		return build(ctx, func(c *kit.Component) error {
			_, err := kit.Create(c, ec2.NewRoute, c.ChildName("route"), &ec2.RouteArgs{})
			return err
		})
	}, pulumi.WithMocks("beachhead", "test", quiet{}))
	for _, want := range []string{`part "part": creating ec2.Route "part-route": `, "RouteTableId"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q in it", err, want)
		}
	}
}

func TestProblems(t *testing.T) {
	p := &kit.Problems{}
	if err := p.Combine(); err != nil {
		t.Errorf("no problems: %v", err)
	}
	p.RefuseIf(false, "fine")
	if err := p.Combine(); err != nil {
		t.Errorf("no problems: %v", err)
	}
	p.RefuseIf(true, "wheel %d is flat", 2)
	p.RefuseIf(true, "no fuel")
	err := p.Combine()
	if err == nil || !strings.Contains(err.Error(), "wheel 2 is flat") || !strings.Contains(err.Error(), "no fuel") {
		t.Errorf("%v; want both problems", err)
	}
}

func TestAddNameTag(t *testing.T) {
	given := map[string]string{"cost-center": "ci"}
	if got := kit.AddNameTag("part", given); len(got) != 2 || got["Name"] != "part" || got["cost-center"] != "ci" || len(given) != 1 {
		t.Errorf("%v from %v", got, given)
	}
}
