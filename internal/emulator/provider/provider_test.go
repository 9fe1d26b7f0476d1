package provider_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
	"github.com/beachhead-build/beachhead/internal/emulator/provider"
)

func TestUnknownTypesAndProperties(t *testing.T) {
	d := emulatortest.Start(t)
	d.RequireCreateRefusal("aws:ec2/vpc:Vcp", props{}, "unknown resource type aws:ec2/vpc:Vcp")
	d.RequireCreateRefusal("aws:sqs/queue:Queue", props{}, "the emulator has no rules for aws:sqs/queue:Queue")
	d.RequireCreateRefusal(aws.InstanceType, props{}, "the emulator has no rules for "+aws.InstanceType)
	d.RequireCreateRefusal(aws.VPCType, props{"cidrBlocks": "10.0.0.0/16"}, "cidrBlocks: unknown property; did you mean cidrBlock?")
	d.RequireCreateRefusal(aws.SubnetType, props{"cidrBlock": "10.0.0.0/16"}, "vpcId: missing required property")
	d.RequireCreateRefusal(aws.VPCType, props{"cidrBlock": 10}, "cidrBlock: want string, got number")
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage, "metadataOptions": props{"token": "required"}},
		"metadataOptions.token: unknown property")
	d.RequireCreateRefusal(aws.LaunchTemplateType, props{"imageId": emulatortest.DebianImage,
		"tagSpecifications": []any{props{"tags": props{"a": 1}}}},
		"tagSpecifications[0].tags.a: want string, got number")
}

func TestProviderConfiguration(t *testing.T) {
	d := emulatortest.Start(t)
	check := func(p props) string {
		out, err := d.Client.CheckConfig(context.Background(), &pulumirpc.CheckRequest{News: d.Pack(p)})
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, f := range out.GetFailures() {
			all = append(all, f.GetProperty()+": "+f.GetReason())
		}
		return strings.Join(all, "; ")
	}
	if got := check(props{"region": "us-west-1", "defaultTags": `{"tags":{"a":"b"}}`}); got != "" {
		t.Errorf("a good configuration: %s", got)
	}
	if got := check(props{}); !strings.Contains(got, "Missing region configuration") {
		t.Errorf("without region: %q", got)
	}
	if got := check(props{"region": "us-west-1", "regoin": "x"}); !strings.Contains(got, "unknown property regoin") {
		t.Errorf("an unknown setting: %q", got)
	}
	emulatortest.RequireRefusal(t, d.TryConfigure(props{}), "Missing region configuration")
	emulatortest.RequireRefusal(t, d.TryConfigure(props{"region": "us-west-9"}), "invalid AWS Region: us-west-9")
}

func TestAccounts(t *testing.T) {
	d := emulatortest.Start(t, "account=111122223333")
	emulatortest.RequireRefusal(t, d.TryConfigure(props{"region": "us-west-1", "allowedAccountIds": `["210987654321"]`}),
		"AWS account ID not allowed: 111122223333")
	emulatortest.RequireRefusal(t, d.TryConfigure(props{"region": "us-west-1", "forbiddenAccountIds": []any{"111122223333"}}),
		"AWS account ID not allowed")
	d.Configure(props{"region": "us-west-1", "allowedAccountIds": `["111122223333"]`})
	// the credentials are taken to be right
	emulatortest.Start(t).Configure(props{"region": "us-west-1", "allowedAccountIds": `["210987654321"]`})
}

