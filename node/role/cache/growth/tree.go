package growth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// job is a move with the tenants that it moves, hottest first.
type job struct {
	move    shardmap.Move
	tenants []string
	newest  time.Time
}

// rank finds out which tenants the moves take along, and puts first what has the newest file: what was built last is built next. Tenants that
// are pinned in either table do not move with their slot. A shard without the folder slots is an error: its server makes that, so that its
// volume would not be mounted there, and everything would be acknowledged with nothing copied.
func rank(ctx context.Context, root string, m cacheclient.Map, moves []shardmap.Move) ([]job, error) {
	if _, err := os.Stat(filepath.Join(root, path.Dir(cacheclient.SlotFolder(0)))); err != nil {
		return nil, err
	}
	var jobs []job
	for _, move := range moves {
		tenants, err := tenantsOf(root, m, move)
		if err != nil {
			return nil, err
		}
		heat := map[string]time.Time{}
		for _, tenant := range tenants {
			// A folder that cannot be read comes last, and its fault when it is copied.
			heat[tenant], _ = newestTime(ctx, filepath.Join(root, cacheclient.TenantFolder(tenant)))
		}
		slices.SortFunc(tenants, func(a, b string) int { return cmp.Or(heat[b].Compare(heat[a]), strings.Compare(a, b)) })
		j := job{move: move, tenants: tenants}
		if len(tenants) > 0 {
			j.newest = heat[tenants[0]]
		}
		jobs = append(jobs, j)
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return b.newest.Compare(a.newest) })
	return jobs, nil
}

// tenantsOf lists the tenants that a move takes along and that have a folder.
func tenantsOf(root string, m cacheclient.Map, move shardmap.Move) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(root, cacheclient.SlotFolder(move.Slot)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var tenants []string
	for _, entry := range entries {
		name := entry.Name()
		own := cacheclient.CheckTenant(name) == nil && shardmap.Slot(name) == move.Slot && entry.IsDir()
		if own && (name == move.Tenant || move.Tenant == "" && !m.Pinned(name)) {
			tenants = append(tenants, name)
		}
	}
	return tenants, nil
}

// newestTime is that of the newest file in a folder.
func newestTime(ctx context.Context, folder string) (time.Time, error) {
	var newest time.Time
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
		return cmp.Or(ignoreGone(err), ctx.Err())
	})
	return newest, err
}

// ignoreGone passes over files that were evicted since their folder was read.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// hotFiles is how many of a tenant's files are copied newest first, and so how many names are held in memory, at some 200 bytes. The rest
// follows in the order of the folders.
const hotFiles = 1 << 16

// copying copies one tenant's files.
type copying struct {
	from, to *os.Root
	uid, gid int
	// hot is how many files are copied newest first; zero: hotFiles.
	hot int
	// copied is told each file that was copied; nil: nobody asks.
	copied func(name string)
}

// run copies what is in one folder and not in the other: the newest files first, then everything, which finds what came late. Nothing is there
// to copy when the folder is gone.
func (c copying) run(ctx context.Context, from, to string) (err error) {
	if c.from, err = os.OpenRoot(from); err != nil {
		return ignoreGone(err)
	}
	defer func() { err = errors.Join(err, c.from.Close()) }()
	if err := c.base(to); err != nil {
		return err
	}
	if c.to, err = os.OpenRoot(to); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.to.Close()) }()
	hot, err := newest(ctx, c.from, cmp.Or(c.hot, hotFiles))
	if err != nil {
		return err
	}
	for _, file := range hot {
		if err := c.entry(ctx, file.name); err != nil {
			return err
		}
	}
	return walk(ctx, c.from, func(name string, _ fs.DirEntry) error { return c.entry(ctx, name) })
}

// base makes the tenant's folder and that of its slot.
func (c copying) base(tenant string) error {
	if err := os.MkdirAll(tenant, 0o755); err != nil {
		return err
	}
	return errors.Join(os.Chown(filepath.Dir(tenant), c.uid, c.gid), os.Chown(tenant, c.uid, c.gid))
}

// dated is a file with the time of its last change.
type dated struct {
	name string
	time time.Time
}

