package cacheclient

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

const (
	// watchPause is the pause between two connections to a shard; each costs its server four packets.
	watchPause = 2 * time.Second
	// watchMisses is the number of failed connections in a row after which a shard counts as dead. Each connection
	// sends three packets, so that the loss of some packets is not enough. With the pause, and Limits.Connect for each,
	// that takes 10 seconds at most.
	watchMisses = 2
)

// WatchShards makes reads from a dead shard miss at once, until the context ends. A build has its tenant's folder in
// its settings and reads thousands of files there, and each read would wait for the kernel to give up. While the shard
// does not answer, WatchShards therefore sets the link by which builds read to an empty folder. It also closes the dead
// connections, which ends the calls that wait for them. The mount and the files open in it stay, and work again when
// the shard answers from another machine. It leaves a server that answers slowly alone, because the kernel accepts
// connections for it.
func WatchShards(ctx context.Context, h host.Host) {
	w := watcher{mounts: Mounts{Host: h, Folder: mountFolder}, missed: map[string]int{}}
	for host.Sleep(ctx, watchPause) == nil {
		if err := w.checkShards(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("cannot watch the shards that builds read", "fault", err)
		}
	}
}

type watcher struct {
	mounts Mounts
	// missed counts the failed connections in a row, by the name of the shard's mount.
	missed map[string]int
}

// checkShards connects to all mounted shards at once.
func (w watcher) checkShards(ctx context.Context) error {
	shards, err := w.mounts.listReadMounts()
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	var mutex sync.Mutex
	faults := map[string]error{}
	for name, address := range shards {
		group.Go(func() {
			err := w.mounts.checkConnection(ctx, address)
			mutex.Lock()
			defer mutex.Unlock()
			faults[name] = err
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var errs []error
	for name, address := range shards {
		if faults[name] == nil {
			errs = append(errs, w.restoreLink(name, address))
		} else {
			errs = append(errs, w.countMiss(ctx, name, address, faults[name]))
		}
	}
	return errors.Join(errs...)
}

// restoreLink makes builds read a shard again.
func (w watcher) restoreLink(name string, address netip.Addr) error {
	delete(w.missed, name)
	if target, _ := os.Readlink(w.mounts.Host.Path(filepath.Join(shardFolder, name))); filepath.Base(target) != filepath.Base(emptyFolder) {
		return nil
	}
	if _, err := setLink(w.mounts.Host, name, mountFolder+"/"+name); err != nil {
		return err
	}
	slog.Info("builds read the shard again", "shard", name)
	if err := os.Remove(w.mounts.deadFile(address)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (w watcher) countMiss(ctx context.Context, name string, address netip.Addr, fault error) error {
	w.missed[name]++
	if w.missed[name] < watchMisses {
		return nil
	}
	w.mounts.markDead(ctx, address)
	changed, err := setLink(w.mounts.Host, name, emptyFolder)
	if err != nil || !changed {
		return err
	}
	slog.Warn("the shard does not answer; builds read an empty folder in its place until it does", "shard", name, "fault", fault)
	_, err = w.mounts.Host.Run(ctx, "ss", "--tcp", "--kill", "--no-header", "dst", address.String(), "dport", "=", "2049")
	return err
}

// listReadMounts returns the addresses of the shards that are mounted to read, by the name of the mount.
func (m Mounts) listReadMounts() (map[string]netip.Addr, error) {
	table, err := m.readMountTable()
	shards := map[string]netip.Addr{}
	for point, source := range table {
		address, err := netip.ParseAddr(strings.TrimSuffix(source, ":/"))
		if name := filepath.Base(point); err == nil && filepath.Dir(point) == m.Host.Path(m.Folder) && !strings.HasSuffix(name, pushSuffix) {
			shards[name] = address
		}
	}
	return shards, err
}

// setLink sets the link by which builds read a shard to a folder. The link exists at every moment. setLink reports
// whether it changed the link.
func setLink(h host.Host, name, folder string) (changed bool, err error) {
	link := h.Path(filepath.Join(shardFolder, name))
	// A relative link also works in containers that see /run/beachhead at another path.
	target, err := filepath.Rel(shardFolder, folder)
	if err != nil {
		return false, err
	}
	if before, err := os.Readlink(link); err == nil && before == target {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return false, err
	}
	// Two commands may do this at once, so each uses a name of its own.
	made := filepath.Join(filepath.Dir(link), "."+name+"."+time.Now().Format("150405.000000000"))
	if err := os.Symlink(target, made); err != nil {
		return false, err
	}
	if err := os.Rename(made, link); err != nil {
		return false, errors.Join(err, os.Remove(made))
	}
	return true, nil
}
