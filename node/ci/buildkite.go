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
	buildkiteHome   = agentsHome + "/buildkite"
	buildkiteHooks  = "/usr/local/lib/beachhead/buildkite-hooks"
	buildkiteConfig = "/etc/beachhead/buildkite-agent.cfg"
	buildkiteSecret = runtimeFolder + "/buildkite.env"
	buildkiteUnit   = "beachhead-buildkite.service"
	// buildkiteAPI is the default endpoint of the agent.
	buildkiteAPI = "https://agent.buildkite.com/v3"
)

// UsesNameOnce returns false: an agent's name is free again after the agent ended.
func (b *buildkite) UsesNameOnce() bool { return false }

// InstallAgent installs the agent and the hooks that mark jobs. The hook environment is the first of a job; pre-exit is
// the last, whatever the outcome of the job.
func (b *buildkite) InstallAgent(ctx context.Context) error {
	if err := b.Host.InstallPackages(ctx, "git"); err != nil {
		return err
	}
	if err := b.prepareUser(ctx); err != nil {
		return err
	}
	for hook, verb := range map[string]string{"environment": "started", "pre-exit": "finished"} {
		// A hook that fails ends its job. A mark is not worth that.
		text := "#!/bin/sh\n/usr/local/bin/beachhead-node job " + verb + " \"$BUILDKITE_JOB_ID\" || true\n"
		if _, err := b.Host.WriteFile(path.Join(buildkiteHooks, hook), 0o755, text); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(b.Host.Path(buildkiteHome+"/builds"), 0o755); err != nil {
		return err
	}
	if b.programPath() == buildkiteHome+"/agent/buildkite-agent" && !fileExists(b.Host, b.programPath()) {
		const project = "https://github.com/buildkite/agent"
		version, err := latestRelease(ctx, project)
		if err != nil {
			return err
		}
		archive := fmt.Sprintf("%s/releases/download/v%s/buildkite-agent-linux-%s-%s.tar.gz", project, version, chooseByArch("amd64", "arm64"),
			version)
		if err := b.installArchive(ctx, archive, buildkiteHome+"/agent", "buildkite-agent"); err != nil {
			return err
		}
	}
	return b.chownFiles(ctx, buildkiteHome, buildkiteHome+"/builds")
}

// programPath returns the path of the agent in the image, or else of the downloaded agent.
func (b *buildkite) programPath() string {
	if found, err := exec.LookPath("buildkite-agent"); err == nil {
		return found
	}
	return buildkiteHome + "/agent/buildkite-agent"
}

// agentEndpoint returns the agent API of the server that the region file names.
func (b *buildkite) agentEndpoint() string {
	u, err := url.Parse(b.Agent.URL)
	if err == nil && (u.Host == "buildkite.com" || strings.HasSuffix(u.Host, ".buildkite.com")) {
		return buildkiteAPI
	}
	return strings.TrimSuffix(b.Agent.URL, "/")
}

// EnsureRunning starts the agent, which registers itself: one process that runs as many jobs at the same time as the
// configuration allows.
func (b *buildkite) EnsureRunning(ctx context.Context) error {
	if running, err := isUnitActive(ctx, b.Host, buildkiteUnit); err != nil || running {
		return err
	}
	token, err := b.readToken(ctx)
	if err != nil {
		return err
	}
	// The agent would only log that Buildkite refuses its token, so this code verifies the token first
	// (buildkite/agent, api: GetTokenIdentity).
	if _, err := b.callServer(ctx, apiCall{
		method: http.MethodGet, url: b.agentEndpoint() + "/token", scheme: "Token", token: token, accepts: []int{http.StatusOK},
	}); err != nil {
		return err
	}
	if _, err := b.Host.WriteFile(buildkiteConfig, 0o644, b.renderConfig()); err != nil {
		return err
	}
	// The agent removes its own settings from the environment of its jobs.
	if _, err := b.Host.WriteFile(buildkiteSecret, 0o600, "BUILDKITE_AGENT_TOKEN="+token+"\n"); err != nil {
		return err
	}
	return systemdUnit{
		name: buildkiteUnit, description: "Buildkite agent", user: agentUser, folder: buildkiteHome, command: b.programPath() +
			" start --config " + buildkiteConfig,
		settings: []string{
			"EnvironmentFile=" + buildkiteSecret, "Restart=always", "RestartSec=5",
			// The first SIGTERM makes the agent accept no new job and end with the last one; a second SIGTERM ends its
			// jobs. There is no timeout, because a job may take hours: EC2 itself ends a machine that does not shut down.
			"KillMode=mixed", "TimeoutStopSec=infinity",
			// A killed agent does not remove the marks of its jobs.
			"ExecStopPost=/bin/sh -c 'rm -f " + jobsFolder + "/*'",
		},
	}.startUnit(ctx, b.Host)
}

// renderConfig returns the text of buildkite-agent.cfg. It does not contain the token.
func (b *buildkite) renderConfig() string {
	name := b.Name
	if b.Agent.Concurrency > 1 {
		name += "-%spawn" // each agent of the process needs its own name
	}
	lines := []string{
		"name=" + strconv.Quote(name), "spawn=" + strconv.Itoa(b.Agent.Concurrency), "endpoint=" + strconv.Quote(b.agentEndpoint()),
		"build-path=" + strconv.Quote(buildkiteHome+"/builds"), "hooks-path=" + strconv.Quote(buildkiteHooks),
	}
	if len(b.Agent.Tags) > 0 {
		lines = append(lines, "tags="+strconv.Quote(strings.Join(b.Agent.Tags, ",")))
	}
	return strings.Join(lines, "\n") + "\n"
}

// CountJobs returns the number of jobs that their hooks marked.
func (b *buildkite) CountJobs(context.Context) (int, error) { return countMarks(b.Host) }

// DrainJobs stops the agent, which ends after its last job.
func (b *buildkite) DrainJobs(ctx context.Context) error { return stopUnit(ctx, b.Host, buildkiteUnit) }

// UnregisterMachine removes the token from the machine. An agent that ended has already removed itself from Buildkite.
func (b *buildkite) UnregisterMachine(context.Context) error {
	if !fileExists(b.Host, buildkiteSecret) {
		return nil
	}
	return os.Remove(b.Host.Path(buildkiteSecret))
}
