//go:build conformance

package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/plan"
)

// TestRegions takes every scenario through both clouds: up, again, each change and again, refresh, down.
func TestRegions(t *testing.T) {
	without := lacking(t)
	found, all := &findings{}, scenarios(t)
	var ended atomic.Int32
	// The scenarios run in parallel inside this, so that what comes after has seen them all.
	t.Run("all", func(t *testing.T) {
		for _, s := range all {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				newRun(t, s, without, found).all()
				ended.Add(1)
			})
		}
	})
	if int(ended.Load()) < len(all) {
		return // -run has left scenarios out, or one has stopped half-way: not everything was met
	}
	for _, unused := range found.unmet(without.any()) {
		t.Errorf("a known difference is no longer there; take it out of the list: %s", unused)
	}
}

// run is one scenario on its two clouds.
type run struct {
	*testing.T
	scenario
	without     lacks
	found       *findings
	google      *recorder
	there, here *side
	// before is what either of the real clouds has before anything is up.
	before, beforeGoogle []string
	plan                 *plan.Plan
}

func newRun(t *testing.T, s scenario, without lacks, found *findings) *run {
	t.Helper()
	google := startRecorder(t, project, s.network, s.policy)
	r := &run{T: t, scenario: s, without: without, found: found, google: google, there: realSide(t, s.name, google),
		here: emulatedSide(t, s.name)}
	r.here.runProgram("backend", s.backend)
	r.usePlan(s.versions[0])
	r.before, r.beforeGoogle = listAccount(t, r.there.awsConfig(t, r.plan.Region)), google.objectPaths()
	t.Cleanup(func() {
		if t.Failed() {
			_ = os.WriteFile(filepath.Join(r.there.dir, "gcp.log"), []byte(google.callLog()), 0o600) // to look at, where it can be written
		}
	})
	return r
}

// usePlan makes a version of the region file the one to bring up.
func (r *run) usePlan(v version) {
	r.Helper()
	r.plan = v.plan(r.T, r.name)
	r.without.leaveOut(r.plan)
}

func (r *run) all() {
	for _, v := range r.versions {
		r.usePlan(v)
		r.up(v.what)
	}
	r.refresh()
	r.down()
}

// logTimes says how long a step took on either side.
func (r *run) logTimes(what string, real, emulated time.Duration, changes int) {
	r.Logf("%-44s %4.0f s real, %3.0f s emulated, %3d changes", what, real.Seconds(), emulated.Seconds(), changes)
}

// runBoth runs the same on either side.
func (r *run) runBoth(what string, do func(*engine.Stack) (*engine.Changes, error)) (real, emulated *engine.Changes) {
	r.Helper()
	start := time.Now()
	emulated, err := do(r.here.openStack(r.plan))
	if err != nil {
		r.Fatalf("%s: emulated: %v", what, err)
	}
	took := time.Since(start)
	start = time.Now()
	if real, err = do(r.there.openStack(r.plan)); err != nil {
		r.Fatalf("%s: real: %v", what, err)
	}
	r.logTimes(what, time.Since(start), took, len(real.Steps))
	return real, emulated
}

// up brings a version up, compares everything, and fails the test when another up would change anything.
func (r *run) up(what string) {
	r.Helper()
	real, emulated := r.runBoth(what, func(s *engine.Stack) (*engine.Changes, error) { return s.Up(r.Context()) })
	r.judge(what, compareChanges(real, emulated))
	r.judge(what, compareStates(r.there.resources(r.plan), r.here.resources(r.plan)))
	if r.plan.Link != nil {
		tunnelsAgree(r.T, r.there.awsConfig(r.T, r.plan.Region), r.google, gcplink.Tunnels)
	}
	start := time.Now()
	again, err := r.there.openStack(r.plan).Up(r.Context())
	if err != nil {
		r.Fatalf("%s, again: %v", what, err)
	}
	r.logTimes(what+", again", time.Since(start), 0, len(again.Steps))
	for _, step := range again.Steps {
		r.Errorf("%s, again: %s of %s %s because of %v", what, step.Op, step.Type, step.Name, step.Diffs)
	}
}

func (r *run) judge(what string, all []difference) {
	for _, d := range all {
		if !r.found.known(d, r.without.any()) {
			r.Errorf("%s: %s", what, d)
		}
	}
}

func (r *run) refresh() {
	start := time.Now()
	for _, differs := range r.there.refresh(r.plan) {
		r.Errorf("refresh: %s", differs)
	}
	r.logTimes("refresh", time.Since(start), 0, 0)
}

// down takes the region down and fails the test when more is left than the volumes that are to be kept.
func (r *run) down() {
	real, emulated := r.runBoth("down", func(s *engine.Stack) (*engine.Changes, error) { return s.Down(r.Context()) })
	r.judge("down", compareChanges(real, emulated))
	var kept []string
	for _, step := range real.Kept {
		kept = append(kept, "volume "+step.ID)
	}
	slices.Sort(kept)
	if left := addedTo(r.before, listAccount(r.T, r.there.awsConfig(r.T, r.plan.Region))); !slices.Equal(left, kept) {
		r.Errorf("left in the account: %s\nwant: %s", strings.Join(left, ", "), strings.Join(kept, ", "))
	}
	if left := addedTo(r.beforeGoogle, r.google.objectPaths()); len(left) > 0 {
		r.Errorf("left in GCP: %s", strings.Join(left, ", "))
	}
	r.checkRulesGone()
}

// checkRulesGone fails the test when a rule of ours is left in a policy.
func (r *run) checkRulesGone() {
	policy := r.google.allObjects()["projects/"+project+"/global/securityPolicies/"+r.policy]
	for _, rule := range listObjects(policy["rules"]) {
		if rule["description"] == inventory.RuleDescription(r.name) {
			r.Errorf("left in GCP: the rule at priority %s", fmt.Sprint(rule["priority"]))
		}
	}
}
