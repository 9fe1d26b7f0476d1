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

// github runs GitHub's runner (github.com/actions/runner). A runner runs one job at a time, so the machine has one
// slot, with one runner, for each concurrent job.
//
// With a token for GitHub's API, each runner exists for one job: the agent requests a just-in-time configuration, the
// runner runs one job and ends, and the agent creates the next runner. Draining is exact then: GitHub removes an idle
// runner, and refuses to remove a runner that has a job, which is its last. With a registration token, a runner stays
// for many jobs, and GitHub supports neither draining nor removal by the token. A registration token is valid for an
// hour, so it is useful only where machines rarely start.
type github struct {
	Machine
	// runnersURL is the API address of the runners of the organisation or the repository.
	runnersURL string
}

const (
	githubHome  = agentsHome + "/github"
	githubHooks = "/usr/local/lib/beachhead/ci"
	// defaultGroup is the id of the runner group that every organisation has.
	defaultGroup = 1
)

// newGitHub returns an error when agent.url is not the address of an organisation or a repository.
func newGitHub(m Machine) (*github, error) {
	u, err := url.Parse(m.Agent.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("agent.url %q in the region file is not an address; want https://github.com/ORGANISATION or "+
			"https://github.com/OWNER/REPOSITORY", m.Agent.URL)
	}
	owner := strings.Split(strings.Trim(u.Path, "/"), "/")
	scope := ""
	switch {
	case len(owner) == 1 && owner[0] != "":
		scope = "/orgs/" + owner[0]
	case len(owner) == 2:
		scope = "/repos/" + owner[0] + "/" + owner[1]
	default:
		return nil, fmt.Errorf("agent.url %q in the region file names no organisation or repository; want https://github.com/ORGANISATION or "+
			"https://github.com/OWNER/REPOSITORY", m.Agent.URL)
	}
	base := u.Scheme + "://" + u.Host + "/api/v3" // GitHub Enterprise Server
	if u.Host == "github.com" {
		base = "https://api.github.com"
	} else if strings.HasSuffix(u.Host, ".ghe.com") { // GitHub Enterprise Cloud with data residency
		base = "https://api." + u.Host
	}
	return &github{m, base + scope + "/actions/runners"}, nil
}

// UsesNameOnce returns false: a runner's name is free again after the removal of the runner.
func (g *github) UsesNameOnce() bool { return false }

func githubUnit(slot int) string   { return fmt.Sprintf("beachhead-github-%d.service", slot+1) }
func githubFolder(slot int) string { return fmt.Sprintf("%s/%d", githubHome, slot+1) }
func githubSecret(slot int) string { return fmt.Sprintf("%s/github-%d.env", runtimeFolder, slot+1) }

// InstallAgent installs a runner for each slot and the hooks that mark jobs. .NET needs libicu; Debian 12 has it under
// this name.
func (g *github) InstallAgent(ctx context.Context) error {
	if err := g.Host.InstallPackages(ctx, "libicu72", "git"); err != nil {
		return err
	}
	if err := g.prepareUser(ctx); err != nil {
		return err
	}
	for _, verb := range []string{"started", "finished"} {
		// A hook that fails ends its job. A mark is not worth that.
		text := "#!/bin/sh\n/usr/local/bin/beachhead-node job " + verb + " \"$RUNNER_NAME\" || true\n"
		if _, err := g.Host.WriteFile(path.Join(githubHooks, "job-"+verb+".sh"), 0o755, text); err != nil {
			return err
		}
	}
	for slot := range g.agentNames() {
		if fileExists(g.Host, githubFolder(slot)+"/run.sh") { // no need to query the latest release
			continue
		}
		const project = "https://github.com/actions/runner"
		version, err := latestRelease(ctx, project)
		if err != nil {
			return err
		}
		archive := fmt.Sprintf("%s/releases/download/v%s/actions-runner-linux-%s-%s.tar.gz", project, version, chooseByArch("x64", "arm64"),
			version)
		if err := g.installArchive(ctx, archive, githubFolder(slot), "run.sh"); err != nil {
			return err
		}
	}
	return nil
}

