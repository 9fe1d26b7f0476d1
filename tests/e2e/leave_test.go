package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/components/cache"
	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// A machine that is told to go needs its rights, its parameters and the way out until it has left, so a down takes nothing of these while a
// group is going, a runner's last job has the cache until it ends, and a NAT instance goes when nobody's way leads through it any more.
func TestMachinesLeaveInOrder(t *testing.T) {
	t.Parallel()
	for _, mode := range []regionfile.Egress{regionfile.NATGateway, regionfile.NATInstance} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := wholeWorld(t, func(c *regionfile.Config) {
				c.Network.Egress, c.Network.Keep = mode, []regionfile.Egress{regionfile.None}
			})
			w.must("up")
			up := len(operations(t, w))
			const pace = 60 // model seconds in one of the clock
			w.must("down", "--pace", fmt.Sprint(pace))
			leaveInOrder(t, operations(t, w)[up:], mode, pace)
		})
	}
}

// What a down that failed has written into the state about leaving is gone with the next up: what the program says counts again.
func TestUpPutsDependenciesBack(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	program := cached(func(*cache.Args) {})
	needs := func() map[string]string {
		t.Helper()
		all, err := k.open(program).ReadResources(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, r := range all {
			found[r.URN.Name()+" "+string(r.Type)] = fmt.Sprint(slices.Sorted(slices.Values(r.Dependencies)))
		}
		return found
	}
	k.up(program)
	before := needs()
	k.failDown(program)
	if maps.Equal(needs(), before) {
		t.Error("a down that failed had written no order of leaving into the state")
	}
	k.up(program)
	after := needs()
	for what, was := range before {
		if after[what] != was {
			t.Errorf("%s depends on %s, and on %s before the down", what, after[what], was)
		}
	}
}

// leaveInOrder fails the test unless all of one place in the order have gone before anything of a later one begins to, and every place that
// the mode has is there.
func leaveInOrder(t *testing.T, went []emulator.Operation, mode regionfile.Egress, pace float64) {
	t.Helper()
	took := func(op emulator.Operation) time.Duration {
		return time.Duration(op.ModelSeconds / pace * float64(time.Second))
	}
	there := map[string]bool{}
	for _, first := range went {
		place, what := placeOf(first, mode)
		there[what] = true
		for _, other := range went {
			later, _ := placeOf(other, mode)
			if end := first.At.Add(took(first)); place != unordered && place < later && end.After(other.At) {
				t.Errorf("%s began to go %s before %s had gone", resource.URN(other.URN).Name(), end.Sub(other.At), resource.URN(first.URN).Name())
			}
		}
	}
	want := []string{"fleet", "server", "Route", "VpcEndpoint", "RolePolicy", "Parameter", "VpnConnection"}
	if mode == regionfile.NATInstance {
		want = append(want, "way", "NAT instance")
	} else {
		want = append(want, "NatGateway")
	}
	for _, what := range want {
		if !there[what] {
			t.Errorf("no %s went", what)
		}
	}
}

// unordered is the place of what may go at any time.
const unordered = -1

// placeOf is the place of a deletion in the order in which a region goes, and what goes: runners, cache servers, the ways that lead through
// NAT instances, those, and then what all of them need.
func placeOf(op emulator.Operation, mode regionfile.Egress) (place int, what string) {
	urn := resource.URN(op.URN)
	what = op.Type[strings.LastIndex(op.Type, ":")+1:]
	switch {
	case op.Op != "delete":
		return unordered, ""
	case what == "Group" && strings.Contains(op.URN, ":RunnerFleet$"):
		return 0, "fleet"
	case what == "Group" && strings.Contains(op.URN, ":ShardedCache$"):
		return 1, "server"
	case what == "Route" && mode == regionfile.NATInstance && urn.Name() != "net-default-public":
		return 2, "way"
	case what == "Group":
		return 3, "NAT instance"
	case slices.Contains([]string{"Route", "NatGateway", "VpcEndpoint", "RolePolicy", "Parameter", "VpnConnection"}, what):
		return 4, what
	}
	return unordered, what
}
