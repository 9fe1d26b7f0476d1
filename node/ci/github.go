package ci

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// github runs GitHub's runner (github.com/actions/runner). A runner takes one job at a time, so there is one for each job that may run at a time.
//
// With a token for GitHub's interface each runner is made for one job: the agent asks for a just-in-time configuration, the runner takes one job
// and ends, and the next one is made. Draining is then exact: GitHub removes an idle runner, and refuses to remove one that has a job, which is
// its last. With a registration token a runner stays for many jobs, and neither draining nor removal is known to GitHub; such a token is valid for
// an hour, so it is of use where machines rarely come.
type github struct {
	Machine
	// runnersURL is the address of the interface for the runners of the organisation or of the repository.
	runnersURL string
}

const (
	githubHome  = agentsHome + "/github"
	githubHooks = "/usr/local/lib/beachhead/ci"
	// defaultGroup is the runner group that every organisation has.
	defaultGroup = 1
)

func newGitHub(m Machine) (*github, error) {
	u, err := url.Parse(m.Agent.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("agent.url %q of the region file is no address; want https://github.com/ORGANISATION or https://github.com/OWNER/REPOSITORY", m.Agent.URL)
	}
	owner := strings.Split(strings.Trim(u.Path, "/"), "/")
	scope := ""
	switch {
	case len(owner) == 1 && owner[0] != "":
		scope = "/orgs/" + owner[0]
	case len(owner) == 2:
		scope = "/repos/" + owner[0] + "/" + owner[1]
	default:
		return nil, fmt.Errorf("agent.url %q names no organisation or repository; want https://github.com/ORGANISATION or https://github.com/OWNER/REPOSITORY", m.Agent.URL)
	}
	base := u.Scheme + "://" + u.Host + "/api/v3" // GitHub Enterprise Server
	if u.Host == "github.com" {
		base = "https://api.github.com"
	} else if strings.HasSuffix(u.Host, ".ghe.com") { // GitHub Enterprise Cloud with data residency
		base = "https://api." + u.Host
	}
	return &github{m, base + scope + "/actions/runners"}, nil
}

// UsesNameOnce: a runner's name is free again once the runner was removed.
func (g *github) UsesNameOnce() bool { return false }

func githubUnit(slot int) string   { return fmt.Sprintf("beachhead-github-%d.service", slot+1) }
func githubFolder(slot int) string { return fmt.Sprintf("%s/%d", githubHome, slot+1) }
func githubSecret(slot int) string { return fmt.Sprintf("%s/github-%d.env", runtimeFolder, slot+1) }

// InstallAgent unpacks a runner for each slot, with the hooks that mark jobs. libicu is what .NET needs; Debian 12 has it under this name.
func (g *github) InstallAgent(ctx context.Context) error {
	if err := g.Host.InstallPackages(ctx, "libicu72", "git"); err != nil {
		return err
	}
	if err := g.prepareUser(ctx); err != nil {
		return err
	}
	for _, verb := range []string{"started", "finished"} {
		// A hook that fails ends its job, and a mark is not worth that.
		text := "#!/bin/sh\n/usr/local/bin/beachhead-node job " + verb + " \"$RUNNER_NAME\" || true\n"
		if _, err := g.Host.WriteFile(path.Join(githubHooks, "job-"+verb+".sh"), 0o755, text); err != nil {
			return err
		}
	}
	for slot := range g.agentNames() {
		if fileExists(g.Host, githubFolder(slot)+"/run.sh") { // the release is not even asked for
			continue
		}
		const project = "https://github.com/actions/runner"
		version, err := latestRelease(ctx, project)
		if err != nil {
			return err
		}
		archive := fmt.Sprintf("%s/releases/download/v%s/actions-runner-linux-%s-%s.tar.gz", project, version, chooseByArch("x64", "arm64"), version)
		if err := g.installArchive(ctx, archive, githubFolder(slot), "run.sh"); err != nil {
			return err
		}
	}
	return nil
}

// isAPIToken says whether a token is for GitHub's interface, by the prefixes that GitHub gives its tokens; a registration token has none.
func isAPIToken(token string) bool {
	return slices.ContainsFunc([]string{"ghp_", "github_pat_", "ghs_", "gho_", "ghu_"}, func(p string) bool { return strings.HasPrefix(token, p) })
}

