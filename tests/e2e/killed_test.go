package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// everything uses every type that the network has: a NAT instance in use, a kept NAT gateway and kept endpoints.
func everything() file {
	return file{zones: 1, egress: "nat-instance", keep: []string{"nat-gateway", "none"}}
}

// Killed after every single operation of an up: the next up finishes, and cloud and state hold the same things, once each.
func TestKilledAfterEveryOperation(t *testing.T) {
	t.Parallel()
	program := binary(t)
	w := newWorld(t, everything())
	w.must("up")
	count := len(operations(t, w))
	if count < 40 {
		t.Fatalf("an up has %d operations, too few to be all types", count)
	}
	var adopted atomic.Int64
	t.Cleanup(func() {
		// Each run dies before its last operation is answered, so nearly all leave something that only the cloud knows; the exceptions are
		// things that a second creation simply takes over.
		if got := int(adopted.Load()); got < count*3/4 {
			t.Errorf("%d resources were adopted after %d kills: the kills do not do what they should", got, count)
		}
	})
	for n := 1; n <= count; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, everything())
			killed(t, program, w, n, "up")
			c := w.must("up")
			adopted.Add(int64(len(c.Adopted)))
			if len(c.Steps)+len(c.Adopted) == 0 && n < count {
				t.Error("the next up had nothing to do")
			}
			w.checkAgree("after the next up")
			once(t, w)
			w.deletedNothing("after the next up")
			if n%8 == 0 {
				w.quiet("after a killed up")
			}
		})
	}
}

// Killed while going down: the next down finishes and leaves nothing.
func TestKilledGoingDown(t *testing.T) {
	t.Parallel()
	program := binary(t)
	for _, n := range []int{1, 5, 11, 23, 31} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, everything())
			w.must("up")
			killed(t, program, w, n, "down")
			w.must("down")
			w.empty()
		})
	}
}

// An up that was killed can be taken down as well as finished.
func TestKilledUpThenDown(t *testing.T) {
	t.Parallel()
	program := binary(t)
	for _, n := range []int{1, 2, 9, 17, 26, 37} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, everything())
			killed(t, program, w, n, "up")
			w.must("down")
			w.empty()
		})
	}
}

// Killed in the middle of a change of mode, the next up finishes the change.
func TestKilledChangingMode(t *testing.T) {
	t.Parallel()
	program := binary(t)
	for _, n := range []int{1, 2, 3, 5, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, file{zones: 1, egress: "nat-gateway"})
			w.must("up")
			w.write(file{zones: 1, egress: "nat-instance"})
			killed(t, program, w, n, "up")
			w.must("up")
			w.checkAgree("after the change")
			once(t, w)
			noDeadEnds(t, w, nil)
		})
	}
}

// killed runs a command in a process of its own that dies by SIGKILL right after its n-th operation was made durable.
func killed(t *testing.T, program string, w *world, n int, command string) {
	t.Helper()
	var errs bytes.Buffer
	process := exec.Command(program, "-C", w.dir, command, name, "--emulated", "--fault", fmt.Sprintf("kill-after=%d", n))
	process.Stderr = &errs
	err := process.Run()
	if status, ok := process.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%s was not killed at operation %d: %v\n%s", command, n, err, errs.String())
	}
}

// once fails the test when two things of one type have one name.
func once(t testing.TB, w *world) {
	t.Helper()
	seen := map[string]string{}
	for _, r := range w.resources() {
		if !r.Managed || r.Name == "" {
			continue
		}
		key := r.Type + " " + r.Name
		if seen[key] != "" {
			t.Errorf("twice in the cloud: %s as %s and %s", key, seen[key], r.ID)
		}
		seen[key] = r.ID
	}
	if len(seen) == 0 || !strings.Contains(fmt.Sprint(seen), "net-vpc") {
		t.Errorf("no VPC among %v", seen)
	}
}

// deletedNothing fails the test when anything was ever deleted in the cloud: what ups that were killed have made is taken up and not
// replaced. Tunnels alone may be: nobody can read their keys back, and one with another key than its other end has never comes up.
func (w *world) deletedNothing(what string) {
	w.t.Helper()
	all, err := w.cloud().Operations()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, op := range all {
		if op.Op == "delete" && op.Type != "gcp:compute/vPNTunnel:VPNTunnel" {
			w.t.Errorf("%s: %s %s was deleted", what, op.Type, op.ID)
		}
	}
}
