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

// command runs the user's own four commands, each by /bin/sh -e as root. A command may be killed and run again, so each must be one that can be
// repeated. Jobs are what `beachhead-node job started ID` and `job finished ID` say.
type command struct{ Machine }

const (
	commands = home + "/command"
	// commandInstalled is kept for the life of the machine, commandRegistered until a reboot, after which the user's agent must be started again.
	commandInstalled  = commands + "/installed"
	commandRegistered = volatile + "/registered"
	// commandDrained says that the registered machine takes no work any more, also where its removal failed afterwards.
	commandDrained = volatile + "/drained"
	commandToken   = volatile + "/token"
)

// Time limits of the user's commands. A drain has none but the context's.
const (
	commandInstallLimit    = 30 * time.Minute
	commandRegisterLimit   = 5 * time.Minute
	commandUnregisterLimit = 5 * time.Minute
)

// Final: what the user's CI system does with names is not known; a machine that drained and goes on registers again, as the user's commands say.
func (c *command) Final() bool { return false }

// Install runs the user's command once in the machine's life.
func (c *command) Install(ctx context.Context) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if there(c.Host, commandInstalled) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandInstallLimit)
	defer cancel()
	if err := c.run(ctx, "install", c.Agent.Commands.Install, ""); err != nil {
		return err
	}
	_, err := c.Host.Write(commandInstalled, 0o600, "")
	return err
}

// Start registers the machine once, until it is drained or starts anew.
func (c *command) Start(ctx context.Context) error {
	if there(c.Host, commandRegistered) && !there(c.Host, commandDrained) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandRegisterLimit)
	defer cancel()
	if err := c.withToken(ctx, "register", c.Agent.Commands.Register); err != nil {
		return err
	}
	if _, err := c.Host.Write(commandRegistered, 0o600, ""); err != nil {
		return err
	}
	return c.forget(commandDrained)
}

func (c *command) forget(file string) error {
	if err := os.Remove(c.Host.Path(file)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Running counts the jobs that the user's agent marked.
func (c *command) Running(context.Context) (int, error) { return marked(c.Host) }

// Drain runs the user's command, which returns when the last job has ended.
func (c *command) Drain(ctx context.Context) error {
	if !there(c.Host, commandRegistered) || there(c.Host, commandDrained) {
		return nil
	}
	if err := c.run(ctx, "drain", c.Agent.Commands.Drain, ""); err != nil {
		return err
	}
	_, err := c.Host.Write(commandDrained, 0o600, "")
	return err
}

// Unregister runs the user's command.
func (c *command) Unregister(ctx context.Context) error {
	if !there(c.Host, commandRegistered) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandUnregisterLimit)
	defer cancel()
	if err := c.withToken(ctx, "unregister", c.Agent.Commands.Unregister); err != nil {
		return err
	}
	if err := c.forget(commandRegistered); err != nil {
		return err
	}
	return c.forget(commandDrained)
}

// withToken runs a command while the token is in a file that only root can read.
func (c *command) withToken(ctx context.Context, name, text string) error {
	if c.Agent.TokenParameter == "" {
		return c.run(ctx, name, text, "")
	}
	token, err := c.token(ctx)
	if err != nil {
		return err
	}
	if _, err := c.Host.Write(commandToken, 0o600, token+"\n"); err != nil {
		return err
	}
	defer func() { _ = os.Remove(c.Host.Path(commandToken)) }()
	return c.run(ctx, name, text, token)
}

// run runs one of the commands, from a file: a long one does not fit into an error or a list of processes. It runs in a scope of its own, so that
// what it leaves running outlives this agent; its output goes to a file of root's, since what stays would hold on to a pipe.
func (c *command) run(ctx context.Context, name, text, token string) error {
	script := path.Join(commands, name)
	if _, err := c.Host.Write(script, 0o700, text+"\n"); err != nil {
		return err
	}
	if err := os.Chmod(c.Host.Path(commands), 0o700); err != nil {
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
		if _, err := c.Host.Write(log, 0o600, strings.ReplaceAll(text, token, "(the token)")); err != nil {
			return err
		}
	}
	if err != nil {
		err = fmt.Errorf("the region file's agent.commands.%s failed: %w: %s; its output is in %s", name, err, tail(string(said)), log)
	}
	return withoutSecret(err, token)
}

// tail is the end of what a command said.
func tail(said string) string {
	said = strings.TrimSpace(said)
	if len(said) > 400 {
		said = "…" + said[len(said)-400:]
	}
	return said
}
