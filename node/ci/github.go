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
	// runners is the address of the interface for the runners of the organisation or of the repository.
	runners string
}

const (
	githubHome  = home + "/github"
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

// Final: a runner's name is free again once the runner was removed.
func (g *github) Final() bool { return false }

func githubUnit(slot int) string   { return fmt.Sprintf("beachhead-github-%d.service", slot+1) }
func githubFolder(slot int) string { return fmt.Sprintf("%s/%d", githubHome, slot+1) }
func githubSecret(slot int) string { return fmt.Sprintf("%s/github-%d.env", volatile, slot+1) }

// Install unpacks a runner for each slot, with the hooks that mark jobs. libicu is what .NET needs; Debian 12 has it under this name.
func (g *github) Install(ctx context.Context) error {
	if err := g.Host.Packages(ctx, "libicu72", "git"); err != nil {
		return err
	}
	if err := g.prepare(ctx); err != nil {
		return err
	}
	for _, verb := range []string{"started", "finished"} {
		// A hook that fails ends its job, and a mark is not worth that.
		text := "#!/bin/sh\n/usr/local/bin/beachhead-node job " + verb + " \"$RUNNER_NAME\" || true\n"
		if _, err := g.Host.Write(path.Join(githubHooks, "job-"+verb+".sh"), 0o755, text); err != nil {
			return err
		}
	}
	for slot := range g.names() {
		if there(g.Host, githubFolder(slot)+"/run.sh") { // the release is not even asked for
			continue
		}
		const project = "https://github.com/actions/runner"
		version, err := latest(ctx, project)
		if err != nil {
			return err
		}
		archive := fmt.Sprintf("%s/releases/download/v%s/actions-runner-linux-%s-%s.tar.gz", project, version, machineNamed("x64", "arm64"), version)
		if err := g.unpack(ctx, archive, githubFolder(slot), "run.sh"); err != nil {
			return err
		}
	}
	return nil
}

// isAPIToken says whether a token is for GitHub's interface, by the prefixes that GitHub gives its tokens; a registration token has none.
func isAPIToken(token string) bool {
	return slices.ContainsFunc([]string{"ghp_", "github_pat_", "ghs_", "gho_", "ghu_"}, func(p string) bool { return strings.HasPrefix(token, p) })
}

// Start starts a runner in each slot that has none.
func (g *github) Start(ctx context.Context) error {
	for slot, name := range g.names() {
		running, err := runs(ctx, g.Host, githubUnit(slot))
		if err != nil {
			return err
		}
		if info, err := os.Stat(g.Host.Path(githubSecret(slot))); running || (err == nil && time.Since(info.ModTime()) < again) {
			continue
		}
		if err := g.startSlot(ctx, slot, name); err != nil {
			return err
		}
	}
	return nil
}

func (g *github) startSlot(ctx context.Context, slot int, name string) error {
	u := unit{
		name: githubUnit(slot), description: "GitHub runner " + name, user: user, folder: githubFolder(slot),
		command: githubFolder(slot) + "/run.sh",
		settings: []string{
			"Environment=ACTIONS_RUNNER_HOOK_JOB_STARTED=" + githubHooks + "/job-started.sh",
			"Environment=ACTIONS_RUNNER_HOOK_JOB_COMPLETED=" + githubHooks + "/job-finished.sh",
			// A runner that was killed marks no end of its job.
			"ExecStopPost=/bin/rm -f " + path.Join(jobs, name),
		},
	}
	if !g.stays(slot) {
		token, err := g.token(ctx)
		if err != nil {
			return err
		}
		if isAPIToken(token) {
			configuration, err := g.justInTime(ctx, name, token)
			if err != nil {
				return err
			}
			// The runner reads each of its options from the environment too, and takes this one out of it before a job sees it (actions/runner,
			// CommandSettings).
			if _, err := g.Host.Write(githubSecret(slot), 0o600, "ACTIONS_RUNNER_INPUT_JITCONFIG="+configuration+"\n"); err != nil {
				return err
			}
			u.settings = append(u.settings, "EnvironmentFile="+githubSecret(slot))
			return u.start(ctx, g.Host)
		}
		if err := g.configure(ctx, slot, name, token); err != nil {
			return err
		}
	}
	u.settings = append(u.settings, "Restart=always", "RestartSec=5")
	return u.start(ctx, g.Host)
}

// mark says that a slot's runner stays for many jobs.
const mark = ".beachhead-stays"

func (g *github) stays(slot int) bool { return there(g.Host, path.Join(githubFolder(slot), mark)) }

// configure registers a runner by its own script, which takes the token from its environment; systemd reads that from a file of root's, so that the
// token is on no command line.
func (g *github) configure(ctx context.Context, slot int, name, token string) error {
	folder, secret := githubFolder(slot), githubSecret(slot)
	if _, err := g.Host.Write(secret, 0o600, "ACTIONS_RUNNER_INPUT_TOKEN="+token+"\n"); err != nil {
		return err
	}
	defer func() { _ = os.Remove(g.Host.Path(secret)) }()
	limited, cancel := context.WithTimeout(ctx, registerLimit)
	defer cancel()
	if _, err := g.Host.Run(limited, "systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--uid="+user, "--working-directory="+folder,
		"--property=EnvironmentFile="+secret, folder+"/config.sh", "--unattended", "--replace", "--url", g.Agent.URL, "--name", name,
		"--labels", strings.Join(g.labels(), ","), "--work", "_work"); err != nil {
		return fmt.Errorf("GitHub at %s did not register the runner within %s: %w; a registration token is valid for an hour: %s, or use a token for "+
			"GitHub's interface (ghp_, github_pat_ ...), which does not run out", g.Agent.URL, registerLimit, withoutSecret(err, token), g.remedy())
	}
	_, err := g.Host.Write(path.Join(folder, mark), 0o644, "")
	return err
}

// justInTime asks for a runner for one job. A runner of the same name is what is left of one that was killed; it is removed first.
func (g *github) justInTime(ctx context.Context, name, token string) (string, error) {
	request := call{
		method: http.MethodPost, url: g.runners + "/generate-jitconfig", scheme: "Bearer", token: token,
		body: map[string]any{"name": name, "runner_group_id": defaultGroup, "labels": g.labels(), "work_folder": "_work"},
		// 409: the name is taken.
		wants: []int{http.StatusCreated, http.StatusConflict},
	}
	got, err := g.ask(ctx, request)
	if err != nil {
		return "", err
	}
	if got.status == http.StatusConflict {
		if _, err := g.remove(ctx, name, token); err != nil {
			return "", err
		}
		request.wants = request.wants[:1]
		if got, err = g.ask(ctx, request); err != nil {
			return "", err
		}
	}
	var made struct {
		Configuration string `json:"encoded_jit_config"`
	}
	if err := got.into(&made); err != nil {
		return "", err
	}
	if made.Configuration == "" || strings.ContainsAny(made.Configuration, "\n \"'\\") {
		return "", fmt.Errorf("the CI server at %s answered without a just-in-time configuration; check that agent.url is GitHub's", request.url)
	}
	return made.Configuration, nil
}

// labels are what jobs ask for. A runner has to have one.
func (g *github) labels() []string {
	if len(g.Agent.Tags) == 0 {
		return []string{"self-hosted"}
	}
	return append([]string{"self-hosted"}, g.Agent.Tags...)
}

// outcome is what became of the removal of a runner.
type outcome int

const (
	removed outcome = iota
	unknown         // GitHub knows no such runner
	busy            // it has a job, and stays
)

// remove removes a runner by its name.
func (g *github) remove(ctx context.Context, name, token string) (outcome, error) {
	got, err := g.ask(ctx, call{
		method: http.MethodGet, url: g.runners + "?name=" + url.QueryEscape(name), scheme: "Bearer", token: token, wants: []int{http.StatusOK},
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
	if err := got.into(&list); err != nil {
		return 0, err
	}
	result := unknown
	for _, runner := range list.Runners {
		if runner.Name != name { // a server that knows no search by name gives all
			continue
		}
		got, err := g.ask(ctx, call{
			method: http.MethodDelete, url: g.runners + "/" + strconv.FormatInt(runner.ID, 10), scheme: "Bearer", token: token,
			// 422: the runner has a job.
			wants: []int{http.StatusNoContent, http.StatusNotFound, http.StatusUnprocessableEntity},
		})
		if err != nil {
			return 0, err
		}
		result = map[int]outcome{http.StatusNoContent: removed, http.StatusNotFound: unknown, http.StatusUnprocessableEntity: busy}[got.status]
	}
	return result, nil
}

// Running counts the jobs that their hooks marked.
func (g *github) Running(context.Context) (int, error) { return marked(g.Host) }

// Drain removes idle runners and waits for the others' last jobs.
func (g *github) Drain(ctx context.Context) error {
	for slot, name := range g.names() {
		running, err := runs(ctx, g.Host, githubUnit(slot))
		if err != nil {
			return err
		}
		if running {
			if err := g.retire(ctx, slot, name); err != nil {
				return err
			}
		}
	}
	for slot := range g.names() {
		if err := ended(ctx, g.Host, githubUnit(slot)); err != nil {
			return err
		}
	}
	return nil
}

// retire stops a runner when it has no job and gets none any more. One that GitHub does not remove has its last job, or its end before it, and is
// not asked about again: GitHub counts the calls of all machines together. A runner with a registration token is asked for its mark alone: a job
// that it takes between that look and its stop is ended, and GitHub shows it as cancelled.
func (g *github) retire(ctx context.Context, slot int, name string) error {
	if g.stays(slot) {
		for there(g.Host, path.Join(jobs, name)) {
			if err := host.Sleep(ctx, pause); err != nil {
				return err
			}
		}
		return stop(ctx, g.Host, githubUnit(slot))
	}
	token, err := g.token(ctx)
	if err != nil {
		return err
	}
	result, err := g.remove(ctx, name, token)
	// A runner that GitHub no longer knows was removed by a drain before this one, or ends its job just now.
	if err != nil || result == busy || (result == unknown && there(g.Host, path.Join(jobs, name))) {
		return err
	}
	return stop(ctx, g.Host, githubUnit(slot))
}

// Unregister removes what is left of the runners. With a registration token GitHub cannot be asked to: it removes a runner that was silent for 14
// days by itself.
func (g *github) Unregister(ctx context.Context) error {
	if g.stays(0) {
		return nil
	}
	token, err := g.token(ctx)
	if err != nil || !isAPIToken(token) {
		return err
	}
	for _, name := range g.names() {
		if _, err := g.remove(ctx, name, token); err != nil {
			return err
		}
	}
	return nil
}
