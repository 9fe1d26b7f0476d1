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

// Parameters is what is read of Parameter Store.
type Parameters interface {
	// GetParameter gives a parameter, or one version of it when the name ends in :VERSION; cloud.ErrNotFound when there is none.
	GetParameter(ctx context.Context, name string) (aws.Parameter, error)
}

// Reader reads the shard map, and keeps what it read in a file that all commands of the machine share.
type Reader struct {
	Host       host.Host
	Parameters Parameters
	// Name is the parameter's.
	Name string
}

const (
	// mapFile does not survive a reboot: a machine that was down long must not begin with an old map.
	mapFile = "/run/beachhead/map.json"
	mapLock = "/run/beachhead/map.lock"
	// mapAge is how old a map may be before it is read again, and how long it is not asked for again when Parameter Store did not answer.
	mapAge = 30 * time.Second
	// mapLimit is how long reading it may take, so that a command with a cached map goes on soon when the control plane is away.
	mapLimit = 5 * time.Second
	// walkLimit is how many versions back the table of the epoch before is looked for: writes that keep the epoch, such as one of
	// the addresses, are rare. Parameter Store keeps 100.
	walkLimit = 10
)

// Read gives the map, at most 30 seconds old. When Parameter Store does not answer it is the last one that was read, whatever its age, and
// an error only when none was.
func (r Reader) Read(ctx context.Context) (ShardMap, error) { return r.readMap(ctx, mapAge) }

// Refresh is Read, but always asks Parameter Store.
func (r Reader) Refresh(ctx context.Context) (ShardMap, error) { return r.readMap(ctx, 0) }

func (r Reader) readMap(ctx context.Context, age time.Duration) (ShardMap, error) {
	ctx, cancel := context.WithTimeout(ctx, mapLimit)
	defer cancel()
	// The lock saves calls and nothing else, so it may fail: a user who may not write here reads the file of those who may.
	unlock, _ := lockFile(ctx, r.Host.Path(mapLock))
	defer unlock()
	known, there := r.readCached()
	// An age below zero: the clock was set back.
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
		return ShardMap{}, fmt.Errorf("the shard map is not known yet: %w", err)
	}
	r.writeCached(fresh)
	return fresh, nil
}

// readCached gives the map of the file. One that cannot be read is as good as none.
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

// writeCached writes the file. When that fails the next command asks again.
func (r Reader) writeCached(m ShardMap) {
	if text, err := json.Marshal(m); err == nil {
		_, _ = r.Host.WriteFile(mapFile, 0o644, string(text))
	}
}

// fetchMap reads the parameters. Of a version that is known already it reads the acknowledgements only.
func (r Reader) fetchMap(ctx context.Context, known ShardMap, there bool) (ShardMap, error) {
	p, err := r.Parameters.GetParameter(ctx, r.Name)
	if err != nil {
		return ShardMap{}, err
	}
	m := ShardMap{Version: p.Version, FirstVersion: known.FirstVersion, Current: known.Current, Previous: known.Previous}
	if !there || p.Version != known.Version {
		if m.Current, err = shardmap.Parse([]byte(p.Value)); err != nil {
			return ShardMap{}, fmt.Errorf("parameter %s: %w; run beachhead up, which writes it anew", r.Name, err)
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
			// The places are right without it, only their order may be that of before.
			m.Moved[move.To] = known.Moved[move.To]
		}
	}
	return m, nil
}

// findPrevious walks back from a version to the first of its epoch, and to the table before it. Versions that are gone end the walk, and so does one
// that cannot be read.
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
	return first, nil, nil
}

// ReadAcknowledgement reads what a shard's server has acknowledged of a map just now.
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
		return a, fmt.Errorf("parameter %s: %w; its server writes it anew", name, err)
	}
	return a, nil
}
