package ci

import (
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/node/spec"
)

const record = `echo "%s $BEACHHEAD_NAME $BEACHHEAD_TAGS $BEACHHEAD_CONCURRENCY $BEACHHEAD_URL" >>"$ROOT/ran"` + "\n"

// recording are four commands that record what they are told.
func recording() *spec.Commands {
	say := func(name string) string { return strings.Replace(record, "%s", name, 1) }
	token := `[ "$(cat "$BEACHHEAD_TOKEN_FILE")" = planted""4711 ]` + "\n"
	return &spec.Commands{Install: say("install"), Register: token + say("register"), Drain: say("drain"), Unregister: token + say("unregister")}
}

func TestCommand(t *testing.T) {
	const secret = "planted4711"
	m := installed(t)
	agent := spec.Agent{Kind: "command", URL: "https://ci.example.com", Tags: []string{"a", "b"}, Concurrency: 2, Commands: recording()}
	system := make1(t, m, agent, secret)
	must(t, system.Install, system.Install, system.Start, system.Install, system.Start)
	if err := Job(m.Host, "started", "1"); err != nil {
		t.Fatal(err)
	}
	if got, err := system.Running(t.Context()); err != nil || got != 1 {
		t.Errorf("%d, %v", got, err)
	}
	// After a reboot the user's agent has to be started again, and nothing has to be installed.
	m.Reboot()
	must(t, system.Install, system.Start, system.Drain, system.Unregister, system.Drain, system.Unregister)
	facts := " " + instance + " a,b 2 https://ci.example.com\n"
	if got, want := m.Text("/ran"), "install"+facts+"register"+facts+"register"+facts+"drain"+facts+"unregister"+facts; got != want {
		t.Errorf("ran\n%swant\n%s", got, want)
	}
	if found := m.Holding(secret); len(found) > 0 {
		t.Errorf("the token is in %v", found)
	}
	if m.Ran("systemd-run --scope") != 5 {
		t.Error("a command runs among the agent's own processes, and ends with the agent")
	}
}

// A machine that was drained and could not be removed comes back when it is told to.
func TestCommandComesBack(t *testing.T) {
	m := installed(t)
	own := recording()
	own.Unregister = "exit 1"
	system := make1(t, m, spec.Agent{Kind: "command", Commands: own}, "planted4711")
	must(t, system.Install, system.Start, system.Drain, system.Drain)
	if err := system.Unregister(t.Context()); err == nil {
		t.Fatal("no error")
	}
	must(t, system.Start, system.Start, system.Drain)
	var ran []string
	for line := range strings.Lines(m.Text("/ran")) {
		ran = append(ran, strings.Fields(line)[0])
	}
	if got := strings.Join(ran, " "); got != "install register drain register drain" {
		t.Errorf("ran %s", got)
	}
}

// A command that fails tells its name and its last words, and is run again; the rest of it is not.
func TestCommandFails(t *testing.T) {
	const secret = "planted4711"
	m := installed(t)
	own := recording()
	own.Register = `set -x; [ -e "$ROOT/heal" ] || { cat "$BEACHHEAD_TOKEN_FILE"; echo no such queue >&2; false; }` + "\n" + `echo on >>"$ROOT/on"`
	system := make1(t, m, spec.Agent{Kind: "command", Commands: own}, secret)
	must(t, system.Install)
	wantError(t, system.Start(t.Context()), secret, "agent.commands.register", "no such queue", commandsLog("register"))
	if found := m.Holding(secret); len(found) > 0 || !strings.Contains(m.Text(commandsLog("register")), "(the token)") {
		t.Errorf("the command printed its token, which is in %v", found)
	}
	if m.Text("/on") != "" || m.Mode(commands) != 0o700 || m.Mode(commandsLog("register")) != 0o600 {
		t.Error("the command went on after its failure, or others can read what it said")
	}
	m.Put("/heal", "")
	must(t, system.Start)
	if m.Text("/on") != "on\n" {
		t.Error("the command was not run again")
	}
}

func commandsLog(name string) string { return commands + "/" + name + ".log" }
