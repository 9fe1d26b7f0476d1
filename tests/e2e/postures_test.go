package e2e

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// activation is how long a region in standby may take to build again, in model seconds.
const activation = 120

func in(p regionfile.Posture) edit { return func(c *regionfile.Config) { c.Posture = p } }

// A change of posture is a word to the machines, other bounds of the groups, and the alarm for too few machines, which only an active fleet
// has. A standby that becomes active builds within two minutes. Draining takes no machine away and starts none.
func TestPostures(t *testing.T) {
	t.Parallel()
	told, bounds := "update Parameter fleet-*-posture", "update Group fleet-*"
	watched, unwatched := "create MetricAlarm watch-machines-*", "delete MetricAlarm watch-machines-*"
	w := wholeWorld(t, in(regionfile.Standby))
	w.must("up")
	w.quiet("standby from nothing")
	w.runners("standby from nothing", 0, 0)

	c := w.becomes("standby to active", whole(t), told, bounds, watched, drawn)
	if c.Times.Builds == nil || c.Times.Builds.Seconds > activation {
		t.Errorf("standby to active: builds after %+v, want at most %d model seconds", c.Times.Builds, activation)
	}
	active := w.runners("standby to active", 2, 1)

	w.becomes("active to draining", whole(t, in(regionfile.Draining)), told, bounds, unwatched, drawn)
	if draining := w.runners("active to draining", 2, 1); !maps.Equal(active, draining) {
		t.Errorf("active to draining: machines and sizes %v became %v", active, draining)
	}
	w.becomes("draining to active", whole(t), told, bounds, watched, drawn)
	if again := w.runners("draining to active", 2, 1); !maps.Equal(active, again) {
		t.Errorf("draining to active: machines and sizes %v became %v", active, again)
	}
	w.becomes("active to standby", whole(t, in(regionfile.Standby)), told, bounds, unwatched, drawn)
	w.runners("active to standby", 0, 0)
	w.becomes("standby to draining", whole(t, in(regionfile.Draining)), told, bounds)
	w.runners("standby to draining", 0, 0)
	w.becomes("draining to standby", whole(t, in(regionfile.Standby)), told, bounds)
	w.checkAgree("after all postures")
}

// runners gives the ids of the machines of the whole region's two fleets, and the groups with their sizes. It fails the test when there
// are fewer or, without any to come, more in service than wanted, and when a cache server is missing, which no posture takes away.
func (w *world) runners(what string, containers, yocto int) map[string]string {
	w.t.Helper()
	found, counts := map[string]string{}, map[string]int{}
	if err := w.cloud().View(func(now *emulator.State) error {
		fleets := map[string]string{}
		for _, g := range now.List("aws:autoscaling/group:Group") {
			fleets[g.ID] = g.Name
			if size, ok := g.Outputs["desiredCapacity"].(float64); ok && strings.HasPrefix(g.Name, "fleet-") {
				found[g.Name] = strings.Repeat("|", int(size))
			}
		}
		for _, m := range now.List("aws:ec2/instance:Instance") {
			name := fleets[m.Tags["aws:autoscaling:groupName"]]
			if strings.HasPrefix(name, "fleet-") {
				found[m.ID] = name
			}
			if m.Outputs["lifecycleState"] == "InService" {
				counts[name]++
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	want := map[string]int{"fleet-containers-arm64": containers, "fleet-yocto-amd64": yocto, "cache-shard-00-server": 1,
		"cache-shard-01-server": 1}
	for _, name := range slices.SortedFunc(maps.Keys(want), cmp.Compare[string]) {
		if counts[name] != want[name] {
			w.t.Errorf("%s: %d machines of %s are in service, want %d", what, counts[name], name, want[name])
		}
	}
	return found
}
