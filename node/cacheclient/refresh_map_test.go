package cacheclient

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// MaintainAccess refreshes the map every 30 seconds, keeps the last map while the control plane is unreachable,
// unmounts shards that are in no table any more, and ends with its context.
func TestMaintainAccess(t *testing.T) {
	m := newMachine(t)
	two := m.NewTable(2, nil)
	m.WriteTable(m.store, mapName, two)
	m.ServeShard(two, 0)
	m.ServeShard(two, 1)
	for shard, name := range []string{"00", "01"} {
		if _, err := m.access.mounts.Mount(t.Context(), name, addressOf(two, shard), ReadOptions); err != nil {
			t.Fatal(err)
		}
	}
	mounted := func() (names []string) {
		points, err := m.access.mounts.readMountTable()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"00", "01"} {
			if points[m.Root+mountFolder+"/"+name] != "" {
				names = append(names, name)
			}
		}
		return names
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- MaintainAccess(ctx, m.access.host, m.store, mapName) }()
		time.Sleep(time.Second)
		if len(mounted()) != 2 {
			t.Error("a shard that is in use was unmounted")
		}
		// The second shard is removed. It is in the previous table, so it stays while that counts.
		m.WriteTable(m.store, mapName, m.NewTable(1, nil))
		time.Sleep(mapAge)
		if len(mounted()) != 2 {
			t.Error("a shard that tenants move away from was unmounted")
		}
		m.WriteTable(m.store, mapName, m.NewTable(1, map[string]int{"acme": 0}))
		m.store.SetAway(true)
		time.Sleep(mapAge)
		if len(mounted()) != 2 {
			t.Error("unmounted by a map that could not be read")
		}
		m.store.SetAway(false)
		time.Sleep(2 * mapAge)
		if got := strings.Join(mounted(), " "); got != "00" {
			t.Errorf("%s are mounted, want 00", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(m.access.host.Path(emptyFolder)); err != nil {
		t.Error(err)
	}
}
