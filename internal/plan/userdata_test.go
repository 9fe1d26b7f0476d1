package plan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"go.yaml.in/yaml/v3"

	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/spec"
)

// agentBuild is the object in the fake bucket. Its content does not matter, because no test runs it.
const agentBuild = "the agent's binary"

func digestOf(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

var agentSums = AgentDigests{regionfile.ARM64: digestOf(agentBuild), regionfile.AMD64: digestOf("another one")}

// awkward commands contain every character that could confuse a shell, a template or a here-document.
var awkward = &regionfile.Commands{
	Install:  "curl 'https://x' | tar -xz && echo \"$HOME\" `id` \\\n",
	Register: "\nEND_OF_DESCRIPTION\nrm -rf /\n", Drain: "{{.Sum}} <&> %s", Unregister: "é\t'\u0085\u007f \n",
}

func fleetUserData(t *testing.T, edit func(*regionfile.Config)) (string, *Plan) {
	t.Helper()
	f, p := buildFleetOf(t, func(r *regionfile.Runner) {
		r.Agent = regionfile.Agent{Kind: regionfile.Command, Commands: awkward, Tags: []string{"a&b"}}
	}, edit)
	text, err := p.FleetUserData(f, agentSums)
	if err != nil {
		t.Fatal(err)
	}
	return text, p
}

// fakeCloud is a metadata service and a bucket. Each fails its first N requests.
type fakeCloud struct {
	t                  *testing.T
	metadata, bucket   *httptest.Server
	metadataIn, failIn int
	object             string
	fetched            int
}

var role = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
	SessionToken: "session/token+=="}

func newCloud(t *testing.T) *fakeCloud {
	t.Helper()
	c := &fakeCloud{t: t, object: agentBuild}
	c.metadata, c.bucket = httptest.NewServer(http.HandlerFunc(c.serveMetadata)), httptest.NewServer(http.HandlerFunc(c.serveBucket))
	t.Cleanup(c.metadata.Close)
	t.Cleanup(c.bucket.Close)
	return c
}

// serveMetadata behaves like version 2 of the metadata service: it refuses requests without a token.
func (c *fakeCloud) serveMetadata(w http.ResponseWriter, r *http.Request) {
	const roles = "/latest/meta-data/iam/security-credentials/"
	switch {
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "":
		fmt.Fprint(w, "a token")
	case r.Header.Get("X-aws-ec2-metadata-token") != "a token":
		w.WriteHeader(http.StatusUnauthorized)
	case c.metadataIn > 0:
		c.metadataIn--
		w.WriteHeader(http.StatusNotFound) // the instance profile is not there yet
	case r.URL.Path == roles:
		fmt.Fprint(w, "beachhead-role")
	case r.URL.Path == roles+"beachhead-role":
		fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q}`, role.AccessKeyID, role.SecretAccessKey,
			role.SessionToken)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *fakeCloud) serveBucket(w http.ResponseWriter, r *http.Request) {
	if c.failIn > 0 {
		c.failIn--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if want := "/agent/" + digestOf(agentBuild) + "/beachhead-node-linux-arm64"; r.URL.Path != want {
		c.t.Errorf("asked for %s, want %s", r.URL.Path, want)
	}
	if err := signatureFault(r); err != nil {
		c.t.Error(err)
		w.WriteHeader(http.StatusForbidden)
		return
	}
	c.fetched++
	fmt.Fprint(w, c.object)
}

// signatureFault signs the request again with Amazon's own signer and compares.
func signatureFault(r *http.Request) error {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > time.Minute {
		return fmt.Errorf("dated %q: %w", r.Header.Get("X-Amz-Date"), err)
	}
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.Path, nil)
	if err != nil {
		return err
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	again.Header.Set("X-Amz-Content-Sha256", empty)
	if err := v4.NewSigner().SignHTTP(context.Background(), role, again, empty, "s3", "us-west-2", at); err != nil {
		return err
	}
	for _, name := range []string{"Authorization", "X-Amz-Content-Sha256", "X-Amz-Security-Token"} {
		if got, want := r.Header.Get(name), again.Header.Get(name); got != want {
			return fmt.Errorf("%s is\n%s, and Amazon's signer says\n%s", name, got, want)
		}
	}
	return nil
}

// systemctl stands in for systemd. A start calls the unit's ExecStartPre until it succeeds, at most BEACHHEAD_STARTS times.
// As with --no-block, it does not report the result.
const systemctl = `#!/bin/sh
echo "$*" >>"$BEACHHEAD_ROOT/calls"
[ "$1" = restart ] || exit 0
pre=$(sed -n 's/^ExecStartPre=//p' "$BEACHHEAD_ROOT/etc/systemd/system/beachhead-node.service")
while [ "$BEACHHEAD_STARTS" -gt 0 ]; do
	BEACHHEAD_STARTS=$((BEACHHEAD_STARTS - 1))
	python3 "$BEACHHEAD_ROOT$pre" && exit 0
done
exit 0
`

// boot runs user data for real, under a root directory of its own, and returns its output. It starts the unit at most starts
// times.
func (c *fakeCloud) boot(root, text string, starts int) string {
	c.t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		c.t.Skip("no python3 here, which every image with cloud-init has: user data was not run")
	}
	bin := c.t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(systemctl), 0o755); err != nil {
		c.t.Fatal(err)
	}
	run := parseCommands(c.t, text)
	command := exec.Command(run[0], run[1:]...)
	command.Env = []string{
		"PATH=" + bin + ":/usr/bin:/bin:" + os.Getenv("PATH"), "HOME=" + root, "BEACHHEAD_ROOT=" + root, fmt.Sprint("BEACHHEAD_STARTS=", starts),
		"BEACHHEAD_METADATA=" + c.metadata.URL, "BEACHHEAD_BUCKET=" + c.bucket.URL,
	}
	out, err := command.CombinedOutput()
	if err != nil {
		c.t.Fatalf("user data: %v\n%s", err, out)
	}
	return string(out)
}

// parseCommands returns the only command of a cloud-config.
func parseCommands(t *testing.T, text string) []string {
	t.Helper()
	var config struct {
		Run [][]string `yaml:"runcmd"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil || !strings.HasPrefix(text, "#cloud-config\n") || len(config.Run) != 1 {
		t.Fatalf("no cloud-config: %v\n%.200s", err, text)
	}
	return config.Run[0]
}

