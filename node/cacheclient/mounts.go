package cacheclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// ReadOptions are those of a mount to read from.
//
// softerr, so that a server that is gone is an error for who reads and never a process that hangs. By itself the kernel takes 24 s for a read that
// is under way when the server dies (measured, Linux 6.1): 18 s until it gives the connection up, which no option of a mount changes
// (xs_tcp_set_connect_timeout in net/sunrpc/xprtsock.c has a least of 6 s, three times), and timeo*(1+retrans) tenths of a second for the read
// ahead and again for the read; after that each read costs 6 s. Watch makes both shorter. A server that is slow has all the time it needs: while its kernel acknowledges, version 4 neither repeats a call nor gives it up
// (rpc_check_timeout in the kernel's net/sunrpc/clnt.c). Less than timeo=10 was refused: a connection whose first two packets are lost would
// then be a server that is gone.
//
// Up to 10 minutes old attributes are good enough for files whose names are hashes of what made them; lookupcache=pos asks again for what was
// not there, so that new files are seen at once. nconnect, since a single flow in EC2 carries 5 Gbit/s. Refused: nocto, which saves little
// where NFSv4 asks the server at every open anyway, and would keep pages of a file that was replaced.
const ReadOptions = "ro," + commonOptions + ",timeo=10,actimeo=600,lookupcache=pos"

// pushOptions are those of a mount to push to. softerr here too: a hard mount would keep a finished job, and with it the runner, for as long as
// the shard is away, and a write that fails cannot leave half a file, since a file gets its name only once it is closed without an error.
// It gives up after 45 s, since a push is not in a build's way. Other options than those to read, so that the kernel keeps the two apart.
const pushOptions = "rw," + commonOptions + ",timeo=150"

// pushSuffix ends the name of a mount to push to.
const pushSuffix = "-push"

// With retry=0 mount tries once, where it would try for two minutes.
const commonOptions = "nfsvers=4.2,proto=tcp,nconnect=8,rsize=1048576,wsize=1048576,noatime,softerr,retrans=2,retry=0"

// ErrUnreachable is in the error of a shard that does not answer.
var ErrUnreachable = errors.New("the shard is away")

// Limits are how long each step with a server may take. The zero value is Beachhead's own; tests shorten them.
type Limits struct {
	// Connect is for a connection, Mount for mounting, Look for a first look at what is mounted. Dead is how long a shard that did not
	// answer is not asked again.
	Connect, Mount, Stat, Dead time.Duration
}

var ownLimits = Limits{Connect: 3 * time.Second, Mount: 15 * time.Second, Stat: 5 * time.Second, Dead: 30 * time.Second}

// Mounts mounts shards under one folder. Commands that run at the same time share it.
type Mounts struct {
	Host host.Host
	// Folder is where they are mounted: on a runner /run/beachhead/mounts.
	Folder string
	Limits Limits
}

func (m Mounts) limits() Limits {
	if m.Limits == (Limits{}) {
		return ownLimits
	}
	return m.Limits
}

const nfsPort = 2049

// Mount mounts the export of the shard at the address as Folder/NAME, unless it is there, and gives the path. It returns within the limits or
// the context, with an ErrAway when the shard does not answer.
func (m Mounts) Mount(ctx context.Context, name string, address netip.Addr, options string) (string, error) {
	point := filepath.Join(m.Folder, name)
	err := m.checkDead(address)
	if err != nil {
		return "", err
	}
	if err = m.checkConnection(ctx, address); err == nil {
		err = m.mountExport(ctx, m.Host.Path(point), address.String()+":/", options)
	}
	if err != nil {
		m.markDead(ctx, address)
		return "", fmt.Errorf("%w: %s: %w", ErrUnreachable, address, err)
	}
	return m.Host.Path(point), nil
}

// checkConnection finds out whether the server is there, which must come before any touch of what is mounted.
func (m Mounts) checkConnection(ctx context.Context, address netip.Addr) error {
	dialer := net.Dialer{Timeout: m.limits().Connect}
	connection, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(address, nfsPort).String())
	if err != nil {
		return err
	}
	return connection.Close()
}

// mountExport mounts, one at a time for each point.
func (m Mounts) mountExport(ctx context.Context, point, source, options string) error {
	ctx, cancel := context.WithTimeout(ctx, m.limits().Mount)
	defer cancel()
	switch at, err := m.findSource(point); {
	case err != nil:
		return err
	case at == source:
		return nil
	}
	unlock, err := lockFile(ctx, point+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	at, err := m.findSource(point)
	if err != nil || at == source {
		return err
	}
	return runWithin(ctx, func() error {
		if at != "" {
			// The shard has another address now. Lazily, since who reads there has nothing from it any more.
			if _, err := m.Host.Run(ctx, "umount", "--lazy", point); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(point, 0o755); err != nil {
			return err
		}
		_, err := m.Host.Run(ctx, "mount", "-t", "nfs", "-o", options, source, point)
		return err
	})
}

// findSource gives what is mounted at a point; empty: nothing. It reads the kernel's list and does not touch the point, which may hang.
func (m Mounts) findSource(point string) (string, error) {
	table, err := m.readMountTable()
	return table[point], err
}

// readMountTable gives what is mounted, by point.
func (m Mounts) readMountTable() (map[string]string, error) {
	text, err := os.ReadFile(m.Host.Path("/proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	sources := map[string]string{}
	for line := range strings.Lines(string(text)) {
		// Optional fields end at a hyphen. Source: proc(5), /proc/pid/mountinfo. Of two at one point the later is the one to be seen.
		before, after, _ := strings.Cut(line, " - ")
		if at, of := strings.Fields(before), strings.Fields(after); len(at) > 4 && len(of) > 1 {
			sources[at[4]] = of[1]
		}
	}
	return sources, nil
}

// statFolder is a first look at a folder of what is mounted: whether it is there, within the limit. A server whose kernel accepts connections and
// does nothing more is found out by it.
func (m Mounts) statFolder(ctx context.Context, address netip.Addr, folder string) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, m.limits().Stat)
	defer cancel()
	err := runWithin(limited, func() error {
		_, err := os.Stat(folder)
		return err
	})
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return err == nil, nil
	}
	m.markDead(ctx, address)
	return false, fmt.Errorf("%w: %s: %w", ErrUnreachable, address, err)
}

// deadFile is the file whose time says when the server at the address did not answer.
func (m Mounts) deadFile(address netip.Addr) string {
	return m.Host.Path(filepath.Join(m.Folder, address.String()+".dead"))
}

// markDead makes the next calls fail at once for a while, unless it was the caller who lost patience. When the mark cannot be written they wait
// themselves.
func (m Mounts) markDead(ctx context.Context, address netip.Addr) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	mark := m.deadFile(address)
	_ = os.MkdirAll(filepath.Dir(mark), 0o755)
	_ = os.WriteFile(mark, nil, 0o644)
	_ = os.Chtimes(mark, time.Time{}, time.Now())
}

func (m Mounts) checkDead(address netip.Addr) error {
	info, err := os.Stat(m.deadFile(address))
	if err != nil {
		return nil
	}
	if since := time.Since(info.ModTime()); since >= 0 && since < m.limits().Dead {
		return fmt.Errorf("%w: %s did not answer %s ago; it is asked again after %s",
			ErrUnreachable, address, since.Round(time.Second), m.limits().Dead)
	}
	return nil
}