// newest lists so many of the newest files, newest first. It holds twice as many at a time.
func newest(ctx context.Context, root *os.Root, count int) ([]dated, error) {
	var files []dated
	keep := func() {
		slices.SortFunc(files, func(a, b dated) int { return cmp.Or(b.time.Compare(a.time), strings.Compare(a.name, b.name)) })
		files = files[:min(count, len(files))]
	}
	err := walk(ctx, root, func(name string, entry fs.DirEntry) error {
		info, err := entry.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if files = append(files, dated{name, info.ModTime()}); len(files) == 2*count {
			keep()
		}
		return nil
	})
	keep()
	return files, err
}

// walk visits everything but folders, and but what is being written.
func walk(ctx context.Context, root *os.Root, visit func(name string, entry fs.DirEntry) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err := cmp.Or(ignoreGone(err), ctx.Err()); err != nil {
			return err
		}
		if err != nil || entry.IsDir() || cacheclient.Temporary(name) {
			return nil
		}
		return visit(name, entry)
	})
}

// entry copies one file or link, unless it is there. One that is gone meanwhile was evicted.
func (c copying) entry(ctx context.Context, name string) error {
	info, err := c.from.Lstat(name)
	if err == nil {
		switch {
		case c.there(name, info):
		case info.Mode().IsRegular():
			err = c.file(ctx, name)
		case info.Mode()&fs.ModeSymlink != 0:
			err = c.link(name)
		}
	}
	if err == nil || c.gone(name, err) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// there says whether a file needs no copy: it has the same size and time, or was pushed or touched here since, which is newer than what moves.
func (c copying) there(name string, info fs.FileInfo) bool {
	own, err := c.to.Lstat(name)
	if err != nil {
		return false
	}
	if order := own.ModTime().Compare(info.ModTime()); order != 0 {
		return order > 0
	}
	return own.Size() == info.Size()
}

// gone says whether a fault in copying a file means that it was evicted: its name is gone too. A stale handle alone does not say so, since
// all are stale when the old shard has another volume, and neither does a folder that is missing here.
func (c copying) gone(name string, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESTALE) {
		return false
	}
	// Opened, since what the name leads to may be remembered for some time, and an open asks the server.
	file, err := c.from.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err == nil {
		_ = file.Close()
	}
	return errors.Is(err, fs.ErrNotExist)
}

func (c copying) file(ctx context.Context, name string) error {
	file, info, err := cacheclient.OpenRegular(c.from, name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := c.folders(path.Dir(name)); err != nil {
		return err
	}
	err = cacheclient.Put(ctx, c.to, name, file, info.Size(), func(temporary string) error {
		return errors.Join(c.to.Chmod(temporary, info.Mode().Perm()), c.to.Chown(temporary, c.uid, c.gid),
			c.to.Chtimes(temporary, info.ModTime(), info.ModTime()))
	})
	if err == nil && c.copied != nil {
		c.copied(name)
	}
	return err
}

// link copies a link that stays in the tenant's folder; another would be of no use here.
func (c copying) link(name string) error {
	target, err := c.from.Readlink(name)
	if err != nil {
		return err
	}
	if _, err := c.from.Stat(name); err != nil {
		return nil
	}
	if err := c.folders(path.Dir(name)); err != nil {
		return err
	}
	if err := c.to.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return c.to.Lchown(name, c.uid, c.gid)
}

// folders makes the folders down to one, owned as files are, so that clients can push to them. One that is there may have been made by a run
// that was killed before it gave it away.
func (c copying) folders(name string) error {
	if name == "." {
		return nil
	}
	info, err := c.to.Lstat(name)
	if err == nil && owned(info, c.uid, c.gid) {
		return nil
	}
	if err != nil {
		if err := c.folders(path.Dir(name)); err != nil {
			return err
		}
		if err := c.to.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return c.to.Chown(name, c.uid, c.gid)
}

func owned(info fs.FileInfo, uid, gid int) bool {
	stat, known := info.Sys().(*syscall.Stat_t)
	return known && int(stat.Uid) == uid && int(stat.Gid) == gid
}
