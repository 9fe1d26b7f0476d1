package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// engineConfig is the container engine's configuration.
const engineConfig = "/etc/docker/daemon.json"

// installEngine installs the container engine, Debian's own package, and what else the machine needs. The configuration comes first, so that the engine's
// first start has it.
func (r *Role) installEngine(ctx context.Context) error {
	mirror := r.description.Runner.RegistryMirror
	if mirror != "" {
		if err := r.configureMirror(mirror); err != nil {
			return err
		}
	}
	// Debian's kernel has AppArmor on, with which the engine starts no container unless it can load its profile for them. The parser for that is only
	// recommended by the engine's package, and no recommendation is installed.
	packages := []string{"docker.io", "apparmor", "nftables"}
	if r.description.Runner.MapParameter != "" {
		packages = append(packages, "nfs-common")
	}
	if err := r.host.InstallPackages(ctx, packages...); err != nil {
		return err
	}
	if _, err := r.host.Run(ctx, "systemctl", "start", "docker.service"); err != nil {
		return err
	}
	if mirror == "" {
		return nil
	}
	// The engine takes new mirrors by a reload, which ends no container.
	_, err := r.host.Run(ctx, "systemctl", "reload", "docker.service")
	return err
}

// configureMirror sets the mirror among what the image's own configuration has.
func (r *Role) configureMirror(mirror string) error {
	config := map[string]any{}
	text, err := os.ReadFile(r.host.Path(engineConfig))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		if err := json.Unmarshal(text, &config); err != nil {
			return fmt.Errorf("the image's %s is no JSON: %w; use an image without the file or with a right one", engineConfig, err)
		}
	}
	config["registry-mirrors"] = []string{mirror}
	if text, err = json.MarshalIndent(config, "", "  "); err != nil {
		return err
	}
	_, err = r.host.WriteFile(engineConfig, 0o644, string(text)+"\n")
	return err
}
