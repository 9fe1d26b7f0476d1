package evict

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient"
)

const (
	// leftoverAge is the age from which a half-written file or an empty folder cannot be in use.
	leftoverAge = 24 * time.Hour
	// batchSize is the number of names of a folder in memory at a time.
	batchSize = 256
	// maxDepth limits the depth of the walk, because each level holds a file descriptor. Shared state has three levels,
	// downloads have a few more.
	maxDepth = 100
)

// weight returns the amount that a file counts.
type weight func(fs.FileInfo) int64

func countBytes(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512 // the kernel counts blocks of 512 bytes, whatever the file system uses
	}
	return info.Size()
}

func countOne(fs.FileInfo) int64 { return 1 }

// tree walks the folders of the slots. It opens each folder from the one above by os.Root. Clients write there: if one
// of them replaces a folder by a link meanwhile, the link must not lead the sweep, which runs as root, out of the
// volume.
type tree struct {
	slots  string
	now    time.Time
	result Result
}

// visitTenants calls visit for each tenant's folder, with the name slot/tenant.
func (t *tree) visitTenants(ctx context.Context, visit func(name string, folder *os.Root) error) error {
	root, err := os.OpenRoot(t.slots)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return visitFolders(ctx, root, func(slot string, inSlot *os.Root) error {
		return visitFolders(ctx, inSlot, func(tenant string, folder *os.Root) error { return visit(slot+"/"+tenant, folder) })
	})
}

// visitFolders calls visit for each folder directly below in.
func visitFolders(ctx context.Context, in *os.Root, visit func(name string, folder *os.Root) error) error {
	_, err := visitEntries(ctx, in, func(info fs.FileInfo) error {
		if !info.IsDir() {
			return nil
		}
		return visitFolder(in, info.Name(), func(folder *os.Root) error { return visit(info.Name(), folder) })
	})
	return err
}

// visitFolder opens a folder and calls visit, unless the folder disappeared meanwhile.
func visitFolder(in *os.Root, name string, visit func(*os.Root) error) error {
	folder, err := in.OpenRoot(name)
	if err != nil {
		return ignoreChanged(err)
	}
	defer func() { _ = folder.Close() }()
	return visit(folder)
}

// ignoreChanged returns nil for errors that occur because others change the tree at the same time.
func ignoreChanged(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) ||
		errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.ELOOP) {
		return nil
	}
	return err
}

// visitEntries calls visit for each entry of a folder, and returns the number of entries.
func visitEntries(ctx context.Context, in *os.Root, visit func(fs.FileInfo) error) (count int, err error) {
	file, err := in.Open(".")
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	for {
		names, err := file.ReadDir(batchSize)
		count += len(names)
		for _, name := range names {
			if err := visitEntry(ctx, in, name.Name(), visit); err != nil {
				return count, err
			}
		}
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
	}
}

func visitEntry(ctx context.Context, in *os.Root, name string, visit func(fs.FileInfo) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := in.Lstat(name)
	if err != nil {
		return ignoreChanged(err)
	}
	return visit(info)
}

// visitFiles calls visit for each file and link below a folder, and removes folders that were empty for a day.
func (t *tree) visitFiles(
	ctx context.Context, in *os.Root, depth int, visit func(in *os.Root, info fs.FileInfo) error,
) (count int, err error) {
	return visitEntries(ctx, in, func(info fs.FileInfo) error {
		if !info.IsDir() {
			return visit(in, info)
		}
		if depth >= maxDepth {
			return nil
		}
		empty := false
		err := visitFolder(in, info.Name(), func(folder *os.Root) error {
			inside, err := t.visitFiles(ctx, folder, depth+1, visit)
			empty = err == nil && inside == 0
			return err
		})
		if empty && t.now.Sub(info.ModTime()) > leftoverAge {
			t.result.Leftovers++
			return ignoreChanged(in.Remove(info.Name()))
		}
		return err
	})
}

// countTenants counts how much each tenant uses, and removes leftovers during the walk.
func (t *tree) countTenants(ctx context.Context, weigh weight) ([]*tenantUsage, error) {
	var all []*tenantUsage
	err := t.visitTenants(ctx, func(name string, folder *os.Root) error {
		one := &tenantUsage{tenant: name}
		all = append(all, one)
		_, err := t.visitFiles(ctx, folder, 0, func(in *os.Root, info fs.FileInfo) error {
			age := t.now.Sub(info.ModTime())
			if cacheclient.IsTemporary(info.Name()) {
				return t.removeLeftover(in, info, age)
			}
			amount := weigh(info)
			one.total, one.byAge[ageBucket(age)] = one.total+amount, one.byAge[ageBucket(age)]+amount
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("counting the usage of tenants: %w", err)
	}
	return all, nil
}

// removeLeftover removes a half-written file that is too old to be in use.
func (t *tree) removeLeftover(in *os.Root, info fs.FileInfo, age time.Duration) error {
	if age <= leftoverAge {
		return nil
	}
	t.result.Leftovers++
	return ignoreChanged(in.Remove(info.Name()))
}

// deleteFiles deletes the planned cuts, and of each tenant at most part of one file more. It reads ages again, so that
// files that were used meanwhile stay.
func (t *tree) deleteFiles(ctx context.Context, weigh weight, cuts map[string]cut) error {
	err := t.visitTenants(ctx, func(name string, folder *os.Root) error {
		c, loses := cuts[name]
		if !loses {
			return nil
		}
		_, err := t.visitFiles(ctx, folder, 0, func(in *os.Root, info fs.FileInfo) error {
			if cacheclient.IsTemporary(info.Name()) || !c.selectFile(ageBucket(t.now.Sub(info.ModTime())), weigh(info)) {
				return nil
			}
			t.result.Files, t.result.Bytes = t.result.Files+1, t.result.Bytes+countBytes(info)
			return ignoreChanged(in.Remove(info.Name()))
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("evicting files: %w", err)
	}
	return nil
}

// selectFile reports whether to delete a file, and counts the file if so.
func (c *cut) selectFile(bucket int, amount int64) bool {
	if bucket == c.bucket && c.part > 0 {
		c.part -= amount
		return true
	}
	return bucket > c.bucket
}
