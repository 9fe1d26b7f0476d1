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
	// leftover is how old something half-written or empty is when nobody can still be at it.
	leftover = 24 * time.Hour
	// batch is how many names of a folder are in memory at a time.
	batch = 256
	// deepest is how far down folders are looked into; each level holds a file descriptor. Shared state has three levels, downloads a few more.
	deepest = 100
)

// weight is what a file counts.
type weight func(fs.FileInfo) int64

func allocated(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512 // blocks of 512 bytes, whatever the file system's own
	}
	return info.Size()
}

func one(fs.FileInfo) int64 { return 1 }

// tree is the folders of the slots. It goes down them by os.Root, each folder from the one above: clients write there, and a folder that
// one of them replaces by a link meanwhile must not lead the sweep, which is root's, out of the volume.
type tree struct {
	slots  string
	now    time.Time
	result Result
}

// tenants calls visit for each tenant's folder; its name is slot/tenant.
func (t *tree) tenants(ctx context.Context, visit func(name string, folder *os.Root) error) error {
	root, err := os.OpenRoot(t.slots)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return folders(ctx, root, func(slot string, inSlot *os.Root) error {
		return folders(ctx, inSlot, func(tenant string, folder *os.Root) error { return visit(slot+"/"+tenant, folder) })
	})
}

// folders calls visit for each folder in one.
func folders(ctx context.Context, in *os.Root, visit func(name string, folder *os.Root) error) error {
	_, err := entries(ctx, in, func(info fs.FileInfo) error {
		if !info.IsDir() {
			return nil
		}
		return into(in, info.Name(), func(folder *os.Root) error { return visit(info.Name(), folder) })
	})
	return err
}

// into opens a folder, unless it is gone meanwhile.
func into(in *os.Root, name string, visit func(*os.Root) error) error {
	folder, err := in.OpenRoot(name)
	if err != nil {
		return passed(err)
	}
	defer func() { _ = folder.Close() }()
	return visit(folder)
}

// passed is nil for what happens to a tree that others change at the same time.
func passed(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.ELOOP) {
		return nil
	}
	return err
}

// entries calls visit for everything in a folder, and counts it.
func entries(ctx context.Context, in *os.Root, visit func(fs.FileInfo) error) (count int, err error) {
	file, err := in.Open(".")
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	for {
		names, err := file.ReadDir(batch)
		count += len(names)
		for _, name := range names {
			if err := visitOne(ctx, in, name.Name(), visit); err != nil {
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

func visitOne(ctx context.Context, in *os.Root, name string, visit func(fs.FileInfo) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := in.Lstat(name)
	if err != nil {
		return passed(err)
	}
	return visit(info)
}

// files calls visit for each file below a folder, links among them, and clears away folders that have been empty for a day.
func (t *tree) files(ctx context.Context, in *os.Root, depth int, visit func(in *os.Root, info fs.FileInfo) error) (count int, err error) {
	return entries(ctx, in, func(info fs.FileInfo) error {
		if !info.IsDir() {
			return visit(in, info)
		}
		if depth >= deepest {
			return nil
		}
		empty := false
		err := into(in, info.Name(), func(folder *os.Root) error {
			inside, err := t.files(ctx, folder, depth+1, visit)
			empty = err == nil && inside == 0
			return err
		})
		if empty && t.now.Sub(info.ModTime()) > leftover {
			t.result.Leftovers++
			return passed(in.Remove(info.Name()))
		}
		return err
	})
}

// tally counts what each tenant has, and clears away leftovers on the way.
func (t *tree) tally(ctx context.Context, weigh weight) ([]*tally, error) {
	var all []*tally
	err := t.tenants(ctx, func(name string, folder *os.Root) error {
		one := &tally{tenant: name}
		all = append(all, one)
		_, err := t.files(ctx, folder, 0, func(in *os.Root, info fs.FileInfo) error {
			age := t.now.Sub(info.ModTime())
			if cacheclient.Temporary(info.Name()) {
				return t.clear(in, info, age)
			}
			amount := weigh(info)
			one.total, one.by[bucket(age)] = one.total+amount, one.by[bucket(age)]+amount
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("counting what tenants have: %w", err)
	}
	return all, nil
}

// clear removes a half-written file that nobody writes any more.
func (t *tree) clear(in *os.Root, info fs.FileInfo, age time.Duration) error {
	if age <= leftover {
		return nil
	}
	t.result.Leftovers++
	return passed(in.Remove(info.Name()))
}

// delete deletes what was decided, and of each tenant a part of a file more at most. Ages are looked at again, so that what somebody used
// meanwhile stays.
func (t *tree) delete(ctx context.Context, weigh weight, cuts map[string]cut) error {
	err := t.tenants(ctx, func(name string, folder *os.Root) error {
		c, loses := cuts[name]
		if !loses {
			return nil
		}
		_, err := t.files(ctx, folder, 0, func(in *os.Root, info fs.FileInfo) error {
			if cacheclient.Temporary(info.Name()) || !c.takes(bucket(t.now.Sub(info.ModTime())), weigh(info)) {
				return nil
			}
			t.result.Files, t.result.Bytes = t.result.Files+1, t.result.Bytes+allocated(info)
			return passed(in.Remove(info.Name()))
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("evicting: %w", err)
	}
	return nil
}

// takes says whether a file goes, and counts it when it does.
func (c *cut) takes(bucket int, amount int64) bool {
	if bucket == c.bucket && c.part > 0 {
		c.part -= amount
		return true
	}
	return bucket > c.bucket
}