func TestAnotherRegionIsAnotherProvider(t *testing.T) {
	d := emulatortest.Start(t)
	diff := func(news props) *pulumirpc.DiffResponse {
		out, err := d.Client.DiffConfig(context.Background(), &pulumirpc.DiffRequest{OldInputs: d.Pack(props{"region": "us-west-1"}),
			News: d.Pack(news)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := diff(props{"region": "us-east-2"}); len(out.GetReplaces()) != 1 {
		t.Errorf("another region replaces %v", out.GetReplaces())
	}
	if out := diff(props{"region": "us-west-1", "profile": "ci"}); len(out.GetReplaces()) != 0 ||
		out.GetChanges() != pulumirpc.DiffResponse_DIFF_SOME {
		t.Errorf("another profile: %v", out)
	}
	if out := diff(props{"region": "us-west-1", "version": "6.83.0"}); out.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("another SDK version: %v", out)
	}
}

// One server serves the providers of several regions at once: the connection tells them apart.
func TestTwoProvidersOfOneServer(t *testing.T) {
	d := emulatortest.Start(t)
	server, err := provider.Serve(d.Cloud)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // the test is over
	west := &driver{T: t, Cloud: d.Cloud, Dir: d.Dir, Client: emulatortest.Connect(t, server)}
	east := &driver{T: t, Cloud: d.Cloud, Dir: d.Dir, Client: emulatortest.Connect(t, server)}
	west.Configure(props{"region": "us-west-1"})
	east.Configure(props{"region": "us-east-2"})
	if got := west.VPC("10.1.0.0/16").Output("arn").(string); !strings.Contains(got, "us-west-1") {
		t.Error(got)
	}
	if got := east.VPC("10.1.0.0/16").Output("arn").(string); !strings.Contains(got, "us-east-2") {
		t.Error(got)
	}
	stranger := &driver{T: t, Cloud: d.Cloud, Dir: d.Dir, Client: emulatortest.Connect(t, server)}
	_, err = stranger.Check(aws.VPCType, "v", nil, props{"cidrBlock": "10.0.0.0/16"})
	emulatortest.RequireRefusal(t, err, "called before it was configured")
}

func TestDefaultTags(t *testing.T) {
	d := emulatortest.Start(t)
	d.Configure(props{"region": "us-west-1", "defaultTags": `{"tags":{"team":"ci","tier":"all"}}`})
	vpc := d.Create(aws.VPCType, "vpc", props{"cidrBlock": "10.0.0.0/16", "tags": props{"tier": "own"}})
	for _, name := range []string{"tags", "tagsAll"} {
		if got := vpc.Output(name).(map[string]any); got["team"] != "ci" || got["tier"] != "own" {
			t.Errorf("%s = %v", name, got)
		}
	}
	inputs, err := d.Check(aws.VPCType, "vpc", nil, props{"cidrBlock": "10.0.0.0/16", "tags": emulatortest.Unknown{}})
	if err != nil || d.Unpack(inputs)["tags"] != nil {
		t.Errorf("unknown tags became %v, %v", inputs, err)
	}
	if got := vpc.Diff(props{"cidrBlock": "10.0.0.0/16", "tags": props{"tier": "other"}}).GetDetailedDiff(); got["tags.tier"] == nil ||
		len(got) != 1 {
		t.Errorf("another tag differs in %v", got)
	}
}

func TestAutomaticNames(t *testing.T) {
	d := emulatortest.Start(t)
	role := d.Create(aws.RoleType, "runner", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	if !strings.HasPrefix(role.ID, "runner-") || len(role.ID) != len("runner-")+7 {
		t.Errorf("automatic name %q", role.ID)
	}
	if diff := role.Diff(props{"assumeRolePolicy": emulatortest.TrustPolicy}); len(diff.GetDetailedDiff()) > 0 {
		t.Errorf("the automatic name changed: %v", diff.GetDetailedDiff())
	}
	if diff := role.Diff(props{"assumeRolePolicy": emulatortest.TrustPolicy, "path": "/ci/"}); len(diff.GetReplaces()) != 1 ||
		diff.GetDeleteBeforeReplace() {
		t.Errorf("replaces %v, deleting first: %v; an automatic name leaves room for both", diff.GetReplaces(), diff.GetDeleteBeforeReplace())
	}
	prefixed := d.Create(aws.RoleType, "x", props{"assumeRolePolicy": emulatortest.TrustPolicy, "namePrefix": "ci-"})
	if !strings.HasPrefix(prefixed.ID, "ci-") {
		t.Errorf("name %q", prefixed.ID)
	}
	out, err := d.Client.Check(context.Background(), &pulumirpc.CheckRequest{Urn: emulatortest.URN(aws.RoleType, "r"),
		News:       d.Pack(props{"assumeRolePolicy": emulatortest.TrustPolicy}),
		Autonaming: &pulumirpc.CheckRequest_AutonamingOptions{ProposedName: "proposed"}})
	if err != nil || d.Unpack(out.GetInputs())["name"] != "proposed" {
		t.Errorf("name = %v, %v", d.Unpack(out.GetInputs())["name"], err)
	}
	_, err = d.Check(aws.RoleType, strings.Repeat("r", 60), nil, props{"assumeRolePolicy": emulatortest.TrustPolicy})
	emulatortest.RequireRefusal(t, err, "longer than maximum length 64")
}

// A program that says what is so already, or that an older state has no inputs of, changes nothing.
func TestDiffAgainstState(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.0.0.0/16")
	p := props{"vpcId": vpc.ID, "cidrBlock": "10.0.0.0/24"}
	subnet := d.Create(aws.SubnetType, "s", p)
	p["availabilityZone"] = subnet.Output("availabilityZone")
	if diff := subnet.Diff(p).GetDetailedDiff(); len(diff) > 0 {
		t.Errorf("naming the zone that it is in changes %v", diff)
	}
	subnet.Inputs = nil
	delete(p, "availabilityZone")
	if diff := subnet.Diff(p).GetDetailedDiff(); len(diff) > 0 {
		t.Errorf("without old inputs: %v", diff)
	}
	p["availabilityZone"] = emulatortest.Unknown{}
	if got := subnet.Diff(p).GetReplaces(); len(got) != 1 {
		t.Errorf("a zone that is not known yet replaces %v", got)
	}
}

// TestPreview creates and updates without doing it: what the cloud decides is unknown, what the program says is not.
func TestPreview(t *testing.T) {
	d := emulatortest.Start(t)
	inputs, err := d.Check(aws.LaunchTemplateType, "lt", nil, props{"imageId": emulatortest.DebianImage, "tags": props{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Client.Create(context.Background(), &pulumirpc.CreateRequest{Urn: emulatortest.URN(aws.LaunchTemplateType, "lt"),
		Properties: inputs, Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := emulatortest.UnmarshalProperties(out.GetProperties())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"arn", "latestVersion", "metadataOptions"} {
		if !m[resource.PropertyKey(name)].IsComputed() {
			t.Errorf("%s is %v, want it unknown", name, m[resource.PropertyKey(name)])
		}
	}
	if !m["imageId"].IsString() || !m["tagsAll"].IsObject() {
		t.Errorf("imageId %v, tagsAll %v", m["imageId"], m["tagsAll"])
	}
	if _, ok := m["__defaults"]; ok {
		t.Error("the bridge's notes are among the outputs")
	}
	if d.Journal() != "" {
		t.Error("a preview wrote to the journal")
	}
	lt := d.Create(aws.LaunchTemplateType, "lt", props{"imageId": emulatortest.DebianImage})
	news, err := d.Check(aws.LaunchTemplateType, "lt", lt.Inputs, props{"imageId": emulatortest.DebianImage, "instanceType": "m7g.large"})
	if err != nil {
		t.Fatal(err)
	}
	up, err := d.Client.Update(context.Background(), &pulumirpc.UpdateRequest{Id: lt.ID, Urn: emulatortest.URN(aws.LaunchTemplateType, "lt"),
		Olds: lt.State, News: news, Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	if m, err = emulatortest.UnmarshalProperties(up.GetProperties()); err != nil || !m["latestVersion"].IsComputed() ||
		!m["arn"].IsString() || !m["metadataOptions"].IsObject() {
		t.Errorf("latestVersion %v, arn %v, metadataOptions %v, %v", m["latestVersion"], m["arn"], m["metadataOptions"], err)
	}
}

func TestSecrets(t *testing.T) {
	d := emulatortest.Start(t)
	secret := resource.MakeSecret(resource.NewProperty("s3cr3t"))
	vpc := d.Create(aws.VPCType, "vpc", props{"cidrBlock": "10.0.0.0/16", "tags": props{"key": secret}})
	m, err := emulatortest.UnmarshalProperties(vpc.State)
	if err != nil || !m["tags"].ContainsSecrets() {
		t.Errorf("tags = %v, %v: the secret is open", m["tags"], err)
	}
	if !strings.Contains(d.Journal(), "s3cr3t") {
		t.Error("the cloud does not know its secret")
	}
}

// Refusals that changed nothing must not leave the engine in doubt.
func TestRefusalsAreCertain(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.0.0.0/16")
	d.InternetGateway(vpc)
	for want, err := range map[codes.Code]error{
		codes.InvalidArgument:    func() error { _, err := d.TryCreate(aws.InternetGatewayType, "i", props{"vpcId": vpc.ID}); return err }(),
		codes.FailedPrecondition: vpc.TryDelete(),
		codes.ResourceExhausted: func() error {
			_, err := emulatortest.Start(t, "quota=L-0263D0A3:0").TryCreate(aws.EIPType, "e", props{})
			return err
		}(),
	} {
		if got := status.Code(err); got != want {
			t.Errorf("%v has code %v, want %v", err, got, want)
		}
	}
}

func TestUpdateOfNothing(t *testing.T) {
	d := emulatortest.Start(t)
	vpc := d.VPC("10.0.0.0/16")
	vpc.Delete()
	emulatortest.RequireRefusal(t, vpc.TryUpdate(props{"cidrBlock": "10.0.0.0/16"}), "InvalidVpcID.NotFound")
	other := d.VPC("10.1.0.0/16")
	emulatortest.RequireRefusal(t, other.TryUpdate(props{"cidrBlock": "10.2.0.0/16"}), "cidrBlock of "+other.ID+" can be set at creation only")
}

func TestSmallTalk(t *testing.T) {
	d := emulatortest.Start(t)
	ctx := context.Background()
	h, err := d.Client.Handshake(ctx, &pulumirpc.ProviderHandshakeRequest{})
	if err != nil || !h.GetAcceptSecrets() || !h.GetAcceptOutputs() || h.GetAcceptResources() {
		t.Errorf("handshake: %v, %v", h, err)
	}
	if _, err := d.Client.Attach(ctx, &pulumirpc.PluginAttach{}); err != nil {
		t.Error(err)
	}
	if info, err := d.Client.GetPluginInfo(ctx, nil); err != nil || info.GetVersion() != "6.83.0" {
		t.Errorf("version %v, %v", info, err)
	}
	_, err = d.Client.Invoke(ctx, &pulumirpc.InvokeRequest{Tok: "aws:index/getRegion:getRegion"})
	emulatortest.RequireRefusal(t, err, "no rules for the function aws:index/getRegion:getRegion")
	_, err = d.Client.GetSchema(ctx, &pulumirpc.GetSchemaRequest{})
	emulatortest.RequireRefusal(t, err, "no Pulumi schema")
}
