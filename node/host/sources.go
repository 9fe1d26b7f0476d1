package host

import (
	"fmt"
	"os"
	"strings"
)

// Where apt is told of Debian's archive. Debian's image for EC2 has debianSources, and in sourceList a remark that it has; images that are
// made otherwise have their lines in sourceList.
const (
	sourcesList   = "/etc/apt/sources.list"
	debianSources = "/etc/apt/sources.list.d/debian.sources"
	osRelease     = "/etc/os-release"
)

// configureAptMirror has apt ask AptMirror, if there is one, and Debian's own archive no longer. It writes the image's own files, so that whoever runs
// apt on the machine asks the mirror: jobs, a fleet's own commands, Debian's daily upgrades. Refused was a file of our own that options name:
// given with the agent's calls, jobs would wait for an archive that they cannot reach; given in apt.conf.d, apt would no longer read the
// repositories that others add to sources.list.d.
func (h Host) configureAptMirror() error {
	if h.AptMirror == "" {
		return nil
	}
	release, err := os.ReadFile(h.Path(osRelease))
	if err != nil {
		return fmt.Errorf("finding the release of Debian: %w; use Debian's own image", err)
	}
	name := findCodename(string(release))
	if name == "" {
		return fmt.Errorf("finding the release of Debian: %s has no VERSION_CODENAME; use Debian's own image", osRelease)
	}
	if _, err := h.WriteFile(debianSources, 0o644, renderSources(strings.TrimRight(h.AptMirror, "/"), name)); err != nil {
		return err
	}
	_, err = h.WriteFile(sourcesList, 0o644, "# Debian's archive is in sources.list.d/debian.sources.\n")
	return err
}

// findCodename is that of the release, such as bookworm; "" when the text has none.
func findCodename(release string) string {
	for line := range strings.Lines(release) {
		if name, found := strings.CutPrefix(line, "VERSION_CODENAME="); found {
			return strings.Trim(name, "\"'\r\n ")
		}
	}
	return ""
}

// renderSources are those that a release's image has, less backports and source packages, which not every mirror has: where apt misses one of the
// suites that it is told of, it fails. The keyring is Debian's own, so that a mirror can pass on nothing that Debian has not signed.
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
