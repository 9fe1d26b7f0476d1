package cacheclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient/cachetest"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/shardmap"
	"github.com/beachhead-build/beachhead/node/spec"
)

// machine is a runner with a cache around it.
type machine struct {
	*cachetest.Shards
	store         *cachetest.Store
	out, warnings bytes.Buffer
	access        command
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{Shards: cachetest.NewShards(t), store: &cachetest.Store{}}
	h := host.Host{Root: m.Root}
	m.access = command{
		host: h, reader: Reader{Host: h, Parameters: m.store, Name: mapName}, mounts: newMounts(m.Shards),
		out: &m.out, warnings: &m.warnings,
	}
	m.access.mounts.Limits.Mount = 5 * time.Second
	return m
}

// run runs a command that must succeed, and returns its output.
func (m *machine) run(t *testing.T, args ...string) string {
	t.Helper()
	m.out.Reset()
	m.warnings.Reset()
	if err := m.access.runVerb(t.Context(), args); err != nil {
		t.Fatal(err)
	}
	return m.out.String()
}

// refresh makes the next command query the map.
func (m *machine) refresh(t *testing.T) {
	t.Helper()
	if _, err := m.access.reader.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func lay(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUsage(t *testing.T) {
	d := spec.Description{Role: spec.RunnerRole, Runner: &spec.Runner{MapParameter: mapName}}
	for _, args := range [][]string{
		nil, {"path"}, {"path", "a", "b"}, {"push", "a"}, {"yocto"}, {"purge", "acme"}, {"path", ".."}, {"push", "../acme", "x"}, {"path", "a/b"},
	} {
		if err := RunCommand(t.Context(), d, args, io.Discard); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v, want usage", args, err)
		}
	}
	d.Runner.MapParameter = ""
	if err := RunCommand(t.Context(), d, []string{"path", "acme"}, io.Discard); err == nil || errors.Is(err, ErrUsage) ||
		!strings.Contains(err.Error(), "cache: true") {
		t.Errorf("%v, want what to set in the region file", err)
	}
}

// While a tenant moves, builds read its old shard, then the new one. At every moment all files that were pushed before
// are readable at the path.
func TestPathFollowsTheMap(t *testing.T) {
	m := newMachine(t)
	one := m.NewTable(1, nil)
	two := m.NewTable(2, map[string]int{"acme": 1})
	old, _ := m.ServeShard(two, 0)
	grown, stop := m.ServeShard(two, 1)
	lay(t, filepath.Join(old, TenantFolder("acme")), map[string]string{"sstate/a": "old"})
	path := func(shard string) string {
		return m.Root + "/run/beachhead/shards/" + shard + "/" + TenantFolder("acme") + "\n"
	}
	see := func(step, want string) {
		t.Helper()
		m.refresh(t)
		got := m.run(t, "path", "acme")
		if got != want {
			t.Errorf("%s: %swant %s%s", step, got, want, m.warnings.String())
		}
		if text, err := os.ReadFile(strings.TrimSpace(got) + "/sstate/a"); err != nil || string(text) != "old" {
			t.Errorf("%s: %q, %v", step, text, err)
		}
	}
	m.WriteTable(m.store, mapName, one)
	see("one shard", path("00"))
	m.WriteTable(m.store, mapName, two)
	see("moves", path("00"))
	lay(t, filepath.Join(grown, TenantFolder("acme")), map[string]string{"sstate/a": "old"})
	acknowledge(t, m.store, 1, Acknowledgement{Epoch: two.Epoch(), Version: 2, Tenants: []string{"acme"}})
	see("acknowledged", path("01"))
	// The new shard dies: its predecessor still has the files.
	stop()
	see("dead", path("00"))
	if !strings.Contains(m.warnings.String(), "going on without shard 1") {
		t.Errorf("warned %q", m.warnings.String())
	}
}

func acknowledge(t *testing.T, store *cachetest.Store, shard int, a Acknowledgement) {
	t.Helper()
	text, err := json.Marshal(a)
	if err == nil {
		err = store.PutParameter(t.Context(), shardmap.MovedParameter(mapName, shard), string(text))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is missing, a build gets an empty folder, exit code 0 and a reason on standard error.
func TestPathWithoutCache(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*testing.T, *machine)
		says    string
	}{
		"no map": {func(t *testing.T, m *machine) {
			t.Helper()
			m.store.SetAway(true)
		}, "the control plane is unreachable"},
		"dead shard": {func(t *testing.T, m *machine) {
			t.Helper()
			m.WriteTable(m.store, mapName, m.NewTable(1, nil))
		}, "going on without shard 0"},
		"no addresses": {func(t *testing.T, m *machine) {
			t.Helper()
			m.WriteTable(m.store, mapName, newTable(t, 1, nil))
		}, "run `beachhead up`"},
		"nothing pushed": {func(t *testing.T, m *machine) {
			t.Helper()
			m.ServeShard(m.NewTable(1, nil), 0)
			m.WriteTable(m.store, mapName, m.NewTable(1, nil))
		}, "no files of tenant acme"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			c.prepare(t, m)
			folder := strings.TrimSpace(m.run(t, "path", "acme"))
			if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
				t.Errorf("%s: %v, %v; want an empty folder", folder, entries, err)
			}
			if !strings.Contains(m.warnings.String(), c.says) {
				t.Errorf("warned %q, want %q", m.warnings.String(), c.says)
			}
		})
	}
}

