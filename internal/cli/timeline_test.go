package cli

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/beachhead-build/beachhead/internal/report"
	"github.com/beachhead-build/beachhead/regions"
	"github.com/beachhead-build/beachhead/regions/plan"
)

// predicted is how long each of the shipped regions takes from nothing, by the model, as tests edit them.
func predicted(t *testing.T, edit func(*regions.Config)) map[string]report.Run {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, agent := range []string{"beachhead-node-linux-amd64", "beachhead-node-linux-arm64"} {
		if err := os.WriteFile(filepath.Join(dir, "bin", agent), []byte(agent), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := regions.Files(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	configs, err := regions.LoadAll(files)
	if err != nil || len(configs) < 2 {
		t.Fatalf("%d region files, want the two that the project ships: %v", len(configs), err)
	}
	runs := map[string]report.Run{}
	for _, c := range configs {
		edit(c)
		p, err := plan.Build(c, configs...)
		if err != nil {
			t.Fatal(err)
		}
		if runs[c.Name], err = (&region{config: c, plan: p}).predict(dir); err != nil {
			t.Fatal(err)
		}
	}
	return runs
}

// The times that the project promises for its own regions, in model seconds.
func TestTimesToReady(t *testing.T) {
	const never = math.MaxFloat64 // where nothing is promised
	cases := []struct {
		name                string
		edit                func(*regions.Config)
		builds, yocto, link float64
	}{
		{"as shipped, with NAT gateways", func(*regions.Config) {}, 240, 300, 540},
		{"one NAT gateway", func(c *regions.Config) { c.Network.Egress = regions.NATGateway }, 240, 300, 540},
		{"public addresses", func(c *regions.Config) { c.Network.Egress = regions.Public }, 150, never, 540},
	}
	for _, c := range cases {
		for name, run := range predicted(t, c.edit) {
			for goal, moment := range map[float64]*report.Moment{c.builds: run.Times.Builds, c.yocto: run.Times.Yocto, c.link: run.Times.Link} {
				switch {
				case moment == nil:
					t.Errorf("%s, %s: no time for what may take %g s", name, c.name, goal)
				case moment.Seconds <= 0 || moment.Seconds > goal:
					t.Errorf("%s, %s: %g s, want at most %g: %+v", name, c.name, moment.Seconds, goal, moment.Steps)
				}
			}
		}
	}
}

// Runners never wait for the link: without it, builds are ready at the same second.
func TestTheLinkDelaysNobody(t *testing.T) {
	for _, egress := range []regions.Egress{regions.NATGatewayPerZone, regions.Public} {
		with := predicted(t, func(c *regions.Config) { c.Network.Egress = egress })
		without := predicted(t, func(c *regions.Config) {
			c.Network.Egress = egress
			c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs = regions.NoLink, regions.PublicPath, regions.PublicAPIs
		})
		for name, w := range with {
			o := without[name]
			if w.Times.Builds.Seconds != o.Times.Builds.Seconds || w.Times.Yocto.Seconds != o.Times.Yocto.Seconds || o.Times.Link != nil {
				t.Errorf("%s, %s: %+v with a link, %+v without", name, egress, w.Times, o.Times)
			}
		}
	}
}
