package ci

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/node/spec"
)

const record = `echo "%s $BEACHHEAD_NAME $BEACHHEAD_TAGS $BEACHHEAD_CONCURRENCY $BEACHHEAD_URL" >>"$ROOT/ran"` + "\n"

// recording returns four commands that record their settings.
func recording() *spec.Commands {
	say := func(name string) string { return strings.Replace(record, "%s", name, 1) }
	token := `[ "$(cat "$BEACHHEAD_TOKEN_FILE")" = planted""4711 ]` + "\n"
	return &spec.Commands{Install: say("install"), Register: token + say("register"), Drain: say("drain"), Unregister: token +
		say("unregister")}
}

func TestCommand(t *testing.T) {
	const secret = "planted4711"
	m := newInstalledMachine(t)
	agent := spec.Agent{Kind: "command", URL: "https://ci.example.com", Tags: []string{"a", "b"}, Concurrency: 2, Commands: recording()}
	agent.Commands.Install += "\necho installed"
	system := newSystem(t, m, agent, secret)
	mustRun(t, system.InstallAgent, system.InstallAgent, system.EnsureRunning, system.InstallAgent, system.EnsureRunning)
	if err := MarkJob(m.Host, "started", "1"); err != nil {
		t.Fatal(err)
	}
	if got, err := system.CountJobs(t.Context()); err != nil || got != 1 {
		t.Errorf("%d, %v", got, err)
	}
	// After a reboot the user's agent must start again, and needs no installation.
	m.Reboot()
	mustRun(t, system.InstallAgent, system.EnsureRunning, system.DrainJobs, system.UnregisterMachine, system.DrainJobs,
		system.UnregisterMachine)
	facts := " " + instance + " a,b 2 https://ci.example.com\n"
	if got, want := m.ReadFile("/ran"), "install"+facts+"register"+facts+"register"+facts+"drain"+facts+"unregister"+facts; got != want {
		t.Errorf("ran\n%swant\n%s", got, want)
	}
	if found := m.FindText(secret); len(found) > 0 {
		t.Errorf("the token is in %v", found)
	}
	if got := m.ReadFile(commandsLog("install")); got != "installed\n" {
		t.Errorf("the log of a command with no token contains %q", got)
	}
	if m.CountCommands("systemd-run --scope") != 5 {
		t.Error("a command runs among the agent's own processes, and ends with the agent")
	}
}

// A machine that drained but could not unregister returns to work.
func TestCommandRegistersAgain(t *testing.T) {
	m := newInstalledMachine(t)
	own := recording()
	own.Unregister = "exit 1"
	system := newSystem(t, m, spec.Agent{Kind: "command", Commands: own}, "planted4711")
	mustRun(t, system.InstallAgent, system.EnsureRunning, system.DrainJobs, system.DrainJobs)
	if err := system.UnregisterMachine(t.Context()); err == nil {
		t.Fatal("no error")
	}
	mustRun(t, system.EnsureRunning, system.EnsureRunning, system.DrainJobs)
	var ran []string
	for line := range strings.Lines(m.ReadFile("/ran")) {
		ran = append(ran, strings.Fields(line)[0])
	}
	if got := strings.Join(ran, " "); got != "install register drain register drain" {
		t.Errorf("ran %s", got)
	}
}

// The error of a failed command contains its name and its last output. The command runs again from its start.
func TestCommandFails(t *testing.T) {
	const secret = "planted4711"
	m := newInstalledMachine(t)
	own := recording()
	own.Register = `set -x; [ -e "$ROOT/heal" ] || { cat "$BEACHHEAD_TOKEN_FILE"; echo no such queue >&2; false; }` + "\n" +
		`echo on >>"$ROOT/on"`
	system := newSystem(t, m, spec.Agent{Kind: "command", Commands: own}, secret)
	mustRun(t, system.InstallAgent)
	wantError(t, system.EnsureRunning(t.Context()), secret, "agent.commands.register", "no such queue", commandsLog("register"))
	if found := m.FindText(secret); len(found) > 0 || !strings.Contains(m.ReadFile(commandsLog("register")), "(the token)") {
		t.Errorf("the command printed its token, which is in %v", found)
	}
	if m.ReadFile("/on") != "" || m.FileMode(commandsFolder) != 0o700 || m.FileMode(commandsLog("register")) != 0o600 {
		t.Error("the command went on after its failure, or others can read what it said")
	}
	m.WriteFile("/heal", "")
	mustRun(t, system.EnsureRunning)
	if m.ReadFile("/on") != "on\n" {
		t.Error("the command was not run again")
	}
}

func commandsLog(name string) string { return commandsFolder + "/" + name + ".log" }
