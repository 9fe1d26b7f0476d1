package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// engineConfig is the path of the container engine's configuration.
const engineConfig = "/etc/docker/daemon.json"

// installEngine installs the container engine from Debian's own package, and the other packages that the machine needs.
// It writes the configuration first, so that the engine's first start uses it.
func (r *Role) installEngine(ctx context.Context) error {
	mirror := r.description.Runner.RegistryMirror
	if mirror != "" {
		if err := r.configureMirror(mirror); err != nil {
			return err
		}
	}
	// Debian's kernel enables AppArmor. The engine then starts a container only if it can load its AppArmor profile.
	// The engine's package merely recommends the parser for that, and the agent installs no recommended packages.
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
	// The engine applies new mirrors at a reload, which ends no container.
	_, err := r.host.Run(ctx, "systemctl", "reload", "docker.service")
	return err
}

// configureMirror adds the mirror to the image's own configuration.
func (r *Role) configureMirror(mirror string) error {
	config := map[string]any{}
	text, err := os.ReadFile(r.host.Path(engineConfig))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		if err := json.Unmarshal(text, &config); err != nil {
			return fmt.Errorf("the image's %s is not JSON: %w; use an image with no such file or with a valid one", engineConfig, err)
		}
	}
	config["registry-mirrors"] = []string{mirror}
	if text, err = json.MarshalIndent(config, "", "  "); err != nil {
		return err
	}
	_, err = r.host.WriteFile(engineConfig, 0o644, string(text)+"\n")
	return err
}
