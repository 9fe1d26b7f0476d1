package fleet

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/autoscaling"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// ComponentType is the component's type token.
const ComponentType = "beachhead:aws:RunnerFleet"

// Fleet is a fleet of runner machines.
type Fleet struct {
	pulumi.ResourceState

	// GroupName is the name of the scaling group.
	GroupName pulumi.StringOutput `pulumi:"groupName"`
	// SecurityGroup is the id of the machines' security group, which lets no traffic in.
	SecurityGroup pulumi.StringOutput `pulumi:"securityGroup"`
	// Role is the name of the machines' role.
	Role pulumi.StringOutput `pulumi:"role"`
}

// builder creates a fleet's resources. Each of its steps fills in fields for later steps.
type builder struct {
	*kit.Component
	args *Args

	role          kit.MachineRole
	securityGroup *ec2.SecurityGroup
	template      *ec2.LaunchTemplate
	group         *autoscaling.Group
}

// New creates a fleet. By the model durations, the group's creation begins 18 seconds after the subnets exist (profile 10, template 2,
// and the role before them). New does not wait for the group's machines.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Fleet, error) {
	f := &Fleet{}
	component, err := kit.Register(ctx, kit.Kind{Noun: "fleet", Token: ComponentType}, name, f, args, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{Component: component, args: args}
	if err := b.RunSteps(
		b.createRole, b.createParameters, b.createSecurityGroup, b.createTemplate, b.createGroup, b.createScalingPolicy,
	); err != nil {
		return nil, err
	}
	f.GroupName, f.SecurityGroup, f.Role = b.group.Name, b.securityGroup.ID().ToStringOutput(), b.role.Role.Name
	return f, b.PublishOutputs(pulumi.Map{"groupName": f.GroupName, "securityGroup": f.SecurityGroup, "role": f.Role})
}

// createSecurityGroup creates the machines' security group: no traffic in, all traffic out. CI jobs connect to hosts that Beachhead does
// not know; where that matters, the egress mode decides.
func (b *builder) createSecurityGroup() error {
	var err error
	if b.securityGroup, err = b.CreateSecurityGroup(b.Name(), b.args.VPC, "Runners: nothing in, everything out"); err != nil {
		return err
	}
	_, err = b.AllowEgress(b.ChildName("out"), b.securityGroup, kit.Traffic{CIDR: kit.Anywhere})
	return err
}

func (b *builder) createTemplate() error {
	var err error
	tags := kit.AddNameTag(b.Name(), b.args.Tags)
	b.template, err = b.CreateLaunchTemplate(b.Name(), kit.LaunchTemplate{
		Image: "resolve:ssm:" + b.args.Image, DiskGiB: b.args.DiskGiB, UserData: b.args.UserData, Bucket: b.args.Bucket,
		Profile: b.role.Profile, Interface: kit.NewInterface(b.args.PublicAddress, b.securityGroup), InstanceTags: tags, Tags: tags,
	})
	return err
}
