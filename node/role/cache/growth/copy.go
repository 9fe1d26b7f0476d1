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

// ignoreGone returns nil when the file or folder does not exist: it was evicted since its folder was read.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// hotFiles is the number of a tenant's files that are copied newest first, and so the number of names in memory, at
// some 200 bytes each. The other files follow in the order of the folders.
const hotFiles = 1 << 16

// copier copies the files of one tenant.
type copier struct {
	from, to *os.Root
	uid, gid int
	// hot is the number of files that are copied newest first; 0 means hotFiles.
	hot int
	// copied, when not nil, is called after each file.
	copied func(name string)
}

// copyFolder copies the files of one folder that the other lacks: first the newest ones, then all, which also finds
// files that arrived late. It does nothing when the source folder does not exist.
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

// createTenantFolder creates the tenant's folder and the folder of its slot.
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

// listNewest lists the newest files, newest first, count at most. It holds twice as many in memory.
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

// walkFiles visits all entries except folders and files that a push is writing.
func walkFiles(ctx context.Context, root *os.Root, visit func(name string, entry fs.DirEntry) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err := cmp.Or(ignoreGone(err), ctx.Err()); err != nil {
			return err
		}
		if err != nil || entry.IsDir() || cacheclient.IsTemporary(name) {
			return nil //nolint:nilerr // ignoreGone has passed: the entry was evicted
		}
		return visit(name, entry)
	})
}

// copyEntry copies one file or link, unless the target exists. It ignores a file that was evicted meanwhile.
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

// isCurrent reports whether a file needs no copy. That holds when the copy has the same size and time, or when a client
// pushed or touched it here since, so that it is newer than the source.
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

// wasEvicted reports whether err means that the source file was evicted while it was copied: its name is gone too. A
// stale handle alone is no proof, because all handles are stale when the old shard has another volume. A missing folder
// on this side is no proof either.
func (c copier) wasEvicted(name string, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESTALE) {
		return false
	}
	// Open the file: the client may have cached the name for some time, and an open queries the server.
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

// copyLink copies a link whose target is inside the tenant's folder. Other links would not work here.
func (c copier) copyLink(name string) error {
	target, err := c.from.Readlink(name)
	if err != nil {
		return err
	}
	if _, err := c.from.Stat(name); err != nil {
		return nil //nolint:nilerr // the target is outside the folder or is gone
	}
	if err := c.createFolders(path.Dir(name)); err != nil {
		return err
	}
	if err := c.to.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return c.to.Lchown(name, c.uid, c.gid)
}

// createFolders creates all folders down to name, with the owner of the files, so that clients can push to them. A
// folder that exists may come from a run that was killed before it changed the owner.
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
