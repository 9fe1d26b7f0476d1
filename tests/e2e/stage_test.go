package e2e

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/network"
	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
)

// stage runs any program on an emulated cloud of its own, for what no region file declares.
type stage struct {
	t     *testing.T
	w     *world
	cloud *emulator.Cloud
	env   map[string]string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	w := newWorld(t, file{zones: 1, egress: "public"})
	cloud, err := emulator.Open(emulator.Options{Dir: filepath.Join(w.dir, "cloud")})
	if err != nil {
		t.Fatal(err)
	}
	server, err := emulator.Serve(cloud)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), cloud.Close()); err != nil {
			t.Error(err)
		}
	})
	backend, err := engine.LocalBackend(filepath.Join(w.dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	env := server.Env()
	env["PULUMI_BACKEND_URL"], env["PULUMI_CONFIG_PASSPHRASE"] = backend, "test"
	env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
	return &stage{t: t, w: w, cloud: cloud, env: env}
}

func (s *stage) open(program pulumi.RunFunc) *engine.Stack {
	s.t.Helper()
	stack, err := engine.Open(s.t.Context(), engine.Options{
		Name: "stage", Program: program, Root: s.w.dir, WorkDir: filepath.Join(s.w.dir, "work"), Home: filepath.Join(s.w.dir, "home"), Env: s.env,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return stack
}

// up must succeed.
func (s *stage) up(program pulumi.RunFunc) *engine.Changes {
	s.t.Helper()
	c, err := s.open(program).Up(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// refresh takes up into the state what the cloud has become, with a plain `pulumi refresh`.
func (s *stage) refresh() {
	s.t.Helper()
	command := exec.Command(pulumiCommand(s.w), "refresh", "--yes", "--skip-preview", "--stack", "stage", "--non-interactive")
	command.Dir, command.Env = filepath.Join(s.w.dir, "work"), append(os.Environ(), "PULUMI_HOME="+filepath.Join(s.w.dir, "home"))
	for name, value := range s.env {
		command.Env = append(command.Env, name+"="+value)
	}
	if out, err := command.CombinedOutput(); err != nil {
		s.t.Fatalf("refresh: %v\n%s", err, out)
	}
}

// unreplaced fails the test when a change makes, replaces or deletes anything.
func (s *stage) unreplaced(what string, c *engine.Changes) {
	s.t.Helper()
	for _, step := range c.Steps {
		if step.Op != "update" {
			s.t.Errorf("%s: %s of %s %s because of %v", what, step.Op, step.Type, step.Name, step.Diffs)
		}
	}
}

func (s *stage) operations() []emulator.Operation {
	s.t.Helper()
	all, err := s.cloud.Operations()
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// down takes everything away and fails the test when something is left.
func (s *stage) down(program pulumi.RunFunc) {
	s.t.Helper()
	if _, err := s.open(program).Down(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	left, err := s.cloud.Resources()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range left {
		s.t.Errorf("left in the cloud: %s %s %s", r.Type, r.ID, r.Name)
	}
}

// stageZones are the zones of the stage's network.
var stageZones = []string{"us-west-2a", "us-west-2b"}

// stageCIDR is a block of the stage's network.
func stageCIDR(third, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 42, byte(third), 0}), bits)
}

// stageNetwork declares the AWS provider and a network of two zones with public egress.
func stageNetwork(ctx *pulumi.Context) (*aws.Provider, *network.Network, error) {
	provider, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{
		Region: pulumi.String("us-west-2"), AllowedAccountIds: pulumi.ToStringArray([]string{"210987654321"}),
	})
	if err != nil {
		return nil, nil, err
	}
	args := &network.Args{
		CIDR: stageCIDR(0, 16), Region: "us-west-2", Internet: true, FlowLogGroup: "/beachhead/stage/flow-logs", FlowLogDays: 1,
	}
	for i, name := range stageZones {
		args.Zones = append(args.Zones, network.Zone{
			Name: name, Private: stageCIDR(16*i, 20), Public: stageCIDR(128+16*i, 20), Cache: stageCIDR(224+2*i, 23), Link: stageCIDR(240+i, 24),
			RunnerRoute: network.Route{Kind: network.NoRoute}, CacheRoute: network.Route{Kind: network.ViaInternet},
		})
	}
	net, err := network.New(ctx, "net", args, pulumi.Providers(provider))
	return provider, net, err
}
