package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/fleet"
	"github.com/beachhead-build/beachhead/components/kit"
	"github.com/beachhead-build/beachhead/components/watch"
)

// planted is a secret that must show up nowhere.
const planted = "planted-token-4711"

// fleetArgs is a fleet of the stage; tests edit it.
func fleetArgs(edit func(*fleet.Args)) *fleet.Args {
	a := &fleet.Args{
		Region: "us-west-2", Account: "210987654321", Path: "/beachhead/stage/fleets/containers-arm64",
		Types: []fleet.Type{{Name: "m7g.2xlarge", Weight: 8}, {Name: "c7g.2xlarge", Weight: 8}},
		Min:   16, Max: 64, OnDemandBase: 8, OnDemandPercent: 25, Launching: true, Posture: "active", DiskGiB: 100,
		Image: "/aws/service/debian/release/12/latest/arm64", UserData: "#!/bin/sh\nexit 0\n", HookSeconds: 600, LifetimeDays: 7, BusyPercent: 70,
		Tags: map[string]string{"beachhead:stack": "stage"}, Bucket: pulumi.String("stage-agents"),
	}
	if edit != nil {
		edit(a)
	}
	return a
}

// manned declares a network with one fleet and its alarms.
func manned(edit func(*fleet.Args)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, net, err := stageNetwork(ctx)
		if err != nil {
			return err
		}
		args := fleetArgs(edit)
		args.VPC = net.VPCID
		args.Subnets = pulumi.StringArray{net.PublicSubnets[stageZones[0]]}
		args.Token = pulumi.ToSecret(pulumi.String(planted)).(pulumi.StringOutput)
		runners, err := fleet.New(ctx, "fleet-containers-arm64", args, pulumi.Providers(provider))
		if err != nil {
			return err
		}
		_, err = watch.New(ctx, "watch", &watch.Args{
			Region: "us-west-2", Account: "210987654321", Stack: "stage", Namespace: kit.Namespace, Email: []string{"ci-oncall@example.com"},
			Fleets: []watch.Fleet{{Name: "containers-arm64", Group: runners.GroupName, Dimension: args.Path, Min: args.Min}},
		}, pulumi.Providers(provider))
		return err
	}
}

// A fleet comes up, stays as it is, changes in place and goes.
func TestFleet(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.up(manned(nil))
	if c := s.up(manned(nil)); len(c.Steps) > 0 {
		t.Errorf("a second up is not quiet: %+v", c.Steps)
	}
	state, err := os.ReadFile(filepath.Join(s.w.dir, "state", ".pulumi", "stacks", "beachhead", "stage.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(state), planted) {
		t.Error("the token is in the state in plain text")
	}
	for what, edit := range map[string]func(*fleet.Args){
		"a larger fleet": func(a *fleet.Args) { a.Max = 128 },
		"other types": func(a *fleet.Args) {
			a.Types = []fleet.Type{{Name: "m6g.2xlarge", Weight: 8}, {Name: "m7g.4xlarge", Weight: 16}}
		},
		"draining":      func(a *fleet.Args) { a.Min, a.Launching = 0, false },
		"a larger disk": func(a *fleet.Args) { a.DiskGiB = 200 },
		"more tags":     func(a *fleet.Args) { a.Tags = map[string]string{"beachhead:stack": "stage", "team": "ci"} },
	} {
		c := s.up(manned(func(a *fleet.Args) {
			a.Min = 16
			edit(a)
		}))
		if what != "draining" { // which takes the alarm for too few machines away
			s.unreplaced(what, c)
		}
		s.up(manned(nil))
	}
	s.down(manned(nil))
}
