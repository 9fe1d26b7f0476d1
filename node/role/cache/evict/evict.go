// Package evict keeps the volume of a cache from filling up. When usage passes the high mark, it deletes the oldest
// files until usage is down to the low mark. A tenant that uses more than its share loses files first, so that no
// tenant can evict the files of the others.
package evict

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// High and Low are the marks, in percent of bytes or of inodes. Our estimate: the alarm on space is above both, and
// most caches take days from one to the other.
const (
	High = 85
	Low  = 80
)

// Capacity holds the total and the used amount of one quantity of a volume: bytes or inodes.
type Capacity struct{ Used, Total int64 }

// UsedPercent returns the used amount in percent.
func (m Capacity) UsedPercent() float64 {
	if m.Total <= 0 {
		return 0 // a file system without a fixed number of inodes
	}
	return float64(m.Used) * 100 / float64(m.Total)
}

// excessAmount returns how much to free to reach the low mark; 0 while usage is at or below the high mark.
func (m Capacity) excessAmount() int64 {
	if m.UsedPercent() <= High {
		return 0
	}
	return m.Used - m.Total/100*Low
}

// Usage holds the usage of a volume.
type Usage struct{ Bytes, Inodes Capacity }

// UsedPercent returns the usage of the scarcer quantity, in percent.
func (u Usage) UsedPercent() float64 { return max(u.Bytes.UsedPercent(), u.Inodes.UsedPercent()) }

// ReadUsage reads the usage from the file system at path.
func ReadUsage(path string) (Usage, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Usage{}, fmt.Errorf("reading the usage of %s: %w", path, err)
	}
	return Usage{
		Bytes:  Capacity{Used: int64(s.Blocks-s.Bfree) * s.Bsize, Total: int64(s.Blocks) * s.Bsize},
		Inodes: Capacity{Used: int64(s.Files - s.Ffree), Total: int64(s.Files)},
	}, nil
}

// Result counts what a sweep deleted.
type Result struct {
	Files, Bytes int64
	// Leftovers counts half-written files of pushes that ended, and folders that were empty for as long.
	Leftovers int64
}

// SweepVolume deletes files that were half-written, and folders that were empty, for a day. After that, if usage is
// above the high mark, it deletes files until usage is down to the low mark, for bytes first and then for inodes. usage
// returns the current usage of the volume. SweepVolume walks the tree twice and needs a few kilobytes for each tenant,
// whatever the number of files.
func SweepVolume(ctx context.Context, slots string, now time.Time, usage func() (Usage, error)) (Result, error) {
	t := tree{slots: slots, now: now}
	for i, m := range []quantity{
		{func(u Usage) Capacity { return u.Bytes }, countBytes},
		{func(u Usage) Capacity { return u.Inodes }, countOne},
	} {
		u, err := usage()
		if err != nil {
			return t.result, err
		}
		// The first walk always runs, because it also removes leftovers.
		if i > 0 && m.capacity(u).excessAmount() == 0 {
			continue
		}
		if err := t.sweepQuantity(ctx, m, usage); err != nil {
			return t.result, err
		}
	}
	return t.result, nil
}

// quantity is something that a volume may run out of, with the amount that a file uses of it.
type quantity struct {
	capacity func(Usage) Capacity
	weigh    weight
}

func (t *tree) sweepQuantity(ctx context.Context, m quantity, usage func() (Usage, error)) error {
	tallies, err := t.countTenants(ctx, m.weigh)
	if err != nil {
		return err
	}
	u, err := usage() // read again, because leftovers are gone
	if err != nil {
		return err
	}
	need := m.capacity(u).excessAmount()
	if need == 0 {
		return nil
	}
	return t.deleteFiles(ctx, m.weigh, planCuts(tallies, need, fairShare(m.capacity(u), len(tallies))))
}

// fairShare returns the amount that each tenant may use of a volume.
func fairShare(m Capacity, tenants int) int64 { return m.Total / int64(max(tenants, 1)) }
