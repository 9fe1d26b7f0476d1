//go:build conformance

package conformance

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// project is the GCP project of every region file.
const project = "acme-backend"

// version is one state of a region file: its text, or else the shipped file of the scenario's name.
type version struct{ what, text string }

// scenario is a region file that changes.
type scenario struct {
	name     string
	versions []version
	// network and policy are what the region's GCP project has before.
	network, policy string
}

// changed gives versions of a file: the first as it is, and then one for each triple of what changes, old text and new text. Each builds
// on the one before.
func changed(text string, changes ...[3]string) []version {
	all := []version{{"up", text}}
	for _, c := range changes {
		if !strings.Contains(text, c[1]) {
			panic("the region file has no " + c[1])
		}
		text = strings.Replace(text, c[1], c[2], 1)
		all = append(all, version{c[0], text})
	}
	return all
}

// scenarios together use every option of the region file. The largest come first, since they take longest.
func scenarios(t testing.TB) []scenario {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(projectRoot(t), "regions", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no region files: %v", err)
	}
	all := []scenario{ways}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		all = append(all, scenario{name: name, network: "default", versions: []version{{what: "up"}}})
	}
	return append(all, machines, guarded)
}

// place is where the small regions are.
const place = `aws: {account: "210987654321", region: us-west-2, zones: [us-west-2a, us-west-2b]}
`

// ways is a link without machines, which goes through every way out, path and range.
var ways = scenario{name: "ways", network: "backend",
	versions: changed(place+`network: {cidr: 10.42.0.0/16, egress: nat-gateway-per-zone, keep: []}
gcp:
  project: acme-backend
  region: us-west1
  network: backend
  link: ha-vpn
  asn: {aws: 4200000001, gcp: 64520}
  tunnelRange: 169.254.40.0/28
  ranges: [10.128.0.0/16, 10.132.0.0/16]
  path: private
  googleApis: private
  services:
    - {name: api, host: api.example.com, address: 10.128.0.10, ports: [443]}
tags: {cost-center: ci}
`,
		[3]string{"egress nat-gateway", "egress: nat-gateway-per-zone", "egress: nat-gateway"},
		[3]string{"egress nat-instance, nat-gateway kept", "egress: nat-gateway, keep: []", "egress: nat-instance, keep: [nat-gateway]"},
		[3]string{"egress public", "egress: nat-instance, keep: [nat-gateway]", "egress: public, keep: []"},
		[3]string{"path public", "path: private", "path: public"},
		[3]string{"path private", "path: public", "path: private"},
		[3]string{"Google APIs restricted", "googleApis: private", "googleApis: restricted"},
		[3]string{"egress none", "egress: public", "egress: none"},
		[3]string{"egress public again", "egress: none", "egress: public"},
		[3]string{"a service more, a port more", "ports: [443]}",
			"ports: [443, 8443]}\n    - {name: ci, host: ci.example.com, address: 10.132.0.20, ports: [22]}"},
	)}

// own is the fleet that goes again.
const own = `  own:
    arch: arm64
    instanceTypes: [m7g.2xlarge]
    count: {min: 0, max: 2}
    agent: {kind: command, commands: {install: "true", register: "true", drain: "true", unregister: "true"}}
`