// isAPIToken reports whether a token is for GitHub's API, by the prefixes of GitHub's tokens. A registration token has
// none.
func isAPIToken(token string) bool {
	return slices.ContainsFunc([]string{"ghp_", "github_pat_", "ghs_", "gho_", "ghu_"},
		func(p string) bool { return strings.HasPrefix(token, p) })
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

// startSlot creates and starts the runner of one slot.
func (g *github) startSlot(ctx context.Context, slot int, name string) error {
	u := systemdUnit{
		name: githubUnit(slot), description: "GitHub runner " + name, user: agentUser, folder: githubFolder(slot),
		command: githubFolder(slot) + "/run.sh",
		settings: []string{
			"Environment=ACTIONS_RUNNER_HOOK_JOB_STARTED=" + githubHooks + "/job-started.sh",
			"Environment=ACTIONS_RUNNER_HOOK_JOB_COMPLETED=" + githubHooks + "/job-finished.sh",
			// A killed runner does not remove the mark of its job.
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
			// The runner reads each of its options from the environment too. It removes this one before a job sees it
			// (actions/runner, CommandSettings).
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

// persistentMark is the file that marks a slot whose runner stays for many jobs.
const persistentMark = ".beachhead-stays"

// isPersistent reports whether the runner of a slot stays for many jobs.
func (g *github) isPersistent(slot int) bool {
	return fileExists(g.Host, path.Join(githubFolder(slot), persistentMark))
}

// registerPersistent registers a runner with the runner's own script, which reads the token from its environment.
// systemd reads the environment from a file of root, so that no command line contains the token.
func (g *github) registerPersistent(ctx context.Context, slot int, name, token string) error {
	folder, secret := githubFolder(slot), githubSecret(slot)
	if _, err := g.Host.WriteFile(secret, 0o600, "ACTIONS_RUNNER_INPUT_TOKEN="+token+"\n"); err != nil {
		return err
	}
	defer func() { _ = os.Remove(g.Host.Path(secret)) }()
	limited, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	if _, err := g.Host.Run(limited, "systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--uid="+agentUser,
		"--working-directory="+folder,
		"--property=EnvironmentFile="+secret, folder+"/config.sh", "--unattended", "--replace", "--url", g.Agent.URL, "--name", name,
		"--labels", strings.Join(g.runnerLabels(), ","), "--work", "_work"); err != nil {
		return fmt.Errorf("GitHub at %s did not register the runner within %s: %w; a registration token is valid for an hour: %s, or use a "+
			"token for "+
			"GitHub's API (ghp_, github_pat_ ...), which stays valid", g.Agent.URL, registerTimeout, redactSecret(err, token), g.tokenRemedy())
	}
	_, err := g.Host.WriteFile(path.Join(folder, persistentMark), 0o644, "")
	return err
}

// requestJITConfig requests the configuration of a runner for one job. If a runner with the same name exists, an
// earlier run was killed after it created that runner; requestJITConfig removes it first.
func (g *github) requestJITConfig(ctx context.Context, name, token string) (string, error) {
	request := apiCall{
		method: http.MethodPost, url: g.runnersURL + "/generate-jitconfig", scheme: "Bearer", token: token,
		body: map[string]any{"name": name, "runner_group_id": defaultGroup, "labels": g.runnerLabels(), "work_folder": "_work"},
		// 409: a runner with this name exists.
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
		return "", fmt.Errorf("the CI server at %s answered with no just-in-time configuration; check that agent.url in the region file is "+
			"GitHub's address", request.url)
	}
	return made.Configuration, nil
}

// runnerLabels returns the labels that jobs request. A runner needs at least one.
func (g *github) runnerLabels() []string {
	if len(g.Agent.Tags) == 0 {
		return []string{"self-hosted"}
	}
	return append([]string{"self-hosted"}, g.Agent.Tags...)
}

// removal is the outcome of the removal of a runner.
type removal int

const (
	runnerRemoved removal = iota
	runnerUnknown         // GitHub does not know the runner
	runnerBusy            // the runner has a job and stays
)

// removeRunner removes a runner by its name.
func (g *github) removeRunner(ctx context.Context, name, token string) (removal, error) {
	got, err := g.callServer(ctx, apiCall{
		method: http.MethodGet, url: g.runnersURL + "?name=" + url.QueryEscape(name), scheme: "Bearer", token: token,
		accepts: []int{http.StatusOK},
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
		if runner.Name != name { // a server that does not support the search by name returns all runners
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
		result = map[int]removal{http.StatusNoContent: runnerRemoved, http.StatusNotFound: runnerUnknown,
			http.StatusUnprocessableEntity: runnerBusy}[got.status]
	}
	return result, nil
}

// CountJobs returns the number of jobs that their hooks marked.
func (g *github) CountJobs(context.Context) (int, error) { return countMarks(g.Host) }

// DrainJobs removes idle runners and waits for the last jobs of the others.
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

// drainSlot stops a runner once it has no job and can get none. A runner that GitHub refuses to remove has its last
// job, or is about to end; drainSlot does not query it again, because GitHub counts the calls of all machines together.
// For a runner with a registration token, drainSlot checks only its mark. If the runner accepts a job between that
// check and the stop, the job ends, and GitHub shows it as cancelled.
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
	// If GitHub does not know the runner any more, an earlier drain removed it, or its job ends just now.
	if err != nil || result == runnerBusy || (result == runnerUnknown && fileExists(g.Host, path.Join(jobsFolder, name))) {
		return err
	}
	return stopUnit(ctx, g.Host, githubUnit(slot))
}

// UnregisterMachine removes the remaining runners. With a registration token GitHub offers no removal: it removes a
// runner by itself after 14 days of silence.
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
