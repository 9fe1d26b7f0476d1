package emulated

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/stacks"
)

// wholeRegion has one of everything that a stack creates. No cloud runs it, so its numbers are as small as the rules allow.
const wholeRegion = `aws: {account: "210987654321", region: us-west-1, zones: [us-west-1a, us-west-1b]}
network: {cidr: 10.42.0.0/16, egress: nat-gateway, keep: [nat-instance, none]}
runners:
  containers:
    arch: arm64
    instanceTypes: [m7g.large]
    count: {min: 1, max: 2}
    disk: 100GiB
    agent: {kind: jobserv, url: "https://ci.example.com", tags: [aarch64], token: ci-worker-token}
cache:
  shards: 2
  instanceTypes: [m7g.large]
  volume: {size: 100GiB, iops: 3000, throughput: 125}
gcp:
  project: acme-backend
  region: us-west2
  link: ha-vpn
  path: public
  asn: {aws: 64620, gcp: 64520}
  services: [{name: api, host: api.example.com, address: 10.128.0.10, ports: [443]}]
  securityPolicy: {name: edge, priority: %d}
alerts: {email: [ci-oncall@example.com], webhooks: ["https://chat.example.com/hook"]}
`

// monitor stands in for the engine: it creates the resources that a program registers in an emulated cloud, by the emulator's providers.
type monitor struct {
	t     *testing.T
	cloud *emulator.Cloud
	stack string
	// providers is complete before any resource is created: each resource has its provider's reference.
	providers map[string]pulumirpc.ResourceProviderClient
}

func (m *monitor) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	ctx := context.Background()
	pkg, isProvider := strings.CutPrefix(args.TypeToken, "pulumi:providers:")
	switch {
	case isProvider:
		_, err := m.providers[pkg].Configure(ctx, &pulumirpc.ConfigureRequest{Args: m.marshal(args.Inputs)})
		return args.Name + "-id", args.Inputs, err
	case !args.Custom:
		return "", args.Inputs, nil
	}
	pkg, _, _ = strings.Cut(args.TypeToken, ":")
	urn := "urn:pulumi:" + m.stack + "::beachhead::" + args.TypeToken + "::" + args.Name
	checked, err := m.providers[pkg].Check(ctx, &pulumirpc.CheckRequest{Urn: urn, News: m.marshal(args.Inputs), RandomSeed: []byte(urn)})
	if err != nil || len(checked.GetFailures()) > 0 {
		return "", nil, fmt.Errorf("%s %s: %w %v", args.TypeToken, args.Name, err, checked.GetFailures())
	}
	made, err := m.providers[pkg].Create(ctx, &pulumirpc.CreateRequest{Urn: urn, Properties: checked.GetInputs()})
	if err != nil {
		return "", nil, fmt.Errorf("%s %s: %w", args.TypeToken, args.Name, err)
	}
	outputs, err := plugin.UnmarshalProperties(made.GetProperties(), plugin.MarshalOptions{})
	return made.GetId(), outputs, err
}

func (m *monitor) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, fmt.Errorf("no function %s in this test", args.Token)
}

func (m *monitor) marshal(inputs resource.PropertyMap) *structpb.Struct {
	packed, err := plugin.MarshalProperties(inputs, plugin.MarshalOptions{KeepSecrets: true})
	if err != nil {
		m.t.Error(err)
	}
	return packed
}

// connectProviders starts providers for one run, as the engine does.
func (m *monitor) connectProviders() {
	m.t.Helper()
	server, err := emulator.Serve(m.cloud)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = server.Close() })
	m.providers = map[string]pulumirpc.ResourceProviderClient{}
	for address := range strings.SplitSeq(server.Env()["PULUMI_DEBUG_PROVIDERS"], ",") {
		pkg, port, _ := strings.Cut(address, ":")
		connection, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			m.t.Fatal(err)
		}
		m.t.Cleanup(func() { _ = connection.Close() })
		m.providers[pkg] = pulumirpc.NewResourceProviderClient(connection)
	}
}

