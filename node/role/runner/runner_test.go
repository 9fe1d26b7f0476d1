package runner

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/ci"
	"github.com/beachhead-build/beachhead/node/spec"
)

func TestPrepare(t *testing.T) {
	b := newTestRunner(t, func(r *spec.Runner) { r.MapParameter = mapName })
	b.mustPrepare(t)
	if got := b.recordedCommands(); got != "install register" {
		t.Errorf("ran %q", got)
	}
	for _, want := range []string{
		"sysctl --quiet --load=" + b.host.Path(sysctlFile), "nft --file ", "systemctl start docker.service", "systemctl reload docker.service",
		"apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 --yes --quiet install --no-install-recommends docker.io apparmor nftables " +
			"nfs-common",
	} {
		if b.machine.CountCommands(want) != 1 {
			t.Errorf("%d times: %s", b.machine.CountCommands(want), want)
		}
	}
	// After a restart of the agent, Prepare installs, registers and checks nothing a second time.
	b.restartAgent()
	before := b.machine.SnapshotState()
	b.freeBytes = func(string) (uint64, error) { return 0, nil }
	b.mustPrepare(t)
	if !maps.Equal(before, b.machine.SnapshotState()) || b.recordedCommands() != "install register" ||
		b.machine.CountCommands("apt-get") != 2 {
		t.Errorf("a second run changes the machine: ran %q", b.recordedCommands())
	}
	if b.journal.count("planted4711") > 0 || len(b.machine.FindText("planted4711")) > 0 {
		t.Errorf("the token is in the log or in %v", b.machine.FindText("planted4711"))
	}
}

// A description with an agent that this release does not know is an error, and starts nothing.
func TestPrepareRefusesUnknownAgent(t *testing.T) {
	b := newTestRunner(t, func(r *spec.Runner) { r.Agent.Kind = "jenkins" })
	if err := b.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), `"jenkins"`) || len(b.machine.CommandLog()) > 0 {
		t.Errorf("%v, ran %v", err, b.machine.CommandLog())
	}
}

// After a reboot Prepare repeats the self-check and the registration, but not the installation.
func TestReboot(t *testing.T) {
	b := newTestRunner(t, nil)
	b.mustPrepare(t)
	b.machine.Reboot()
	b.restartAgent()
	b.freeBytes = func(string) (uint64, error) { return 0, nil }
	if err := b.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "GiB free") {
		t.Errorf("a full disk after a reboot: %v", err)
	}
	b.freeBytes = func(string) (uint64, error) { return 100 << 30, nil }
	b.mustPrepare(t)
	if got := b.recordedCommands(); got != "install register register" {
		t.Errorf("ran %q", got)
	}
}

// The test kills each command once, alternately before and after its effect. The next run reaches the same state.
func TestKilledInEveryStepOfBoot(t *testing.T) {
	edit := func(r *spec.Runner) { r.MapParameter = mapName }
	model := newTestRunner(t, edit)
	addTwoDisks(model.machine)
	model.mustPrepare(t)
	want, steps := model.machine.SnapshotState("/ran"), len(model.machine.CommandLog())
	if steps < 25 {
		t.Fatalf("a boot of %d commands: %v", steps, model.machine.CommandLog())
	}
	for n := 1; n <= steps; n++ {
		after := n%2 == 0
		b := newTestRunner(t, edit)
		addTwoDisks(b.machine)
		ctx := b.machine.KillAtCommand(n, after)
		err := b.Prepare(ctx)
		killed := b.machine.CommandLog()[len(b.machine.CommandLog())-1]
		if !b.machine.CancelKill(ctx) || err == nil {
			t.Fatalf("the kill in command %d did not happen: %v", n, err)
		}
		b.restartAgent()
		b.mustPrepare(t)
		if got := b.machine.SnapshotState("/ran"); !maps.Equal(got, want) {
			t.Errorf("killed in %q, done: %t: the machine ends as %v\nwant %v", killed, after, got, want)
		}
		// A user's command that was killed after its effect runs again, and no other command does.
		own := strings.Contains(killed, "systemd-run") && after
		if got := b.recordedCommands(); got != "install register" && !own {
			t.Errorf("killed in %q: ran %q", killed, got)
		}
	}
}

func TestKilledInEveryStepOfDrain(t *testing.T) {
	for n := 1; n <= 2; n++ {
		for _, after := range []bool{false, true} {
			b := newTestRunner(t, nil)
			b.mustPrepare(t)
			ctx := b.machine.KillAtCommand(n, after)
			if err := b.Drain(ctx); err == nil || !b.machine.CancelKill(ctx) {
				t.Fatalf("the kill in command %d did not happen: %v", n, err)
			}
			b.restartAgent() // after a restart, Drain is the first call
			if err := b.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if ran := b.recordedCommands(); !strings.HasSuffix(ran, "unregister") || b.machine.ReadFile("/run/beachhead/registered") != "" {
				t.Errorf("killed in %d, done: %t: ran %q", n, after, ran)
			}
			if told := b.account.protectionCalls(); len(told) != 1 || told[0] {
				t.Errorf("protections %v", told)
			}
		}
	}
}

