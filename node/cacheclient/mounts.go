package cacheclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// ReadOptions are the options of a mount to read from.
//
// softerr makes a server that is gone an error for the reader, never a process that hangs. The kernel itself takes 24 s
// for a read that is under way when the server dies (measured, Linux 6.1): 18 s until it gives up the connection, which
// no mount option changes (xs_tcp_set_connect_timeout in net/sunrpc/xprtsock.c has a minimum of 6 s, three times), then
// timeo*(1+retrans) tenths of a second for the read-ahead, and the same again for the read. After that each read takes
// 6 s. WatchShards shortens all of that. A slow server has all the time it needs: while its kernel acknowledges
// packets, version 4 neither repeats a call nor gives it up (rpc_check_timeout in the kernel's net/sunrpc/clnt.c). We
// refused less than timeo=10: a connection that loses its first two packets would then count as a server that is gone.
//
// Attributes may be up to 10 minutes old, because the names of the files are hashes of what created them.
// lookupcache=pos queries the server again for files that did not exist, so that new files are visible at once.
// nconnect, because a single flow in EC2 carries 5 Gbit/s. We refused nocto: it saves little, because NFSv4 queries the
// server at every open anyway, and it would keep pages of a file that was replaced.
const ReadOptions = "ro," + commonOptions + ",timeo=10,actimeo=600,lookupcache=pos"

// pushOptions are the options of a mount to push to. softerr here too: a hard mount would block a finished job, and
// with it the runner, for as long as the shard is unreachable. A failed write cannot leave half a file, because a file
// gets its name only after it is closed without an error. It gives up after 45 s, because a push does not delay a
// build. The options must differ from ReadOptions, so that the kernel keeps the two mounts apart.
const pushOptions = "rw," + commonOptions + ",timeo=150"

// pushSuffix ends the names of mounts to push to.
const pushSuffix = "-push"

// retry=0 makes mount try once; by default it tries for two minutes.
const commonOptions = "nfsvers=4.2,proto=tcp,nconnect=8,rsize=1048576,wsize=1048576,noatime,softerr,retrans=2,retry=0"

// ErrUnreachable is in the error of a shard that does not answer.
var ErrUnreachable = errors.New("the shard does not answer")

// Limits are the time limits of each step with a server. The zero value means Beachhead's own limits; tests shorten
// them.
type Limits struct {
	// Connect limits a connection, Mount a mount, and Stat the first access to a mounted folder. Dead is the time for
	// which a shard that did not answer is not tried again.
	Connect, Mount, Stat, Dead time.Duration
}

var ownLimits = Limits{Connect: 3 * time.Second, Mount: 15 * time.Second, Stat: 5 * time.Second, Dead: 30 * time.Second}

// Mounts mounts shards under one folder. Commands that run at the same time share it.
type Mounts struct {
	Host host.Host
	// Folder contains the mounts: on a runner it is /run/beachhead/mounts.
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

// Mount mounts the export of the shard at the address as Folder/NAME, unless it is mounted, and returns the path. It
// returns within the limits or the context, with an ErrUnreachable when the shard does not answer.
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

// checkConnection returns an error unless the server accepts a connection. It must run before any access to a mount.
func (m Mounts) checkConnection(ctx context.Context, address netip.Addr) error {
	dialer := net.Dialer{Timeout: m.limits().Connect}
	connection, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(address, nfsPort).String())
	if err != nil {
		return err
	}
	return connection.Close()
}

// mountExport mounts an export, one process at a time for each mount point.
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
			// The shard has another address now. Unmount lazily: processes that still read there get nothing from it any more.
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

// findSource returns the source mounted at point; "" when nothing is mounted. It reads the kernel's mount table and
// does not access the mount point, which may hang.
func (m Mounts) findSource(point string) (string, error) {
	table, err := m.readMountTable()
	return table[point], err
}

// readMountTable returns the sources of all mounts, by mount point.
func (m Mounts) readMountTable() (map[string]string, error) {
	text, err := os.ReadFile(m.Host.Path("/proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	sources := map[string]string{}
	for line := range strings.Lines(string(text)) {
		// The optional fields end at a hyphen. Source: proc(5), /proc/pid/mountinfo. When one mount point has two
		// mounts, the later one is visible.
		before, after, _ := strings.Cut(line, " - ")
		if at, of := strings.Fields(before), strings.Fields(after); len(at) > 4 && len(of) > 1 {
			sources[at[4]] = of[1]
		}
	}
	return sources, nil
}

// statFolder reports whether a mounted folder exists, within the limit. It detects a server whose kernel accepts
// connections but that does nothing more.
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

// deadFile returns the path of the file whose time records when the server at the address did not answer.
func (m Mounts) deadFile(address netip.Addr) string {
	return m.Host.Path(filepath.Join(m.Folder, address.String()+".dead"))
}

// markDead makes the next calls fail at once for a while, unless the caller canceled. If it cannot write the file, the
// next calls wait themselves.
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
		return nil //nolint:nilerr // no readable mark: the caller tries the server
	}
	if since := time.Since(info.ModTime()); since >= 0 && since < m.limits().Dead {
		return fmt.Errorf("%w: %s did not answer %s ago; the next try is %s after that",
			ErrUnreachable, address, since.Round(time.Second), m.limits().Dead)
	}
	return nil
}

// UnmountUnused unmounts the shards that are not in inUse. A busy mount stays, because a process still reads there; the
// next call retries it.
func (m Mounts) UnmountUnused(ctx context.Context, inUse []int) error {
	table, err := m.readMountTable()
	if err != nil {
		return err
	}
	for point := range table {
		if filepath.Dir(point) != m.Host.Path(m.Folder) {
			continue
		}
		number, _, _ := strings.Cut(filepath.Base(point), "-")
		shard, err := strconv.Atoi(number)
		if err != nil || slices.Contains(inUse, shard) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, m.limits().Mount)
		err = runWithin(limited, func() error {
			_, err := m.Host.Run(limited, "umount", point)
			return err
		})
		cancel()
		if err != nil {
			slog.Debug("cannot unmount an unused shard; it stays mounted for now", "point", point, "fault", err)
		}
	}
	return nil
}
