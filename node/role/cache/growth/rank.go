package growth

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// job is a move with the tenants that it moves, most recently used first.
type job struct {
	move    shardmap.Move
	tenants []string
	newest  time.Time
}

// rankMoves lists the tenants of each move, and puts the move with the newest file first: what was built last is built
// next. Tenants with a pin in either table do not move with their slot. rankMoves returns an error when the shard has
// no folder slots. The shard's server creates that folder, so that without it the volume is not mounted there, and
// every move would be acknowledged with nothing copied.
func rankMoves(ctx context.Context, root string, m cacheclient.ShardMap, moves []shardmap.Move) ([]job, error) {
	if _, err := os.Stat(filepath.Join(root, path.Dir(cacheclient.SlotFolder(0)))); err != nil {
		return nil, err
	}
	var jobs []job
	for _, move := range moves {
		tenants, err := listTenants(root, m, move)
		if err != nil {
			return nil, err
		}
		heat := map[string]time.Time{}
		for _, tenant := range tenants {
			// A folder that cannot be read comes last; copying it reports the fault.
			heat[tenant], _ = findNewestTime(ctx, filepath.Join(root, cacheclient.TenantFolder(tenant)))
		}
		slices.SortFunc(tenants, func(a, b string) int { return cmp.Or(heat[b].Compare(heat[a]), strings.Compare(a, b)) })
		j := job{move: move, tenants: tenants}
		if len(tenants) > 0 {
			j.newest = heat[tenants[0]]
		}
		jobs = append(jobs, j)
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return b.newest.Compare(a.newest) })
	return jobs, nil
}

// listTenants lists the tenants of a move that have a folder.
func listTenants(root string, m cacheclient.ShardMap, move shardmap.Move) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(root, cacheclient.SlotFolder(move.Slot)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var tenants []string
	for _, entry := range entries {
		name := entry.Name()
		own := cacheclient.CheckTenant(name) == nil && shardmap.TenantSlot(name) == move.Slot && entry.IsDir()
		if own && (name == move.Tenant || move.Tenant == "" && !m.IsPinned(name)) {
			tenants = append(tenants, name)
		}
	}
	return tenants, nil
}

// findNewestTime returns the time of the newest file in a folder.
func findNewestTime(ctx context.Context, folder string) (time.Time, error) {
	var newest time.Time
	err := filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
		return cmp.Or(ignoreGone(err), ctx.Err())
	})
	return newest, err
}
