package ci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/ci/machinetest"
	"github.com/beachhead-build/beachhead/node/spec"
)

const githubToken = "ghp_planted4711"

// gitHub stands in for GitHub's API for self-hosted runners (REST API, "Self-hosted runners").
type gitHub struct {
	*httptest.Server
	mutex   sync.Mutex
	prefix  string
	next    int
	runners map[int]string
	busy    map[string]bool
	calls   int
	made    []map[string]any
}

func newGitHubServer(t *testing.T, prefix string) *gitHub {
	t.Helper()
	g := &gitHub{prefix: prefix, runners: map[int]string{}, busy: map[string]bool{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.calls++
	rest, found := strings.CutPrefix(r.URL.Path, g.prefix)
	switch {
	case !found:
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("Authorization") != "Bearer "+githubToken:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"message": "Bad credentials `, r.Header.Get("Authorization"), `"}`)
	case r.Method == http.MethodPost && rest == "/generate-jitconfig":
		g.generate(w, r)
	case r.Method == http.MethodGet && rest == "":
		var list []map[string]any
		for id, name := range g.runners { // all of them, like a server that does not support the search by name
			list = append(list, map[string]any{"id": id, "name": name})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"total_count": len(list), "runners": list})
	case r.Method == http.MethodDelete:
		g.delete(w, strings.TrimPrefix(rest, "/"))
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (g *gitHub) generate(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if json.NewDecoder(r.Body).Decode(&body) != nil || body["name"] == nil || body["runner_group_id"] == nil || body["labels"] == nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	for _, name := range g.runners {
		if name == body["name"] {
			w.WriteHeader(http.StatusConflict)
			return
		}
	}
	g.next++
	g.runners[g.next], _ = body["name"].(string)
	g.made = append(g.made, body)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"runner": map[string]any{"id": g.next}, "encoded_jit_config": "amlxsecret" +
		strconv.Itoa(g.next) + "="})
}

func (g *gitHub) delete(w http.ResponseWriter, text string) {
	id, err := strconv.Atoi(text)
	switch {
	case err != nil || g.runners[id] == "":
		w.WriteHeader(http.StatusNotFound)
	case g.busy[g.runners[id]]:
		w.WriteHeader(http.StatusUnprocessableEntity)
	default:
		delete(g.runners, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

// takes and ends start and end a job, as GitHub sees it: a runner for one job no longer exists after it.
func (g *gitHub) takes(name string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.busy[name] = true
}

func (g *gitHub) ends(name string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	delete(g.busy, name)
	for id, n := range g.runners {
		if n == name {
			delete(g.runners, id)
		}
	}
}

const orgRunners = "/api/v3/orgs/acme/actions/runners"

// Each runner runs one job; then the agent creates another. It replaces runners that a kill left behind.
func TestGitHubJustInTime(t *testing.T) {
	server, m := newGitHubServer(t, orgRunners), newInstalledMachine(t)
	server.runners[999] = instance // a killed run left it behind
	system := newSystem(t, m, spec.Agent{Kind: "github", URL: server.URL + "/acme", Tags: []string{"arm64"}, Concurrency: 2}, githubToken)
	mustRun(t, system.InstallAgent, system.EnsureRunning, system.EnsureRunning)
	if len(server.made) != 2 || fmt.Sprint(server.made[0]["name"], server.made[0]["labels"],
		server.made[1]["name"]) != instance+"[self-hosted arm64]"+instance+"-2" {
		t.Errorf("made %v", server.made)
	}
	if found := m.FindText(githubToken); len(found) > 0 {
		t.Errorf("the token is in %v", found)
	}
	wantSecretIn(t, m, "amlxsecret", githubSecret(0), githubSecret(1))
	text := m.ReadFile("/etc/systemd/system/" + githubUnit(0))
	for _, want := range []string{"User=" + agentUser, "EnvironmentFile=" + githubSecret(0), "JOB_STARTED=" + githubHooks +
		"/job-started.sh", "/1/run.sh"} {
		if !strings.Contains(text, want) || strings.Contains(text, "Restart=") {
			t.Errorf("%q is not in the unit, or it starts again after its one job:\n%s", want, text)
		}
	}
	// The job ends, and with it the runner; the next call creates another.
	server.ends(instance)
	m.EndUnit(githubUnit(0))
	mustRun(t, system.EnsureRunning)
	// The agent does not keep replacing a runner that ends at once.
	minRestartInterval = time.Hour
	m.EndUnit(githubUnit(0))
	mustRun(t, system.EnsureRunning)
	if m.IsUnitActive(githubUnit(0)) {
		t.Error("a runner was made in the place of one that was made just now")
	}
	minRestartInterval = 0
	mustRun(t, system.EnsureRunning)
	if len(server.made) != 4 || server.made[2]["name"] != instance || !m.IsUnitActive(githubUnit(0)) {
		t.Errorf("made %v", server.made)
	}
}

// GitHub's runner runs the hooks with the runner's name in the environment.
func TestGitHubHooks(t *testing.T) {
	m := newInstalledMachine(t)
	system := newSystem(t, m, spec.Agent{Kind: "github", URL: "http://127.0.0.1:1/acme"}, githubToken)
	mustRun(t, system.InstallAgent)
	for _, verb := range []string{"started", "finished"} {
		if got := m.ReadFile(githubHooks + "/job-" + verb + ".sh"); !strings.Contains(got, "job "+verb+` "$RUNNER_NAME" || true`) {
			t.Errorf("%q", got)
		}
	}
	if err := MarkJob(m.Host, "started", instance); err != nil {
		t.Fatal(err)
	}
	if got, err := system.CountJobs(t.Context()); err != nil || got != 1 {
		t.Errorf("%d, %v", got, err)
	}
}

// A drain removes an idle runner at once, and lets the job of a busy one end.
func TestGitHubDrain(t *testing.T) {
	server, m := newGitHubServer(t, orgRunners), newInstalledMachine(t)
	system := newSystem(t, m, spec.Agent{Kind: "github", URL: server.URL + "/acme", Concurrency: 2}, githubToken)
	mustRun(t, system.InstallAgent, system.EnsureRunning)
	server.takes(instance)
	drained := make(chan error, 1)
	go func() { drained <- system.DrainJobs(t.Context()) }()
	select {
	case err := <-drained:
		t.Fatalf("the drain ended while a job ran: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	server.mutex.Lock()
	calls := server.calls
	server.mutex.Unlock()
	if calls > 2+2*2 { // two creations; for each runner a search and an attempt to remove it
		t.Errorf("%d calls of GitHub for a drain", calls)
	}
	if !m.IsUnitActive(githubUnit(0)) {
		t.Fatal("the drain stopped a runner with a job")
	}
	server.ends(instance)
	m.EndUnit(githubUnit(0))
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	mustRun(t, system.UnregisterMachine)
	if m.IsUnitActive(githubUnit(0)) || m.IsUnitActive(githubUnit(1)) || len(server.runners) > 0 {
		t.Errorf("runners are left: %v", server.runners)
	}
}

// A registration token is only in the environment of the script, and only once.
func TestGitHubRegistrationToken(t *testing.T) {
	const secret = "AREGISTRATION4711"
	m := newInstalledMachine(t)
	m.WriteFile(githubFolder(0)+"/config.sh", "#!/bin/sh\n[ \"$ACTIONS_RUNNER_INPUT_TOKEN\" = "+secret[:4]+"\"\"ISTRATION4711 ] && echo "+
		"\"$@\" >>\"$ROOT/configured\"\n")
	system := newSystem(t, m, spec.Agent{Kind: "github", URL: "https://github.com/acme/app", Tags: []string{"arm64"}}, secret)
	mustRun(t, system.InstallAgent, system.EnsureRunning)
	m.EndUnit(githubUnit(0))
	mustRun(t, system.EnsureRunning)
	want := "--unattended --replace --url https://github.com/acme/app --name " + instance + " --labels self-hosted,arm64 --work _work\n"
	if got := m.ReadFile("/configured"); got != want {
		t.Errorf("configured %q, want %q", got, want)
	}
	if found := m.FindText(secret); len(found) > 0 {
		t.Errorf("the token is in %v", found)
	}
	if text := m.ReadFile("/etc/systemd/system/" + githubUnit(0)); !strings.Contains(text, "Restart=always") || strings.Contains(text,
		"EnvironmentFile") {
		t.Error(text)
	}
	if err := MarkJob(m.Host, "started", instance); err != nil {
		t.Fatal(err)
	}
	drained := make(chan error, 1)
	go func() { drained <- system.DrainJobs(t.Context()) }()
	select {
	case err := <-drained:
		t.Fatalf("the drain ended while a job ran: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := MarkJob(m.Host, "finished", instance); err != nil {
		t.Fatal(err)
	}
	if err := <-drained; err != nil || m.IsUnitActive(githubUnit(0)) {
		t.Errorf("%v", err)
	}
	mustRun(t, system.UnregisterMachine)
}

func TestGitHubRefuses(t *testing.T) {
	server := newGitHubServer(t, orgRunners)
	m := newInstalledMachine(t)
	system := newSystem(t, m, spec.Agent{Kind: "github", URL: server.URL + "/acme"}, "github_pat_wrong")
	mustRun(t, system.InstallAgent)
	wantError(t, system.EnsureRunning(t.Context()), "github_pat_wrong", append(refusalWants, "Bad credentials")...)

	m.WriteFile(githubFolder(0)+"/config.sh", "#!/bin/sh\necho \"Http response code: NotFound, token $ACTIONS_RUNNER_INPUT_TOKEN\" "+
		">&2\nexit 1\n")
	system = newSystem(t, m, spec.Agent{Kind: "github", URL: server.URL + "/acme"}, "AOLD4711")
	wantError(t, system.EnsureRunning(t.Context()), "AOLD4711", append(refusalWants, "valid for an hour", "NotFound")...)
	if m.CountCommands("systemctl start") > 0 || len(m.FindText("AOLD4711")) > 0 {
		t.Errorf("started, or the token is in %v", m.FindText("AOLD4711"))
	}
}

func TestGitHubAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://github.com/acme":          "https://api.github.com/orgs/acme/actions/runners",
		"https://github.com/acme/app/":     "https://api.github.com/repos/acme/app/actions/runners",
		"https://git.example.com/acme":     "https://git.example.com/api/v3/orgs/acme/actions/runners",
		"https://acme.ghe.com/team/app":    "https://api.acme.ghe.com/repos/team/app/actions/runners",
		"https://github.com":               "",
		"https://github.com/a/b/c":         "",
		"github.com/acme":                  "",
		"https://github.com/acme%zz/wrong": "",
	} {
		g, err := newGitHub(Machine{Agent: spec.Agent{URL: address}})
		if (err == nil) != (want != "") || (err == nil && g.runnersURL != want) {
			t.Errorf("%s: %v, %v; want %q", address, g, err, want)
		}
	}
}

// archive returns a .tar.gz with one program.
func archive(t *testing.T, name string) []byte {
	t.Helper()
	var file bytes.Buffer
	zip := gzip.NewWriter(&file)
	tape := tar.NewWriter(zip)
	text := "#!/bin/sh\n"
	if err := tape.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o755, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	if _, err := tape.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// A download is atomic, and an existing file is not downloaded again.
func TestUnpack(t *testing.T) {
	shortenTimes(t)
	m := machinetest.New(t)
	whole, asked, cut := archive(t, "run.sh"), 0, true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/releases/latest":
			w.Header().Set("Location", "https://github.com/x/y/releases/tag/v2.335.0")
			w.WriteHeader(http.StatusFound)
		case "/a.tar.gz":
			asked++
			w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
			if cut {
				_, _ = w.Write(whole[:len(whole)/2])
				return
			}
			_, _ = w.Write(whole)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	machine := Machine{Host: m.Host}
	unpack := func(address string) error {
		return machine.installArchive(t.Context(), server.URL+address, "/tool", "run.sh")
	}
	wantError(t, unpack("/nothing"), "none", "404", "network.egress")
	wantError(t, unpack("/a.tar.gz"), "none", "unexpected EOF")
	if m.ReadFile("/tool/run.sh") != "" || m.ReadFile("/tool.tar.gz") != "" {
		t.Error("half a download was taken for a whole one")
	}
	cut = false
	for range 2 {
		if err := unpack("/a.tar.gz"); err != nil || asked != 2 {
			t.Fatalf("%v, fetched %d times", err, asked)
		}
	}
	if info, err := os.Stat(m.Host.Path("/tool/run.sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	if got, err := latestRelease(context.Background(), server.URL); err != nil || got != "2.335.0" {
		t.Errorf("%q, %v", got, err)
	}
	_, err := latestRelease(context.Background(), server.URL+"/other")
	wantError(t, err, "none", "redirects to no release")
}
