package ci

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// gitlab runs GitLab's runner with its docker executor. Its token is a runner authentication token (glrt-...), which
// all machines of a fleet share. GitLab distinguishes them by an id that each machine creates for itself. The tags of
// the runner belong to the token and not to the machine.
type gitlab struct{ Machine }

const (
	gitlabHome   = agentsHome + "/gitlab"
	gitlabConfig = "/etc/gitlab-runner/config.toml"
	gitlabUnit   = "beachhead-gitlab.service"
	gitlabBinary = "/usr/local/bin/gitlab-runner"
	// gitlabImage is the image of a job that names none.
	gitlabImage = "debian:12"
)

// gitlabMetrics is the address at which the runner publishes its number of jobs. GitLab documents the port. It is a
// variable for tests.
var gitlabMetrics = "127.0.0.1:9252"

// UsesNameOnce returns false: a removed machine is a new one when it registers again.
func (g *gitlab) UsesNameOnce() bool { return false }

// InstallAgent downloads the runner, a single program.
func (g *gitlab) InstallAgent(ctx context.Context) error {
	if err := g.prepareUser(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(g.Host.Path(gitlabHome), 0o755); err != nil {
		return err
	}
	if g.programPath() != gitlabBinary || fileExists(g.Host, gitlabBinary) {
		return nil
	}
	// GitLab documents this address ("Install GitLab Runner manually on GNU/Linux").
	const binaries = "https://s3.dualstack.us-east-1.amazonaws.com/gitlab-runner-downloads/latest/binaries/gitlab-runner-linux-"
	return g.downloadFile(ctx, binaries+chooseByArch("amd64", "arm64"), gitlabBinary, 0o755)
}

// programPath returns the path of the runner in the image, or else of the downloaded runner.
func (g *gitlab) programPath() string {
	if found, err := exec.LookPath("gitlab-runner"); err == nil {
		return found
	}
	return gitlabBinary
}

// EnsureRunning writes the runner's configuration and starts the runner. The runner is root, because it needs the
// engine; its jobs run in containers.
func (g *gitlab) EnsureRunning(ctx context.Context) error {
	if running, err := isUnitActive(ctx, g.Host, gitlabUnit); err != nil || running {
		return err
	}
	token, err := g.readToken(ctx)
	if err != nil {
		return err
	}
	if err := g.verifyToken(ctx, token); err != nil {
		return err
	}
	if _, err := g.Host.WriteFile(gitlabConfig, 0o600, g.renderConfig(token)); err != nil {
		return err
	}
	return systemdUnit{
		name: gitlabUnit, description: "GitLab runner", folder: gitlabHome, command: g.programPath() + " run --config " + gitlabConfig,
		// SIGQUIT makes the runner accept no new job and end with the last one; any other signal ends its jobs. There
		// is no timeout, because a job may take hours: EC2 itself ends a machine that does not shut down.
		settings: []string{"Restart=always", "RestartSec=5", "KillMode=mixed", "KillSignal=SIGQUIT", "TimeoutStopSec=infinity"},
	}.startUnit(ctx, g.Host)
}

// verifyToken checks that GitLab accepts the token, because the runner itself would only log that GitLab refuses it.
func (g *gitlab) verifyToken(ctx context.Context, token string) error {
	if !strings.HasPrefix(token, "glrt-") {
		return fmt.Errorf("the registration token is not a runner authentication token, which begins with glrt-; create one in GitLab "+
			"(Settings, CI/CD, Runners, New runner), then %s", g.tokenRemedy())
	}
	address := strings.TrimSuffix(g.Agent.URL, "/") + "/api/v4/runners/verify" // GitLab may be below a path of its host
	_, err := g.callServer(ctx, apiCall{
		method: http.MethodPost, url: address, token: token, form: url.Values{"token": {token}}, accepts: []int{http.StatusOK},
	})
	return err
}

// renderConfig returns the text of config.toml, as GitLab documents it ("Advanced configuration"). We do not use
// privileged containers: they are root on the machine.
func (g *gitlab) renderConfig(token string) string {
	return strings.Join([]string{
		"concurrent = " + strconv.Itoa(g.Agent.Concurrency),
		"listen_address = " + strconv.Quote(gitlabMetrics),
		"",
		"[[runners]]",
		"  name = " + strconv.Quote(g.Name),
		"  url = " + strconv.Quote(g.Agent.URL),
		"  token = " + strconv.Quote(token),
		`  executor = "docker"`,
		"  [runners.docker]",
		"    image = " + strconv.Quote(gitlabImage),
		"",
	}, "\n")
}

// CountJobs returns the sum of the runner's own gauge of running jobs, which has a value for each state of a job. A
// runner that does not run has no gauge.
func (g *gitlab) CountJobs(ctx context.Context) (int, error) {
	if running, err := isUnitActive(ctx, g.Host, gitlabUnit); err != nil || !running {
		return 0, err
	}
	got, err := g.callServer(ctx, apiCall{method: http.MethodGet, url: "http://" + gitlabMetrics + "/metrics", accepts: []int{http.StatusOK}})
	if err != nil {
		return 0, fmt.Errorf("querying GitLab's runner for its jobs: %w", err)
	}
	return parseJobCount(got.body)
}

// parseJobCount parses a page of Prometheus metrics.
func parseJobCount(page []byte) (int, error) {
	count := 0
	lines := bufio.NewScanner(bytes.NewReader(page))
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "gitlab_runner_jobs{") {
			continue
		}
		fields := strings.Fields(lines.Text()[strings.LastIndex(lines.Text(), "}")+1:])
		if len(fields) == 0 {
			return 0, errors.New("GitLab's runner reports its jobs in a format that this agent does not know; use an image with an older runner, " +
				"or update Beachhead")
		}
		value, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return 0, err
		}
		count += int(value)
	}
	return count, lines.Err()
}

// DrainJobs stops the runner, which ends after its last job.
func (g *gitlab) DrainJobs(ctx context.Context) error { return stopUnit(ctx, g.Host, gitlabUnit) }

// UnregisterMachine removes this machine and not the runner that all machines share: the runner's own command
// distinguishes them by the id. The token is in the configuration, so that no command line contains it.
func (g *gitlab) UnregisterMachine(ctx context.Context) error {
	if !fileExists(g.Host, gitlabConfig) {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	if _, err := g.Host.Run(limited, g.programPath(), "unregister", "--config", gitlabConfig, "--all-runners"); err != nil {
		token, unread := g.readToken(ctx)
		if unread != nil {
			token = ""
		}
		return redactSecret(err, token)
	}
	return os.Remove(g.Host.Path(gitlabConfig))
}
