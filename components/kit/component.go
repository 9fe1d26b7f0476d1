// Package kit has the code that all components share. A Component registers a component and creates its child resources, all with the
// same parent, names and tags. The other files create the resources that fleets, cache servers and NAT instances have in common: IAM
// roles and policies, security groups, launch templates and lifecycle hooks.
package kit

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Kind is one kind of component.
type Kind struct {
	// Noun names the kind in error messages, such as "network".
	Noun string
	// Token is the component's type token, such as beachhead:aws:Network.
	Token string
}

// Arguments are a component's arguments.
type Arguments interface {
	// Validate returns an error that lists every problem of the arguments. It accepts a nil receiver and reports it.
	Validate() error
}

// Component creates the child resources of one registered component.
type Component struct {
	kind     Kind
	name     string
	ctx      *pulumi.Context
	resource pulumi.ComponentResource
}

// Register validates the arguments and registers the component. The options of the component's caller apply to the component alone; child
// resources inherit providers and protection from it.
func Register(
	ctx *pulumi.Context, kind Kind, name string, resource pulumi.ComponentResource, args Arguments, options ...pulumi.ResourceOption,
) (*Component, error) {
	c := &Component{kind: kind, name: name, ctx: ctx, resource: resource}
	if err := args.Validate(); err != nil {
		return nil, c.wrapError(err)
	}
	if err := ctx.RegisterComponentResource(kind.Token, name, resource, options...); err != nil {
		return nil, c.wrapError(fmt.Errorf("registering the component: %w", err))
	}
	return c, nil
}

// RunSteps runs the steps that create a component's resources, in order, up to the first error, which it returns with the component's
// name. The order is only that in which later steps read the results of earlier ones. The engine does not wait between steps: it orders
// resources by their data.
func (c *Component) RunSteps(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return c.wrapError(err)
		}
	}
	return nil
}

// PublishOutputs registers the component's outputs. It must be the last step: the engine ignores a second call.
func (c *Component) PublishOutputs(outputs pulumi.Map) error {
	return c.ctx.RegisterResourceOutputs(c.resource, outputs)
}

// ChildName returns the name of a child resource: the component's name and the parts, joined by hyphens. The parts must not change while
// the resource lives (a role, a zone or a number, never a position in a list), because a new name replaces the resource.
func (c *Component) ChildName(parts ...string) string {
	return c.name + "-" + strings.Join(parts, "-")
}

// Name returns the component's name. A component's main resources have it too.
func (c *Component) Name() string { return c.name }

func (c *Component) wrapError(err error) error {
	return fmt.Errorf("%s %q: %w", c.kind.Noun, c.name, err)
}

// Create creates a child resource of the component with a constructor of a Pulumi SDK, such as ec2.NewVpc. An error names the resource's
// type and name.
func Create[Args, Resource any](
	c *Component, construct func(*pulumi.Context, string, Args, ...pulumi.ResourceOption) (Resource, error),
	name string, args Args, options ...pulumi.ResourceOption,
) (Resource, error) {
	resource, err := construct(c.ctx, name, args, append([]pulumi.ResourceOption{pulumi.Parent(c.resource)}, options...)...)
	if err != nil {
		return resource, fmt.Errorf("creating %s %q: %w", strings.TrimPrefix(fmt.Sprintf("%T", resource), "*"), name, err)
	}
	return resource, nil
}
