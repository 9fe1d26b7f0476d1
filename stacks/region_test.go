package stacks_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/stacks"
	"github.com/beachhead-build/beachhead/tests/golden"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

// shipped plans every region file that the project ships, as tests edit them.
func shipped(t *testing.T, edits ...func(*regionfile.Config)) []*plan.Plan {
	t.Helper()
	files, err := filepath.Glob("../regions/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	configs, err := regionfile.LoadAll(files)
	if err != nil {
		t.Fatal(err)
	}
	var plans []*plan.Plan
	for _, c := range configs {
		for _, edit := range edits {
			edit(c)
		}
		p, err := plan.Build(c, configs...)
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, p)
	}
	if len(plans) < 2 {
		t.Fatalf("%d region files, want the two that the project ships", len(plans))
	}
	return plans
}

// bin is a folder with a build of the node agent for each architecture.
func bin(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"beachhead-node-linux-amd64", "beachhead-node-linux-arm64"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// planted is the registration token of every fleet, and plantedKey begins every tunnel's key.
const (
	planted    = "planted-token-4711"
	plantedKey = "planted.key."
)

// cloud answers with outputs of clouds: addresses and keys of the link, and copied snapshots.
func cloud(token, name string) resource.PropertyMap {
	switch token {
	case "gcp:compute/haVpnGateway:HaVpnGateway":
		return resource.NewPropertyMapFromMap(map[string]any{"vpnInterfaces": []any{
			map[string]any{"id": 0, "ipAddress": "35.0.0.1"}, map[string]any{"id": 1, "ipAddress": "35.0.0.2"},
		}})
	case "aws:ec2/vpnConnection:VpnConnection":
		side := name[len(name)-1:]
		return resource.NewPropertyMapFromMap(map[string]any{
			"tunnel1Address": "52.0." + side + ".1", "tunnel1PresharedKey": plantedKey + side + "1",
			"tunnel2Address": "52.0." + side + ".2", "tunnel2PresharedKey": plantedKey + side + "2",
		})
	case "aws:ebs/getSnapshotIds:getSnapshotIds":
		return resource.NewPropertyMapFromMap(map[string]any{"ids": []any{"snap-newest", "snap-older"}})
	}
	return nil
}

// record records a plan's program with all of its secrets.
func record(t *testing.T, p *plan.Plan) recorder.Recording {
	t.Helper()
	secrets := map[string]string{}
	for _, name := range p.SecretNames() {
		secrets[name] = planted
	}
	return recorder.RecordWith(t, secrets, stacks.Region(p, bin(t)), cloud)
}

func TestGoldenPlans(t *testing.T) {
	for _, p := range shipped(t) {
		text, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, p.Name+"/plan.json", string(text)+"\n")
	}
}

func TestGoldenRegistrations(t *testing.T) {
	for _, p := range shipped(t) {
		golden.Compare(t, p.Name+"/registrations.txt", record(t, p).String())
	}
}

// Every resource has an explicit provider; a default provider would use the region of the environment.
func TestEveryResourceHasAnExplicitProvider(t *testing.T) {
	for _, r := range record(t, shipped(t)[0]) {
		cloud, _, _ := strings.Cut(r.Type, ":")
		if want := fmt.Sprintf("pulumi:providers:%[1]s::%[1]s::", cloud); r.Custom && cloud != "pulumi" && !strings.Contains(r.Provider, want) {
			t.Errorf("%s %s has the provider %q", r.Type, r.Name, r.Provider)
		}
	}
}

func TestProviderRefusesOtherAccountsAndTags(t *testing.T) {
	p := shipped(t)[0]
	provider := record(t, p).Named(t, "pulumi:providers:aws", "aws")
	if got := fmt.Sprint(provider.Inputs["allowedAccountIds"]); !strings.Contains(got, p.Account) {
		t.Errorf("allowed accounts %s, want %s", got, p.Account)
	}
	if got := fmt.Sprint(provider.Inputs["defaultTags"]); !strings.Contains(got, plan.StackTag) {
		t.Errorf("default tags %s lack the stack's", got)
	}
}

