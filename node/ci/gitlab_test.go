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

const gitlabToken = "glrt-planted4711"

// newGitLab stands in for GitLab's check of tokens (Runners API, "Verify authentication for a registered runner").
func newGitLab(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.RequestURI() != "/api/v4/runners/verify" {
			w.WriteHeader(http.StatusNotFound)
		} else if r.FormValue("token") != gitlabToken {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `{"message":"403 Forbidden `, r.FormValue("token"), `"}`)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestGitLab(t *testing.T) {
	server, m := newGitLab(t), newInstalledMachine(t)
	system := newSystem(t, m, spec.Agent{Kind: "gitlab", URL: server.URL, Concurrency: 3}, gitlabToken)
	mustRun(t, system.InstallAgent, system.EnsureRunning, system.EnsureRunning)
	config := m.ReadFile(gitlabConfig)
	for _, want := range []string{"concurrent = 3\n", `name = "` + instance + `"`, `url = "` + server.URL + `"`, `executor = "docker"`,
		`listen_address = "127.0.0.1:9252"`} {
		if !strings.Contains(config, want) {
			t.Errorf("the configuration lacks %s:\n%s", want, config)
		}
	}
	wantSecretIn(t, m, gitlabToken, gitlabConfig)
	text := m.ReadFile("/etc/systemd/system/" + gitlabUnit)
	if !m.IsUnitActive(gitlabUnit) || m.CountCommands("systemctl start") != 1 || !strings.Contains(text, "KillSignal=SIGQUIT") ||
		!strings.Contains(text, "TimeoutStopSec=infinity") {
		t.Errorf("a stop of the unit would end its jobs:\n%s", text)
	}
	release := m.HoldUnit(gitlabUnit)
	drained := make(chan error, 1)
	go func() { drained <- system.DrainJobs(t.Context()) }()
	select {
	case err := <-drained:
		t.Fatalf("the drain ended while a job ran: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	release()
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	mustRun(t, system.UnregisterMachine, system.UnregisterMachine)
	if m.CountCommands("gitlab-runner unregister --config "+gitlabConfig+" --all-runners") != 1 || m.ReadFile(gitlabConfig) != "" {
		t.Error("the machine stays registered, or its token stays on it")
	}
}

func TestGitLabRefuses(t *testing.T) {
	server := newGitLab(t)
	for token, wants := range map[string][]string{
		"glrt-wrong4711":     append([]string{"403"}, refusalWants...),
		"GR1348941wrong4711": append([]string{"glrt-"}, refusalWants...),
	} {
		m := newInstalledMachine(t)
		system := newSystem(t, m, spec.Agent{Kind: "gitlab", URL: server.URL}, token)
		mustRun(t, system.InstallAgent)
		wantError(t, system.EnsureRunning(t.Context()), "wrong4711", wants...)
		if m.CountCommands("systemctl start") > 0 || len(m.FindText("wrong4711")) > 0 {
			t.Errorf("started, or the token is in %v", m.FindText("wrong4711"))
		}
	}
}

// This is the runner's own metrics page with jobs in two states; with no job the gauge does not exist.
func TestGitLabJobs(t *testing.T) {
	page := `# HELP gitlab_runner_jobs The current number of running builds
# TYPE gitlab_runner_jobs gauge
gitlab_runner_jobs{executor_stage="docker_run",runner="glrt-xx",stage="step_script",state="running"} 1
gitlab_runner_jobs{executor_stage="docker_prepare",runner="glrt-xx",stage="prepare_executor",state="running"} 2
# TYPE gitlab_runner_jobs_total counter
gitlab_runner_jobs_total{runner="glrt-xx"} 17
gitlab_runner_concurrent 3
`
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, page) }))
	t.Cleanup(metrics.Close)
	before := gitlabMetrics
	t.Cleanup(func() { gitlabMetrics = before })
	gitlabMetrics = strings.TrimPrefix(metrics.URL, "http://")
	server, m := newGitLab(t), newInstalledMachine(t)
	system := newSystem(t, m, spec.Agent{Kind: "gitlab", URL: server.URL, Concurrency: 3}, gitlabToken)
	if got, err := system.CountJobs(t.Context()); err != nil || got != 0 {
		t.Errorf("before it runs: %d, %v", got, err)
	}
	mustRun(t, system.InstallAgent, system.EnsureRunning)
	if got, err := system.CountJobs(t.Context()); err != nil || got != 3 {
		t.Errorf("%d jobs, %v; want 3", got, err)
	}
	page = "gitlab_runner_concurrent 3\n"
	if got, err := system.CountJobs(t.Context()); err != nil || got != 0 {
		t.Errorf("%d jobs, %v; want none", got, err)
	}
	for _, strange := range []string{"gitlab_runner_jobs{} \n", "gitlab_runner_jobs{} x\n"} {
		if _, err := parseJobCount([]byte(strange)); err == nil {
			t.Errorf("%q is read", strange)
		}
	}
	metrics.Close()
	if _, err := system.CountJobs(t.Context()); err == nil {
		t.Error("a runner that does not answer is taken for an idle one")
	}
}
