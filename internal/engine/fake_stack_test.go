package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

// fakeStack is a stack whose operations do nothing but record that they ran. It has a state, which an import replaces.
type fakeStack struct {
	calls []string
	state apitype.DeploymentV3
	// steps are what a preview reports; those of resources in the state are "same".
	steps []apitype.StepEventMetadata
	// diagnostics are errors that a preview reports before it fails with previewErr.
	diagnostics         []apitype.DiagnosticEvent
	previewErr, callErr error
	settings            config.Map
	values              auto.ConfigMap
	// owned is what the inventory finds, findErr its error.
	owned   []inventory.Resource
	findErr error
}

var _ pulumiStack = (*fakeStack)(nil)

func (f *fakeStack) record(call string, targets ...string) error {
	for _, urn := range targets {
		call += " " + resource.URN(urn).Name()
	}
	f.calls = append(f.calls, call)
	return f.callErr
}

// send sends events as the engine does: it closes the stream at its end.
func (f *fakeStack) send(streams []chan<- events.EngineEvent, all ...events.EngineEvent) {
	for _, stream := range streams {
		for _, e := range all {
			stream <- e
		}
		close(stream)
	}
}

func stepEvent(m apitype.StepEventMetadata, planning bool) events.EngineEvent {
	var e events.EngineEvent
	e.ResourcePreEvent = &apitype.ResourcePreEvent{Metadata: m, Planning: planning}
	return e
}

// stepEvents returns the events of the steps, with "same" for the resources that are in the state.
func (f *fakeStack) stepEvents(planning bool) []events.EngineEvent {
	var all []events.EngineEvent
	for _, m := range f.steps {
		if m.Op == apitype.OpCreate && slices.ContainsFunc(f.state.Resources, func(r apitype.ResourceV3) bool { return string(r.URN) == m.URN }) {
			m.Op = apitype.OpSame
		}
		all = append(all, stepEvent(m, planning))
	}
	return all
}

func (f *fakeStack) Preview(_ context.Context, opts ...optpreview.Option) (auto.PreviewResult, error) {
	var o optpreview.Options
	for _, opt := range opts {
		opt.ApplyOption(&o)
	}
	all := f.stepEvents(true)
	for _, d := range f.diagnostics {
		var e events.EngineEvent
		e.DiagnosticEvent = &d
		all = append(all, e)
	}
	f.send(o.EventStreams, all...)
	return auto.PreviewResult{}, errors.Join(f.record("preview"), f.previewErr)
}

func (f *fakeStack) Up(_ context.Context, opts ...optup.Option) (auto.UpResult, error) {
	var o optup.Options
	for _, opt := range opts {
		opt.ApplyOption(&o)
	}
	f.send(o.EventStreams, f.stepEvents(false)...)
	return auto.UpResult{}, f.record("up", o.Target...)
}

func (f *fakeStack) Refresh(_ context.Context, opts ...optrefresh.Option) (auto.RefreshResult, error) {
	var o optrefresh.Options
	for _, opt := range opts {
		opt.ApplyOption(&o)
	}
	f.send(o.EventStreams)
	return auto.RefreshResult{}, f.record("refresh", o.Target...)
}

// Destroy deletes in rounds, as the engine does: in each round everything on which nothing depends that still exists.
func (f *fakeStack) Destroy(_ context.Context, opts ...optdestroy.Option) (auto.DestroyResult, error) {
	var o optdestroy.Options
	for _, opt := range opts {
		opt.ApplyOption(&o)
	}
	err := f.record("destroy")
	var all []events.EngineEvent
	for remaining := f.state.Resources; len(remaining) > 0; {
		var round, later []apitype.ResourceV3
		for _, r := range remaining {
			if slices.ContainsFunc(remaining, func(o apitype.ResourceV3) bool { return slices.Contains(dependenciesOf(o), r.URN) }) {
				later = append(later, r)
				continue
			}
			round = append(round, r)
		}
		if len(round) == 0 {
			return auto.DestroyResult{}, errors.New("the state has a cycle")
		}
		for _, r := range round {
			if r.Custom {
				all = append(all, stepEvent(apitype.StepEventMetadata{
					URN: string(r.URN), Type: string(r.Type), Op: apitype.OpDelete,
					Old: &apitype.StepEventStateMetadata{Custom: true, ID: string(r.ID), Protect: r.Protect, RetainOnDelete: r.RetainOnDelete},
				}, false))
			}
		}
		remaining = later
	}
	f.send(o.EventStreams, all...)
	return auto.DestroyResult{}, err
}

func (f *fakeStack) Export(context.Context) (apitype.UntypedDeployment, error) {
	text, err := json.Marshal(f.state)
	return apitype.UntypedDeployment{Version: 3, Deployment: text}, errors.Join(err, f.record("export"))
}

