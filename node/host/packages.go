package host

import (
	"context"
	"strings"
)

// InstallPackages installs the Debian packages that are missing. It uses no network when none is missing. It waits for
// another apt process, because images run one at boot. It returns the error of the first command that fails.
func (h Host) InstallPackages(ctx context.Context, names ...string) error {
	// Jobs run apt too, so the mirror matters even when no package is missing.
	if err := h.configureAptMirror(); err != nil {
		return err
	}
	// dpkg-query also succeeds for a package that was removed, so the status of each counts.
	states, err := h.Run(ctx, "dpkg-query", append([]string{"--show", "--showformat=${db:Status-Status}\n"}, names...)...)
	if err == nil && strings.Count(states, "installed\n") == len(names) && !strings.Contains(states, "not-installed") {
		return nil
	}
	environment := []string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3",
		"--yes", "--quiet"}
	if _, err := h.Run(ctx, "env", append(environment, "update")...); err != nil {
		return err
	}
	_, err = h.Run(ctx, "env", append(append(environment, "install", "--no-install-recommends"), names...)...)
	return err
}