// A region without machines and without GCP needs no agent and no credentials of GCP.
func TestPartsCanBeAbsent(t *testing.T) {
	p := shipped(t, func(c *regionfile.Config) { c.Runners, c.Cache, c.GCP = nil, nil, nil })[0]
	recorded := recorder.Record(t, stacks.Region(p, ""))
	for _, r := range recorded {
		if strings.Contains(r.Type, "gcp") || strings.HasPrefix(r.Type, "aws:s3") {
			t.Errorf("there is a %s %s", r.Type, r.Name)
		}
	}
	recorded.Named(t, "aws:ec2/vpc:Vpc", "net-vpc")
}

func TestMissingSecretsAreReportedBeforeAnyRegistration(t *testing.T) {
	p := shipped(t)[0]
	made := 0
	err := pulumi.RunErr(stacks.Region(p, bin(t)), pulumi.WithMocks("beachhead", "test", counter{&made}))
	if err == nil || made > 0 {
		t.Fatalf("%v after %d resources; want an error before the first", err, made)
	}
	for _, name := range p.SecretNames() {
		if !strings.Contains(err.Error(), "pulumi config set --secret "+name) {
			t.Errorf("%v does not say how to set %s", err, name)
		}
	}
}

// counter counts registrations.
type counter struct{ made *int }

func (c counter) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if args.TypeToken != string(resource.RootStackType) {
		*c.made++
	}
	return args.Name, args.Inputs, nil
}

func (counter) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return nil, errors.New("nothing to look up")
}

// A new volume starts from the newest snapshot, or blank if there is none.
func TestSeed(t *testing.T) {
	for _, p := range shipped(t) {
		if p.Cache == nil || p.Cache.Seed == "" {
			continue
		}
		volume := record(t, p).Named(t, "aws:ebs/volume:Volume", "cache-shard-00").Inputs
		if got := volume["snapshotId"]; !got.IsString() || got.StringValue() != "snap-newest" {
			t.Errorf("%s starts from %v, want the newest snapshot", p.Name, got)
		}
		none := func(token, name string) resource.PropertyMap {
			if token == "aws:ebs/getSnapshotIds:getSnapshotIds" {
				return resource.NewPropertyMapFromMap(map[string]any{"ids": []any{}})
			}
			return cloud(token, name)
		}
		blank := recorder.RecordWith(t, map[string]string{"ci-worker-token": planted}, stacks.Region(p, bin(t)), none)
		if got := blank.Named(t, "aws:ebs/volume:Volume", "cache-shard-00").Inputs; got.HasValue("snapshotId") {
			t.Errorf("%s starts from %v, want a blank volume", p.Name, got["snapshotId"])
		}
		return
	}
	t.Error("no shipped region is seeded")
}

// Outputs of another version are refused.
func TestParseOutputs(t *testing.T) {
	plain := map[string]any{"version": stacks.OutputsVersion, "region": "us-west-1", "fleets": map[string]any{"a": "b"},
		"cache": map[string]any{"volumeIds": map[string]any{"00": "vol-1"}}}
	o, err := stacks.ParseOutputs(plain)
	if err != nil || o.Fleets["a"] != "b" || o.Cache == nil || o.Cache.VolumeIDs["00"] != "vol-1" || o.Link != nil {
		t.Errorf("%+v, %v", o, err)
	}
	plain["version"] = 1
	if _, err := stacks.ParseOutputs(plain); err == nil || !strings.Contains(err.Error(), "version 1") {
		t.Errorf("an older version: %v", err)
	}
}

func TestMachinesNeedTheirAgent(t *testing.T) {
	err := pulumi.RunErr(stacks.Region(shipped(t)[0], t.TempDir()), pulumi.WithMocks("beachhead", "test", counter{new(int)}),
		func(info *pulumi.RunInfo) { info.Config = map[string]string{"beachhead:ci-worker-token": planted} })
	if !errors.Is(err, stacks.ErrNoAgent) && (err == nil || !strings.Contains(err.Error(), "make agent")) {
		t.Errorf("%v; want one that says how to build the agent", err)
	}
}