func (f *fakeStack) Import(_ context.Context, state apitype.UntypedDeployment) error {
	f.state = apitype.DeploymentV3{}
	return errors.Join(json.Unmarshal(state.Deployment, &f.state), f.record("import"))
}

func (f *fakeStack) Outputs(context.Context) (auto.OutputMap, error) {
	return auto.OutputMap{"vpcId": {Value: "vpc-1"}, "key": {Value: "psk", Secret: true}}, f.record("outputs")
}

func (f *fakeStack) GetAllConfig(context.Context) (auto.ConfigMap, error) {
	return nil, f.record("config")
}

func (f *fakeStack) SetAllConfig(_ context.Context, values auto.ConfigMap) error {
	f.values = values
	return f.record("set config")
}

func (f *fakeStack) Settings(context.Context) (config.Map, error) {
	return f.settings, f.record("settings")
}

// FindOwned makes the fake an inventory too, so that one list has the calls of both.
func (f *fakeStack) FindOwned(_ context.Context, stack string) ([]inventory.Resource, error) {
	return f.owned, errors.Join(f.findErr, f.record("find "+stack))
}

func (f *fakeStack) open(program pulumi.RunFunc) *Stack {
	return &Stack{opts: Options{Name: "us-west-2", Program: program, Inventory: f}, stack: f}
}

func (f *fakeStack) wants(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(f.calls, want) {
		t.Errorf("calls\n%s\nwant\n%s", strings.Join(f.calls, "\n"), strings.Join(want, "\n"))
	}
}

const (
	urnPrefix   = "urn:pulumi:us-west-2::beachhead::"
	providerRef = urnPrefix + "pulumi:providers:aws::aws"
	rootURN     = urnPrefix + "pulumi:pulumi:Stack::beachhead-us-west-2"
)

func urnOf(typ, name string) string { return urnPrefix + typ + "::" + name }

// planned is a preview's step for a resource of the program below.
func planned(op apitype.OpType, typ, name string) apitype.StepEventMetadata {
	m := apitype.StepEventMetadata{
		URN: urnOf(typ, name), Type: typ, Op: op, Provider: providerRef + "::unknown",
		New: &apitype.StepEventStateMetadata{Custom: true, Parent: rootURN},
	}
	if op != apitype.OpCreate {
		m.Old = &apitype.StepEventStateMetadata{Custom: true, Parent: rootURN, ID: "vpc-1"}
	}
	return m
}

func entryOf(typ, name, id string) apitype.ResourceV3 {
	return apitype.ResourceV3{URN: resource.URN(urnOf(typ, name)), Type: tokens.Type(typ), ID: resource.ID(id), Custom: true}
}

// vpcAndSubnet is a program of a VPC and a subnet in it.
func vpcAndSubnet(ctx *pulumi.Context) error {
	vpc, err := ec2.NewVpc(ctx, "vpc", &ec2.VpcArgs{CidrBlock: pulumi.String("10.0.0.0/16")}, pulumi.Protect(true))
	if err != nil {
		return err
	}
	_, err = ec2.NewSubnet(ctx, "subnet", &ec2.SubnetArgs{VpcId: vpc.ID(), CidrBlock: pulumi.String("10.0.0.0/24")})
	return err
}

// forgetfulStack drops in a refresh what was imported, as the engine does with a resource that the cloud lists and no longer has.
type forgetfulStack struct{ *fakeStack }

func (f *forgetfulStack) Refresh(ctx context.Context, opts ...optrefresh.Option) (auto.RefreshResult, error) {
	f.state.Resources = nil
	return f.fakeStack.Refresh(ctx, opts...)
}

func countCalls(calls []string, call string) int {
	return len(slices.DeleteFunc(slices.Clone(calls), func(c string) bool { return c != call }))
}

// region is a state with machines of every kind, in an order that a program may have: each group depends only on what it needs to start.
func region() []apitype.ResourceV3 {
	one := func(typ, name string, deps ...string) apitype.ResourceV3 {
		r := entryOf(typ, name, name)
		for _, dep := range deps {
			r.Dependencies = append(r.Dependencies, resource.URN(dep))
		}
		return r
	}
	volume := one(restype.Volume, "volume")
	volume.Protect, volume.RetainOnDelete = true, true
	return []apitype.ResourceV3{
		one(restype.VPC, "vpc"), one(restype.Parameter, "token"), volume,
		one(restype.ScalingGroup, "nat", urnOf(restype.VPC, "vpc")), one(restype.Route, "egress", urnOf(restype.ScalingGroup, "nat")),
		one(restype.ScalingGroup, "cache", urnOf(restype.Volume, "volume")), one(restype.ScalingGroup, "runners", urnOf(restype.VPC, "vpc")),
	}
}
