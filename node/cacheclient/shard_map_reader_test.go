package cacheclient

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient/cachetest"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

const mapName = "/beachhead/us-west-1/cache/map"

func newTable(t *testing.T, shards int, pins map[string]int) shardmap.Table {
	t.Helper()
	table, err := shardmap.New(shards, pins)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func write(t *testing.T, s *cachetest.Store, table shardmap.Table) {
	t.Helper()
	text, err := table.MarshalDocument()
	if err == nil {
		err = s.PutParameter(t.Context(), mapName, string(text))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func newReader(t *testing.T) (Reader, *cachetest.Store) {
	t.Helper()
	store := &cachetest.Store{}
	return Reader{Host: host.Host{Root: t.TempDir()}, Parameters: store, Name: mapName}, store
}

// refresh is a Refresh that must succeed; it returns the epoch and the previous one, where 0 means none.
func refresh(t *testing.T, r Reader) (m ShardMap, previous int64) {
	t.Helper()
	m, err := r.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Previous != nil {
		previous = m.Previous.Epoch()
	}
	return m, previous
}

// The previous table is that of the previous epoch, over writes that keep the epoch, and over an epoch that returns.
func TestPreviousTable(t *testing.T) {
	r, store := newReader(t)
	one, two := newTable(t, 1, nil), newTable(t, 2, nil)
	steps := []struct {
		write    shardmap.Table
		previous int64
		first    int64
	}{{one, 0, 1}, {one, 0, 1}, {two, one.Epoch(), 3}, {two, one.Epoch(), 3}, {one, two.Epoch(), 5}, {two, one.Epoch(), 6}}
	for i, step := range steps {
		write(t, store, step.write)
		m, previous := refresh(t, r)
		if m.Current.Epoch() != step.write.Epoch() || previous != step.previous || m.FirstVersion != step.first || m.Version != int64(i+1) {
			t.Errorf("version %d: epoch %d before %d from version %d, want %d before %d from %d",
				m.Version, m.Current.Epoch(), previous, m.FirstVersion, step.write.Epoch(), step.previous, step.first)
		}
	}
}

// The search ends after ten versions, and where versions are gone.
func TestFindPreviousStops(t *testing.T) {
	r, store := newReader(t)
	write(t, store, newTable(t, 1, nil))
	for range cachetest.KeptVersions + 2 {
		write(t, store, newTable(t, 2, nil))
	}
	store.CountCalls()
	if _, previous := refresh(t, r); previous != 0 {
		t.Errorf("previous epoch %d, want none: it is too far back", previous)
	}
	if calls := store.CountCalls(); calls > walkLimit+1 {
		t.Errorf("%d calls, want at most %d", calls, walkLimit+1)
	}
	if refresh(t, r); store.CountCalls() != 1 {
		t.Error("a version that is known was looked into again")
	}
}

func TestAgeAndControlPlaneAway(t *testing.T) {
	r, store := newReader(t)
	store.SetAway(true)
	if _, err := r.Read(t.Context()); !errors.Is(err, cachetest.ErrUnreachable) {
		t.Fatalf("%v, want that nothing is known and why", err)
	}
	store.SetAway(false)
	one, two := newTable(t, 1, nil), newTable(t, 2, nil)
	write(t, store, one)
	epochOf := func(step string, calls bool, want shardmap.Table) {
		t.Helper()
		store.CountCalls()
		m, err := r.Read(t.Context())
		if err != nil || m.Current.Epoch() != want.Epoch() {
			t.Fatalf("%s: %v, epoch %d, want %d", step, err, m.Current.Epoch(), want.Epoch())
		}
		if asked := store.CountCalls() > 0; asked != calls {
			t.Errorf("%s: asked Parameter Store %t, want %t", step, asked, calls)
		}
	}
	epochOf("first", true, one)
	write(t, store, two)
	epochOf("within 30 s", false, one)
	age(t, r, 29*time.Second)
	epochOf("29 s old", false, one)
	age(t, r, 31*time.Second)
	epochOf("31 s old", true, two)
	store.SetAway(true)
	age(t, r, 48*time.Hour)
	epochOf("away", true, two)
	epochOf("away, asked a moment ago", false, two)
	age(t, r, -time.Hour)
	epochOf("the clock was set back", true, two)
	store.SetAway(false)
	age(t, r, 31*time.Second)
	epochOf("back", true, two)
	// A text that is not a map is refused.
	if err := store.PutParameter(t.Context(), mapName, `{"version":1}`); err != nil {
		t.Fatal(err)
	}
	age(t, r, 31*time.Second)
	epochOf("a bad text", true, two)
}

// age makes the cached map older.
func age(t *testing.T, r Reader, span time.Duration) {
	t.Helper()
	path := r.Host.Path(mapFile)
	text, err := os.ReadFile(path)
	var m ShardMap
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	m.ReadAt, m.QueriedAt = time.Now().Add(-span), time.Now().Add(-span)
	if err == nil {
		text, err = json.Marshal(m)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A truncated cache file, as from a full disk, counts as missing.
func TestBrokenCacheFile(t *testing.T) {
	r, store := newReader(t)
	write(t, store, newTable(t, 2, nil))
	refresh(t, r)
	if err := os.Truncate(r.Host.Path(mapFile), 100); err != nil {
		t.Fatal(err)
	}
	if m, err := r.Read(t.Context()); err != nil || m.Current.ShardCount() != 2 {
		t.Errorf("%v, %d shards", err, m.Current.ShardCount())
	}
}

// Many commands at once query Parameter Store once.
func TestManyCommandsAskOnce(t *testing.T) {
	r, store := newReader(t)
	write(t, store, newTable(t, 2, nil))
	store.CountCalls()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := r.Read(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if calls := store.CountCalls(); calls != 1 {
		t.Errorf("%d calls for 20 commands, want 1", calls)
	}
}

// Acknowledgements are read for the shards that are a target of a move, and the last ones stay when they cannot be
// read.
func TestAcknowledgementsAreRead(t *testing.T) {
	r, store := newReader(t)
	one, two := newTable(t, 1, nil), newTable(t, 2, nil)
	write(t, store, one)
	write(t, store, two)
	m, _ := refresh(t, r)
	move := m.ListMoves()[0]
	if m.FindAcknowledgement(1).Has(move) {
		t.Fatal("acknowledged with no parameter there")
	}
	a := m.FindAcknowledgement(1)
	a.Add(move)
	text, err := json.Marshal(a)
	if err == nil {
		err = store.PutParameter(t.Context(), shardmap.MovedParameter(mapName, 1), string(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"written", "known", "spoilt"} {
		if step == "spoilt" {
			if err := store.PutParameter(t.Context(), shardmap.MovedParameter(mapName, 1), `{"slots`); err != nil {
				t.Fatal(err)
			}
		}
		if m, _ = refresh(t, r); !m.FindAcknowledgement(1).Has(move) || m.FindAcknowledgement(1).Has(m.ListMoves()[1]) {
			t.Errorf("%s: %+v", step, m.Moved)
		}
	}
	if left, err := filepath.Glob(r.Host.Path("/run/beachhead/.*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}
