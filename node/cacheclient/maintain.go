package cacheclient

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

// MaintainAccess keeps a runner's cache access in order until the context ends: it reads the shard map every 30 seconds, so that commands find a fresh one
// and the last one when Parameter Store is away, and lets go of the mounts of shards that no tenant is on any more. It mounts nothing: the
// commands do, when they need it. Name is the map's parameter.
func MaintainAccess(ctx context.Context, h host.Host, p Parameters, name string) error {
	reader, mounts := Reader{Host: h, Parameters: p, Name: name}, Mounts{Host: h, Folder: mountFolder}
	// Made by root, so that every user's commands have it.
	if err := os.MkdirAll(h.Path(emptyFolder), 0o755); err != nil {
		return err
	}
	said := ""
	for {
		err := refreshOnce(ctx, reader, mounts)
		if ctx.Err() != nil {
			return nil
		}
		// Once for each fault, and once when it is over.
		switch {
		case err != nil && err.Error() != said:
			said = err.Error()
			slog.Warn("the shard map cannot be kept fresh; the last one that was read stays in use", "fault", err)
		case err == nil && said != "":
			said = ""
			slog.Info("the shard map is fresh again")
		}
		if host.Sleep(ctx, mapAge) != nil {
			return nil
		}
	}
}

func refreshOnce(ctx context.Context, r Reader, mounts Mounts) error {
	m, err := r.Refresh(ctx)
	if err != nil {
		return err
	}
	return mounts.UnmountUnused(ctx, m.ListShards())
}

// UnmountUnused unmounts the shards that are not listed. One that is busy stays: somebody still reads there, and the next call tries again.
func (m Mounts) UnmountUnused(ctx context.Context, inUse []int) error {
	table, err := m.readMountTable()
	if err != nil {
		return err
	}
	for point := range table {
		if filepath.Dir(point) != m.Host.Path(m.Folder) {
			continue
		}
		number, _, _ := strings.Cut(filepath.Base(point), "-")
		shard, err := strconv.Atoi(number)
		if err != nil || slices.Contains(inUse, shard) {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, m.limits().Mount)
		err = runWithin(limited, func() error {
			_, err := m.Host.Run(limited, "umount", point)
			return err
		})
		cancel()
		if err != nil {
			slog.Debug("a shard that no tenant is on stays mounted for now", "point", point, "fault", err)
		}
	}
	return nil
}
