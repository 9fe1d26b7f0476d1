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

// Measure is how much of one thing a volume has, and how much of it is used: bytes or inodes.
type Measure struct{ Used, Total int64 }

// Percent is how much is used, of a hundred.
func (m Measure) Percent() float64 {
	if m.Total <= 0 {
		return 0 // a file system without a fixed number of inodes
	}
	return float64(m.Used) * 100 / float64(m.Total)
}

// over is how much there is too much of, when the high mark is passed: down to the low one. Zero: nothing.
func (m Measure) over() int64 {
	if m.Percent() <= High {
		return 0
	}
	return m.Used - m.Total/100*Low
}

// Usage is that of a volume.
type Usage struct{ Bytes, Inodes Measure }

// Percent is that of what is scarcer.
func (u Usage) Percent() float64 { return max(u.Bytes.Percent(), u.Inodes.Percent()) }

// UsageOf asks the file system.
func UsageOf(path string) (Usage, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Usage{}, fmt.Errorf("asking how full %s is: %w", path, err)
	}
	return Usage{
		Bytes:  Measure{Used: int64(s.Blocks-s.Bfree) * s.Bsize, Total: int64(s.Blocks) * s.Bsize},
		Inodes: Measure{Used: int64(s.Files - s.Ffree), Total: int64(s.Files)},
	}, nil
}

// Result is what a sweep did.
type Result struct {
	Files, Bytes int64
	// Leftovers counts half-written files of pushes that ended, and folders that have been empty for as long.
	Leftovers int64
}

// Sweep deletes what has been half-written or empty for a day, and then, when the volume is fuller than the high mark, files until it is not
// fuller than the low one; bytes and inodes are looked at one after the other. Usage asks how full the volume is. It walks the tree twice
// and keeps a few kilobytes a tenant, however many files there are.
func Sweep(ctx context.Context, slots string, now time.Time, usage func() (Usage, error)) (Result, error) {
	t := tree{slots: slots, now: now}
	for i, m := range []measured{
		{func(u Usage) Measure { return u.Bytes }, allocated},
		{func(u Usage) Measure { return u.Inodes }, one},
	} {
		u, err := usage()
		if err != nil {
			return t.result, err
		}
		// The first walk is made in any case, since it clears away leftovers.
		if i > 0 && m.of(u).over() == 0 {
			continue
		}
		if err := t.sweep(ctx, m, usage); err != nil {
			return t.result, err
		}
	}
	return t.result, nil
}

// measured is one thing that a volume may run out of, and what a file takes of it.
type measured struct {
	of    func(Usage) Measure
	weigh weight
}

func (t *tree) sweep(ctx context.Context, m measured, usage func() (Usage, error)) error {
	tallies, err := t.tally(ctx, m.weigh)
	if err != nil {
		return err
	}
	u, err := usage() // again, since leftovers are gone
	if err != nil {
		return err
	}
	need := m.of(u).over()
	if need == 0 {
		return nil
	}
	return t.delete(ctx, m.weigh, decide(tallies, need, share(m.of(u), len(tallies))))
}

// share is what each tenant may have of a volume.
func share(m Measure, tenants int) int64 { return m.Total / int64(max(tenants, 1)) }
