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

// customAgent runs the user's own four commands, each by /bin/sh -e as root. A command may be killed and run again, so
// each must be repeatable. `beachhead-node job started ID` and `job finished ID` report its jobs.
type customAgent struct{ Machine }

const (
	commandsFolder = agentsHome + "/command"
	// commandInstalled lives as long as the machine. commandRegistered lives until a reboot, after which the user's
	// agent must start again.
	commandInstalled  = commandsFolder + "/installed"
	commandRegistered = runtimeFolder + "/registered"
	// commandDrained marks that the registered machine accepts no more jobs, also when its removal failed afterwards.
	commandDrained = runtimeFolder + "/drained"
	commandToken   = runtimeFolder + "/token"
)

// Timeouts of the user's commands. Only the context limits a drain.
const (
	commandInstallTimeout    = 30 * time.Minute
	commandRegisterTimeout   = 5 * time.Minute
	commandUnregisterTimeout = 5 * time.Minute
)

// UsesNameOnce returns false: we do not know the rules of the user's CI system for names. A machine that was drained
// and returns to work registers again, as the user's commands define.
func (c *customAgent) UsesNameOnce() bool { return false }

// InstallAgent runs the user's install command once in the machine's life.
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

// EnsureRunning registers the machine once, until a drain or a reboot.
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

// removeMark removes a file that records a step, if it exists.
func (c *customAgent) removeMark(file string) error {
	if err := os.Remove(c.Host.Path(file)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// CountJobs returns the number of jobs that the user's agent marked.
func (c *customAgent) CountJobs(context.Context) (int, error) { return countMarks(c.Host) }

// DrainJobs runs the user's drain command, which returns when the last job has ended.
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

// UnregisterMachine runs the user's unregister command.
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

// runWithToken runs a command while a file that only root can read contains the token.
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

// runCommand runs one of the commands from a file, because a long text fits neither into an error nor into a list of
// processes. It runs in a systemd scope of its own, so that processes which it leaves running outlive this agent. Its
// output goes to a file of root, because a process that stays would keep a pipe open.
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
		"BEACHHEAD_TAGS="+strings.Join(c.Agent.Tags, ","), "BEACHHEAD_CONCURRENCY="+strconv.Itoa(c.Agent.Concurrency),
		"BEACHHEAD_URL="+c.Agent.URL,
		"BEACHHEAD_TOKEN_FILE="+c.Host.Path(commandToken), "/bin/sh", "-c", `umask 077; exec /bin/sh -e "$0" >"$1" 2>&1 </dev/null`,
		c.Host.Path(script), c.Host.Path(log))
	output, unread := os.ReadFile(c.Host.Path(log))
	// A command that prints its token (set -x does) must not leave it behind. Processes that it left running continue
	// to write into the old file.
	if text := string(output); unread == nil && token != "" && strings.Contains(text, token) {
		if _, err := c.Host.WriteFile(log, 0o600, strings.ReplaceAll(text, token, "(the token)")); err != nil {
			return err
		}
	}
	if err != nil {
		err = fmt.Errorf("agent.commands.%s of the region file failed: %w: %s; see its output in %s", name, err, lastOutput(string(output)), log)
	}
	return redactSecret(err, token)
}

// lastOutput returns the end of a command's output.
func lastOutput(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 400 {
		text = "…" + text[len(text)-400:]
	}
	return text
}
