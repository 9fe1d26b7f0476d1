package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// killable is a region with every type of thing, and as few of each as can be: what is killed often must come up fast.
func killable(c *regionfile.Config) {
	delete(c.Runners, "yocto-amd64")
	c.Network.Egress, c.GCP.Services = regionfile.NATGateway, c.GCP.Services[:1]
}

// Whatever a region is doing when it is killed, the next run goes on, and no volume is lost.
func TestKilledRegion(t *testing.T) {
	t.Parallel()
	program := binary(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, string)
	}{
		{"at each type", killedAtEachType}, {"at the backend", killedAtTheBackend}, {"through its life", killedThroughLife},
		{"going down then up", killedDownThenUp}, {"without power", cutOff},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, program)
		})
	}
}

// A region is killed right after the first creation of each type of thing, in a row: each up takes up what the one before left, and is
// killed at the next type. In the end cloud and state hold the same things, once each, and no volume was made twice.
func killedAtEachType(t *testing.T, program string) {
	t.Helper()
	undisturbed := wholeWorld(t, killable)
	undisturbed.must("up")
	types := created(t, undisturbed)
	if len(types) < 50 {
		t.Fatalf("an up makes %d types, too few to be all", len(types))
	}
	const rows = 3
	for row := range rows {
		var mine []string
		for i := row; i < len(types); i += rows {
			mine = append(mine, types[i])
		}
		t.Run(fmt.Sprint(row), func(t *testing.T) {
			t.Parallel()
			for len(mine) > 0 {
				mine = killedAtTypes(t, program, mine)
			}
		})
	}
}

// killedAtTypes kills the ups of one region at the types one after the other, and gives those that an earlier run had made already.
func killedAtTypes(t *testing.T, program string, types []string) (missed []string) {
	t.Helper()
	w := wholeWorld(t, killable)
	for _, typ := range types {
		if slices.Contains(created(t, w), typ) {
			missed = append(missed, typ)
			continue
		}
		if !w.strike(program, "kill-after=create:"+typ, "up") {
			t.Fatalf("no up made any %s", typ)
		}
	}
	w.must("up")
	w.whole("after kills at types", 2)
	w.deletedNothing("after kills at types")
	w.quiet("after kills at types")
	return missed
}

// killedAtTheBackend kills a region at the one thing that it makes in what is somebody else's: its rule in the backend's policy.
func killedAtTheBackend(t *testing.T, program string) {
	t.Helper()
	w := wholeWorld(t, bare, func(c *regionfile.Config) {
		c.Network.Egress, c.GCP.SecurityPolicy = regionfile.NATGateway, &regionfile.SecurityPolicy{Name: "edge", Priority: 4200}
	})
	w.alongside(edge)
	if !w.strike(program, "kill-after=create:gcp:compute/securityPolicyRule:SecurityPolicyRule", "up") {
		t.Fatal("no rule was made")
	}
	if c := w.must("up"); len(c.Adopted) == 0 {
		t.Error("the rule was not taken up")
	}
	w.quiet("after a kill at the backend")
}

// killedThroughLife kills a region over and over: coming up, growing, going down and coming up again.
func killedThroughLife(t *testing.T, program string) {
	t.Helper()
	w := wholeWorld(t, killable)
	w.survive(program, 25, "up", 4)
	w.whole("up", 2)
	volumes := w.volumes()

	larger := func(c *regionfile.Config) { c.Cache.Volume.Size = 3 << 10 }
	w.write(whole(t, killable, larger))
	for n := range 2 {
		if !w.strike(program, fmt.Sprintf("kill-after=%d", n+1), "up") {
			t.Errorf("growing was over before operation %d", n+1)
		}
	}
	w.must("up")
	w.holds("larger volumes", volumes, 3<<10)

	grown := func(c *regionfile.Config) { c.Cache.Shards = 3 }
	w.write(whole(t, killable, larger, grown))
	w.survive(program, 3, "up", 3)
	w.whole("a shard more", 3)
	w.holds("a shard more", volumes, 3<<10)
	w.quiet("a shard more")
	volumes = w.volumes()

	w.snapshots()
	w.survive(program, 30, "down", 3)
	w.onlyData("down", volumes)

	w.survive(program, 40, "up", 2)
	w.whole("up again", 3)
	w.holds("up again", volumes, 3<<10)
	w.quiet("up again")

	// An up that is killed when it has just taken the volumes up, and a down instead of finishing it.
	w.must("down")
	w.strike(program, "kill-after=2", "up")
	w.must("down")
	w.onlyData("down after a killed up", volumes)
}

