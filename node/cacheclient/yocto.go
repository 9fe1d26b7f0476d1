package cacheclient

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/hashserv"
)

// hashLimit is the time that the hash-equivalence server may take to accept a connection.
const hashLimit = 3 * time.Second

// printSettings prints settings for a build's local.conf or site.conf.
func (a command) printSettings(ctx context.Context, args []string) error {
	folders, m := a.findFolders(ctx, args[0])
	s := settings{tenant: args[0]}
	for _, f := range folders {
		s.mirrors = append(s.mirrors, f.path)
	}
	// A build whose bitbake cannot connect fails or waits at every task, so check the connection first.
	if address := m.Current.ShardAddress(0); address.IsValid() {
		server := netip.AddrPortFrom(address, hashserv.Port).String()
		dialer := net.Dialer{Timeout: hashLimit}
		if connection, err := dialer.DialContext(ctx, "tcp", server); err != nil {
			a.printWarning("going on without hash equivalence: %v", err)
		} else if connection.Close() == nil {
			s.hashServer = server
		}
	}
	_, err := fmt.Fprint(a.out, s.renderText())
	return err
}

// settings holds the settings of the cache in a build's configuration.
type settings struct {
	tenant string
	// mirrors lists the tenant's folders, in the order to search them.
	mirrors []string
	// hashServer is HOST:PORT; "" when the server does not answer.
	hashServer string
}

// renderText returns settings for every release since Dunfell: it uses no operator whose name changed with Honister.
// Sources: Yocto Project Reference Manual, SSTATE_MIRRORS, own-mirrors, BB_HASHSERVE and BB_SIGNATURE_HANDLER.
func (s settings) renderText() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by beachhead-node cache yocto %s.", s.tenant)
	line("# TMPDIR, SSTATE_DIR and DL_DIR stay on local disk: bitbake refuses TMPDIR on NFS, and writes to local folders only.")
	line("# After the build, run:")
	line("# beachhead-node cache push %s BUILD/cache", s.tenant)
	line(`SSTATE_DIR ?= "${TOPDIR}/cache/sstate"`)
	line(`DL_DIR ?= "${TOPDIR}/cache/downloads"`)
	line("# Creates archives of Git repositories, so that other machines can use the repositories that this build clones.")
	line(`BB_GENERATE_MIRROR_TARBALLS ?= "1"`)
	if len(s.mirrors) > 0 {
		line(`SSTATE_MIRRORS =+ "\`)
		for _, folder := range s.mirrors {
			// A backslash and an n, which bitbake reads as the end of an entry.
			line(`    file://.* file://%s/sstate/PATH \n \`, folder)
		}
		line(`    "`)
		line(`INHERIT += "own-mirrors"`)
		line("# own-mirrors supports one folder only: bitbake downloads missing files from their publisher.")
		line(`SOURCE_MIRROR_URL ?= "file://%s/downloads"`, s.mirrors[0])
	}
	if s.hashServer != "" {
		line(`BB_HASHSERVE = "%s"`, s.hashServer)
		line(`BB_SIGNATURE_HANDLER = "OEEquivHash"`)
	} else {
		line("# The region's hash-equivalence server does not answer. OEBasicHash works without it.")
		line(`BB_SIGNATURE_HANDLER = "OEBasicHash"`)
	}
	return b.String()
}