// createRegion creates a whole region, and returns the new resources of the cloud, by type and id.
func (m *monitor) createRegion(stack string, priority int) map[string]string {
	m.t.Helper()
	dir, before := m.t.TempDir(), m.listManaged()
	files := map[string]string{stack + ".yaml": fmt.Sprintf(wholeRegion, priority)}
	for _, arch := range []regionfile.Arch{regionfile.ARM64, regionfile.AMD64} {
		files[path.Base(plan.AgentKey(arch, ""))] = string(arch)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	config, err := regionfile.Load(filepath.Join(dir, stack+".yaml"))
	if err != nil {
		m.t.Fatal(err)
	}
	config.Default()
	p, err := plan.Build(config)
	if err != nil {
		m.t.Fatal(err)
	}
	m.stack = stack
	m.connectProviders()
	if err := pulumi.RunErr(stacks.Region(p, dir), pulumi.WithMocks("beachhead", stack, m), func(info *pulumi.RunInfo) {
		info.Config = map[string]string{"beachhead:ci-worker-token": "token"}
		info.ConfigSecretKeys = []string{"beachhead:ci-worker-token"}
	}); err != nil {
		m.t.Fatal(err)
	}
	all := m.listManaged()
	maps.DeleteFunc(all, func(key, _ string) bool { return before[key] != "" })
	return all
}

// listManaged returns the resources that programs created, by type and id, with their names for messages.
func (m *monitor) listManaged() map[string]string {
	m.t.Helper()
	all, err := m.cloud.Resources()
	if err != nil {
		m.t.Fatal(err)
	}
	made := map[string]string{}
	for _, r := range all {
		if r.Managed {
			made[r.Type+" "+r.ID] = "created as " + r.Name
		}
	}
	return made
}

// requireOwned fails the test unless the inventory has exactly the wanted resources.
func (m *monitor) requireOwned(stack string, want map[string]string) {
	m.t.Helper()
	owned, err := Inventory{m.cloud}.FindOwned(m.t.Context(), stack)
	if err != nil {
		m.t.Fatal(err)
	}
	got := map[string]string{}
	for _, o := range owned {
		got[o.Type+" "+o.ID] = "owned as " + o.Name
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] == "" {
			m.t.Errorf("%s: not found: %s, %s", stack, key, want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if want[key] == "" {
			m.t.Errorf("%s: not its own: %s, %s", stack, key, got[key])
		}
	}
}

// newMonitor returns a monitor with an emulated cloud that has room for two regions, and a security policy that neither owns.
func newMonitor(t *testing.T) *monitor {
	t.Helper()
	var quotas []emulator.Fault
	for _, code := range []string{"L-0263D0A3", "L-F678F1CE", "L-A4707A72", "L-FE5A380F"} {
		fault, err := emulator.ParseFault("quota=" + code + ":50")
		if err != nil {
			t.Fatal(err)
		}
		quotas = append(quotas, fault)
	}
	cloud, err := emulator.Open(emulator.Options{Dir: t.TempDir(), Faults: quotas})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	m := &monitor{t: t, cloud: cloud}
	m.connectProviders()
	if _, _, err := m.NewResource(pulumi.MockResourceArgs{TypeToken: "pulumi:providers:gcp", Inputs: resource.PropertyMap{
		"project": resource.NewProperty("acme-backend"),
	}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.NewResource(pulumi.MockResourceArgs{
		TypeToken: "gcp:compute/securityPolicy:SecurityPolicy", Name: "edge", Custom: true,
		Inputs: resource.PropertyMap{"name": resource.NewProperty("edge")},
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// There are two whole regions in one cloud, and one's name is the beginning of the other's. The inventory of each has everything of its own
// and nothing else. The cloud also holds resources of neither: machines and their disks, and a security policy.
func TestInventoryFindsAllOfAStackAndNothingElse(t *testing.T) {
	m := newMonitor(t)
	small, large := m.createRegion("us", 100), m.createRegion("us-west-1", 200)
	types := map[string]bool{}
	for key := range small {
		types[strings.Fields(key)[0]] = true
	}
	if len(types) < 50 {
		t.Errorf("a region of %d types, too few to be whole: %v", len(types), slices.Sorted(maps.Keys(types)))
	}
	m.requireOwned("us", small)
	m.requireOwned("us-west-1", large)
	m.requireOwned("us-west", nil)
	m.requireOwned("west-1", nil)
}

func TestSelectOwned(t *testing.T) {
	topic := emulator.Resource{
		Type: "aws:sns/topic:Topic", ID: "one", Managed: true, Tags: map[string]string{plan.StackTag: "us"},
		Outputs: map[string]any{"arn": "arn:one"},
	}
	type object = map[string]any
	cases := []struct {
		name string
		edit func(*emulator.Resource)
		want bool
	}{
		{"names nothing", func(*emulator.Resource) {}, false},
		{"names its id", func(r *emulator.Resource) { r.Inputs = object{"topic": "one"} }, true},
		{"names its ARN in a list of objects", func(r *emulator.Resource) { r.Inputs = object{"a": []any{1.0, object{"b": "arn:one"}}} }, true},
		{"names it within a text", func(r *emulator.Resource) { r.Inputs = object{"policy": "on arn:one only"} }, false},
		{"names it and has other tags", func(r *emulator.Resource) {
			r.Inputs, r.Tags = object{"topic": "one"}, map[string]string{plan.StackTag: "us-west-1"}
		}, false},
		{"has the tag", func(r *emulator.Resource) { r.Tags = map[string]string{plan.StackTag: "us"} }, true},
		{"has the tag and was not made by a program", func(r *emulator.Resource) {
			r.Tags, r.Managed = map[string]string{plan.StackTag: "us"}, false
		}, false},
		{"is another owner's peer at a router of GCP", func(r *emulator.Resource) {
			r.Type, r.Name, r.Inputs = "gcp:compute/routerPeer:RouterPeer", "other", object{"router": "one"}
		}, false},
		{"has a name of GCP", func(r *emulator.Resource) {
			r.Type, r.Name = "gcp:compute/routerPeer:RouterPeer", "beachhead-us-peer-0"
		}, true},
		{"has another stack's name of GCP", func(r *emulator.Resource) {
			r.Type, r.Name = "gcp:compute/routerPeer:RouterPeer", "beachhead-us-west-1-peer-0"
		}, false},
		{"has another type's name of GCP", func(r *emulator.Resource) {
			r.Type, r.Name = "gcp:compute/router:Router", "beachhead-us-peer-0"
		}, false},
	}
	for _, c := range cases {
		other := emulator.Resource{Type: "aws:sns/topicSubscription:TopicSubscription", ID: "two", Managed: true}
		c.edit(&other)
		if got := len(selectOwned([]emulator.Resource{other, topic}, "us")) == 2; got != c.want {
			t.Errorf("a resource that %s: owned %t, want %t", c.name, got, c.want)
		}
	}
}