// killedDownThenUp follows a killed down by an up instead of another down.
func killedDownThenUp(t *testing.T, program string) {
	t.Helper()
	w := wholeWorld(t, killable)
	w.must("up")
	volumes := w.volumes()
	// A VPC's default group is let go of by a down, and stays. One that is killed then leaves a state that holds it, which the next up reads
	// and finds.
	for _, moment := range []string{"1", "100", "delete:aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"} {
		if !w.strike(program, "kill-after="+moment, "down") {
			t.Fatalf("down was over before %s", moment)
		}
		w.must("up")
		w.whole("up after a killed down", 2)
		w.holds("up after a killed down", volumes, 2<<10)
	}
	w.quiet("up after a killed down")
}

// cutOff kills Pulumi together with the program, as a machine does that loses power: what was under way stays pending in the state.
func cutOff(t *testing.T, program string) {
	t.Helper()
	w := wholeWorld(t, killable)
	for range 2 {
		w.powerCut(program, 30)
	}
	// Once in a hundred times the cut is in the middle of this file, without which Pulumi could read its state.
	if err := os.WriteFile(filepath.Join(w.dir, ".beachhead", "emulated", "state", ".pulumi", "stacks", "beachhead", name+".json.attrs"), nil,
		0o600); err != nil {
		t.Fatal(err)
	}
	w.must("up")
	w.whole("up after power cuts", 2)
	w.quiet("up after power cuts")
	volumes := w.volumes()

	w.write(whole(t, killable, func(c *regionfile.Config) { c.Cache.Volume.Size = 3 << 10 }))
	w.powerCut(program, 2)
	// EC2 takes one change of a volume in six hours, so an up must not ask for it again.
	w.quiet("up after a power cut in the middle of growing")
	w.holds("up after a power cut in the middle of growing", volumes, 3<<10)
	w.checkAgree("up after a power cut in the middle of growing")
}

// What would lose a volume is refused, by preview and by up, with the way to get there all the same; nothing is changed.
func TestRefusedForTheVolumes(t *testing.T) {
	t.Parallel()
	w := wholeWorld(t, killable)
	w.must("up")
	zones := func(zones ...string) edit { return func(c *regionfile.Config) { c.AWS.Zones = zones } }
	for _, c := range []struct {
		what  string
		edit  edit
		words []string
	}{
		{"zones in another order", zones("us-west-2b", "us-west-2a"), []string{"cache-shard-00", "cache-shard-01", "aws.zones", "cache.seed"}},
		{"another zone", zones("us-west-2a", "us-west-2c"), []string{"cache-shard-01", "aws.zones", "cache.seed"}},
		{"smaller volumes", func(c *regionfile.Config) { c.Cache.Volume.Size = 1 << 10 },
			[]string{"cache-shard-00", "2048", "1024", "cache.volume.size"}},
		{"a shard less", func(c *regionfile.Config) { c.Cache.Shards, c.Cache.Pins = 1, nil },
			[]string{"cache-shard-01", "cache.shards", "beachhead down"}},
		{"no cache", func(c *regionfile.Config) {
			c.Cache = nil
			for name, r := range c.Runners {
				r.Cache = nil
				c.Runners[name] = r
			}
		}, []string{"cache-shard-00", "cache-shard-01", "beachhead down"}},
	} {
		w.write(whole(t, killable, c.edit))
		w.refused(c.what, c.words...)
	}
	// What a down kept is as dear.
	w.write(whole(t, killable))
	w.must("down")
	w.write(whole(t, killable, zones("us-west-2b", "us-west-2a")))
	w.refused("other zones than those of kept volumes", "cache-shard-00", "us-west-2a", "aws.zones")
	w.write(whole(t, killable, func(c *regionfile.Config) { c.Cache.Volume.Size = 1 << 10 }))
	w.refused("smaller than the kept volumes", "cache-shard-01", "2048", "1024", "cache.volume.size")
}

