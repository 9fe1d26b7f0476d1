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
	// pushLimit bounds a push: 50 GB, a whole cold build's, take minutes.
	pushLimit = 30 * time.Minute
	// pushWorkers is as many as there are connections to a server.
	pushWorkers = 8
)

// pushFolder copies a folder to the shard that a tenant's files are written to. When that is another one by the time it is done, it copies to that too:
// the new shard's server may have copied the tenant before this was through, and then nobody would look for the files on the old one.
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
		// Without an answer it is on the shard of the last map that was known, where all pushes go then.
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
		return fmt.Errorf("%w; what was built is still in %s: push again later, or go without", err, from)
	}
	p := push{tenant: tenant, shards: a.host.Path(shardFolder) + "/"}
	started := time.Now()
	err = runWithin(ctx, func() error { return p.copyFolder(ctx, from, root+"/"+TenantFolder(tenant)) })
	a.printWarning("pushed %d files with %.1f MiB to shard %d in %.1f s; %d more were there and count as used now",
		p.files.Load(), float64(p.bytes.Load())/(1<<20), shard, time.Since(started).Seconds(), p.used.Load())
	if left := p.refused.Load(); left != nil {
		a.printWarning("left out links that lead nowhere or out of %s, such as %s", from, *left)
	}
	if err != nil {
		return fmt.Errorf("pushing %s to shard %d: %w; push again, which goes on where this ended", from, shard, err)
	}
	return nil
}

// push is one copying of a folder into a tenant's. Nothing is ever deleted there.
type push struct {
	tenant string
	// shards is where builds read shards, with a slash at its end.
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
	// Objects first, all of them, then what says that they are there.
	for _, companions := range []bool{false, true} {
		if err := p.copyPass(ctx, companions); err != nil {
			return err
		}
	}
	return nil
}

// isCompanion says whether a file stands beside another and describes it: readers that see it may take the other as there.
func isCompanion(name string) bool {
	return strings.HasSuffix(name, ".siginfo") || strings.HasSuffix(name, ".done")
}

// copyPass copies either companions or all others.
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

// skipRepository leaves out Git's own folders: their files change in place, so that a copy would mix two states of one repository. Builds read
// the archives that bitbake makes of them (BB_GENERATE_MIRROR_TARBALLS).
func (p *push) skipRepository(name string) error {
	for _, part := range []string{"HEAD", "objects"} {
		if _, err := p.from.Lstat(path.Join(name, part)); err != nil {
			return nil
		}
	}
	return fs.SkipDir
}

// isSkipped says whether a file is of no use to others: locks, and what another push of the same folder is writing.
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
	return nil // a socket, a pipe or a device is nothing to keep
}

// copyFile copies a file, or touches it where it is there with as many bytes: eviction goes by the time of the last change, and what a build had
// again is in use. Content is not compared: names of shared state are hashes, and those of downloads have versions.
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
	if errors.Is(err, fs.ErrNotExist) { // its folder is not there yet
		if err = p.to.MkdirAll(path.Dir(name), 0o755); err == nil {
			err = PutFile(ctx, p.to, name, file, info.Size(), finish)
		}
	}
	if errors.Is(err, ErrChanged) { // still in work; the next push has it
		return nil
	}
	if err == nil {
		p.files.Add(1)
		p.bytes.Add(info.Size())
	}
	return err
}

// touchFile makes a file on the shard as new. One that is not there, or evicted just now, stays away.
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

// copyLink handles a symbolic link. One to the mirror is how bitbake takes a file from there: the file is in use. One that stays in the folder is
// kept. Others are left out, since they would lead elsewhere on the machine that reads them.
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
		return nil
	}
	if err := p.to.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := p.to.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