// A fleet that accepts no jobs starts no agent, and its machines still become ready.
func TestPrepareWhileDraining(t *testing.T) {
	b := newTestRunner(t, nil)
	b.account.setParameter(fleetPath+"/posture", "draining")
	b.mustPrepare(t)
	if got := b.recordedCommands(); got != "install" {
		t.Errorf("ran %q", got)
	}
}

// During an outage of Parameter Store, the machine keeps its posture, also over a restart; a machine with no known
// posture accepts jobs.
func TestPostureDuringOutage(t *testing.T) {
	b := newTestRunner(t, nil)
	b.account.setUnavailable(true)
	if got := b.readPosture(t.Context()); got != activePosture {
		t.Errorf("without any: %q", got)
	}
	b.account.setUnavailable(false)
	b.account.setParameter(fleetPath+"/posture", "standby")
	if got := b.readPosture(t.Context()); got != "standby" {
		t.Errorf("%q", got)
	}
	b.account.setUnavailable(true)
	b.restartAgent()
	if got := b.readPosture(t.Context()); got != "standby" {
		t.Errorf("lost: %q", got)
	}
}

// During an outage of everything but the machine's own metadata, a restarted agent continues.
func TestRestartWithoutAWS(t *testing.T) {
	b := newTestRunner(t, nil)
	b.mustPrepare(t)
	b.account.setUnavailable(true)
	b.restartAgent()
	b.clockURL = "http://127.0.0.1:1"
	b.mustPrepare(t)
}

// The removal of a machine from a CI system that does not answer ends after a while: the machine must terminate.
func TestDrainWithoutCIServer(t *testing.T) {
	b := newTestRunner(t, func(r *spec.Runner) { r.Agent.Commands.Unregister = "echo gone for good >&2; exit 1" })
	b.times.unregister = 50 * time.Millisecond
	b.mustPrepare(t)
	if err := b.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.journal.count("by hand") != 1 {
		t.Error("it is not told")
	}
	b = newTestRunner(t, func(r *spec.Runner) { r.Agent.Commands.Drain = "exit 1" })
	b.mustPrepare(t)
	if err := b.Drain(t.Context()); err == nil || b.recordedCommands() != "install register" {
		t.Errorf("%v: a drain that failed is taken for one: ran %q", err, b.recordedCommands())
	}
}

func TestMetrics(t *testing.T) {
	b := newTestRunner(t, nil)
	b.mustPrepare(t)
	for _, id := range []string{"1", "2", "3"} {
		if err := ci.MarkJob(b.host, "started", id); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.CollectMetrics(t.Context())
	if err != nil || len(got) != 1 || got[0].Name != "BusyPercent" || got[0].Unit != "Percent" || got[0].Value != 75 {
		t.Errorf("%v, %v; want 75 percent of 4 jobs", got, err)
	}
	if more := busyPercent(9, 4); more != 100 {
		t.Errorf("%v percent of more jobs than it says it runs", more)
	}
}

// The fleet's scaling follows the metric of the same name.
func TestMetricIsTheFleets(t *testing.T) {
	text, err := os.ReadFile("../../../components/fleet/scaling_group.go")
	if err != nil || !strings.Contains(string(text), `const Metric = "`+BusyMetric+`"`) {
		t.Errorf("components/fleet has another metric than %s, %v", BusyMetric, err)
	}
	var _ Cloud = (*aws.Client)(nil)
}

// The image's own configuration of the engine stays, except for the mirror.
func TestMirror(t *testing.T) {
	b := newTestRunner(t, nil)
	b.machine.WriteFile(engineConfig, `{"log-driver": "journald", "registry-mirrors": ["https://old"]}`)
	b.mustPrepare(t)
	var got map[string]any
	if err := json.Unmarshal([]byte(b.machine.ReadFile(engineConfig)), &got); err != nil {
		t.Fatal(err)
	}
	mirrors, _ := got["registry-mirrors"].([]any)
	if got["log-driver"] != "journald" || len(mirrors) != 1 || mirrors[0] != mirrorAddr {
		t.Errorf("%v", got)
	}
	b = newTestRunner(t, nil)
	b.machine.WriteFile(engineConfig, "not JSON")
	if err := b.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), engineConfig) {
		t.Errorf("%v", err)
	}
	b = newTestRunner(t, func(r *spec.Runner) { r.RegistryMirror = "" })
	b.mustPrepare(t)
	if b.machine.ReadFile(engineConfig) != "" {
		t.Error("a configuration for no mirror")
	}
}
