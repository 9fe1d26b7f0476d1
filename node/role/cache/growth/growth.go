// Package growth copies tenants to the shard that they move to, and acknowledges those that are complete. It deletes
// nothing on the old shard: that is the second mirror until the next epoch, and its eviction, which goes by age, frees
// the space over time.
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

// Parameters holds the calls to Parameter Store; *aws.Client implements it.
type Parameters interface {
	cacheclient.Parameters
	// PutParameter writes a new version of a parameter.
	PutParameter(ctx context.Context, name, value string) error
}

// Server describes the cache server that tenants move to.
type Server struct {
	Host       host.Host
	Parameters Parameters
	// MapParameter is the name of the parameter with the shard map, and Shard the number of this server's shard.
	MapParameter string
	Shard        int
	// Volume is the mount point of the data volume and the root of the export: /srv/cache. It contains the folder
	// slots.
	Volume string
	// UID and GID own all files of tenants: the IDs that the export maps every client to.
	UID, GID int

	// interval is the time between two reads of the shard map; 0 means 30 seconds.
	interval time.Duration
}

// mountFolder contains the mounts of old shards.
const mountFolder = "/run/beachhead/growth"

// Run copies the tenants that move to this shard until the context ends, and then returns nil. It follows the shard
// map: when the map changes, it stops the current copy and starts with the moves of the new map. When it cannot read
// the map, it uses the last one. When an old shard does not answer, it retries every 30 seconds. It resumes after a
// kill: it skips moves that are acknowledged, and files that exist.
func Run(ctx context.Context, s Server) error {
	if s.interval == 0 {
		s.interval = 30 * time.Second
	}
	reader := cacheclient.Reader{Host: s.Host, Parameters: s.Parameters, Name: s.MapParameter}
	logged := ""
	for {
		err := s.copyPending(ctx, reader)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of the context is the normal end
		}
		// Log each fault once, and once when it is over.
		switch now := faultKind(err); {
		case err != nil && now != logged:
			logged = now
			slog.Warn("cannot copy all tenants that move to this shard; the server retries in 30 seconds", "shard", s.Shard, "fault", err)
		case err == nil && logged != "":
			logged = ""
			slog.Info("tenants that move to this shard can be copied again", "shard", s.Shard)
		}
		if host.Sleep(ctx, s.interval) != nil {
			return nil //nolint:nilerr // the end of the context is the normal end
		}
	}
}

// faultKind returns a text that is equal for faults to log once only: an unreachable shard fails in several ways.
func faultKind(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, cacheclient.ErrUnreachable):
		return cacheclient.ErrUnreachable.Error()
	}
	return err.Error()
}

// copyPending copies all tenants that move to this shard and are not acknowledged.
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
		return nil // the map changed; the next round uses the new one
	}
	return errors.Join(faults...)
}

// watchMap ends a round when the map changes.
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

// mountRoot mounts the shard's export and returns its path. It returns an error when the shard does not answer.
func (f source) mountRoot(ctx context.Context) (string, error) {
	address, err := f.m.FindAddress(f.shard)
	if err != nil {
		return "", err
	}
	return f.mounts.Mount(ctx, fmt.Sprintf("%02d", f.shard), address, cacheclient.ReadOptions)
}

// copyMoves copies moves from one shard. It acknowledges moves without any files first, all in one write. After those
// it copies the move with the newest file, then the next. A fault in one move does not stop the others, unless the
// shard is unreachable.
func (s Server) copyMoves(ctx context.Context, from source, moves []shardmap.Move) error {
	root, err := from.mountRoot(ctx)
	if err != nil {
		return err
	}
	jobs, err := rankMoves(ctx, root, from.m, moves)
	if err != nil {
		return fmt.Errorf("listing the tenants on shard %d: %w", from.shard, err)
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
	// Write the files to the disk before the acknowledgement. sync writes all file systems: the standard library has no
	// call for a single one, and this machine writes nothing else.
	syscall.Sync()
	return nil
}

// acknowledgeMoves adds moves to this shard's acknowledgement of the map.
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
		return fmt.Errorf("writing the acknowledgement of copied tenants: %w", err)
	}
	return nil
}