// Only its own parts and its alarms wait for the link; and the alarms wait for its connections, not for its BGP sessions, which
// are minutes later and the last of all.
func TestNoResourceWaitsForTheLink(t *testing.T) {
	waiting := 0
	for _, r := range record(t, shipped(t)[0]) {
		for _, need := range r.Dependencies {
			on := resource.URN(need)
			if !strings.HasPrefix(on.Name(), "link-") || strings.HasPrefix(r.Name, "link-") {
				continue
			}
			waiting++
			if on.Type() != "aws:ec2/vpnConnection:VpnConnection" || r.Name != "watch" && !strings.HasPrefix(r.Name, "watch-") {
				t.Errorf("%s (%s) waits for %s", r.Name, r.Type, on.Name())
			}
		}
	}
	if waiting == 0 {
		t.Error("not even alarms wait for the link: the search itself must work")
	}
}

// The engine writes each resource's stack trace into the state. Only the program's own frames are useful.
func TestStackTracesEndInTheProgram(t *testing.T) {
	frames := &traces{}
	if err := pulumi.RunErr(stacks.Region(shipped(t, func(c *regionfile.Config) { c.Runners, c.Cache, c.GCP = nil, nil, nil })[0], ""),
		pulumi.WithMocks("beachhead", "test", frames)); err != nil {
		t.Fatal(err)
	}
	if len(frames.files) == 0 {
		t.Fatal("no frames")
	}
	for file := range frames.files {
		if strings.Contains(file, "pulumi/run.go") || strings.Contains(file, "testing/testing.go") {
			t.Errorf("%s is on the stacks of resources", file)
		}
	}
}

// traces collects the files of all stack traces.
type traces struct {
	mu    sync.Mutex
	files map[string]bool
}

func (s *traces) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string]bool{}
	}
	for _, frame := range args.RegisterRPC.GetStackTrace().GetFrames() {
		s.files[frame.GetPc().GetUri()] = true
	}
	out := args.Inputs.Copy()
	out["arn"], out["name"] = resource.NewStringProperty("arn"), resource.NewStringProperty(args.Name)
	return args.Name, out, nil
}

func (*traces) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// The GCP provider has the link's project and region. With the admission rule alone it has a project and no region, since the rule is
// global; without either there is no such provider.
func TestGCPProviderHasProjectAndRegion(t *testing.T) {
	p := shipped(t)[0]
	link := record(t, p).Named(t, "pulumi:providers:gcp", "gcp").Inputs
	if link["project"].StringValue() != p.Link.Project || !link["region"].IsString() || link["region"].StringValue() != p.Link.Region {
		t.Errorf("project %v and region %v, want %s and %s", link["project"], link["region"], p.Link.Project, p.Link.Region)
	}
	if aws := record(t, p).Named(t, "pulumi:providers:aws", "aws").Inputs["region"]; aws.StringValue() != p.Region {
		t.Errorf("the AWS provider has region %v, want %s", aws, p.Region)
	}
	p.Link = nil
	p.Admission = &plan.Admission{Project: "acme-edge", Policy: "edge", Priority: 1000}
	rule := record(t, p).Named(t, "pulumi:providers:gcp", "gcp").Inputs
	if rule["project"].StringValue() != "acme-edge" || rule.HasValue("region") {
		t.Errorf("project %v and region %v, want acme-edge and none", rule["project"], rule["region"])
	}
	p.Admission = nil
	if all := record(t, p).OfType("pulumi:providers:gcp"); len(all) > 0 {
		t.Errorf("a region without resources in GCP has a provider for it: %s", all)
	}
}

