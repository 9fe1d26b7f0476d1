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
	exportCommand = "exportfs" //nolint:misspell // it is called so
	exportsFile   = "/etc/exports.d/beachhead.exports"
	usersFile     = "/etc/sysusers.d/beachhead.conf"
	// servedFile has the settings that the running NFS server was started with. It is gone after a reboot, as the server is.
	servedFile = "/run/beachhead/served"
)

// renderNFSSettings are the server's own.
func (r *Role) renderNFSSettings() string {
	return fmt.Sprintf(`# Written by beachhead-node.
[nfsd]
threads=%d
# Version 4 alone: it needs one port and no port mapper. 4.1 and later alone: their clients say when they are done after a restart.
vers3=n
vers4.0=n
# After a restart of this machine's server, clients that were there have so many seconds before anything new may be opened; a client that is
# silent for as long loses what it had open. Runners read and push files that nobody locks, so short is better than the usual 90.
#
# The list of those clients stays on the machine's own disk. The next machine knows of none, so it has no such wait: clients open their files
# again by their handles, which are the same. With the list on the volume, each replacement would hold everybody up for runners that are gone.
# What a client loses is its locks, and the cache has none.
grace-time=15
lease-time=15
`, r.cache.Threads)
}

// unitSettings let as many runners connect as a region may have. The kernel's own limit is 20 connections for each thread and three more threads
// (svc_check_conn_limits in net/sunrpc/svc_xprt.c), beyond which it closes those of others: 167 runners with 8 connections each are too many for
// 64 threads. 16384 are 2,048 runners. A kernel without the
// file has no such limit.
const unitSettings = `# Written by beachhead-node.
[Service]
ExecStartPre=-/bin/sh -c 'echo 16384 >/proc/fs/nfsd/max_connections'
`

// renderExports is the export, to exactly the described ranges.
//
// fsid=0 makes the volume the root of what clients see, and makes handles the same on every machine. With async the server answers before a
// write is on the volume: what a crash loses are the pushes of its last seconds, which builds make again and check by their hashes.
// mp: an empty folder is never exported in the place of a volume that is not mounted.
func (r *Role) renderExports() string {
	var text strings.Builder
	for _, clients := range r.cache.Clients {
		fmt.Fprintf(&text, "%s %s(rw,async,fsid=0,no_subtree_check,all_squash,anonuid=%d,anongid=%d,mp)\n", Volume, clients, ClientID, ClientID)
	}
	return text.String()
}

// configureNFS writes what the server reads when it starts.
func (r *Role) configureNFS(ctx context.Context) error {
	user := fmt.Sprintf("# Written by beachhead-node: whom NFS clients are taken for.\nu beachhead-cache %d \"Beachhead cache\"\n", ClientID)
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
	// Version 4 alone asks neither for a port; they would only be two more doors. Before the package that would start them.
	_, err = r.host.Run(ctx, "systemctl", "mask", "--quiet", "rpcbind.socket", "rpcbind.service", "rpc-statd.service")
	return err
}

// exportVolume makes the NFS server serve the mounted volume. A server that runs with these settings and answers is only told of the exports.
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
	// Restarted and not started: an image may have started it with settings of its own, and one that hangs is mended by nothing else.
	if _, err := r.host.Run(ctx, "systemctl", "restart", nfsUnit); err != nil {
		return fmt.Errorf("%w; look at journalctl -u %s -u nfs-mountd", err, nfsUnit)
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

// stopNFS stops the server first and its exports after it, as its unit does: a server that runs without them says that files are gone.
func (r *Role) stopNFS(ctx context.Context) error {
	if err := os.Remove(r.host.Path(servedFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err := r.host.Run(ctx, "systemctl", "stop", nfsUnit)
	return err
}

// packages are what a stock image lacks. The tools of ext4 are part of every Debian.
var packages = []string{"nfs-kernel-server"}

// installNFS brings the NFS server onto the machine, in the way that it has to run. What it reads is there before it: installing the package
// starts it.
func (r *Role) installNFS(ctx context.Context) error {
	if err := r.configureNFS(ctx); err != nil {
		return err
	}
	if err := r.host.InstallPackages(ctx, packages...); err != nil {
		return err
	}
	// After a reboot the agent starts it, when the volume is there.
	if _, err := r.host.Run(ctx, "systemctl", "disable", "--quiet", nfsUnit); err != nil {
		return err
	}
	return nil
}
