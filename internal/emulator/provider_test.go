package emulator

import (
	"context"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestUnknownTypesAndProperties(t *testing.T) {
	d := open(t)
	d.refusesToMake("aws:ec2/vpc:Vcp", props{}, "unknown resource type aws:ec2/vpc:Vcp")
	d.refusesToMake("aws:sqs/queue:Queue", props{}, "the emulator has no rules for aws:sqs/queue:Queue")
	d.refusesToMake(InstanceType, props{}, "the emulator has no rules for "+InstanceType)
	d.refusesToMake(VPCType, props{"cidrBlocks": "10.0.0.0/16"}, "cidrBlocks: unknown property; did you mean cidrBlock?")
	d.refusesToMake(SubnetType, props{"cidrBlock": "10.0.0.0/16"}, "vpcId: missing required property")
	d.refusesToMake(VPCType, props{"cidrBlock": 10}, "cidrBlock: want string, got number")
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "metadataOptions": props{"token": "required"}}, "metadataOptions.token: unknown property")
	d.refusesToMake(LaunchTemplateType, props{"imageId": debian, "tagSpecifications": []any{props{"tags": props{"a": 1}}}},
		"tagSpecifications[0].tags.a: want string, got number")
}

func TestProviderConfiguration(t *testing.T) {
	d := open(t)
	check := func(p props) string {
		out, err := d.client.CheckConfig(context.Background(), &pulumirpc.CheckRequest{News: d.pack(p)})
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
	refuses(t, d.tryConfigure(props{}), "Missing region configuration")
	refuses(t, d.tryConfigure(props{"region": "us-west-9"}), "invalid AWS Region: us-west-9")
}

func TestAccounts(t *testing.T) {
	d := open(t, "account=111122223333")
	refuses(t, d.tryConfigure(props{"region": "us-west-1", "allowedAccountIds": `["210987654321"]`}), "AWS account ID not allowed: 111122223333")
	refuses(t, d.tryConfigure(props{"region": "us-west-1", "forbiddenAccountIds": []any{"111122223333"}}), "AWS account ID not allowed")
	d.configure(props{"region": "us-west-1", "allowedAccountIds": `["111122223333"]`})
	open(t).configure(props{"region": "us-west-1", "allowedAccountIds": `["210987654321"]`}) // the credentials are taken to be right
}

func TestAnotherRegionIsAnotherProvider(t *testing.T) {
	d := open(t)
	diff := func(news props) *pulumirpc.DiffResponse {
		out, err := d.client.DiffConfig(context.Background(), &pulumirpc.DiffRequest{OldInputs: d.pack(props{"region": "us-west-1"}), News: d.pack(news)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := diff(props{"region": "us-east-2"}); len(out.GetReplaces()) != 1 {
		t.Errorf("another region replaces %v", out.GetReplaces())
	}
	if out := diff(props{"region": "us-west-1", "profile": "ci"}); len(out.GetReplaces()) != 0 || out.GetChanges() != pulumirpc.DiffResponse_DIFF_SOME {
		t.Errorf("another profile: %v", out)
	}
	if out := diff(props{"region": "us-west-1", "version": "6.83.0"}); out.GetChanges() != pulumirpc.DiffResponse_DIFF_NONE {
		t.Errorf("another SDK version: %v", out)
	}
}

// One server serves the providers of several regions at once: the connection tells them apart.
func TestTwoProvidersOfOneServer(t *testing.T) {
	d := open(t)
	server, err := Serve(d.cloud)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // the test is over
	west := &driver{t: t, cloud: d.cloud, client: connect(t, server)}
	east := &driver{t: t, cloud: d.cloud, client: connect(t, server)}
	west.configure(props{"region": "us-west-1"})
	east.configure(props{"region": "us-east-2"})
	if got := west.vpc("10.1.0.0/16").out("arn").(string); !strings.Contains(got, "us-west-1") {
		t.Error(got)
	}
	if got := east.vpc("10.1.0.0/16").out("arn").(string); !strings.Contains(got, "us-east-2") {
		t.Error(got)
	}
	stranger := &driver{t: t, cloud: d.cloud, client: connect(t, server)}
	_, err = stranger.check(VPCType, "v", nil, props{"cidrBlock": "10.0.0.0/16"})
	refuses(t, err, "called before it was configured")
}

func TestDefaultTags(t *testing.T) {
	d := open(t)
	d.configure(props{"region": "us-west-1", "defaultTags": `{"tags":{"team":"ci","tier":"all"}}`})
	vpc := d.make(VPCType, "vpc", props{"cidrBlock": "10.0.0.0/16", "tags": props{"tier": "own"}})
	for _, name := range []string{"tags", "tagsAll"} {
		if got := vpc.out(name).(map[string]any); got["team"] != "ci" || got["tier"] != "own" {
			t.Errorf("%s = %v", name, got)
		}
	}
	inputs, err := d.check(VPCType, "vpc", nil, props{"cidrBlock": "10.0.0.0/16", "tags": unknown{}})
	if err != nil || d.unpack(inputs)["tags"] != nil {
		t.Errorf("unknown tags became %v, %v", inputs, err)
	}
	if got := vpc.diff(props{"cidrBlock": "10.0.0.0/16", "tags": props{"tier": "other"}}).GetDetailedDiff(); got["tags.tier"] == nil || len(got) != 1 {
		t.Errorf("another tag differs in %v", got)
	}
}

func TestAutomaticNames(t *testing.T) {
	d := open(t)
	role := d.make(RoleType, "runner", props{"assumeRolePolicy": trust})
	if !strings.HasPrefix(role.id, "runner-") || len(role.id) != len("runner-")+7 {
		t.Errorf("automatic name %q", role.id)
	}
	if diff := role.diff(props{"assumeRolePolicy": trust}); len(diff.GetDetailedDiff()) > 0 {
		t.Errorf("the automatic name changed: %v", diff.GetDetailedDiff())
	}
	if diff := role.diff(props{"assumeRolePolicy": trust, "path": "/ci/"}); len(diff.GetReplaces()) != 1 || diff.GetDeleteBeforeReplace() {
		t.Errorf("replaces %v, deleting first: %v; an automatic name leaves room for both", diff.GetReplaces(), diff.GetDeleteBeforeReplace())
	}
	prefixed := d.make(RoleType, "x", props{"assumeRolePolicy": trust, "namePrefix": "ci-"})
	if !strings.HasPrefix(prefixed.id, "ci-") {
		t.Errorf("name %q", prefixed.id)
	}
	out, err := d.client.Check(context.Background(), &pulumirpc.CheckRequest{Urn: urn(RoleType, "r"), News: d.pack(props{"assumeRolePolicy": trust}),
		Autonaming: &pulumirpc.CheckRequest_AutonamingOptions{ProposedName: "proposed"}})
	if err != nil || d.unpack(out.GetInputs())["name"] != "proposed" {
		t.Errorf("name = %v, %v", d.unpack(out.GetInputs())["name"], err)
	}
	_, err = d.check(RoleType, strings.Repeat("r", 60), nil, props{"assumeRolePolicy": trust})
	refuses(t, err, "longer than maximum length 64")
}

// A program that says what is so already, or that an older state has no inputs of, changes nothing.
func TestDiffAgainstState(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.0.0.0/16")
	p := props{"vpcId": vpc.id, "cidrBlock": "10.0.0.0/24"}
	subnet := d.make(SubnetType, "s", p)
	p["availabilityZone"] = subnet.out("availabilityZone")
	if diff := subnet.diff(p).GetDetailedDiff(); len(diff) > 0 {
		t.Errorf("naming the zone that it is in changes %v", diff)
	}
	subnet.inputs = nil
	delete(p, "availabilityZone")
	if diff := subnet.diff(p).GetDetailedDiff(); len(diff) > 0 {
		t.Errorf("without old inputs: %v", diff)
	}
	p["availabilityZone"] = unknown{}
	if got := subnet.diff(p).GetReplaces(); len(got) != 1 {
		t.Errorf("a zone that is not known yet replaces %v", got)
	}
}

// TestPreview creates and updates without doing it: what the cloud decides is unknown, what the program says is not.
func TestPreview(t *testing.T) {
	d := open(t)
	inputs, err := d.check(LaunchTemplateType, "lt", nil, props{"imageId": debian, "tags": props{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.client.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn(LaunchTemplateType, "lt"), Properties: inputs, Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := unmarshalProperties(out.GetProperties())
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
	if _, ok := m[defaultsKey]; ok {
		t.Error("the bridge's notes are among the outputs")
	}
	if d.journal() != "" {
		t.Error("a preview wrote to the journal")
	}
	lt := d.make(LaunchTemplateType, "lt", props{"imageId": debian})
	news, err := d.check(LaunchTemplateType, "lt", lt.inputs, props{"imageId": debian, "instanceType": "m7g.large"})
	if err != nil {
		t.Fatal(err)
	}
	up, err := d.client.Update(context.Background(), &pulumirpc.UpdateRequest{Id: lt.id, Urn: urn(LaunchTemplateType, "lt"), Olds: lt.state, News: news, Preview: true})
	if err != nil {
		t.Fatal(err)
	}
	if m, err = unmarshalProperties(up.GetProperties()); err != nil || !m["latestVersion"].IsComputed() || !m["arn"].IsString() || !m["metadataOptions"].IsObject() {
		t.Errorf("latestVersion %v, arn %v, metadataOptions %v, %v", m["latestVersion"], m["arn"], m["metadataOptions"], err)
	}
}

func TestSecrets(t *testing.T) {
	d := open(t)
	secret := resource.MakeSecret(resource.NewProperty("s3cr3t"))
	vpc := d.make(VPCType, "vpc", props{"cidrBlock": "10.0.0.0/16", "tags": props{"key": secret}})
	m, err := unmarshalProperties(vpc.state)
	if err != nil || !m["tags"].ContainsSecrets() {
		t.Errorf("tags = %v, %v: the secret is open", m["tags"], err)
	}
	if !strings.Contains(d.journal(), "s3cr3t") {
		t.Error("the cloud does not know its secret")
	}
}

// Refusals that changed nothing must not leave the engine in doubt.
func TestRefusalsAreCertain(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.0.0.0/16")
	d.gateway(vpc)
	for want, err := range map[codes.Code]error{
		codes.InvalidArgument:    func() error { _, err := d.try(InternetGatewayType, "i", props{"vpcId": vpc.id}); return err }(),
		codes.FailedPrecondition: vpc.tryDelete(),
		codes.ResourceExhausted:  func() error { _, err := open(t, "quota=L-0263D0A3:0").try(EIPType, "e", props{}); return err }(),
	} {
		if got := status.Code(err); got != want {
			t.Errorf("%v has code %v, want %v", err, got, want)
		}
	}
}

func TestUpdateOfNothing(t *testing.T) {
	d := open(t)
	vpc := d.vpc("10.0.0.0/16")
	vpc.delete()
	refuses(t, vpc.tryUpdate(props{"cidrBlock": "10.0.0.0/16"}), "InvalidVpcID.NotFound")
	other := d.vpc("10.1.0.0/16")
	refuses(t, other.tryUpdate(props{"cidrBlock": "10.2.0.0/16"}), "cidrBlock of "+other.id+" can be set at creation only")
}

func TestSmallTalk(t *testing.T) {
	d := open(t)
	ctx := context.Background()
	h, err := d.client.Handshake(ctx, &pulumirpc.ProviderHandshakeRequest{})
	if err != nil || !h.GetAcceptSecrets() || !h.GetAcceptOutputs() || h.GetAcceptResources() {
		t.Errorf("handshake: %v, %v", h, err)
	}
	if _, err := d.client.Attach(ctx, &pulumirpc.PluginAttach{}); err != nil {
		t.Error(err)
	}
	if info, err := d.client.GetPluginInfo(ctx, nil); err != nil || info.GetVersion() != "6.83.0" {
		t.Errorf("version %v, %v", info, err)
	}
	_, err = d.client.Invoke(ctx, &pulumirpc.InvokeRequest{Tok: "aws:index/getRegion:getRegion"})
	refuses(t, err, "no rules for the function aws:index/getRegion:getRegion")
	_, err = d.client.GetSchema(ctx, &pulumirpc.GetSchemaRequest{})
	refuses(t, err, "no Pulumi schema")
}
