package cache

import (
	"context"
	"os"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/role/cache/evict"
)

// keepSpaceFree keeps usage of the volume below the marks.
func (r *Role) keepSpaceFree(ctx context.Context) error {
	for {
		if err := r.evictOnce(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.log.Error("eviction failed; the server retries it in a minute", "error", err)
		}
		if host.Sleep(ctx, checkInterval) != nil {
			return nil //nolint:nilerr // the end of the context is the normal end
		}
	}
}

// evictOnce sweeps the volume if it is too full, or if the last sweep was a day ago. The volume stores the time of the
// last sweep, so that the next machine knows it too.
func (r *Role) evictOnce(ctx context.Context, now time.Time) error {
	usage := func() (evict.Usage, error) { return evict.ReadUsage(r.host.Path(Volume)) }
	u, err := usage()
	if err != nil {
		return err
	}
	note := r.host.Path(ownFolder + "/swept")
	last, err := os.Stat(note)
	if u.UsedPercent() <= evict.High && err == nil && now.Sub(last.ModTime()) < sweepInterval {
		return nil
	}
	did, err := evict.SweepVolume(ctx, r.host.Path(Slots), now, usage)
	if did != (evict.Result{}) {
		r.log.Info("evicted", "percent", int(u.UsedPercent()), "files", did.Files, "bytes", did.Bytes, "leftovers", did.Leftovers)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(note, []byte(now.UTC().Format(time.RFC3339)+"\n"), 0o600)
}
