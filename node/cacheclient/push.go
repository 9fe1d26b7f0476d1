package cacheclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pushLimit bounds a push: the 50 GB of a whole cold build take minutes.
	pushLimit = 30 * time.Minute
	// pushWorkers equals the number of connections to a server.
	pushWorkers = 8
)

// pushFolder copies a folder to the shard for a tenant's writes. If that is another shard by the time the copy is done,
// it copies the folder there too: the new shard's server may have copied the tenant before this push ended, and then no
// build would find the files on the old shard.
func (a command) pushFolder(ctx context.Context, args []string) error {
	tenant := args[0]
	ctx, cancel := context.WithTimeout(ctx, pushLimit)
	defer cancel()
	from, err := filepath.EvalSymlinks(args[1])
	if err != nil {
		return err
	}
	m, err := a.reader.Read(ctx)
	for err == nil {
		shard := m.FindPlaces(tenant).Write
		if err := a.pushToShard(ctx, m, shard, tenant, from); err != nil {
			return err
		}
		// Without an answer, the shard of the last known map is correct: all pushes go there then.
		if now, unknown := a.reader.Refresh(ctx); unknown == nil {
			m = now
		}
		if m.FindPlaces(tenant).Write == shard {
			return nil
		}
	}
	return err
}

func (a command) pushToShard(ctx context.Context, m ShardMap, shard int, tenant, from string) error {
	address, err := m.FindAddress(shard)
	if err != nil {
		return err
	}
	root, err := a.mounts.Mount(ctx, mountName(shard)+pushSuffix, address, pushOptions)
	if err != nil {
		return fmt.Errorf("%w; the files are still in %s: run the push again later, or continue without it", err, from)
	}
	p := push{tenant: tenant, shards: a.host.Path(shardFolder) + "/"}
	started := time.Now()
	err = runWithin(ctx, func() error { return p.copyFolder(ctx, from, root+"/"+TenantFolder(tenant)) })
	a.printWarning("pushed %d files with %.1f MiB to shard %d in %.1f s; %d more exist there already and count as used now",
		p.files.Load(), float64(p.bytes.Load())/(1<<20), shard, time.Since(started).Seconds(), p.used.Load())
	if left := p.refused.Load(); left != nil {
		a.printWarning("left out links whose target does not exist or is outside %s, such as %s", from, *left)
	}
	if err != nil {
		return fmt.Errorf("pushing %s to shard %d: %w; run the same push again, it resumes here", from, shard, err)
	}
	return nil
}

// push is the copy of a folder into a tenant's folder. It never deletes files there.
type push struct {
	tenant string
	// shards is the folder by which builds read shards, with a slash at its end.
	shards   string
	from, to *os.Root

	files, used, bytes atomic.Int64
	refused            atomic.Pointer[string]
}

func (p *push) copyFolder(ctx context.Context, from, to string) (err error) {
	if p.from, err = os.OpenRoot(from); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.from.Close()) }()
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if p.to, err = os.OpenRoot(to); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.to.Close()) }()
	// Copy all objects first, then the files that state that those exist.
	for _, companions := range []bool{false, true} {
		if err := p.copyPass(ctx, companions); err != nil {
			return err
		}
	}
	return nil
}

// isCompanion reports whether a file describes another file next to it: readers that see it may assume that the other
// exists.
func isCompanion(name string) bool {
	return strings.HasSuffix(name, ".siginfo") || strings.HasSuffix(name, ".done")
}

// copyPass copies either companions or all other files.
func (p *push) copyPass(ctx context.Context, companions bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	entries := make(chan string)
	var workers sync.WaitGroup
	for range pushWorkers {
		workers.Go(func() {
			for name := range entries {
				if err := p.copyEntry(ctx, name); err != nil {
					cancel(fmt.Errorf("%s: %w", name, err))
				}
			}
		})
	}
	err := fs.WalkDir(p.from.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed since its folder was read
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			return p.skipRepository(name)
		case isCompanion(name) != companions || isSkipped(name):
			return nil
		}
		select {
		case entries <- name:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(entries)
	workers.Wait()
	return cmp.Or(context.Cause(ctx), err)
}

// skipRepository excludes Git repositories: their files change in place, so that a copy would mix two states of one
// repository. Builds read the archives that bitbake creates from them (BB_GENERATE_MIRROR_TARBALLS).
func (p *push) skipRepository(name string) error {
	for _, part := range []string{"HEAD", "objects"} {
		if _, err := p.from.Lstat(path.Join(name, part)); err != nil {
			return nil //nolint:nilerr // not a repository; the walk itself fails if the folder cannot be read
		}
	}
	return fs.SkipDir
}

// isSkipped reports whether a file is useless to others: locks, and files that another push of the same folder writes.
func isSkipped(name string) bool { return strings.HasSuffix(name, ".lock") || IsTemporary(name) }

func (p *push) copyEntry(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := p.from.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return p.copyLink(name)
	case info.Mode().IsRegular():
		return p.copyFile(ctx, name)
	}
	return nil // sockets, pipes and devices are not copied
}

// copyFile copies a file, or touches the copy if that has the same size. Eviction uses the time of the last change, and
// a file that a build created again is in use. It does not compare contents: names of shared state are hashes, and
// names of downloads contain versions.
func (p *push) copyFile(ctx context.Context, name string) error {
	file, info, err := OpenRegular(p.from, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if there, err := p.to.Lstat(name); err == nil && there.Mode().IsRegular() && there.Size() == info.Size() {
		return p.touchFile(name)
	}
	mode := info.Mode().Perm()&0o755 | 0o644
	finish := func(temporary string) error { return p.to.Chmod(temporary, mode) }
	err = PutFile(ctx, p.to, name, file, info.Size(), finish)
	if errors.Is(err, fs.ErrNotExist) { // its folder does not exist yet
		if err = p.to.MkdirAll(path.Dir(name), 0o755); err == nil {
			err = PutFile(ctx, p.to, name, file, info.Size(), finish)
		}
	}
	if errors.Is(err, ErrChanged) { // a build still writes it; the next push copies it
		return nil
	}
	if err == nil {
		p.files.Add(1)
		p.bytes.Add(info.Size())
	}
	return err
}

// touchFile sets the time of a file on the shard to now. It ignores a file that does not exist or that was evicted just
// now.
func (p *push) touchFile(name string) error {
	err := p.to.Chtimes(name, time.Time{}, time.Now())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		p.used.Add(1)
	}
	return err
}

// copyLink handles a symbolic link. A link to the mirror means that bitbake uses the file there, so it touches that
// file. It copies a link whose target is inside the folder. It leaves out all others, because on the machine that reads
// them they would lead elsewhere.
func (p *push) copyLink(name string) error {
	target, err := p.from.Readlink(name)
	if err != nil {
		return err
	}
	if rest, inMirror := strings.CutPrefix(target, p.shards); inMirror {
		_, rest, _ = strings.Cut(rest, "/")
		if used, own := strings.CutPrefix(rest, TenantFolder(p.tenant)+"/"); own {
			return p.touchFile(used)
		}
		return nil
	}
	if _, err := p.from.Stat(name); err != nil {
		p.refused.CompareAndSwap(nil, &name)
		return nil //nolint:nilerr // refused reports the link
	}
	if err := p.to.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := p.to.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
