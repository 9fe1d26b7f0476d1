package ci

import (
	"context"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

// systemdUnit is the systemd unit of a CI system's agent.
type systemdUnit struct {
	name, description string
	// command starts the agent, user is its user, and folder is its working directory. An empty user means root.
	command, user, folder string
	// settings are additional lines of the section [Service].
	settings []string
}

// renderFile returns the text of the unit file.
func (u systemdUnit) renderFile() string {
	lines := []string{
		"# Written by beachhead-node at every start of the agent.",
		"[Unit]", "Description=" + u.description, "Wants=network-online.target", "After=network-online.target docker.service", "",
		"[Service]", "ExecStart=" + u.command, "WorkingDirectory=" + u.folder,
	}
	if u.user != "" {
		lines = append(lines, "User="+u.user, "Environment=HOME="+u.folder) // the user's home folder belongs to root and serves all kinds
	}
	return strings.Join(append(lines, u.settings...), "\n") + "\n"
}

// startUnit writes the unit file and starts the unit. It does not enable it: after a reboot the agent starts it again,
// once the self-check has passed. It reloads systemd also when the file did not change, because an earlier run may have
// been killed between the write and the reload.
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

// isUnitActive reports whether a unit runs, starts or stops.
func isUnitActive(ctx context.Context, h host.Host, name string) (bool, error) {
	state, err := h.Run(ctx, "systemctl", "show", "--property=ActiveState", "--value", name)
	state = strings.TrimSpace(state)
	return err == nil && state != "inactive" && state != "failed", err
}

// stopUnit stops a unit by its own KillSignal and waits for its end. A unit whose agent waits for its jobs has no
// timeout; only the context ends the wait.
func stopUnit(ctx context.Context, h host.Host, name string) error {
	if _, err := h.Run(ctx, "systemctl", "stop", "--no-block", name); err != nil && host.ExitCode(err) != notLoaded {
		return err
	}
	return waitUnitEnd(ctx, h, name)
}

// waitUnitEnd waits until a unit has ended.
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

// notLoaded is systemctl's exit code for a unit that does not exist (systemctl(1), "Exit status": program or service
// status unknown... 5).
const notLoaded = 5
