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
	// Install puts the CI system's agent on the machine. Where it is already, it asks no network for it.
	Install(ctx context.Context) error
	// Start registers the machine and starts the agent. What runs already stays as it is, and costs no call to the CI server: it is called every
	// few seconds, which also brings back an agent that ended.
	Start(ctx context.Context) error
	// Running counts the jobs that run now.
	Running(ctx context.Context) (int, error)
	// Drain takes no new job, and returns when the running ones have ended or the context has.
	Drain(ctx context.Context) error
	// Unregister removes the machine from the CI system. It comes after Drain. A machine that the CI system does not know is no error.
	Unregister(ctx context.Context) error
	// Final says that the machine's name cannot be registered again once it was removed.
	Final() bool
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
		return &command{m}, nil
	}
	return nil, fmt.Errorf("the agent's kind %q is unknown; want jobserv, github, gitlab, buildkite or command in runners.NAME.agent.kind", m.Agent.Kind)
}

const (
	// user runs the CI systems' agents that need no root. Its jobs still use the container engine, which is as good as root; what it keeps from
	// them is the machine's role, which only root's processes may read.
	user = "beachhead-ci"
	// home is where the CI systems' agents and their work are.
	home = "/var/lib/beachhead/ci"
	// volatile is gone after a reboot.
	volatile = "/run/beachhead"
)

// Times between looks at something that is waited for, and the time limits of single steps. Variables, so that tests need not wait.
var (
	pause = 2 * time.Second
	// connectLimit ends a call to a CI server that hangs.
	connectLimit = 20 * time.Second
	// registerLimit ends a registration by a command.
	registerLimit = 2 * time.Minute
	// again is the least time between two runners in one slot: one that ends at once, each time, must not use up the calls that all have.
	again = 15 * time.Second
)

// prepare makes what every kind needs: the user, its home and the place of the marks of running jobs.
func (m Machine) prepare(ctx context.Context) error {
	if err := makeJobs(m.Host); err != nil {
		return err
	}
	if err := os.MkdirAll(m.Host.Path(home), 0o755); err != nil {
		return err
	}
	if _, err := m.Host.Run(ctx, "id", "-u", user); err != nil {
		if _, err := m.Host.Run(ctx, "useradd", "--system", "--home-dir", home, "--shell", "/usr/sbin/nologin", user); err != nil {
			return err
		}
	}
	// A step of its own: a kill between the two must not leave the user without the engine.
	_, err := m.Host.Run(ctx, "usermod", "--append", "--groups", "docker", user)
	return err
}

// own gives files to the user of the CI agents, and of a folder nothing that is in it: that may be what running jobs have written.
func (m Machine) own(ctx context.Context, files ...string) error {
	arguments := []string{user + ":"}
	for _, file := range files {
		arguments = append(arguments, m.Host.Path(file))
	}
	_, err := m.Host.Run(ctx, "chown", arguments...)
	return err
}

// token reads the token and refuses what can only be a mistake, since it ends up in files with lines.
func (m Machine) token(ctx context.Context) (string, error) {
	text, err := m.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the registration token from the parameter %s: %w", m.Agent.TokenParameter, err)
	}
	text = strings.TrimSpace(text)
	if text == "" || (strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) && !isKey(text)) {
		return "", fmt.Errorf("the registration token is empty or has characters that no token has; %s", m.remedy())
	}
	return text, nil
}

// remedy says how a wrong token is replaced, by the names of its places and never by its value.
func (m Machine) remedy() string {
	return fmt.Sprintf("set the stack secret that the fleet's agent.token names anew (`pulumi config set --secret NAME`), then run beachhead up, "+
		"which writes the parameter %s; the machine tries again by itself", m.Agent.TokenParameter)
}

// withoutSecret tells an error without the secret that it may quote.
func withoutSecret(err error, secret string) error {
	if err == nil || secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), secret, "(the token)"))
}

// names gives a name to each of the agents that the CI system needs for as many jobs at a time. The first is the instance's id itself.
func (m Machine) names() []string {
	names := []string{m.Name}
	for i := 2; i <= m.Agent.Concurrency; i++ {
		names = append(names, fmt.Sprintf("%s-%d", m.Name, i))
	}
	return names
}