// EnsureRunning starts a runner in each slot that has none.
func (g *github) EnsureRunning(ctx context.Context) error {
	for slot, name := range g.agentNames() {
		running, err := isUnitActive(ctx, g.Host, githubUnit(slot))
		if err != nil {
			return err
		}
		if info, err := os.Stat(g.Host.Path(githubSecret(slot))); running || (err == nil && time.Since(info.ModTime()) < minRestartInterval) {
			continue
		}
		if err := g.startSlot(ctx, slot, name); err != nil {
			return err
		}
	}
	return nil
}

func (g *github) startSlot(ctx context.Context, slot int, name string) error {
	u := systemdUnit{
		name: githubUnit(slot), description: "GitHub runner " + name, user: agentUser, folder: githubFolder(slot),
		command: githubFolder(slot) + "/run.sh",
		settings: []string{
			"Environment=ACTIONS_RUNNER_HOOK_JOB_STARTED=" + githubHooks + "/job-started.sh",
			"Environment=ACTIONS_RUNNER_HOOK_JOB_COMPLETED=" + githubHooks + "/job-finished.sh",
			// A runner that was killed marks no end of its job.
			"ExecStopPost=/bin/rm -f " + path.Join(jobsFolder, name),
		},
	}
	if !g.isPersistent(slot) {
		token, err := g.readToken(ctx)
		if err != nil {
			return err
		}
		if isAPIToken(token) {
			configuration, err := g.requestJITConfig(ctx, name, token)
			if err != nil {
				return err
			}
			// The runner reads each of its options from the environment too, and takes this one out of it before a job sees it (actions/runner,
			// CommandSettings).
			if _, err := g.Host.WriteFile(githubSecret(slot), 0o600, "ACTIONS_RUNNER_INPUT_JITCONFIG="+configuration+"\n"); err != nil {
				return err
			}
			u.settings = append(u.settings, "EnvironmentFile="+githubSecret(slot))
			return u.startUnit(ctx, g.Host)
		}
		if err := g.registerPersistent(ctx, slot, name, token); err != nil {
			return err
		}
	}
	u.settings = append(u.settings, "Restart=always", "RestartSec=5")
	return u.startUnit(ctx, g.Host)
}

// persistentMark says that a slot's runner stays for many jobs.
const persistentMark = ".beachhead-stays"

func (g *github) isPersistent(slot int) bool {
	return fileExists(g.Host, path.Join(githubFolder(slot), persistentMark))
}

// registerPersistent registers a runner by its own script, which takes the token from its environment; systemd reads that from a file of root's, so that the
// token is on no command line.
func (g *github) registerPersistent(ctx context.Context, slot int, name, token string) error {
	folder, secret := githubFolder(slot), githubSecret(slot)
	if _, err := g.Host.WriteFile(secret, 0o600, "ACTIONS_RUNNER_INPUT_TOKEN="+token+"\n"); err != nil {
		return err
	}
	defer func() { _ = os.Remove(g.Host.Path(secret)) }()
	limited, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	if _, err := g.Host.Run(limited, "systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--uid="+agentUser, "--working-directory="+folder,
		"--property=EnvironmentFile="+secret, folder+"/config.sh", "--unattended", "--replace", "--url", g.Agent.URL, "--name", name,
		"--labels", strings.Join(g.runnerLabels(), ","), "--work", "_work"); err != nil {
		return fmt.Errorf("GitHub at %s did not register the runner within %s: %w; a registration token is valid for an hour: %s, or use a token for "+
			"GitHub's interface (ghp_, github_pat_ ...), which does not run out", g.Agent.URL, registerTimeout, redactSecret(err, token), g.tokenRemedy())
	}
	_, err := g.Host.WriteFile(path.Join(folder, persistentMark), 0o644, "")
	return err
}

// requestJITConfig asks for a runner for one job. A runner of the same name is what is left of one that was killed; it is removed first.
func (g *github) requestJITConfig(ctx context.Context, name, token string) (string, error) {
	request := apiCall{
		method: http.MethodPost, url: g.runnersURL + "/generate-jitconfig", scheme: "Bearer", token: token,
		body: map[string]any{"name": name, "runner_group_id": defaultGroup, "labels": g.runnerLabels(), "work_folder": "_work"},
		// 409: the name is taken.
		accepts: []int{http.StatusCreated, http.StatusConflict},
	}
	got, err := g.callServer(ctx, request)
	if err != nil {
		return "", err
	}
	if got.status == http.StatusConflict {
		if _, err := g.removeRunner(ctx, name, token); err != nil {
			return "", err
		}
		request.accepts = request.accepts[:1]
		if got, err = g.callServer(ctx, request); err != nil {
			return "", err
		}
	}
	var made struct {
		Configuration string `json:"encoded_jit_config"`
	}
	if err := got.decodeJSON(&made); err != nil {
		return "", err
	}
	if made.Configuration == "" || strings.ContainsAny(made.Configuration, "\n \"'\\") {
		return "", fmt.Errorf("the CI server at %s answered without a just-in-time configuration; check that agent.url is GitHub's", request.url)
	}
	return made.Configuration, nil
}

