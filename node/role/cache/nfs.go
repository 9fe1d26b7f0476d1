package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Files and the unit of the NFS server.
const (
	nfsUnit       = "nfs-server.service"
	nfsFile       = "/etc/nfs.conf.d/beachhead.conf"
	unitFile      = "/etc/systemd/system/nfs-server.service.d/beachhead.conf"
	exportCommand = "exportfs" //nolint:misspell // the command's name
	exportsFile   = "/etc/exports.d/beachhead.exports"
	usersFile     = "/etc/sysusers.d/beachhead.conf"
	// servedFile holds the settings that the running NFS server was started with. It is gone after a reboot, as the
	// server is.
	servedFile = "/run/beachhead/served"
)

// renderNFSSettings returns the settings of the NFS server.
func (r *Role) renderNFSSettings() string {
	return fmt.Sprintf(`# Written by beachhead-node.
[nfsd]
threads=%d
# Only version 4, which needs one port and no port mapper. Only 4.1 and later, whose clients report the end of their recovery after a
# restart.
vers3=n
vers4.0=n
# After a restart of this server, clients have this many seconds to reclaim open files before any new file may be opened. A client that is
# silent for as long loses its open files. Runners read and push files without locks, so short values are better than the usual 90.
#
# The list of those clients stays on the machine's own disk. The next machine starts with an empty list and has no such wait: clients open
# their files again by their handles, which are equal. With the list on the volume, each replacement would make all clients wait for runners
# that are gone. Clients lose their locks only, and the cache uses no locks.
grace-time=15
lease-time=15
`, r.cache.Threads)
}

// unitSettings raises the number of connections, so that all runners of a region can connect. The kernel's own limit is
// 20 * (threads + 3) connections (svc_check_conn_limits in net/sunrpc/svc_xprt.c); beyond it the kernel closes other
// connections. 167 runners with 8 connections each are too many for 64 threads. 16384 connections are enough for 2,048
// runners. A kernel without the file has no such limit.
const unitSettings = `# Written by beachhead-node.
[Service]
ExecStartPre=-/bin/sh -c 'echo 16384 >/proc/fs/nfsd/max_connections'
`

// renderExports returns the export of the volume, to exactly the ranges of the description.
//
// fsid=0 makes the volume the root that clients see, and makes handles equal on every machine. With async the server
// answers before a write is on the volume: a crash loses the pushes of the last seconds, which builds create again and
// check by their hashes. mp prevents the export of an empty folder in place of a volume that is not mounted.
func (r *Role) renderExports() string {
	var text strings.Builder
	for _, clients := range r.cache.Clients {
		fmt.Fprintf(&text, "%s %s(rw,async,fsid=0,no_subtree_check,all_squash,anonuid=%d,anongid=%d,mp)\n", Volume, clients, ClientID, ClientID)
	}
	return text.String()
}

// configureNFS writes the files that the server reads when it starts.
func (r *Role) configureNFS(ctx context.Context) error {
	user := fmt.Sprintf("# Written by beachhead-node: the user that the export maps NFS clients to.\n"+
		"u beachhead-cache %d \"Beachhead cache\"\n", ClientID)
	for file, text := range map[string]string{nfsFile: r.renderNFSSettings(), usersFile: user} {
		if _, err := r.host.WriteFile(file, 0o644, text); err != nil {
			return err
		}
	}
	if _, err := r.host.Run(ctx, "systemd-sysusers", r.host.Path(usersFile)); err != nil {
		return err
	}
	changed, err := r.host.WriteFile(unitFile, 0o644, unitSettings)
	if err == nil && changed {
		_, err = r.host.Run(ctx, "systemctl", "daemon-reload")
	}
	if err != nil {
		return err
	}
	// NFS version 4 needs neither of these services; they would only open two more ports. Mask them before the
	// installation of the package, which would start them.
	_, err = r.host.Run(ctx, "systemctl", "mask", "--quiet", "rpcbind.socket", "rpcbind.service", "rpc-statd.service")
	return err
}

// exportVolume makes the NFS server export the mounted volume. When the server runs with these settings and answers, it
// only reloads the exports.
func (r *Role) exportVolume(ctx context.Context) error {
	if _, err := r.host.WriteFile(exportsFile, 0o644, r.renderExports()); err != nil {
		return err
	}
	settings := r.renderNFSSettings() + unitSettings + r.renderExports()
	served, err := os.ReadFile(r.host.Path(servedFile))
	if err == nil && string(served) == settings && r.checkLocalNFS(ctx) == nil {
		_, err := r.host.Run(ctx, exportCommand, "-ra")
		return err
	}
	// Restart, not start: an image may have started the server with other settings, and only a restart helps one that
	// hangs.
	if _, err := r.host.Run(ctx, "systemctl", "restart", nfsUnit); err != nil {
		return fmt.Errorf("%w; check `journalctl -u %s -u nfs-mountd`", err, nfsUnit)
	}
	if _, err := r.host.Run(ctx, exportCommand, "-ra"); err != nil {
		return err
	}
	if err := r.checkLocalNFS(ctx); err != nil {
		return err
	}
	_, err = r.host.WriteFile(servedFile, 0o644, settings)
	return err
}

// stopNFS stops the server first and removes its exports after that, as its unit does: a server that runs without
// exports reports to clients that their files are gone.
func (r *Role) stopNFS(ctx context.Context) error {
	if err := os.Remove(r.host.Path(servedFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err := r.host.Run(ctx, "systemctl", "stop", nfsUnit)
	return err
}

// packages lists what a stock image lacks. Every Debian image includes the tools of ext4.
var packages = []string{"nfs-kernel-server"}

// installNFS installs and configures the NFS server. It writes the configuration first, because the installation of the
// package starts the server.
func (r *Role) installNFS(ctx context.Context) error {
	if err := r.configureNFS(ctx); err != nil {
		return err
	}
	if err := r.host.InstallPackages(ctx, packages...); err != nil {
		return err
	}
	// After a reboot the agent starts the server, once the volume is mounted.
	if _, err := r.host.Run(ctx, "systemctl", "disable", "--quiet", nfsUnit); err != nil {
		return err
	}
	return nil
}