// machines is a region without GCP: every kind of CI agent, a cache that grows, every posture.
var machines = scenario{name: "machines", network: "default", versions: changed(place+`posture: active
ready: 20m
network: {cidr: 10.43.0.0/20, egress: public}
runners:
  jobserv-arm:
    arch: arm64
    instanceTypes: [m7g.2xlarge, c7g.2xlarge]
    count: {min: 1, max: 4}
    onDemand: {base: 1, percent: 25}
    disk: 200GiB
    image: debian-12
    agent: {kind: jobserv, url: "https://ci.example.com", tags: [aarch64, armhf], concurrency: 2, token: jobserv-token}
  github:
    arch: x86_64
    instanceTypes: [m7i.2xlarge]
    count: {min: 0, max: 2}
    cache: false
    agent: {kind: github, url: "https://github.com/acme", tags: [amd64], token: github-token}
  gitlab:
    arch: x86_64
    instanceTypes: [m7i.2xlarge]
    count: {min: 0, max: 2}
    agent: {kind: gitlab, url: "https://gitlab.example.com", token: gitlab-token}
  buildkite:
    arch: arm64
    instanceTypes: [m7g.2xlarge]
    count: {min: 0, max: 2}
    agent: {kind: buildkite, url: "https://agent.buildkite.com", token: buildkite-token}
`+own+`cache:
  shards: 1
  instanceTypes: [m7g.4xlarge, m6g.4xlarge]
  volume: {size: 200GiB, iops: 4000, throughput: 250}
  pins: {acme: 0}
alerts: {email: [ci-oncall@example.com], webhooks: ["https://hooks.example.com/ci"]}
tags: {cost-center: ci, team: platform}
`,
	[3]string{"a shard more", "shards: 1", "shards: 2"},
	[3]string{"a volume larger and faster", "{size: 200GiB, iops: 4000, throughput: 250}", "{size: 300GiB, iops: 5000, throughput: 500}"},
	[3]string{"posture draining", "posture: active", "posture: draining"},
	[3]string{"posture standby", "posture: draining", "posture: standby"},
	[3]string{"posture active", "posture: standby", "posture: active"},
	[3]string{"other machines, another tag", "instanceTypes: [m7g.2xlarge, c7g.2xlarge]", "instanceTypes: [c7g.2xlarge, m7g.2xlarge]"},
	[3]string{"a fleet less", own, ""},
)}

// guarded is a region whose addresses are let in by a rule of a policy.
var guarded = scenario{name: "guarded", network: "default", policy: "edge",
	versions: changed(place+`network: {cidr: 10.44.0.0/16, egress: nat-gateway, addresses: 1}
gcp:
  project: acme-backend
  region: us-west1
  link: none
  path: public
  googleApis: public
  securityPolicy: {name: edge, priority: 1000}
  services:
    - {name: api, host: api.example.com, address: 10.128.0.10, ports: [443]}
tags: {cost-center: ci}
`,
		[3]string{"an address more", "addresses: 1", "addresses: 2"},
		[3]string{"another priority", "priority: 1000", "priority: 2000"},
		[3]string{"another tag", "{cost-center: ci}", "{cost-center: builds}"},
	)}

// backend is what the backend's team has in the project before: the recorder is told of it, and in the emulated cloud a stack of its own
// makes it.
func (s scenario) backend(ctx *pulumi.Context) error {
	google, err := gcp.NewProvider(ctx, "gcp", &gcp.ProviderArgs{Project: pulumi.String(project)})
	if err != nil {
		return err
	}
	if s.network != "default" { // which is in every project
		if _, err := compute.NewNetwork(ctx, s.network, &compute.NetworkArgs{Name: pulumi.String(s.network)},
			pulumi.Provider(google)); err != nil {
			return err
		}
	}
	if s.policy != "" {
		_, err = compute.NewSecurityPolicy(ctx, s.policy, &compute.SecurityPolicyArgs{Name: pulumi.String(s.policy)}, pulumi.Provider(google))
	}
	return err
}

// plan gives the plan of one version of a region file.
func (v version) plan(t testing.TB, name string) *plan.Plan {
	t.Helper()
	if v.text == "" {
		return shipped(t, name)
	}
	c, err := regionfile.Parse("regions/"+name+".yaml", []byte(v.text))
	if err != nil {
		t.Fatal(err)
	}
	c.Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shipped gives the plan of a file in regions/, as the command line does.
func shipped(t testing.TB, name string) *plan.Plan {
	t.Helper()
	r, err := regionfile.LoadRegion(filepath.Join(projectRoot(t), "regions", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(r.Config, r.Neighbours...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
