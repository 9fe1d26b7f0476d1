package ci

import (
	"context"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

// systemdUnit is the systemd unit of a CI system's agent.
type systemdUnit struct {
	name, description string
	// command is the agent's, user its user and folder where it runs; an empty user is root.
	command, user, folder string
	// settings are more lines of its section [Service].
	settings []string
}

func (u systemdUnit) renderFile() string {
	lines := []string{
		"# Written by beachhead-node at every start of the agent.",
		"[Unit]", "Description=" + u.description, "Wants=network-online.target", "After=network-online.target docker.service", "",
		"[Service]", "ExecStart=" + u.command, "WorkingDirectory=" + u.folder,
	}
	if u.user != "" {
		lines = append(lines, "User="+u.user, "Environment=HOME="+u.folder) // the home of the user is root's, and of all kinds
	}
	return strings.Join(append(lines, u.settings...), "\n") + "\n"
}

// startUnit writes the unit and starts it. It is not enabled: after a reboot the agent starts it again, once the machine has shown that it can work.
// The reload is not left out for a file that was the same, since the one before may have been killed between writing and reloading.
func (u systemdUnit) startUnit(ctx context.Context, h host.Host) error {
	if _, err := h.WriteFile("/etc/systemd/system/"+u.name, 0o644, u.renderFile()); err != nil {
		return err
	}
	if _, err := h.Run(ctx, "systemctl", "daemon-reload"); err != nil {
		return err
	}
	_, err := h.Run(ctx, "systemctl", "start", u.name)
	return err
}

// isUnitActive says whether a unit runs, is about to, or is about to end.
func isUnitActive(ctx context.Context, h host.Host, name string) (bool, error) {
	state, err := h.Run(ctx, "systemctl", "show", "--property=ActiveState", "--value", name)
	state = strings.TrimSpace(state)
	return err == nil && state != "inactive" && state != "failed", err
}

// stopUnit asks a unit to stop, by its own KillSignal, and waits until it has. Units whose agent waits for its jobs have no limit to that, and the
// context is what ends the waiting.
func stopUnit(ctx context.Context, h host.Host, name string) error {
	if _, err := h.Run(ctx, "systemctl", "stop", "--no-block", name); err != nil && host.ExitCode(err) != notLoaded {
		return err
	}
	return waitUnitEnd(ctx, h, name)
}

// waitUnitEnd waits until a unit runs no more.
func waitUnitEnd(ctx context.Context, h host.Host, name string) error {
	for {
		if running, err := isUnitActive(ctx, h, name); err != nil || !running {
			return err
		}
		if err := host.Sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// notLoaded is systemctl's exit code for a unit that does not exist (systemctl(1), "Exit status": program or service status unknown... 5).
const notLoaded = 5
