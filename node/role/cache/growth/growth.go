// Package growth copies the tenants that move to a shard from the shards where they were, and acknowledges what is whole. Nothing is deleted
// where they were: the old shard is the second mirror until the next epoch, and its eviction, which goes by age, makes room there with time.
package growth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// Parameters is what is asked of Parameter Store; *cloud.Cloud does it.
type Parameters interface {
	cacheclient.Parameters
	// PutParameter writes a new version of a parameter.
	PutParameter(ctx context.Context, name, value string) error
}

// Server is the cache server that tenants move to.
type Server struct {
	Host       host.Host
	Parameters Parameters
	// MapParameter is the name of the parameter with the shard map, and Shard the number of this server's shard.
	MapParameter string
	Shard        int
	// Volume is where the data volume is mounted and what is exported: /srv/cache. The folder slots is in it.
	Volume string
	// UID and GID own all files of tenants: those that the export maps every client to.
	UID, GID int

	// interval is between two looks at the shard map; zero: 30 seconds.
	interval time.Duration
}

// mountFolder is where old shards are mounted.
const mountFolder = "/run/beachhead/growth"

// Run copies what moves to this shard until the context ends, and then returns nil. It follows the shard map: when that changes it leaves off
// and begins with what moves now. When the map cannot be read it goes by the last one; when an old shard does not answer it tries again
// every 30 seconds. Killed at any moment it goes on where it was: what is acknowledged is not looked at again, what is there is not copied
// again.
func Run(ctx context.Context, s Server) error {
	if s.interval == 0 {
		s.interval = 30 * time.Second
	}
	reader := cacheclient.Reader{Host: s.Host, Parameters: s.Parameters, Name: s.MapParameter}
	said := ""
	for {
		err := s.copyPending(ctx, reader)
		if ctx.Err() != nil {
			return nil
		}
		// Once for each fault, and once when it is over.
		switch now := faultKind(err); {
		case err != nil && now != said:
			said = now
			slog.Warn("tenants that move to this shard are not all here yet", "shard", s.Shard, "fault", err)
		case err == nil && said != "":
			said = ""
			slog.Info("tenants that move to this shard are copied again", "shard", s.Shard)
		}
		if host.Sleep(ctx, s.interval) != nil {
			return nil
		}
	}
}

// faultKind is what faults have in common that are told once: a shard that is away is so in several ways.
func faultKind(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, cacheclient.ErrUnreachable):
		return cacheclient.ErrUnreachable.Error()
	}
	return err.Error()
}

// copyPending copies all that moves here and is not acknowledged.
func (s Server) copyPending(ctx context.Context, reader cacheclient.Reader) error {
	m, err := reader.Refresh(ctx)
	if err != nil {
		return err
	}
	pending := map[int][]shardmap.Move{}
	for _, move := range m.ListMoves() {
		if move.To == s.Shard && !m.FindAcknowledgement(s.Shard).Has(move) {
			pending[move.From] = append(pending[move.From], move)
		}
	}
	from := slices.Sorted(maps.Keys(pending))
	mounts := cacheclient.Mounts{Host: s.Host, Folder: mountFolder}
	if err := mounts.UnmountUnused(ctx, from); err != nil {
		return err
	}
	if len(from) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.watchMap(ctx, reader, m, cancel)
	var faults []error
	for _, shard := range from {
		faults = append(faults, s.copyMoves(ctx, source{reader: reader, mounts: mounts, m: m, shard: shard}, pending[shard]))
	}
	if ctx.Err() != nil {
		return nil // the map has changed; the next round goes by the new one
	}
	return errors.Join(faults...)
}

// watchMap ends a round when another map has come.
func (s Server) watchMap(ctx context.Context, reader cacheclient.Reader, m cacheclient.ShardMap, cancel context.CancelFunc) {
	for host.Sleep(ctx, s.interval) == nil {
		if now, err := reader.Refresh(ctx); err == nil && (now.FirstVersion != m.FirstVersion || now.Current.Epoch() != m.Current.Epoch()) {
			cancel()
		}
	}
}

// source is a shard that tenants move away from.
type source struct {
	reader cacheclient.Reader
	mounts cacheclient.Mounts
	m      cacheclient.ShardMap
	shard  int
}

// mountRoot gives the root of its export, mounted, and an error when the shard does not answer now.
func (f source) mountRoot(ctx context.Context) (string, error) {
	address, err := f.m.FindAddress(f.shard)
	if err != nil {
		return "", err
	}
	return f.mounts.Mount(ctx, fmt.Sprintf("%02d", f.shard), address, cacheclient.ReadOptions)
}

// copyMoves copies moves from one shard: those of which nothing is there first, in one acknowledgement, then the one with the newest file, and so
// on. A fault in one does not hold up the others, unless the shard is away.
func (s Server) copyMoves(ctx context.Context, from source, moves []shardmap.Move) error {
	root, err := from.mountRoot(ctx)
	if err != nil {
		return err
	}
	jobs, err := rankMoves(ctx, root, from.m, moves)
	if err != nil {
		return fmt.Errorf("looking at shard %d: %w", from.shard, err)
	}
	var faults []error
	var empty []shardmap.Move
	for _, j := range jobs {
		if len(j.tenants) == 0 {
			empty = append(empty, j.move)
		}
	}
	if len(empty) > 0 {
		faults = append(faults, s.acknowledgeMoves(ctx, from, empty...))
	}
	for _, j := range jobs {
		if len(j.tenants) == 0 {
			continue
		}
		if _, err := from.mountRoot(ctx); err != nil {
			return errors.Join(append(faults, err)...)
		}
		err := s.copyTenants(ctx, root, j.tenants)
		if err == nil {
			err = s.acknowledgeMoves(ctx, from, j.move)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (s Server) copyTenants(ctx context.Context, root string, tenants []string) error {
	for _, tenant := range tenants {
		folder := cacheclient.TenantFolder(tenant)
		c := copier{uid: s.UID, gid: s.GID}
		if err := c.copyFolder(ctx, filepath.Join(root, folder), filepath.Join(s.Host.Path(s.Volume), folder)); err != nil {
			return fmt.Errorf("copying tenant %s: %w", tenant, err)
		}
	}
	// Before it is acknowledged it is on the disk. All file systems, since the call for one is in no standard library, and nothing else is
	// written here.
	syscall.Sync()
	return nil
}

// acknowledgeMoves adds moves to what this shard has acknowledged of the map.
func (s Server) acknowledgeMoves(ctx context.Context, from source, moves ...shardmap.Move) error {
	a, err := from.reader.ReadAcknowledgement(ctx, from.m, s.Shard)
	if err != nil {
		return err
	}
	for _, move := range moves {
		a.Add(move)
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := s.Parameters.PutParameter(ctx, shardmap.MovedParameter(s.MapParameter, s.Shard), string(text)); err != nil {
		return fmt.Errorf("what is copied is not acknowledged yet: %w", err)
	}
	return nil
}
