// Package evict keeps a cache's volume from filling up: above the high mark it deletes files, oldest first, until the low one. A tenant that
// has more than its share pays first, so that none can push the others out.
package evict

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// The marks, in percent of bytes or of inodes. Judgement: the alarm on space is above both, and between them are days of most caches.
const (
	High = 85
	Low  = 80
)

// Capacity is how much of one thing a volume has, and how much of it is used: bytes or inodes.
type Capacity struct{ Used, Total int64 }

// UsedPercent is how much is used, of a hundred.
func (m Capacity) UsedPercent() float64 {
	if m.Total <= 0 {
		return 0 // a file system without a fixed number of inodes
	}
	return float64(m.Used) * 100 / float64(m.Total)
}

// excessAmount is how much there is too much of, when the high mark is passed: down to the low one. Zero: nothing.
func (m Capacity) excessAmount() int64 {
	if m.UsedPercent() <= High {
		return 0
	}
	return m.Used - m.Total/100*Low
}

// Usage is that of a volume.
type Usage struct{ Bytes, Inodes Capacity }

// UsedPercent is that of what is scarcer.
func (u Usage) UsedPercent() float64 { return max(u.Bytes.UsedPercent(), u.Inodes.UsedPercent()) }

// ReadUsage asks the file system.
func ReadUsage(path string) (Usage, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Usage{}, fmt.Errorf("asking how full %s is: %w", path, err)
	}
	return Usage{
		Bytes:  Capacity{Used: int64(s.Blocks-s.Bfree) * s.Bsize, Total: int64(s.Blocks) * s.Bsize},
		Inodes: Capacity{Used: int64(s.Files - s.Ffree), Total: int64(s.Files)},
	}, nil
}

// Result is what a sweep did.
type Result struct {
	Files, Bytes int64
	// Leftovers counts half-written files of pushes that ended, and folders that have been empty for as long.
	Leftovers int64
}

// SweepVolume deletes what has been half-written or empty for a day, and then, when the volume is fuller than the high mark, files until it is not
// fuller than the low one; bytes and inodes are looked at one after the other. Usage asks how full the volume is. It walks the tree twice
// and keeps a few kilobytes a tenant, however many files there are.
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
		// The first walk is made in any case, since it clears away leftovers.
		if i > 0 && m.capacity(u).excessAmount() == 0 {
			continue
		}
		if err := t.sweepQuantity(ctx, m, usage); err != nil {
			return t.result, err
		}
	}
	return t.result, nil
}

// quantity is one thing that a volume may run out of, and what a file takes of it.
type quantity struct {
	capacity func(Usage) Capacity
	weigh    weight
}

func (t *tree) sweepQuantity(ctx context.Context, m quantity, usage func() (Usage, error)) error {
	tallies, err := t.countTenants(ctx, m.weigh)
	if err != nil {
		return err
	}
	u, err := usage() // again, since leftovers are gone
	if err != nil {
		return err
	}
	need := m.capacity(u).excessAmount()
	if need == 0 {
		return nil
	}
	return t.deleteFiles(ctx, m.weigh, planCuts(tallies, need, fairShare(m.capacity(u), len(tallies))))
}

// fairShare is what each tenant may have of a volume.
func fairShare(m Capacity, tenants int) int64 { return m.Total / int64(max(tenants, 1)) }
