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
	// watchPause is between two connections to a shard, each of which costs its server four packets.
	watchPause = 2 * time.Second
	// watchMisses is after how many connections in a row that nobody took a shard is dead: with three packets each, no loss of some packets
	// is taken for it. With the pause, and Limits.Connect for each, that is 10 seconds at most.
	watchMisses = 2
)

// WatchShards makes a shard that dies a miss for whom reads it, until the context ends. A build has its tenant's folder in its settings and reads
// thousands of files there, of which each would wait for the kernel to give up. So the link by which it reads leads to an empty folder for as long as
// the shard does not answer, and the dead connections are closed, which ends the calls that wait for them. The mount stays, with what is open in it,
// and works on when the shard answers again from another machine. A server that answers slowly is left alone: the kernel takes connections for it.
func WatchShards(ctx context.Context, h host.Host) {
	w := watcher{mounts: Mounts{Host: h, Folder: mountFolder}, missed: map[string]int{}}
	for host.Sleep(ctx, watchPause) == nil {
		if err := w.checkShards(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("the shards that builds read cannot be watched", "fault", err)
		}
	}
}

type watcher struct {
	mounts Mounts
	// missed counts the connections in a row that a shard did not take, by its mount's name.
	missed map[string]int
}

// checkShards connects to each mounted shard, to all at once.
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

// restoreLink lets builds read a shard again.
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
	slog.Warn("the shard does not answer; builds read nothing in its place until it does", "shard", name, "fault", fault)
	_, err = w.mounts.Host.Run(ctx, "ss", "--tcp", "--kill", "--no-header", "dst", address.String(), "dport", "=", "2049")
	return err
}

// listReadMounts gives the addresses of the shards that are mounted to read, by the mount's name.
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

// setLink makes the link by which builds read a shard lead to a folder, at once and without a moment in which it leads nowhere. It says whether that
// changed it.
func setLink(h host.Host, name, folder string) (changed bool, err error) {
	link := h.Path(filepath.Join(shardFolder, name))
	// Relative, so that it is right in containers too that have the whole of /run/beachhead elsewhere.
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
	// Two commands may do this at once, so each has a name of its own.
	made := filepath.Join(filepath.Dir(link), "."+name+"."+time.Now().Format("150405.000000000"))
	if err := os.Symlink(target, made); err != nil {
		return false, err
	}
	if err := os.Rename(made, link); err != nil {
		return false, errors.Join(err, os.Remove(made))
	}
	return true, nil
}
