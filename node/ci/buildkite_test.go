package ci

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/spec"
)

// newBuildkite stands in for the agent API's check of tokens.
func newBuildkite(t *testing.T, token string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v3/token" {
			w.WriteHeader(http.StatusNotFound)
		} else if r.Header.Get("Authorization") != "Token "+token {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, "no such token: ", r.Header.Get("Authorization"))
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestBuildkite(t *testing.T) {
	const secret = "planted4711"
	server, m := newBuildkite(t, secret), newInstalledMachine(t)
	system := newSystem(t, m, spec.Agent{Kind: "buildkite", URL: server.URL + "/v3/", Tags: []string{"queue=arm"}, Concurrency: 2}, secret)
	mustRun(t, system.InstallAgent, system.EnsureRunning, system.EnsureRunning)
	want := `name="` + instance + `-%spawn"` + "\nspawn=2\nendpoint=\"" + server.URL + "/v3\"\n"
	if config := m.ReadFile(buildkiteConfig); !strings.HasPrefix(config, want) || !strings.Contains(config, `tags="queue=arm"`) {
		t.Errorf("%s\nwant %s", config, want)
	}
	wantSecretIn(t, m, secret, buildkiteSecret)
	text := m.ReadFile("/etc/systemd/system/" + buildkiteUnit)
	for _, want := range []string{"User=" + agentUser, "EnvironmentFile=" + buildkiteSecret, "KillMode=mixed", "TimeoutStopSec=infinity"} {
		if !strings.Contains(text, want) {
			t.Errorf("the unit lacks %s:\n%s", want, text)
		}
	}
	for hook, verb := range map[string]string{"environment": "started", "pre-exit": "finished"} {
		if got := m.ReadFile(buildkiteHooks + "/" + hook); !strings.Contains(got, "job "+verb+` "$BUILDKITE_JOB_ID" || true`) {
			t.Errorf("%s: %q", hook, got)
		}
	}
	if err := MarkJob(m.Host, "started", "0198-uuid"); err != nil {
		t.Fatal(err)
	}
	if got, err := system.CountJobs(t.Context()); err != nil || got != 1 {
		t.Errorf("%d, %v", got, err)
	}
	release := m.HoldUnit(buildkiteUnit)
	drained := make(chan error, 1)
	go func() { drained <- system.DrainJobs(t.Context()) }()
	select {
	case err := <-drained:
		t.Fatalf("the drain ended while a job ran: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	release()
	if err := <-drained; err != nil || m.CountCommands("systemctl stop") != 1 {
		t.Errorf("%v; a second SIGTERM ends the jobs: %d stops", err, m.CountCommands("systemctl stop"))
	}
	mustRun(t, system.UnregisterMachine, system.UnregisterMachine)
	if len(m.FindText(secret)) > 0 {
		t.Errorf("the token stays in %v", m.FindText(secret))
	}
}

func TestBuildkiteRefuses(t *testing.T) {
	server, m := newBuildkite(t, "right"), newInstalledMachine(t)
	system := newSystem(t, m, spec.Agent{Kind: "buildkite", URL: server.URL + "/v3"}, "wrong4711")
	mustRun(t, system.InstallAgent)
	wantError(t, system.EnsureRunning(t.Context()), "wrong4711", append(refusalWants, "401")...)
	if m.CountCommands("systemctl start") > 0 || len(m.FindText("wrong4711")) > 0 {
		t.Errorf("started, or the token is in %v", m.FindText("wrong4711"))
	}
}

// People know the address of the web pages; agents use another.
func TestBuildkiteEndpoint(t *testing.T) {
	for address, want := range map[string]string{
		"https://buildkite.com": buildkiteAPI, "https://agent.buildkite.com/v3": buildkiteAPI,
		"https://bk.example.com/v3/": "https://bk.example.com/v3",
		"https://notbuildkite.com":   "https://notbuildkite.com",
	} {
		if got := (&buildkite{Machine{Agent: spec.Agent{URL: address}}}).agentEndpoint(); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
