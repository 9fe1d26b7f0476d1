package ci

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// customAgent runs the user's own four commands, each by /bin/sh -e as root. A command may be killed and run again, so each must be one that can be
// repeated. Jobs are what `beachhead-node job started ID` and `job finished ID` say.
type customAgent struct{ Machine }

const (
	commandsFolder = agentsHome + "/command"
	// commandInstalled is kept for the life of the machine, commandRegistered until a reboot, after which the user's agent must be started again.
	commandInstalled  = commandsFolder + "/installed"
	commandRegistered = runtimeFolder + "/registered"
	// commandDrained says that the registered machine takes no work any more, also where its removal failed afterwards.
	commandDrained = runtimeFolder + "/drained"
	commandToken   = runtimeFolder + "/token"
)

// Time limits of the user's commands. A drain has none but the context's.
const (
	commandInstallTimeout    = 30 * time.Minute
	commandRegisterTimeout   = 5 * time.Minute
	commandUnregisterTimeout = 5 * time.Minute
)

// UsesNameOnce: what the user's CI system does with names is not known; a machine that drained and goes on registers again, as the user's commands say.
func (c *customAgent) UsesNameOnce() bool { return false }

// InstallAgent runs the user's command once in the machine's life.
func (c *customAgent) InstallAgent(ctx context.Context) error {
	if err := c.prepareUser(ctx); err != nil {
		return err
	}
	if fileExists(c.Host, commandInstalled) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandInstallTimeout)
	defer cancel()
	if err := c.runCommand(ctx, "install", c.Agent.Commands.Install, ""); err != nil {
		return err
	}
	_, err := c.Host.WriteFile(commandInstalled, 0o600, "")
	return err
}

// EnsureRunning registers the machine once, until it is drained or starts anew.
func (c *customAgent) EnsureRunning(ctx context.Context) error {
	if fileExists(c.Host, commandRegistered) && !fileExists(c.Host, commandDrained) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandRegisterTimeout)
	defer cancel()
	if err := c.runWithToken(ctx, "register", c.Agent.Commands.Register); err != nil {
		return err
	}
	if _, err := c.Host.WriteFile(commandRegistered, 0o600, ""); err != nil {
		return err
	}
	return c.removeMark(commandDrained)
}

func (c *customAgent) removeMark(file string) error {
	if err := os.Remove(c.Host.Path(file)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// CountJobs counts the jobs that the user's agent marked.
func (c *customAgent) CountJobs(context.Context) (int, error) { return countMarks(c.Host) }

// DrainJobs runs the user's command, which returns when the last job has ended.
func (c *customAgent) DrainJobs(ctx context.Context) error {
	if !fileExists(c.Host, commandRegistered) || fileExists(c.Host, commandDrained) {
		return nil
	}
	if err := c.runCommand(ctx, "drain", c.Agent.Commands.Drain, ""); err != nil {
		return err
	}
	_, err := c.Host.WriteFile(commandDrained, 0o600, "")
	return err
}

// UnregisterMachine runs the user's command.
func (c *customAgent) UnregisterMachine(ctx context.Context) error {
	if !fileExists(c.Host, commandRegistered) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandUnregisterTimeout)
	defer cancel()
	if err := c.runWithToken(ctx, "unregister", c.Agent.Commands.Unregister); err != nil {
		return err
	}
	if err := c.removeMark(commandRegistered); err != nil {
		return err
	}
	return c.removeMark(commandDrained)
}

// runWithToken runs a command while the token is in a file that only root can read.
func (c *customAgent) runWithToken(ctx context.Context, name, text string) error {
	if c.Agent.TokenParameter == "" {
		return c.runCommand(ctx, name, text, "")
	}
	token, err := c.readToken(ctx)
	if err != nil {
		return err
	}
	if _, err := c.Host.WriteFile(commandToken, 0o600, token+"\n"); err != nil {
		return err
	}
	defer func() { _ = os.Remove(c.Host.Path(commandToken)) }()
	return c.runCommand(ctx, name, text, token)
}

// runCommand runs one of the commands, from a file: a long one does not fit into an error or a list of processes. It runs in a scope of its own, so that
// what it leaves running outlives this agent; its output goes to a file of root's, since what stays would hold on to a pipe.
func (c *customAgent) runCommand(ctx context.Context, name, text, token string) error {
	script := path.Join(commandsFolder, name)
	if _, err := c.Host.WriteFile(script, 0o700, text+"\n"); err != nil {
		return err
	}
	if err := os.Chmod(c.Host.Path(commandsFolder), 0o700); err != nil {
		return err
	}
	log := script + ".log"
	_, err := c.Host.Run(ctx, "systemd-run", "--scope", "--quiet", "--collect", "env", "BEACHHEAD_NAME="+c.Name,
		"BEACHHEAD_TAGS="+strings.Join(c.Agent.Tags, ","), "BEACHHEAD_CONCURRENCY="+strconv.Itoa(c.Agent.Concurrency), "BEACHHEAD_URL="+c.Agent.URL,
		"BEACHHEAD_TOKEN_FILE="+c.Host.Path(commandToken), "/bin/sh", "-c", `umask 077; exec /bin/sh -e "$0" >"$1" 2>&1 </dev/null`,
		c.Host.Path(script), c.Host.Path(log))
	said, unread := os.ReadFile(c.Host.Path(log))
	// A command that prints its token (set -x does) must not leave it behind. What it left running goes on to write into the file that was.
	if text := string(said); unread == nil && token != "" && strings.Contains(text, token) {
		if _, err := c.Host.WriteFile(log, 0o600, strings.ReplaceAll(text, token, "(the token)")); err != nil {
			return err
		}
	}
	if err != nil {
		err = fmt.Errorf("the region file's agent.commands.%s failed: %w: %s; its output is in %s", name, err, lastOutput(string(said)), log)
	}
	return redactSecret(err, token)
}

// lastOutput is the end of what a command said.
func lastOutput(said string) string {
	said = strings.TrimSpace(said)
	if len(said) > 400 {
		said = "…" + said[len(said)-400:]
	}
	return said
}
