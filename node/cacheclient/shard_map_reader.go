package cacheclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// Parameters holds the calls that read Parameter Store.
type Parameters interface {
	// GetParameter returns a parameter, or one version of it when the name ends in :VERSION. It returns aws.ErrNotFound
	// when that does not exist.
	GetParameter(ctx context.Context, name string) (aws.Parameter, error)
}

// Reader reads the shard map, and caches it in a file that all commands of the machine share.
type Reader struct {
	Host       host.Host
	Parameters Parameters
	// Name is the name of the map's parameter.
	Name string
}

const (
	// mapFile does not survive a reboot: a machine that was down for long must not start with an old map.
	mapFile = "/run/beachhead/map.json"
	mapLock = "/run/beachhead/map.lock"
	// mapAge is the age from which a map is read again. It is also the pause after a read that Parameter Store did not
	// answer.
	mapAge = 30 * time.Second
	// mapLimit bounds a read, so that a command with a cached map continues soon when the control plane is unreachable.
	mapLimit = 5 * time.Second
	// walkLimit is the number of versions in which to search for the table of the previous epoch. Writes that keep the
	// epoch, such as a new address, are rare. Parameter Store stores 100 versions.
	walkLimit = 10
)

// Read returns the map, at most 30 seconds old. When Parameter Store does not answer, it returns the last map, whatever
// its age. It returns an error only when no map was ever read.
func (r Reader) Read(ctx context.Context) (ShardMap, error) { return r.readMap(ctx, mapAge) }

// Refresh returns the map like Read, but always queries Parameter Store.
func (r Reader) Refresh(ctx context.Context) (ShardMap, error) { return r.readMap(ctx, 0) }

func (r Reader) readMap(ctx context.Context, age time.Duration) (ShardMap, error) {
	ctx, cancel := context.WithTimeout(ctx, mapLimit)
	defer cancel()
	// The lock only saves calls, so it may fail: a user without the right to write here reads the file of those who
	// have it.
	unlock, _ := lockFile(ctx, r.Host.Path(mapLock))
	defer unlock()
	known, there := r.readCached()
	// An age below zero means that the clock was set back.
	if since := time.Since(known.QueriedAt); there && since >= 0 && since < age {
		return known, nil
	}
	now := time.Now()
	fresh, err := r.fetchMap(ctx, known, there)
	switch {
	case err == nil:
		fresh.ReadAt, fresh.QueriedAt = now, now
	case there:
		fresh, fresh.QueriedAt = known, now
	default:
		return ShardMap{}, fmt.Errorf("cannot read the shard map, and this machine has no earlier copy: %w", err)
	}
	r.writeCached(fresh)
	return fresh, nil
}

// readCached returns the map of the file. A file that cannot be read counts as missing.
func (r Reader) readCached() (ShardMap, bool) {
	text, err := os.ReadFile(r.Host.Path(mapFile))
	if err != nil {
		return ShardMap{}, false
	}
	var m ShardMap
	if err := json.Unmarshal(text, &m); err != nil {
		return ShardMap{}, false
	}
	return m, true
}

// writeCached writes the file. When that fails, the next command queries Parameter Store again.
func (r Reader) writeCached(m ShardMap) {
	if text, err := json.Marshal(m); err == nil {
		_, _ = r.Host.WriteFile(mapFile, 0o644, string(text))
	}
}

// fetchMap reads the parameters. For a version that it has already, it reads the acknowledgements only.
func (r Reader) fetchMap(ctx context.Context, known ShardMap, there bool) (ShardMap, error) {
	p, err := r.Parameters.GetParameter(ctx, r.Name)
	if err != nil {
		return ShardMap{}, err
	}
	m := ShardMap{Version: p.Version, FirstVersion: known.FirstVersion, Current: known.Current, Previous: known.Previous}
	if !there || p.Version != known.Version {
		if m.Current, err = shardmap.Parse([]byte(p.Value)); err != nil {
			return ShardMap{}, fmt.Errorf("parameter %s: %w; run `beachhead up`, which writes it again", r.Name, err)
		}
		if m.FirstVersion, m.Previous, err = r.findPrevious(ctx, p.Version, m.Current.Epoch()); err != nil {
			return ShardMap{}, err
		}
	}
	m.Moved = map[int]Acknowledgement{}
	for _, move := range m.ListMoves() {
		if _, asked := m.Moved[move.To]; asked {
			continue
		}
		m.Moved[move.To], err = r.fetchAcknowledgement(ctx, move.To)
		if err != nil {
			// The places are correct without it; only their order may be the previous one.
			m.Moved[move.To] = known.Moved[move.To]
		}
	}
	return m, nil
}

// findPrevious searches back from a version for the first version of its epoch, and for the table before that. A
// version that is gone or cannot be parsed ends the search.
func (r Reader) findPrevious(ctx context.Context, version, epoch int64) (first int64, previous *shardmap.Table, err error) {
	for first = version; first > 1 && version-first < walkLimit; first-- {
		p, err := r.Parameters.GetParameter(ctx, fmt.Sprintf("%s:%d", r.Name, first-1))
		if errors.Is(err, aws.ErrNotFound) {
			break
		}
		if err != nil {
			return 0, nil, err
		}
		table, err := shardmap.Parse([]byte(p.Value))
		if err != nil {
			break
		}
		if table.Epoch() != epoch {
			return first, &table, nil
		}
	}
	return first, nil, nil //nolint:nilerr // a version that cannot be parsed ends the search
}

// ReadAcknowledgement reads the current acknowledgement of a map by a shard's server.
func (r Reader) ReadAcknowledgement(ctx context.Context, m ShardMap, shard int) (Acknowledgement, error) {
	a, err := r.fetchAcknowledgement(ctx, shard)
	m.Moved = map[int]Acknowledgement{shard: a}
	return m.FindAcknowledgement(shard), err
}

func (r Reader) fetchAcknowledgement(ctx context.Context, shard int) (Acknowledgement, error) {
	name := shardmap.MovedParameter(r.Name, shard)
	p, err := r.Parameters.GetParameter(ctx, name)
	if errors.Is(err, aws.ErrNotFound) {
		return Acknowledgement{}, nil
	}
	if err != nil {
		return Acknowledgement{}, err
	}
	var a Acknowledgement
	if err := json.Unmarshal([]byte(p.Value), &a); err != nil {
		return a, fmt.Errorf("parameter %s: %w; the shard's server writes it again", name, err)
	}
	return a, nil
}
