package ci

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
)

// buildkite runs Buildkite's agent (github.com/buildkite/agent).
type buildkite struct{ Machine }

const (
	buildkiteHome   = home + "/buildkite"
	buildkiteHooks  = "/usr/local/lib/beachhead/buildkite-hooks"
	buildkiteConfig = "/etc/beachhead/buildkite-agent.cfg"
	buildkiteSecret = volatile + "/buildkite.env"
	buildkiteUnit   = "beachhead-buildkite.service"
	// buildkiteAPI is the agent's default endpoint.
	buildkiteAPI = "https://agent.buildkite.com/v3"
)

// Final: an agent's name is free again once it is gone.
func (b *buildkite) Final() bool { return false }

// Install unpacks the agent, and writes the hooks that mark jobs: environment is the first of a job's hooks, and pre-exit the last, whatever
// became of the job.
func (b *buildkite) Install(ctx context.Context) error {
	if err := b.Host.Packages(ctx, "git"); err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for hook, verb := range map[string]string{"environment": "started", "pre-exit": "finished"} {
		// A hook that fails ends its job, and a mark is not worth that.
		text := "#!/bin/sh\n/usr/local/bin/beachhead-node job " + verb + " \"$BUILDKITE_JOB_ID\" || true\n"
		if _, err := b.Host.Write(path.Join(buildkiteHooks, hook), 0o755, text); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(b.Host.Path(buildkiteHome+"/builds"), 0o755); err != nil {
		return err
	}
	if b.program() == buildkiteHome+"/agent/buildkite-agent" && !there(b.Host, b.program()) {
		const project = "https://github.com/buildkite/agent"
		version, err := latest(ctx, project)
		if err != nil {
			return err
		}
		archive := fmt.Sprintf("%s/releases/download/v%s/buildkite-agent-linux-%s-%s.tar.gz", project, version, machineNamed("amd64", "arm64"), version)
		if err := b.unpack(ctx, archive, buildkiteHome+"/agent", "buildkite-agent"); err != nil {
			return err
		}
	}
	return b.own(ctx, buildkiteHome, buildkiteHome+"/builds")
}

// program is the agent: the one that the image has, or the one that is fetched.
func (b *buildkite) program() string {
	if found, err := exec.LookPath("buildkite-agent"); err == nil {
		return found
	}
	return buildkiteHome + "/agent/buildkite-agent"
}

// endpoint is the agent interface of the server that the region file names.
func (b *buildkite) endpoint() string {
	u, err := url.Parse(b.Agent.URL)
	if err == nil && (u.Host == "buildkite.com" || strings.HasSuffix(u.Host, ".buildkite.com")) {
		return buildkiteAPI
	}
	return strings.TrimSuffix(b.Agent.URL, "/")
}

// Start starts the agent, which registers itself: one process that takes as many jobs at a time as it is told to.
func (b *buildkite) Start(ctx context.Context) error {
	if running, err := runs(ctx, b.Host, buildkiteUnit); err != nil || running {
		return err
	}
	token, err := b.token(ctx)
	if err != nil {
		return err
	}
	// The agent would only log that its token is refused, so that is asked first (buildkite/agent, api: GetTokenIdentity).
	if _, err := b.ask(ctx, call{
		method: http.MethodGet, url: b.endpoint() + "/token", scheme: "Token", token: token, wants: []int{http.StatusOK},
	}); err != nil {
		return err
	}
	if _, err := b.Host.Write(buildkiteConfig, 0o644, b.configuration()); err != nil {
		return err
	}
	// The agent takes its own settings out of the environment that its jobs get.
	if _, err := b.Host.Write(buildkiteSecret, 0o600, "BUILDKITE_AGENT_TOKEN="+token+"\n"); err != nil {
		return err
	}
	return unit{
		name: buildkiteUnit, description: "Buildkite agent", user: user, folder: buildkiteHome, command: b.program() + " start --config " + buildkiteConfig,
		settings: []string{
			"EnvironmentFile=" + buildkiteSecret, "Restart=always", "RestartSec=5",
			// The first SIGTERM asks the agent to take no new job and to end with the last one, a second one ends its jobs. There is no limit, since
			// a job may take hours: EC2 itself ends a machine that does not shut down.
			"KillMode=mixed", "TimeoutStopSec=infinity",
			// An agent that was killed marks no end of its jobs.
			"ExecStopPost=/bin/sh -c 'rm -f " + jobs + "/*'",
		},
	}.start(ctx, b.Host)
}

// configuration is buildkite-agent.cfg. The token is not in it.
func (b *buildkite) configuration() string {
	name := b.Name
	if b.Agent.Concurrency > 1 {
		name += "-%spawn" // agents of one process need names of their own
	}
	lines := []string{
		"name=" + strconv.Quote(name), "spawn=" + strconv.Itoa(b.Agent.Concurrency), "endpoint=" + strconv.Quote(b.endpoint()),
		"build-path=" + strconv.Quote(buildkiteHome+"/builds"), "hooks-path=" + strconv.Quote(buildkiteHooks),
	}
	if len(b.Agent.Tags) > 0 {
		lines = append(lines, "tags="+strconv.Quote(strings.Join(b.Agent.Tags, ",")))
	}
	return strings.Join(lines, "\n") + "\n"
}

// Running counts the jobs that their hooks marked.
func (b *buildkite) Running(context.Context) (int, error) { return marked(b.Host) }

// Drain stops the agent, which ends after its last job.
func (b *buildkite) Drain(ctx context.Context) error { return stop(ctx, b.Host, buildkiteUnit) }

// Unregister removes the token from the machine: an agent that ended has removed itself from Buildkite.
func (b *buildkite) Unregister(context.Context) error {
	if !there(b.Host, buildkiteSecret) {
		return nil
	}
	return os.Remove(b.Host.Path(buildkiteSecret))
}