// strike runs a command in a process of its own that dies by SIGKILL of a fault. False: it ended well before.
func (w *world) strike(program, fault, command string) bool {
	w.t.Helper()
	var errs bytes.Buffer
	process := exec.Command(program, "-C", w.dir, command, name, "--emulated", "--fault", fault)
	process.Stderr = &errs
	err := process.Run()
	if err == nil {
		return false
	}
	if status, ok := process.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		w.t.Fatalf("%s with %s was not killed: %v\n%s", command, fault, err, errs.String())
	}
	return true
}

// powerCut kills an up and its Pulumi while so many of its operations are in the cloud and take their time.
func (w *world) powerCut(program string, operations int) {
	w.t.Helper()
	enough := w.journalled() + operations
	var errs bytes.Buffer
	process := exec.Command(program, "-C", w.dir, "up", name, "--emulated", "--pace", "2")
	process.Stderr = &errs
	if err := process.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	for deadline := time.After(2 * time.Minute); w.journalled() < enough; {
		select {
		case err := <-ended:
			w.t.Fatalf("an up ended before %d operations: %v\n%s", operations, err, errs.String())
		case <-deadline:
			_ = process.Process.Kill() // the test has failed
			w.t.Fatalf("an up did not come to %d operations", operations)
		case <-time.After(20 * time.Millisecond):
		}
	}
	locks, err := filepath.Glob(filepath.Join(w.dir, ".beachhead", "emulated", "state", ".pulumi", "locks", "organization", "beachhead", name,
		"*.json"))
	if err != nil || len(locks) != 1 {
		w.t.Fatalf("locks %v, %v; want Pulumi's", locks, err)
	}
	text, err := os.ReadFile(locks[0])
	if err != nil {
		w.t.Fatal(err)
	}
	var lock struct{ PID int }
	if err := json.Unmarshal(text, &lock); err != nil || lock.PID <= 0 {
		w.t.Fatalf("no process in %s: %v", text, err)
	}
	if err := errors.Join(syscall.Kill(lock.PID, syscall.SIGKILL), process.Process.Kill()); err != nil {
		w.t.Error(err)
	}
	if err := <-ended; err == nil {
		w.t.Error("an up that was killed ended well")
	}
}