// runnerLabels are what jobs ask for. A runner has to have one.
func (g *github) runnerLabels() []string {
	if len(g.Agent.Tags) == 0 {
		return []string{"self-hosted"}
	}
	return append([]string{"self-hosted"}, g.Agent.Tags...)
}

// removal is what became of the removal of a runner.
type removal int

const (
	runnerRemoved removal = iota
	runnerUnknown         // GitHub knows no such runner
	runnerBusy            // it has a job, and stays
)

// removeRunner removes a runner by its name.
func (g *github) removeRunner(ctx context.Context, name, token string) (removal, error) {
	got, err := g.callServer(ctx, apiCall{
		method: http.MethodGet, url: g.runnersURL + "?name=" + url.QueryEscape(name), scheme: "Bearer", token: token, accepts: []int{http.StatusOK},
	})
	if err != nil {
		return 0, err
	}
	var list struct {
		Runners []struct {
			ID   int64
			Name string
		}
	}
	if err := got.decodeJSON(&list); err != nil {
		return 0, err
	}
	result := runnerUnknown
	for _, runner := range list.Runners {
		if runner.Name != name { // a server that knows no search by name gives all
			continue
		}
		got, err := g.callServer(ctx, apiCall{
			method: http.MethodDelete, url: g.runnersURL + "/" + strconv.FormatInt(runner.ID, 10), scheme: "Bearer", token: token,
			// 422: the runner has a job.
			accepts: []int{http.StatusNoContent, http.StatusNotFound, http.StatusUnprocessableEntity},
		})
		if err != nil {
			return 0, err
		}
		result = map[int]removal{http.StatusNoContent: runnerRemoved, http.StatusNotFound: runnerUnknown, http.StatusUnprocessableEntity: runnerBusy}[got.status]
	}
	return result, nil
}

// CountJobs counts the jobs that their hooks marked.
func (g *github) CountJobs(context.Context) (int, error) { return countMarks(g.Host) }

// DrainJobs removes idle runners and waits for the others' last jobs.
func (g *github) DrainJobs(ctx context.Context) error {
	for slot, name := range g.agentNames() {
		running, err := isUnitActive(ctx, g.Host, githubUnit(slot))
		if err != nil {
			return err
		}
		if running {
			if err := g.drainSlot(ctx, slot, name); err != nil {
				return err
			}
		}
	}
	for slot := range g.agentNames() {
		if err := waitUnitEnd(ctx, g.Host, githubUnit(slot)); err != nil {
			return err
		}
	}
	return nil
}

// drainSlot stops a runner when it has no job and gets none any more. One that GitHub does not remove has its last job, or its end before it, and is
// not asked about again: GitHub counts the calls of all machines together. A runner with a registration token is asked for its mark alone: a job
// that it takes between that look and its stop is ended, and GitHub shows it as cancelled.
func (g *github) drainSlot(ctx context.Context, slot int, name string) error {
	if g.isPersistent(slot) {
		for fileExists(g.Host, path.Join(jobsFolder, name)) {
			if err := host.Sleep(ctx, pollInterval); err != nil {
				return err
			}
		}
		return stopUnit(ctx, g.Host, githubUnit(slot))
	}
	token, err := g.readToken(ctx)
	if err != nil {
		return err
	}
	result, err := g.removeRunner(ctx, name, token)
	// A runner that GitHub no longer knows was removed by a drain before this one, or ends its job just now.
	if err != nil || result == runnerBusy || (result == runnerUnknown && fileExists(g.Host, path.Join(jobsFolder, name))) {
		return err
	}
	return stopUnit(ctx, g.Host, githubUnit(slot))
}

// UnregisterMachine removes what is left of the runners. With a registration token GitHub cannot be asked to: it removes a runner that was silent for 14
// days by itself.
func (g *github) UnregisterMachine(ctx context.Context) error {
	if g.isPersistent(0) {
		return nil
	}
	token, err := g.readToken(ctx)
	if err != nil || !isAPIToken(token) {
		return err
	}
	for _, name := range g.agentNames() {
		if _, err := g.removeRunner(ctx, name, token); err != nil {
			return err
		}
	}
	return nil
}
