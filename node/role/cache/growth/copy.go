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
)

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

// copier copies one tenant's files.
type copier struct {
	from, to *os.Root
	uid, gid int
	// hot is how many files are copied newest first; zero: hotFiles.
	hot int
	// copied is told each file that was copied; nil: nobody asks.
	copied func(name string)
}

// copyFolder copies what is in one folder and not in the other: the newest files first, then everything, which finds what came late. Nothing is there
// to copy when the folder is gone.
func (c copier) copyFolder(ctx context.Context, from, to string) (err error) {
	if c.from, err = os.OpenRoot(from); err != nil {
		return ignoreGone(err)
	}
	defer func() { err = errors.Join(err, c.from.Close()) }()
	if err := c.createTenantFolder(to); err != nil {
		return err
	}
	if c.to, err = os.OpenRoot(to); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.to.Close()) }()
	hot, err := listNewest(ctx, c.from, cmp.Or(c.hot, hotFiles))
	if err != nil {
		return err
	}
	for _, file := range hot {
		if err := c.copyEntry(ctx, file.name); err != nil {
			return err
		}
	}
	return walkFiles(ctx, c.from, func(name string, _ fs.DirEntry) error { return c.copyEntry(ctx, name) })
}

// createTenantFolder makes the tenant's folder and that of its slot.
func (c copier) createTenantFolder(tenant string) error {
	if err := os.MkdirAll(tenant, 0o755); err != nil {
		return err
	}
	return errors.Join(os.Chown(filepath.Dir(tenant), c.uid, c.gid), os.Chown(tenant, c.uid, c.gid))
}

// datedFile is a file with the time of its last change.
type datedFile struct {
	name string
	time time.Time
}

// listNewest lists so many of the newest files, newest first. It holds twice as many at a time.
func listNewest(ctx context.Context, root *os.Root, count int) ([]datedFile, error) {
	var files []datedFile
	keep := func() {
		slices.SortFunc(files, func(a, b datedFile) int { return cmp.Or(b.time.Compare(a.time), strings.Compare(a.name, b.name)) })
		files = files[:min(count, len(files))]
	}
	err := walkFiles(ctx, root, func(name string, entry fs.DirEntry) error {
		info, err := entry.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if files = append(files, datedFile{name, info.ModTime()}); len(files) == 2*count {
			keep()
		}
		return nil
	})
	keep()
	return files, err
}

// walkFiles visits everything but folders, and but what is being written.
func walkFiles(ctx context.Context, root *os.Root, visit func(name string, entry fs.DirEntry) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err := cmp.Or(ignoreGone(err), ctx.Err()); err != nil {
			return err
		}
		if err != nil || entry.IsDir() || cacheclient.IsTemporary(name) {
			return nil
		}
		return visit(name, entry)
	})
}

// copyEntry copies one file or link, unless it is there. One that is gone meanwhile was evicted.
func (c copier) copyEntry(ctx context.Context, name string) error {
	info, err := c.from.Lstat(name)
	if err == nil {
		switch {
		case c.isCurrent(name, info):
		case info.Mode().IsRegular():
			err = c.copyFile(ctx, name)
		case info.Mode()&fs.ModeSymlink != 0:
			err = c.copyLink(name)
		}
	}
	if err == nil || c.wasEvicted(name, err) {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

// isCurrent says whether a file needs no copy: it has the same size and time, or was pushed or touched here since, which is newer than what moves.
func (c copier) isCurrent(name string, info fs.FileInfo) bool {
	own, err := c.to.Lstat(name)
	if err != nil {
		return false
	}
	if order := own.ModTime().Compare(info.ModTime()); order != 0 {
		return order > 0
	}
	return own.Size() == info.Size()
}

// wasEvicted says whether a fault in copying a file means that it was evicted: its name is gone too. A stale handle alone does not say so, since
// all are stale when the old shard has another volume, and neither does a folder that is missing here.
func (c copier) wasEvicted(name string, err error) bool {
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

func (c copier) copyFile(ctx context.Context, name string) error {
	file, info, err := cacheclient.OpenRegular(c.from, name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := c.createFolders(path.Dir(name)); err != nil {
		return err
	}
	err = cacheclient.PutFile(ctx, c.to, name, file, info.Size(), func(temporary string) error {
		return errors.Join(c.to.Chmod(temporary, info.Mode().Perm()), c.to.Chown(temporary, c.uid, c.gid),
			c.to.Chtimes(temporary, info.ModTime(), info.ModTime()))
	})
	if err == nil && c.copied != nil {
		c.copied(name)
	}
	return err
}

// copyLink copies a link that stays in the tenant's folder; another would be of no use here.
func (c copier) copyLink(name string) error {
	target, err := c.from.Readlink(name)
	if err != nil {
		return err
	}
	if _, err := c.from.Stat(name); err != nil {
		return nil
	}
	if err := c.createFolders(path.Dir(name)); err != nil {
		return err
	}
	if err := c.to.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return c.to.Lchown(name, c.uid, c.gid)
}

// createFolders makes the folders down to one, owned as files are, so that clients can push to them. One that is there may have been made by a run
// that was killed before it gave it away.
func (c copier) createFolders(name string) error {
	if name == "." {
		return nil
	}
	info, err := c.to.Lstat(name)
	if err == nil && isOwnedBy(info, c.uid, c.gid) {
		return nil
	}
	if err != nil {
		if err := c.createFolders(path.Dir(name)); err != nil {
			return err
		}
		if err := c.to.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return c.to.Chown(name, c.uid, c.gid)
}

func isOwnedBy(info fs.FileInfo, uid, gid int) bool {
	stat, known := info.Sys().(*syscall.Stat_t)
	return known && int(stat.Uid) == uid && int(stat.Gid) == gid
}