// journalled counts the cloud's operations without waiting for its lock.
func (w *world) journalled() int {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.cloudDir(), "operations.jsonl"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

// survive runs a command again and again, each time killed after so many operations, until it ends well. It fails the test when that took
// less kills than expected.
func (w *world) survive(program string, operations int, command string, atLeast int) {
	w.t.Helper()
	kills := 0
	for w.strike(program, fmt.Sprintf("kill-after=%d", operations), command) {
		kills++
		if kills > 20 {
			w.t.Fatalf("%s does not end", command)
		}
	}
	if kills < atLeast {
		w.t.Errorf("%s was killed %d times, want %d", command, kills, atLeast)
	}
}

// created lists the types of which something was ever made, in the order of the first of each.
func created(t testing.TB, w *world) []string {
	t.Helper()
	c := w.cloud()
	all, err := c.Operations()
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, op := range all {
		if op.Op == "create" && !slices.Contains(types, op.Type) {
			types = append(types, op.Type)
		}
	}
	return types
}

// whole fails the test unless cloud and state agree, nothing is there twice, and in all the cloud's time just so many volumes were made.
func (w *world) whole(what string, volumes int) {
	w.t.Helper()
	w.checkAgree(what)
	once(w.t, w)
	all, err := w.cloud().Operations()
	if err != nil {
		w.t.Fatal(err)
	}
	made := 0
	for _, op := range all {
		if op.Type != volumeType {
			continue
		}
		if op.Op == "delete" {
			w.t.Errorf("%s: volume %s was deleted", what, op.ID)
		}
		if op.Op == "create" {
			made++
		}
	}
	if made != volumes {
		w.t.Errorf("%s: %d volumes were made, want %d", what, made, volumes)
	}
}

// volumes gives the ids of the data volumes, sorted.
func (w *world) volumes() []string {
	w.t.Helper()
	var ids []string
	for _, r := range w.resources() {
		if r.Type == volumeType && r.Managed {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// holds fails the test unless volumes are there and have a size, in GiB.
func (w *world) holds(what string, ids []string, size float64) {
	w.t.Helper()
	for _, id := range ids {
		if !slices.ContainsFunc(w.resources(), func(r emulator.Resource) bool {
			return r.Type == volumeType && r.ID == id && r.Inputs["size"] == size
		}) {
			w.t.Errorf("%s: volume %s is gone, or has no %v GiB", what, id, size)
		}
	}
}

// snapshots has the cloud take those that are due.
func (w *world) snapshots() {
	w.t.Helper()
	if err := aws.TakeSnapshots(w.t.Context(), w.cloud(), time.Date(2030, 1, 1, 10, 0, 0, 0, time.UTC)); err != nil {
		w.t.Fatal(err)
	}
}

// onlyData fails the test unless the cloud holds the volumes, a snapshot of each, and nothing else.
func (w *world) onlyData(what string, volumes []string) {
	w.t.Helper()
	if got := w.volumes(); !slices.Equal(got, volumes) {
		w.t.Errorf("%s: volumes %v, want %v", what, got, volumes)
	}
	var snapped []string
	for _, r := range w.resources() {
		switch {
		case r.Type == "aws:ebs/snapshot:Snapshot":
			snapped = append(snapped, fmt.Sprint(r.Outputs["volumeId"]))
		case r.Type != volumeType || !r.Managed:
			w.t.Errorf("%s: left in the cloud: %s %s %s", what, r.Type, r.ID, r.Name)
		}
	}
	slices.Sort(snapped)
	if got := slices.Compact(snapped); !slices.Equal(got, volumes) {
		w.t.Errorf("%s: snapshots of %v, want them of %v", what, got, volumes)
	}
}

// refused fails the test unless preview and up refuse in these words, and cloud and state stay as they are.
func (w *world) refused(what string, words ...string) {
	w.t.Helper()
	was := w.onDisk()
	for _, command := range []string{"preview", "up"} {
		code, _, errs := w.run(command, name, "--emulated")
		if code != 1 || !strings.Contains(errs, "refused, nothing was changed") {
			w.t.Errorf("%s of %s: exit code %d, want a refusal:\n%s", command, what, code, errs)
		}
		for _, word := range words {
			if !strings.Contains(errs, word) {
				w.t.Errorf("%s of %s lacks %q:\n%s", command, what, word, errs)
			}
		}
	}
	if w.onDisk() != was {
		w.t.Errorf("%s: what was refused changed something", what)
	}
}

// onDisk is the cloud and the state as they are kept.
func (w *world) onDisk() string {
	w.t.Helper()
	var all []string
	for _, path := range []string{"cloud/operations.jsonl", "state/.pulumi/stacks/beachhead/" + name + ".json"} {
		text, err := os.ReadFile(filepath.Join(w.dir, ".beachhead", "emulated", path))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return strings.Join(all, "\n")
}
