package host

import (
	"fmt"
	"os"
	"strings"
)

// The files in which apt finds Debian's archive. Debian's image for EC2 uses debianSources and leaves a remark in
// sourcesList. Images from other sources have their entries in sourcesList.
const (
	sourcesList   = "/etc/apt/sources.list"
	debianSources = "/etc/apt/sources.list.d/debian.sources"
	osRelease     = "/etc/os-release"
)

// configureAptMirror makes apt use AptMirror, if one is set, instead of Debian's own archive. It writes the image's own
// files, so that everybody who runs apt on the machine uses the mirror: jobs, a fleet's own commands, Debian's daily
// upgrades. We do not use a sources file of our own that apt options name. If only the agent's calls passed the
// options, jobs would wait for an archive that they cannot reach. If apt.conf.d set them, apt would ignore the
// repositories that others add to sources.list.d.
func (h Host) configureAptMirror() error {
	if h.AptMirror == "" {
		return nil
	}
	release, err := os.ReadFile(h.Path(osRelease))
	if err != nil {
		return fmt.Errorf("reading the release of Debian: %w; use Debian's own image", err)
	}
	name := findCodename(string(release))
	if name == "" {
		return fmt.Errorf("reading the release of Debian: %s has no VERSION_CODENAME; use Debian's own image", osRelease)
	}
	if _, err := h.WriteFile(debianSources, 0o644, renderSources(strings.TrimRight(h.AptMirror, "/"), name)); err != nil {
		return err
	}
	_, err = h.WriteFile(sourcesList, 0o644, "# Debian's archive is in sources.list.d/debian.sources.\n")
	return err
}

// findCodename returns the code name in the text of os-release, such as bookworm, or "" when the text has none.
func findCodename(release string) string {
	for line := range strings.Lines(release) {
		if name, found := strings.CutPrefix(line, "VERSION_CODENAME="); found {
			return strings.Trim(name, "\"'\r\n ")
		}
	}
	return ""
}

// renderSources returns the text of debian.sources for a release: the sources of Debian's image without backports and
// source packages, which some mirrors lack. apt fails when a mirror lacks one of the suites. The keyring is Debian's
// own, so a mirror cannot serve a package that Debian did not sign.
func renderSources(mirror, release string) string {
	const text = `# Written by beachhead-node: network.aptMirror of the region file.
Types: deb
URIs: %[1]s/debian
Suites: %[2]s %[2]s-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: %[1]s/debian-security
Suites: %[2]s-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`
	return fmt.Sprintf(text, mirror, release)
}
