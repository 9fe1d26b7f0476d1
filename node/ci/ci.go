// Package ci installs, registers, starts, drains and removes the CI system's own agent on a runner, and counts its
// jobs. The CI system's agent runs in a systemd unit of its own and never as a child process, so a restart of the
// Beachhead agent ends no job.
package ci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// System is one CI system's agent on this machine. Every method can run again after an interruption and then continues.
type System interface {
	// InstallAgent installs the CI system's agent. It uses no network for it when the agent is already installed.
	InstallAgent(ctx context.Context) error
	// EnsureRunning registers the machine and starts the agent. It leaves a running agent as it is and makes no call to
	// the CI server for it. The role calls it every few seconds, which also restarts an agent that ended.
	EnsureRunning(ctx context.Context) error
	// CountJobs returns the number of jobs that run now.
	CountJobs(ctx context.Context) (int, error)
	// DrainJobs stops accepting jobs. It returns when the running jobs have ended or the context ends.
	DrainJobs(ctx context.Context) error
	// UnregisterMachine removes the machine from the CI system. The role calls it after DrainJobs. It returns nil when
	// the CI system does not know the machine.
	UnregisterMachine(ctx context.Context) error
	// UsesNameOnce reports whether the CI system refuses to register the machine's name again after its removal.
	UsesNameOnce() bool
}

// Machine is the runner on which a CI system's agent is installed.
type Machine struct {
	Host host.Host
	// Name is the instance id, which is also the name in the CI system: it is unique, and it leads from a job's log to
	// the machine.
	Name  string
	Agent spec.Agent
	// Token reads the registration token. The package calls it for a registration or a removal, and stores the token no
	// longer than that.
	Token func(context.Context) (string, error)
}

// New returns the CI system that the description names. It returns an error for an unknown kind, or for an agent.url
// that does not fit the kind.
func New(m Machine) (System, error) {
	switch m.Agent.Kind {
	case "jobserv":
		return &jobserv{m}, nil
	case "github":
		return newGitHub(m)
	case "gitlab":
		return &gitlab{m}, nil
	case "buildkite":
		return &buildkite{m}, nil
	case "command":
		return &customAgent{m}, nil
	}
	return nil, fmt.Errorf("the agent kind %q is unknown; set runners.NAME.agent.kind in the region file to jobserv, github, gitlab, "+
		"buildkite or command", m.Agent.Kind)
}

const (
	// agentUser is the user of the CI systems' agents that need no root. Its jobs still use the container engine, which
	// equals root. But they cannot use the machine's role, because only root's processes may read the metadata.
	agentUser = "beachhead-ci"
	// agentsHome is the folder of the CI systems' agents and their work.
	agentsHome = "/var/lib/beachhead/ci"
	// runtimeFolder is empty after a reboot.
	runtimeFolder = "/run/beachhead"
)

// Intervals and timeouts. They are variables so that tests can shorten them.
var (
	pollInterval = 2 * time.Second
	// callTimeout limits a call to a CI server.
	callTimeout = 20 * time.Second
	// registerTimeout limits a registration by a command.
	registerTimeout = 2 * time.Minute
	// minRestartInterval is the minimum time between two runners in one slot. A runner that always ends at once must
	// not use up the API calls that all machines share.
	minRestartInterval = 15 * time.Second
)

// prepareUser creates what every kind needs: the user, its home and the folder for the marks of running jobs.
func (m Machine) prepareUser(ctx context.Context) error {
	if err := createJobsFolder(m.Host); err != nil {
		return err
	}
	if err := os.MkdirAll(m.Host.Path(agentsHome), 0o755); err != nil {
		return err
	}
	if _, err := m.Host.Run(ctx, "id", "-u", agentUser); err != nil {
		if _, err := m.Host.Run(ctx, "useradd", "--system", "--home-dir", agentsHome, "--shell", "/usr/sbin/nologin", agentUser); err != nil {
			return err
		}
	}
	// This is a separate step: a kill between the two commands must not leave a user who cannot use the engine.
	_, err := m.Host.Run(ctx, "usermod", "--append", "--groups", "docker", agentUser)
	return err
}

// chownFiles changes the owner of files to agentUser. For a folder, it does not change the files inside, which running
// jobs may have written.
func (m Machine) chownFiles(ctx context.Context, files ...string) error {
	arguments := []string{agentUser + ":"}
	for _, file := range files {
		arguments = append(arguments, m.Host.Path(file))
	}
	_, err := m.Host.Run(ctx, "chown", arguments...)
	return err
}

// readToken returns the registration token. It refuses a token that can only be a mistake, because the token goes into
// files that consist of lines.
func (m Machine) readToken(ctx context.Context) (string, error) {
	text, err := m.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the registration token from the parameter %s: %w", m.Agent.TokenParameter, err)
	}
	text = strings.TrimSpace(text)
	if text == "" || (strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) && !isSigningKey(text)) {
		return "", fmt.Errorf("the registration token is empty or contains characters that no token contains; %s", m.tokenRemedy())
	}
	return text, nil
}

// tokenRemedy returns the steps that replace a wrong token. It contains the names of the token's places and never its
// value.
func (m Machine) tokenRemedy() string {
	return fmt.Sprintf("set the stack secret NAME of the fleet's agent.token with `pulumi config set --secret NAME --stack REGION`, then run "+
		"`beachhead up REGION --yes`, which writes the parameter %s; the machine retries by itself", m.Agent.TokenParameter)
}

// redactSecret returns the error with the secret removed from its text.
func redactSecret(err error, secret string) error {
	if err == nil || secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), secret, "(the token)"))
}

// agentNames returns one name for each agent that the CI system needs for the fleet's concurrency. The first name is
// the instance id itself.
func (m Machine) agentNames() []string {
	names := []string{m.Name}
	for i := 2; i <= m.Agent.Concurrency; i++ {
		names = append(names, fmt.Sprintf("%s-%d", m.Name, i))
	}
	return names
}
