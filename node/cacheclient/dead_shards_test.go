package cacheclient

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient/cachetest"
)

// A build that has its folder already reads an empty folder after the second missed connection, and the files again
// when the shard answers, through the same mount, also when another agent has started to watch meanwhile.
func TestDeadShardReadsEmpty(t *testing.T) {
	m := newMachine(t)
	table := m.NewTable(2, nil)
	m.WriteTable(m.store, mapName, table)
	shard := table.TenantShard("acme")
	var stop [2]func()
	for number := range stop {
		var export string
		export, stop[number] = m.ServeShard(table, number)
		lay(t, filepath.Join(export, TenantFolder("acme")), map[string]string{"object": "content"})
	}
	at := strings.TrimSpace(m.run(t, "path", "acme"))
	other := 1 - shard
	if _, err := m.access.mounts.Mount(t.Context(), mountName(other)+pushSuffix, addressOf(table, other), pushOptions); err != nil {
		t.Fatal(err)
	}
	begun := m.ReadCalls()
	newWatch := func() watcher { return watcher{mounts: m.access.mounts, missed: map[string]int{}} }
	w := newWatch()
	reads := func(when string, want error) {
		t.Helper()
		if err := w.checkShards(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.ReadFile(filepath.Join(at, "object")); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
	}
	reads("alive", nil)
	stop[shard]()
	stop[other]()
	reads("one miss", nil)
	reads("two misses", fs.ErrNotExist)
	reads("three misses", fs.ErrNotExist)
	began := time.Now()
	if got := strings.TrimSpace(m.run(t, "path", "acme")); got != m.Root+emptyFolder || time.Since(began) > time.Second {
		t.Errorf("cache path is %s after %s", got, time.Since(began))
	}
	_, stop[shard] = m.ServeShard(table, shard)
	w = newWatch()
	reads("alive again", nil)
	if got := strings.TrimSpace(m.run(t, "path", "acme")); got != at {
		t.Errorf("cache path is %s, want %s again", got, at)
	}
	stop[shard]()
	reads("one more miss", nil)
	want := "ss --tcp --kill --no-header dst " + addressOf(table, shard).String() + " dport = 2049\n"
	if got := strings.TrimPrefix(m.ReadCalls(), begun); got != want {
		t.Errorf("called\n%swant\n%s", got, want)
	}
}

// Dead connections that cannot be closed are a fault to log: reads then wait for the kernel.
func TestConnectionsCannotBeClosed(t *testing.T) {
	s := cachetest.NewShards(t)
	table := s.NewTable(1, nil)
	w := watcher{mounts: newMounts(s), missed: map[string]int{}}
	_, stop := s.ServeShard(table, 0)
	if _, err := w.mounts.Mount(t.Context(), "00", addressOf(table, 0), ReadOptions); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := os.WriteFile(filepath.Join(s.Root, "bin/ss"), []byte("#!/bin/sh\necho 'not permitted' >&2; exit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range watchMisses - 1 {
		if err := w.checkShards(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.checkShards(t.Context()); err == nil || !strings.Contains(err.Error(), "not permitted") {
		t.Errorf("%v, want why the connections stay open", err)
	}
}

// A miss between two answers does not count, and an end during a check counts no miss.
func TestMissesInARow(t *testing.T) {
	s := cachetest.NewShards(t)
	table := s.NewTable(1, nil)
	w := watcher{mounts: newMounts(s), missed: map[string]int{}}
	_, stop := s.ServeShard(table, 0)
	if _, err := w.mounts.Mount(t.Context(), "00", addressOf(table, 0), ReadOptions); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		stop()
		if err := w.checkShards(t.Context()); err != nil || w.missed["00"] != 1 {
			t.Fatalf("missed %d, %v", w.missed["00"], err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.checkShards(ended); !errors.Is(err, context.Canceled) || w.missed["00"] != 1 {
			t.Fatalf("missed %d, %v", w.missed["00"], err)
		}
		_, stop = s.ServeShard(table, 0)
		if err := w.checkShards(t.Context()); err != nil || w.missed["00"] != 0 {
			t.Fatalf("missed %d, %v", w.missed["00"], err)
		}
	}
	stop()
	if strings.Contains(s.ReadCalls(), "ss ") {
		t.Errorf("called %s", s.ReadCalls())
	}
}
