// Package ci is what the agent does with the CI system's own agent on a runner: it installs, registers and starts it, counts its jobs, drains
// and removes it. The CI system's agent runs as a systemd unit of its own and never as a child, so that a restart of this agent ends no job.
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

// System is one CI system's agent on this machine. Every method can be called again after it was stopped half-way, and then goes on.
type System interface {
	// InstallAgent puts the CI system's agent on the machine. Where it is already, it asks no network for it.
	InstallAgent(ctx context.Context) error
	// EnsureRunning registers the machine and starts the agent. What runs already stays as it is, and costs no call to the CI server: it is called every
	// few seconds, which also brings back an agent that ended.
	EnsureRunning(ctx context.Context) error
	// CountJobs counts the jobs that run now.
	CountJobs(ctx context.Context) (int, error)
	// DrainJobs takes no new job, and returns when the running ones have ended or the context has.
	DrainJobs(ctx context.Context) error
	// UnregisterMachine removes the machine from the CI system. It comes after Drain. A machine that the CI system does not know is no error.
	UnregisterMachine(ctx context.Context) error
	// UsesNameOnce says that the machine's name cannot be registered again once it was removed.
	UsesNameOnce() bool
}

// Machine is what a CI system's agent is made from.
type Machine struct {
	Host host.Host
	// Name is the instance's id, and the name in the CI system: it is unique, and leads from a job's log to the machine.
	Name  string
	Agent spec.Agent
	// Token reads the registration token. It is called for a registration or a removal, and the token is kept nowhere longer than that.
	Token func(context.Context) (string, error)
}

// New gives the CI system that the description names.
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
	return nil, fmt.Errorf("the agent's kind %q is unknown; want jobserv, github, gitlab, buildkite or command in runners.NAME.agent.kind", m.Agent.Kind)
}

const (
	// agentUser runs the CI systems' agents that need no root. Its jobs still use the container engine, which is as good as root; what it keeps from
	// them is the machine's role, which only root's processes may read.
	agentUser = "beachhead-ci"
	// agentsHome is where the CI systems' agents and their work are.
	agentsHome = "/var/lib/beachhead/ci"
	// runtimeFolder is gone after a reboot.
	runtimeFolder = "/run/beachhead"
)

// Times between looks at something that is waited for, and the time limits of single steps. Variables, so that tests need not wait.
var (
	pollInterval = 2 * time.Second
	// callTimeout ends a call to a CI server that hangs.
	callTimeout = 20 * time.Second
	// registerTimeout ends a registration by a command.
	registerTimeout = 2 * time.Minute
	// minRestartInterval is the least time between two runners in one slot: one that ends at once, each time, must not use up the calls that all have.
	minRestartInterval = 15 * time.Second
)

// prepareUser makes what every kind needs: the user, its home and the place of the marks of running jobs.
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
	// A step of its own: a kill between the two must not leave the user without the engine.
	_, err := m.Host.Run(ctx, "usermod", "--append", "--groups", "docker", agentUser)
	return err
}

// chownFiles gives files to the user of the CI agents, and of a folder nothing that is in it: that may be what running jobs have written.
func (m Machine) chownFiles(ctx context.Context, files ...string) error {
	arguments := []string{agentUser + ":"}
	for _, file := range files {
		arguments = append(arguments, m.Host.Path(file))
	}
	_, err := m.Host.Run(ctx, "chown", arguments...)
	return err
}

// readToken reads the token and refuses what can only be a mistake, since it ends up in files with lines.
func (m Machine) readToken(ctx context.Context) (string, error) {
	text, err := m.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the registration token from the parameter %s: %w", m.Agent.TokenParameter, err)
	}
	text = strings.TrimSpace(text)
	if text == "" || (strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) && !isSigningKey(text)) {
		return "", fmt.Errorf("the registration token is empty or has characters that no token has; %s", m.tokenRemedy())
	}
	return text, nil
}

// tokenRemedy says how a wrong token is replaced, by the names of its places and never by its value.
func (m Machine) tokenRemedy() string {
	return fmt.Sprintf("set the stack secret that the fleet's agent.token names anew (`pulumi config set --secret NAME`), then run beachhead up, "+
		"which writes the parameter %s; the machine tries again by itself", m.Agent.TokenParameter)
}

// redactSecret tells an error without the secret that it may quote.
func redactSecret(err error, secret string) error {
	if err == nil || secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), secret, "(the token)"))
}

// agentNames gives a name to each of the agents that the CI system needs for as many jobs at a time. The first is the instance's id itself.
func (m Machine) agentNames() []string {
	names := []string{m.Name}
	for i := 2; i <= m.Agent.Concurrency; i++ {
		names = append(names, fmt.Sprintf("%s-%d", m.Name, i))
	}
	return names
}