// Every missing secret has an error of its own, before the program registers a resource.
func TestEveryMissingSecretHasAnError(t *testing.T) {
	p := shipped(t)[0]
	p.Fleets[0].Agent.Secret, p.Fleets[1].Agent.Secret = "first-token", "second-token"
	made := 0
	err := pulumi.RunErr(stacks.Region(p, bin(t)), pulumi.WithMocks("beachhead", "test", counter{&made}))
	for _, name := range p.SecretNames() {
		want := fmt.Sprintf("the stack has no secret %s; set it with `pulumi config set --secret %[1]s --stack test`", name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	if len(p.SecretNames()) < 2 || made > 0 {
		t.Errorf("%d secrets, and %d resources before the error", len(p.SecretNames()), made)
	}
}

// A refused provider, and one refused component of each kind, end the program with an error.
func TestEveryRefusalReachesTheCaller(t *testing.T) {
	p := shipped(t)[0]
	secrets := map[string]string{}
	for _, name := range p.SecretNames() {
		secrets[name] = planted
	}
	program := stacks.Region(p, bin(t))
	for _, r := range recorder.RecordWith(t, secrets, program, cloud) {
		if strings.HasPrefix(r.Type, "pulumi:providers:") || strings.HasPrefix(r.Type, "beachhead:") {
			recorder.FailOne(t, secrets, program, r, cloud)
		}
	}
}

// User data that is too long ends the program with an error that names the machine.
func TestUserDataErrorsReachTheCaller(t *testing.T) {
	long := strings.Repeat("x", 20000)
	for want, edit := range map[string]func(p *plan.Plan){
		"user data of " + long: func(p *plan.Plan) { p.Network.Zones[0].NATInstance.Name = long },
		"user data of fleet ":  func(p *plan.Plan) { p.Fleets[0].Agent.URL = long },
		"user data of x":       func(p *plan.Plan) { p.Cache.Shards[0].Name = "x" + long },
	} {
		p := shipped(t, func(c *regionfile.Config) { c.Network.Egress = regionfile.NATInstance })[0]
		secrets := map[string]string{}
		for _, name := range p.SecretNames() {
			secrets["beachhead:"+name] = planted
		}
		p.Link = nil // its outputs are not what this test is about
		edit(p)
		err := pulumi.RunErr(stacks.Region(p, bin(t)), pulumi.WithMocks("beachhead", "test", &traces{}),
			func(info *pulumi.RunInfo) { info.Config = secrets })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200v; want %.40q", err, want)
		}
	}
}

// Fleets are in the subnets of their tier: public subnets under public egress, and private ones otherwise.
func TestFleetsAreInTheSubnetsOfTheirTier(t *testing.T) {
	for egress, tier := range map[regionfile.Egress]string{regionfile.Public: "public", regionfile.NATGatewayPerZone: "private"} {
		p := shipped(t, func(c *regionfile.Config) { c.Network.Egress = egress })[0]
		recorded := record(t, p)
		for _, f := range p.Fleets {
			var want []any
			for _, z := range p.Network.Zones {
				want = append(want, "net-"+tier+"-"+z.Name+"-id")
			}
			group := recorded.Named(t, "aws:autoscaling/group:Group", "fleet-"+f.Name)
			if got := recorder.Plain(group.Inputs["vpcZoneIdentifiers"]); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s under %s is in %v, want %v", f.Name, egress, got, want)
			}
		}
	}
}

// Snapshots are copied to each AWS region once, and not to the region's own.
func TestSnapshotsAreCopiedToEachRegionOnce(t *testing.T) {
	p := shipped(t)[0]
	p.Cache.CopyTo = []plan.CopyTarget{{Name: "a", Region: "eu-west-1"}, {Name: "b", Region: p.Region}, {Name: "c", Region: "eu-west-1"},
		{Name: "d", Region: "eu-west-2"}}
	details := record(t, p).Named(t, "aws:dlm/lifecyclePolicy:LifecyclePolicy", "cache-snapshots").Inputs["policyDetails"].ObjectValue()
	var targets []string
	for _, rule := range details["schedules"].ArrayValue()[0].ObjectValue()["crossRegionCopyRules"].ArrayValue() {
		targets = append(targets, rule.ObjectValue()["target"].StringValue())
	}
	if fmt.Sprint(targets) != "[eu-west-1 eu-west-2]" {
		t.Errorf("copied to %v, want eu-west-1 and eu-west-2", targets)
	}
}