// The agent creates folders as root; builds of every user must be able to enter and read them.
func TestEveryUserReadsTheFolders(t *testing.T) {
	m := newMachine(t)
	table := m.NewTable(2, map[string]int{"acme": 0, "other": 1})
	m.WriteTable(m.store, mapName, table)
	export, _ := m.ServeShard(table, 0)
	m.ServeShard(table, 1)
	lay(t, filepath.Join(export, TenantFolder("acme")), map[string]string{"object": "content"})
	m.run(t, "path", "acme")
	m.run(t, "path", "nobody")
	m.SetSwitch("hang", true) // leaves a mount point without a mount
	m.access.mounts.Limits = shortLimits
	m.run(t, "path", "other")
	folders := 0
	err := filepath.WalkDir(m.access.host.Path("/run/beachhead"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if folders++; err == nil && info.Mode().Perm()&0o005 != 0o005 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil || folders < 5 {
		t.Errorf("%d folders, %v", folders, err)
	}
}

// A dead shard leaves time for the next: the old shard is dead, and the new one is read.
func TestDeadShardLeavesTime(t *testing.T) {
	m := newMachine(t)
	two := m.NewTable(2, map[string]int{"acme": 1})
	m.WriteTable(m.store, mapName, m.NewTable(1, nil))
	m.WriteTable(m.store, mapName, two)
	m.BlackHoleShard(two, 0)
	grown, _ := m.ServeShard(two, 1)
	lay(t, filepath.Join(grown, TenantFolder("acme")), map[string]string{"sstate/a": "new"})
	m.access.mounts.Limits = ownLimits
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	if err := m.access.runVerb(ctx, []string{"path", "acme"}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(strings.TrimSpace(m.out.String()) + "/sstate/a"); err != nil || string(text) != "new" {
		t.Errorf("%q, %v: %s", text, err, m.warnings.String())
	}
}

// A server that hangs in every step costs less than the 20 s that a dead shard may.
func TestPathLimit(t *testing.T) {
	m := newMachine(t)
	m.WriteTable(m.store, mapName, m.NewTable(1, nil))
	m.ServeShard(m.NewTable(1, nil), 0)
	m.SetSwitch("hang", true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	started := time.Now()
	if err := m.access.runVerb(ctx, []string{"path", "acme"}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took > 3*time.Second || pathLimit >= 20*time.Second {
		t.Errorf("took %s of 0.3 s, and may take %s", took, pathLimit)
	}
}
