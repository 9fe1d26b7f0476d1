package cacheclient

import (
	"context"
	"log/slog"
	"os"

	"github.com/beachhead-build/beachhead/node/host"
)

// MaintainAccess maintains a runner's access to the cache until the context ends. It reads the shard map every 30
// seconds, so that commands find a fresh map, or the last one while Parameter Store is unreachable. It unmounts shards
// that no tenant uses any more. It mounts nothing: commands mount a shard when they need it. name is the name of the
// map's parameter.
func MaintainAccess(ctx context.Context, h host.Host, p Parameters, name string) error {
	reader, mounts := Reader{Host: h, Parameters: p, Name: name}, Mounts{Host: h, Folder: mountFolder}
	// Created by root here, so that commands of every user find it.
	if err := os.MkdirAll(h.Path(emptyFolder), 0o755); err != nil {
		return err
	}
	logged := ""
	for {
		err := refreshOnce(ctx, reader, mounts)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of the context is the normal end
		}
		// Log each fault once, and once when it is over.
		switch {
		case err != nil && err.Error() != logged:
			logged = err.Error()
			slog.Warn("cannot refresh the shard map; the last map stays in use", "fault", err)
		case err == nil && logged != "":
			logged = ""
			slog.Info("the shard map is fresh again")
		}
		if host.Sleep(ctx, mapAge) != nil {
			return nil //nolint:nilerr // the end of the context is the normal end
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
