package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
)

var modes = []string{"nat-gateway-per-zone", "nat-gateway", "nat-instance", "public", "none"}

// Every mode with one, two and three zones comes up, stays as it is at a second up, and leaves nothing behind.
func TestUpTwiceAndDown(t *testing.T) {
	for _, mode := range modes {
		for zones := 1; zones <= 3; zones++ {
			t.Run(fmt.Sprintf("%s/%d", mode, zones), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, file{zones: zones, egress: mode})
				if c := w.must("up"); len(c.Steps) == 0 {
					t.Fatal("up did nothing")
				}
				w.checkAgree("after up")
				w.quiet(mode)
				noDeadEnds(t, w, nil)
				w.must("down")
				w.empty()
			})
		}
	}
}

// tierOf is the tier of subnets in which a mode's fleets are.
func tierOf(mode string) string {
	if mode == "public" {
		return "public"
	}
	return "private"
}

// Every ordered pair of modes, in one walk that goes from each mode to each other one once: nothing that others may hold on to is
// replaced, and no runner is at any moment without the way out that it has before and after.
func TestEveryChangeOfMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 2, egress: modes[0], gcp: linkedGCP})
	w.must("up")
	at := modes[0]
	for _, next := range circuit(modes)[1:] {
		before := lasting(w)
		from := len(operations(t, w))
		w.write(file{zones: 2, egress: next, gcp: linkedGCP})
		w.must("up")
		step := at + " to " + next
		same(t, step, before, lasting(w))
		noDeadEnds(t, w, &change{step: step, from: from, before: at, after: next})
		at = next
	}
	w.checkAgree("after all changes")
	w.quiet("after all changes")
	w.must("down")
	w.empty()
}

// Addresses of kept NAT gateways survive a change away and back; so do kept endpoints and NAT instances.
func TestKeep(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f := file{zones: 2, egress: mode}
			f.gcp = f.google() // the same for every mode that it goes through
			other := "public"
			if mode == other {
				other = "nat-gateway"
			}
			w := newWorld(t, f)
			w.must("up")
			before := ids(w, func(emulator.Resource) bool { return true })
			f.egress, f.keep = other, []string{mode}
			w.write(f)
			w.must("up")
			f.egress, f.keep = mode, nil
			w.write(f)
			w.must("up")
			after := ids(w, func(emulator.Resource) bool { return true })
			for id, what := range before {
				// Routes of the private tier are the one thing that a change of mode is about.
				if _, still := after[id]; !still && !strings.HasPrefix(what, "aws:ec2/route:Route") {
					t.Errorf("%s %s did not survive the change to %s and back", what, id, other)
				}
			}
		})
	}
}

// Without keep, what the old mode alone needed is given back.
func TestWithoutKeepNothingStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 2, egress: "nat-gateway-per-zone"})
	w.must("up")
	w.write(file{zones: 2, egress: "public"})
	w.must("up")
	for _, r := range w.resources() {
		if r.Type == "aws:ec2/natGateway:NatGateway" || r.Type == "aws:ec2/eip:Eip" {
			t.Errorf("%s %s is still paid for", r.Type, r.Name)
		}
	}
}

// circuit is a walk over all ordered pairs of places: an Eulerian circuit of the complete directed graph, by Hierholzer's method.
func circuit(places []string) []string {
	unused := map[string][]string{}
	for _, a := range places {
		for _, b := range places {
			if a != b {
				unused[a] = append(unused[a], b)
			}
		}
	}
	var walk []string
	var visit func(at string)
	visit = func(at string) {
		for len(unused[at]) > 0 {
			next := unused[at][0]
			unused[at] = unused[at][1:]
			visit(next)
		}
		walk = append(walk, at)
	}
	visit(places[0])
	slices.Reverse(walk)
	return walk
}

func TestCircuitHasEveryPairOnce(t *testing.T) {
	walk, seen := circuit(modes), map[string]bool{}
	for i := range walk[1:] {
		seen[walk[i]+" "+walk[i+1]] = true
	}
	if want := len(modes) * (len(modes) - 1); len(walk) != want+1 || len(seen) != want {
		t.Errorf("%d steps, %d different, want %d", len(walk)-1, len(seen), want)
	}
}

// ids gives what lives in the cloud and passes, by id.
func ids(w *world, pass func(emulator.Resource) bool) map[string]string {
	all := map[string]string{}
	for _, r := range w.resources() {
		if r.Managed && pass(r) {
			all[r.ID] = r.Type + " " + r.Name
		}
	}
	return all
}

// lasting gives what must not change by a change of mode, name to id: the VPC, subnets, endpoints, addresses.
func lasting(w *world) map[string]string {
	byName := map[string]string{}
	for id, what := range ids(w, func(r emulator.Resource) bool {
		return slices.Contains([]string{
			"aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/eip:Eip",
		}, r.Type)
	}) {
		byName[what] = id
	}
	return byName
}

// same fails the test when something that is there before and after is not the same thing, or when something of the permanent ones
// went.
func same(t *testing.T, step string, before, after map[string]string) {
	t.Helper()
	for what, id := range before {
		now, still := after[what]
		if still && now != id {
			t.Errorf("%s: %s was replaced: %s, then %s", step, what, id, now)
		}
		if !still && (strings.Contains(what, ":Vpc ") || strings.Contains(what, ":Subnet ") || strings.HasSuffix(what, "net-s3")) {
			t.Errorf("%s: %s went away", step, what)
		}
	}
}

func operations(t *testing.T, w *world) []emulator.Operation {
	t.Helper()
	c := w.cloud()
	all, err := c.Operations()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// change is a change of mode to judge on the log of operations, from the given one on.
type change struct {
	step          string
	from          int
	before, after string
}

// noDeadEnds goes through the cloud's operations one by one. At no moment may a runner subnet have a default route that leads nowhere.
// During a change between two modes with a way out, at no moment may both the tier that runners were in and the one that they go to be
// without one.
func noDeadEnds(t *testing.T, w *world, c *change) {
	t.Helper()
	count := 0
	if err := w.cloud().Replay(func(op emulator.Operation, after *emulator.State) error {
		count++
		if c != nil && count <= c.from {
			return nil
		}
		out := map[string]bool{}
		for _, subnet := range after.List("aws:ec2/subnet:Subnet") {
			tier, isRunner := runnerTier(subnet.Name)
			if !isRunner {
				continue
			}
			way := aws.DefaultRoute(after, subnet.ID)
			if way.Kind != "" && !way.Live {
				t.Errorf("after operation %d (%s %s %s): %s has a default route that leads nowhere: %s", count, op.Op, op.Type, op.ID, subnet.Name,
					way.Why)
			}
			zone := subnet.Name[strings.LastIndex(subnet.Name, "-us-"):]
			out[tier+zone] = way.Live
		}
		if c == nil || c.before == "none" || c.after == "none" {
			return nil
		}
		for _, zone := range []string{"-us-west-2a", "-us-west-2b"} {
			if !out[tierOf(c.before)+zone] && !out[tierOf(c.after)+zone] {
				t.Errorf("%s: after operation %d (%s %s %s) runners in %s have no way out", c.step, count, op.Op, op.Type, op.ID, zone[1:])
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if count == 0 {
		t.Error("the cloud has no operations to judge")
	}
}

func runnerTier(subnet string) (tier string, isRunner bool) {
	for _, tier := range []string{"private", "public"} {
		if strings.HasPrefix(subnet, "net-"+tier+"-") {
			return tier, true
		}
	}
	return "", false
}
