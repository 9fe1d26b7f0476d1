package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

func backendProvider(ctx *pulumi.Context) (*gcp.Provider, error) {
	return gcp.NewProvider(ctx, "gcp", &gcp.ProviderArgs{Project: pulumi.String("acme-backend"), Region: pulumi.String("us-west1")})
}

// edge declares what the backend's team has: a policy with a rule of its own.
func edge(ctx *pulumi.Context) error {
	google, err := backendProvider(ctx)
	if err != nil {
		return err
	}
	policy, err := compute.NewSecurityPolicy(ctx, "edge", &compute.SecurityPolicyArgs{Name: pulumi.String("edge")}, pulumi.Provider(google))
	if err != nil {
		return err
	}
	_, err = compute.NewSecurityPolicyRule(ctx, "office", &compute.SecurityPolicyRuleArgs{
		SecurityPolicy: policy.Name, Priority: pulumi.Int(10), Action: pulumi.String("allow"), Match: compute.SecurityPolicyRuleMatchArgs{
			VersionedExpr: pulumi.String("SRC_IPS_V1"),
			Config:        compute.SecurityPolicyRuleMatchConfigArgs{SrcIpRanges: pulumi.ToStringArray([]string{"198.51.100.0/24"})},
		},
	}, pulumi.Provider(google))
	return err
}

// let declares so many addresses of a region and the rule that lets them in; tests edit the rule.
func let(addresses int, edit func(*gcplink.AdmissionArgs)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		amazon, err := aws.NewProvider(ctx, "aws", &aws.ProviderArgs{Region: pulumi.String("us-west-2")})
		if err != nil {
			return err
		}
		google, err := backendProvider(ctx)
		if err != nil {
			return err
		}
		published := pulumi.StringMap{}
		for i := range addresses {
			name := fmt.Sprintf("nat-%d", i)
			address, err := ec2.NewEip(ctx, name, &ec2.EipArgs{Domain: pulumi.String("vpc")}, pulumi.Provider(amazon))
			if err != nil {
				return err
			}
			published[name] = address.PublicIp
		}
		args := &gcplink.AdmissionArgs{Stack: "stage", Project: "acme-backend", Policy: "edge", Priority: 1000, Addresses: published}
		edit(args)
		_, err = gcplink.NewAdmission(ctx, "admission", args, pulumi.Providers(google))
		return err
	}
}

// admits fails the test unless exactly the region's addresses are let in by our rule, and the office by the one that is not ours.
func admits(t *testing.T, s *stage, what string, priority float64) {
	t.Helper()
	if err := s.cloud.View(func(now *emulator.State) error {
		var want, got []string
		for _, a := range now.List("aws:ec2/eip:Eip") {
			want = append(want, fmt.Sprint(a.Outputs["publicIp"], "/32"))
		}
		rules := now.List("gcp:compute/securityPolicyRule:SecurityPolicyRule")
		for _, r := range rules {
			match, _ := r.Inputs["match"].(map[string]any)
			config, _ := match["config"].(map[string]any)
			ranges, _ := config["srcIpRanges"].([]any)
			switch r.Inputs["priority"] {
			case 10.0:
				if len(ranges) != 1 || ranges[0] != "198.51.100.0/24" {
					t.Errorf("%s: the office's rule lets in %v", what, ranges)
				}
			case priority:
				for _, one := range ranges {
					got = append(got, fmt.Sprint(one))
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if len(rules) != 2 || !slices.Equal(got, want) {
			t.Errorf("%s: %d rules, and ours lets in %v; want 2 and %v", what, len(rules), got, want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A region's rule comes into a policy of somebody else's, follows its addresses in place, and goes without taking anything along.
func TestAdmission(t *testing.T) {
	t.Parallel()
	as := func(*gcplink.AdmissionArgs) {}
	s := newStage(t)
	if _, err := s.open(let(2, as)).Up(t.Context()); err == nil || !strings.Contains(err.Error(), "edge") {
		t.Errorf("without the policy: %v, want a refusal that names it", err)
	}
	backend, err := engine.Open(t.Context(), engine.Options{
		Name: "backend", Program: edge, Root: s.w.dir, WorkDir: filepath.Join(s.w.dir, "backend"), Home: filepath.Join(s.w.dir, "home"),
		Env: s.env,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.up(let(2, as))
	admits(t, s, "two addresses", 1000)
	if c := s.up(let(2, as)); len(c.Steps) > 0 {
		t.Errorf("a second up is not quiet: %+v", c.Steps)
	}
	for _, step := range s.up(let(3, as)).Steps {
		if step.Name == "admission" && step.Op != "update" {
			t.Errorf("a third address: %s of the rule because of %v", step.Op, step.Diffs)
		}
	}
	admits(t, s, "three addresses", 1000)
	s.up(let(3, func(a *gcplink.AdmissionArgs) { a.Priority = 2000 }))
	admits(t, s, "another priority", 2000)
	if _, err := s.open(let(3, as)).Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.cloud.View(func(now *emulator.State) error {
		if left := now.List("gcp:compute/securityPolicyRule:SecurityPolicyRule"); len(left) != 1 {
			t.Errorf("after the region went, %d rules are left, want the office's", len(left))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// The rule of a region in a policy of somebody else's comes with public names and goes with private ones, and stays in place while the
// region's addresses change.
func TestAdmissionOfARegion(t *testing.T) {
	t.Parallel()
	private := func(c *regionfile.Config) {
		c.Runners, c.Cache, c.Network.Egress = nil, nil, regionfile.NATGateway
		c.GCP.GoogleAPIs, c.GCP.SecurityPolicy = regionfile.PublicAPIs, &regionfile.SecurityPolicy{Name: "edge", Priority: 1000}
	}
	public := func(c *regionfile.Config) { c.GCP.Path = regionfile.PublicPath }
	w := wholeWorld(t, private)
	w.alongside(edge)
	w.must("up")
	w.quiet("private names")
	w.becomes("public names", whole(t, private, public),
		"create SecurityPolicyRule admission", "delete Record link-record-*", "delete Zone link-zone-*")
	w.becomes("another mode", whole(t, private, public, func(c *regionfile.Config) { c.Network.Egress = regionfile.NATGatewayPerZone }),
		"update SecurityPolicyRule admission", "create * net-nat-us-west-2b*", "update Route net-default-*-us-west-2b",
		"create MetricAlarm watch-ports-us-west-2b", "update Dashboard watch")
	w.becomes("private names", whole(t, private, func(c *regionfile.Config) { c.Network.Egress = regionfile.NATGatewayPerZone }),
		"delete SecurityPolicyRule admission", "create Record link-record-*", "create Zone link-zone-*")
	w.must("down")
	if err := w.cloud().View(func(now *emulator.State) error {
		if left := now.List("gcp:compute/securityPolicyRule:SecurityPolicyRule"); len(left) != 1 {
			t.Errorf("after the region went, %d rules are left, want the office's", len(left))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A drill of a region with a rule in somebody else's policy has that policy there, and leaves it there.
func TestDrillWithSomebodyElsesPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 1, egress: "nat-gateway", gcp: "gcp: {project: acme-backend, region: us-west1, link: none, path: public, " +
		"securityPolicy: {name: edge, priority: 1000}}"})
	if code, out, errs := w.run("drill", name); code != 0 || !strings.Contains(out, "nothing left") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