const target = "/usr/local/bin/beachhead-node"

func checkInstalled(t *testing.T, root string) {
	t.Helper()
	got, err := os.ReadFile(root + target)
	if err != nil || string(got) != agentBuild {
		t.Fatalf("installed %q, %v", got, err)
	}
	if info, err := os.Stat(root + target); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("installed as %v, %v", info.Mode(), err)
	}
}

func TestFirstBoot(t *testing.T) {
	text, _ := fleetUserData(t, nil)
	c, root := newCloud(t), t.TempDir()
	if out := c.boot(root, text, 1); out != "" {
		t.Errorf("it said %q", out)
	}
	checkInstalled(t, root)
	written, err := os.ReadFile(root + "/etc/beachhead/node.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := spec.Parse(written)
	if err != nil {
		t.Fatal(err)
	}
	want := spec.Description{
		Version: 1, Role: spec.RunnerRole, Stack: "us-west-2", Region: "us-west-2",
		Metrics: spec.Metrics{Namespace: "Beachhead", Dimensions: map[string]string{"Fleet": "/beachhead/us-west-2/fleets/containers"}},
		Hooks:   spec.Hooks{Ready: "ready", Drain: "drain"},
		Runner: &spec.Runner{Fleet: "containers", Path: "/beachhead/us-west-2/fleets/containers", Agent: spec.Agent{
			Kind: "command", Tags: []string{"a&b"}, Concurrency: 1, Commands: (*spec.Commands)(awkward),
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the machine has the description\n%s\nwant\n%+v", written, want)
	}
	calls, _ := os.ReadFile(root + "/calls")
	if want := "daemon-reload\nenable beachhead-node.service\nrestart --no-block beachhead-node.service\n"; string(calls) != want {
		t.Errorf("systemctl was called with\n%s, want\n%s", calls, want)
	}
	for file, mode := range map[string]os.FileMode{"/etc/beachhead/node.json": 0o644, "/etc/systemd/system/beachhead-node.service": 0o644,
		"/usr/local/lib/beachhead/fetch": 0o755} {
		if info, err := os.Stat(root + file); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
}

// The role, the bucket or the route may become ready later than the machine.
func TestBootBeforeTheCloudIsReady(t *testing.T) {
	text, _ := fleetUserData(t, nil)
	c, root := newCloud(t), t.TempDir()
	c.metadataIn, c.failIn = 1, 2
	out := c.boot(root, text, 4)
	checkInstalled(t, root)
	if strings.Count(out, "cannot fetch the agent yet: HTTP Error") != 3 || strings.Contains(out, "Traceback") {
		t.Errorf("three failures were reported as\n%s", out)
	}
}

func TestWrongAgentIsRefused(t *testing.T) {
	text, _ := fleetUserData(t, nil)
	for name, object := range map[string]string{"another one": "#!/bin/sh\necho gotcha\n", "half of it": agentBuild[:9], "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			c, root := newCloud(t), t.TempDir()
			c.object = object
			out := c.boot(root, text, 2)
			if c.fetched != 2 || strings.Count(out, "refused agent/") != 2 {
				t.Errorf("fetched %d times:\n%s", c.fetched, out)
			}
			if left, _ := filepath.Glob(root + target + "*"); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// A second run and a reboot fetch nothing. They replace the remains of an interrupted boot: a truncated file, or a file
// without its final name.
func TestRepeatedBootsConverge(t *testing.T) {
	text, _ := fleetUserData(t, nil)
	c, root := newCloud(t), t.TempDir()
	for range 2 {
		c.boot(root, text, 1)
		checkInstalled(t, root)
	}
	if c.fetched != 1 {
		t.Errorf("fetched %d times, want once", c.fetched)
	}
	for _, left := range []string{target, target + ".new"} {
		if err := os.WriteFile(root+left, []byte(agentBuild[:5]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.boot(root, text, 1)
	checkInstalled(t, root)
	if left, _ := filepath.Glob(root + target + "*"); c.fetched != 2 || len(left) != 1 {
		t.Errorf("fetched %d times, left %v", c.fetched, left)
	}
}

// parseDescription returns the description in user data.
func parseDescription(t *testing.T, text string) (spec.Description, string) {
	t.Helper()
	_, rest, _ := strings.Cut(parseCommands(t, text)[2], "<<'END_OF_DESCRIPTION'\n")
	written, _, _ := strings.Cut(rest, "\nEND_OF_DESCRIPTION\n")
	d, err := spec.Parse([]byte(written))
	if err != nil {
		t.Fatal(err)
	}
	return d, written
}

func TestNATUserData(t *testing.T) {
	p := mustBuild(t, func(c *regionfile.Config) {
		c.Network.Egress, c.Network.Keep = regionfile.Public, []regionfile.Egress{regionfile.NATInstance}
	})
	text, err := p.NATUserData("us-west-2b", agentSums)
	if err != nil {
		t.Fatal(err)
	}
	got, written := parseDescription(t, text)
	want := &spec.NAT{Name: "net-nat-instance-us-west-2b", Sources: []netip.Prefix{p.Network.CIDR}}
	if got.Role != spec.NATRole || got.Metrics.Dimensions["NATInstance"] != want.Name || !reflect.DeepEqual(got.NAT, want) {
		t.Errorf("the machine has the description %s", written)
	}
	if !strings.Contains(text, AgentKey(regionfile.ARM64, digestOf(agentBuild))) {
		t.Error("it fetches another architecture's agent")
	}
	if !p.HasMachines() {
		t.Error("a region with NAT instances has no machines, and so no agent for them")
	}
	for want, try := range map[string]func() (string, error){
		"us-west-2z has none": func() (string, error) { return p.NATUserData("us-west-2z", agentSums) },
		"us-west-2a has none": func() (string, error) { return mustBuild(t, nil).NATUserData("us-west-2a", agentSums) },
		"not the digest of an agent for arm64": func() (string, error) {
			return p.NATUserData("us-west-2a", AgentDigests{regionfile.AMD64: digestOf("x")})
		},
	} {
		if _, err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

// The user data of runners contains the registry mirror and the required services, on both paths. Without them it contains
// neither.
func TestRunnerUserDataListsServices(t *testing.T) {
	services := []regionfile.Service{
		{Name: "registry", Host: "registry.example.com", Address: netip.MustParseAddr("10.128.0.11"), Ports: []int{5000, 443}},
		{Name: "api", Host: "api.example.com", Address: netip.MustParseAddr("10.128.0.10"), Ports: []int{443}},
	}
	want := []spec.Service{
		{Name: "api", Host: "api.example.com", Ports: []int{443}}, {Name: "registry", Host: "registry.example.com", Ports: []int{443, 5000}},
	}
	for _, link := range []regionfile.Link{regionfile.HAVPN, regionfile.NoLink} {
		f, p := buildFleetOf(t, func(r *regionfile.Runner) { r.RegistryMirror = "https://mirror.example.com" }, func(c *regionfile.Config) {
			c.GCP = &regionfile.GCP{Project: "acme-backend", Link: link, ASN: regionfile.ASN{AWS: 64620, GCP: 64520}, Services: services}
		})
		text, err := p.FleetUserData(f, agentSums)
		if err != nil {
			t.Fatal(err)
		}
		got, written := parseDescription(t, text)
		if got.Runner.RegistryMirror != "https://mirror.example.com" || !reflect.DeepEqual(got.Runner.Services, want) {
			t.Errorf("link %s: the runner has the description %s", link, written)
		}
	}
	text, p := fleetUserData(t, nil)
	if got, written := parseDescription(t, text); got.Runner.Services != nil || got.Runner.RegistryMirror != "" || p.Services != nil {
		t.Errorf("without GCP and mirror, the runner has the description %s", written)
	}
}

// The user data of every machine contains the mirror of Debian's archive, if the region has one.
func TestUserDataHasAptMirror(t *testing.T) {
	for _, mirror := range []string{"https://deb.example.com", ""} {
		f, p := buildFleetOf(t, nil, func(c *regionfile.Config) {
			c.Network.Egress, c.Network.AptMirror = regionfile.NATInstance, mirror
			c.Cache = &regionfile.Cache{Shards: 1, InstanceTypes: []string{"m7g.4xlarge"}, Volume: regionfile.Volume{Size: regionfile.TiB}}
		})
		for name, text := range map[string]func() (string, error){
			"runner":       func() (string, error) { return p.FleetUserData(f, agentSums) },
			"server":       func() (string, error) { return p.ShardUserData(p.Cache.Shards[0], agentSums) },
			"NAT instance": func() (string, error) { return p.NATUserData("us-west-2a", agentSums) },
		} {
			all, err := text()
			if err != nil {
				t.Fatal(err)
			}
			if got, written := parseDescription(t, all); got.AptMirror != mirror || strings.Contains(written, "aptMirror") != (mirror != "") {
				t.Errorf("with the mirror %q the %s has the description %s", mirror, name, written)
			}
		}
	}
}

func TestShardUserData(t *testing.T) {
	p := mustBuild(t, func(c *regionfile.Config) {
		c.Cache = &regionfile.Cache{Shards: 3, InstanceTypes: []string{"m7g.4xlarge"}, Volume: regionfile.Volume{Size: regionfile.TiB}}
	})
	text, err := p.ShardUserData(p.Cache.Shards[2], agentSums)
	if err != nil {
		t.Fatal(err)
	}
	got, written := parseDescription(t, text)
	want := &spec.Cache{
		Shard: "cache-shard-02", Number: 2, Volume: "cache-shard-02", Interface: "cache-shard-02", Threads: 64,
		// The servers of the two zones with shards too: growth copies between them.
		Clients:      append(slices.Clone(p.Cache.Clients), p.Network.Zones[0].Subnets[CacheTier], p.Network.Zones[1].Subnets[CacheTier]),
		MapParameter: "/beachhead/us-west-2/cache/map",
	}
	if got.Role != spec.CacheRole || got.Metrics.Dimensions["Shard"] != "cache-shard-02" || !reflect.DeepEqual(got.Cache, want) {
		t.Errorf("the server has the description %s", written)
	}
	for _, part := range []string{`"https://beachhead-us-west-2-210987654321.s3.us-west-2.amazonaws.com"`, `"http://169.254.169.254"`} {
		if !strings.Contains(text, part) {
			t.Errorf("the real address %s is not the default", part)
		}
	}
	if _, err := p.ShardUserData(p.Cache.Shards[0],
		AgentDigests{regionfile.AMD64: digestOf("x")}); err == nil || !strings.Contains(err.Error(), "not the digest of an agent for arm64") {
		t.Errorf("without a build for it: %v", err)
	}
	p.Cache = nil
	if _, err := p.ShardUserData(Shard{Name: "cache-shard-00"}, agentSums); err == nil || !strings.Contains(err.Error(), "has no cache") {
		t.Errorf("without a cache: %v", err)
	}
}

// The user data of runners contains the name of the shard map only if they use the cache.
func TestRunnersThatUseTheCache(t *testing.T) {
	for _, uses := range []bool{true, false} {
		f, p := buildFleetOf(t, func(r *regionfile.Runner) { r.Cache = new(uses) }, func(c *regionfile.Config) {
			c.Cache = &regionfile.Cache{Shards: 1, InstanceTypes: []string{"m7g.4xlarge"}, Volume: regionfile.Volume{Size: regionfile.TiB}}
		})
		text, err := p.FleetUserData(f, agentSums)
		if err != nil || strings.Contains(text, `"mapParameter":"/beachhead/us-west-2/cache/map"`) != uses {
			t.Errorf("cache %t: %v\n%s", uses, err, text)
		}
	}
}

// A change of posture must not change launch templates. Otherwise new machines would differ from running machines.
func TestPostureIsNotInUserData(t *testing.T) {
	active, _ := fleetUserData(t, nil)
	for _, posture := range []regionfile.Posture{regionfile.Standby, regionfile.Draining} {
		if other, _ := fleetUserData(t, func(c *regionfile.Config) { c.Posture = posture }); other != active {
			t.Errorf("%s changes user data", posture)
		}
	}
}

func TestUserDataIsBounded(t *testing.T) {
	long := func(n int) error {
		_, err := Build(newConfig(func(c *regionfile.Config) {
			c.Runners = map[string]regionfile.Runner{"big": {
				Arch: regionfile.ARM64, InstanceTypes: []string{"m7g.large"}, Count: regionfile.Count{Max: 1},
				Agent: regionfile.Agent{Kind: regionfile.Command,
					Commands: &regionfile.Commands{Install: strings.Repeat("x", n), Register: "r", Drain: "d", Unregister: "u"}},
			}}
		}))
		return err
	}
	if err := long(8 << 10); err != nil {
		t.Errorf("8 KiB of commands: %v", err)
	}
	err := long(16 << 10)
	if err == nil || !strings.Contains(err.Error(), "EC2 takes 16384; shorten runners.big.agent by ") {
		t.Errorf("16 KiB of commands: %v", err)
	}
}

// The script itself leaves most of the room for commands.
func TestUserDataIsSmall(t *testing.T) {
	if len(userDataText) > 6<<10 {
		t.Errorf("%d bytes before anything is filled in", len(userDataText))
	}
	f, p := buildFleetOf(t, nil, nil)
	text, err := p.FleetUserData(f, agentSums)
	if err != nil {
		t.Fatal(err)
	}
	// The encoder's smallest indentation: every line of the script pays for it.
	if !strings.Contains(text, "\nruncmd:\n  - - sh\n    - -c\n    - |\n      #!/bin/sh\n") {
		t.Errorf("the script is not indented by six blanks:\n%.200s", text)
	}
}

// Build refuses user data that is too large for any kind of machine.
func TestUserDataOfEveryMachineIsBounded(t *testing.T) {
	for name, enlarge := range map[string]func(p *Plan){
		"fleet": func(p *Plan) { p.Fleets[0].Agent.URL = "https://ci.example.com/" + strings.Repeat("x", UserDataLimit) },
		"shard": func(p *Plan) { p.Cache.Clients = slices.Repeat(p.Cache.Clients, 500) },
		"NAT instance": func(p *Plan) {
			p.Network.Zones[0].NATInstance.Name = "net-nat-instance-" + strings.Repeat("x", UserDataLimit)
		},
	} {
		_, p := buildFleetOf(t, nil, func(c *regionfile.Config) {
			c.Network.Egress, c.Cache = regionfile.NATInstance, configWithCache(1, nil).Cache
		})
		if err := p.checkUserData(); err != nil {
			t.Fatal(err)
		}
		if enlarge(p); p.checkUserData() == nil {
			t.Errorf("%s: user data of more than %d bytes is accepted", name, UserDataLimit)
		}
	}
}
