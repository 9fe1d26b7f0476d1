package cacheclient

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// oneShard returns a machine with one shard, and the shard's folder for acme.
func oneShard(t *testing.T) (m *machine, tenant string) {
	t.Helper()
	m = newMachine(t)
	m.WriteTable(m.store, mapName, m.NewTable(1, nil))
	export, _ := m.ServeShard(m.NewTable(1, nil), 0)
	return m, filepath.Join(export, TenantFolder("acme"))
}

// files lists a folder's files with contents, and links as "-> target".
func files(t testing.TB, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			found[name] = "-> " + target
			return err
		}
		text, err := os.ReadFile(path)
		found[name] = string(text)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

func same(t testing.TB, got, want map[string]string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("there are %v, want %v", got, want)
	}
}

func TestPush(t *testing.T) {
	m, tenant := oneShard(t)
	build := t.TempDir()
	lay(t, build, map[string]string{
		"sstate/universal/ab/cd/obj.tar.zst": "object", "sstate/universal/ab/cd/obj.tar.zst.siginfo": "info", "downloads/a.tar.gz": "source",
		"downloads/a.tar.gz.done": "done", "downloads/a.tar.gz.lock": "", "downloads/git2/x/HEAD": "ref", "downloads/git2/x/objects/1": "blob",
		"sstate/" + TemporaryPrefix + "1": "half",
	})
	m.run(t, "push", "acme", build)
	same(t, files(t, tenant), map[string]string{
		"sstate/universal/ab/cd/obj.tar.zst": "object", "sstate/universal/ab/cd/obj.tar.zst.siginfo": "info", "downloads/a.tar.gz": "source",
		"downloads/a.tar.gz.done": "done",
	})
	if !strings.Contains(m.warnings.String(), "pushed 4 files with 0.0 MiB to shard 0") {
		t.Errorf("said %q", m.warnings.String())
	}
	if !strings.Contains(m.ReadCalls(), " -o rw,") || !strings.Contains(m.ReadCalls(), "/mounts/00-push\n") {
		t.Errorf("ran %s", m.ReadCalls())
	}
}

// Existing files are touched and not copied; files with another size are replaced; no file is deleted.
func TestPushAgain(t *testing.T) {
	m, tenant := oneShard(t)
	build := t.TempDir()
	lay(t, tenant, map[string]string{"same": "there", "cut": "", "other": "of another build"})
	lay(t, build, map[string]string{"same": "mine!", "cut": "whole"})
	past := time.Now().Add(-100 * time.Hour)
	for _, name := range []string{"same", "other"} {
		if err := os.Chtimes(filepath.Join(tenant, name), past, past); err != nil {
			t.Fatal(err)
		}
	}
	m.run(t, "push", "acme", build)
	same(t, files(t, tenant), map[string]string{"same": "there", "cut": "whole", "other": "of another build"})
	for name, touched := range map[string]bool{"same": true, "other": false} {
		info, err := os.Stat(filepath.Join(tenant, name))
		if err != nil {
			t.Fatal(err)
		}
		if recent := time.Since(info.ModTime()) < time.Hour; recent != touched {
			t.Errorf("%s: touched %t, want %t", name, recent, touched)
		}
	}
}

// bitbake puts links to the mirror into its own folders: their targets are in use. Links out of the folder are left
// out.
func TestPushLinks(t *testing.T) {
	m, tenant := oneShard(t)
	build, outside := t.TempDir(), t.TempDir()
	lay(t, outside, map[string]string{"secret": "secret"})
	lay(t, tenant, map[string]string{"sstate/used": "used", "sstate/unused": "unused"})
	lay(t, build, map[string]string{"sstate/real": "real"})
	past := time.Now().Add(-100 * time.Hour)
	for _, name := range []string{"sstate/used", "sstate/unused"} {
		if err := os.Chtimes(filepath.Join(tenant, name), past, past); err != nil {
			t.Fatal(err)
		}
	}
	shards := m.Root + shardFolder
	for name, target := range map[string]string{
		"sstate/here":    filepath.Join(shards, "00", TenantFolder("acme"), "sstate/used"),
		"sstate/evicted": filepath.Join(shards, "00", TenantFolder("acme"), "sstate/gone"),
		"sstate/foreign": filepath.Join(shards, "00", TenantFolder("other"), "sstate/unused"),
		"sstate/inside":  "real", "sstate/nowhere": "missing", "sstate/outside": filepath.Join(outside, "secret"), "folder": outside,
		"up": "../" + filepath.Base(outside),
	} {
		if err := os.Symlink(target, filepath.Join(build, name)); err != nil {
			t.Fatal(err)
		}
	}
	m.run(t, "push", "acme", build)
	same(t, files(t, tenant), map[string]string{
		"sstate/used": "used", "sstate/unused": "unused", "sstate/real": "real", "sstate/inside": "-> real",
	})
	for name, touched := range map[string]bool{"sstate/used": true, "sstate/unused": false} {
		if info, err := os.Stat(filepath.Join(tenant, name)); err != nil || (time.Since(info.ModTime()) < time.Hour) != touched {
			t.Errorf("%s: touched %t, %v", name, !touched, err)
		}
	}
	if !strings.Contains(m.warnings.String(), "left out links whose target does not exist or is outside") {
		t.Errorf("said %q", m.warnings.String())
	}
}

// A push of something that is no folder is an error, and never a push of nothing.
func TestPushNeedsAFolder(t *testing.T) {
	m, _ := oneShard(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.access.runVerb(t.Context(), []string{"push", "acme", file}); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file: %v, want that it is no folder", err)
	}
}

// A tenant's folder that cannot be created on the shard is an error.
func TestPushNeedsTheTenantsFolder(t *testing.T) {
	m := newMachine(t)
	table := m.NewTable(1, nil)
	m.WriteTable(m.store, mapName, table)
	export, _ := m.ServeShard(table, 0)
	lay(t, export, map[string]string{filepath.Dir(TenantFolder("acme")): "a file in the place of the slot"})
	if err := m.access.runVerb(t.Context(), []string{"push", "acme", t.TempDir()}); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%v, want that the tenant's folder cannot be created", err)
	}
}

// While one object is missing, no file states that any exists.
func TestObjectsComeBeforeCompanions(t *testing.T) {
	m, tenant := oneShard(t)
	build := t.TempDir()
	lay(t, build, map[string]string{"a": "a", "a.siginfo": "", "a.done": "", "z/b": "b"})
	lay(t, tenant, map[string]string{"z/b/in the way": ""})
	err := m.access.runVerb(t.Context(), []string{"push", "acme", build})
	if err == nil || !strings.Contains(err.Error(), "z/b") || !strings.Contains(err.Error(), "push again") {
		t.Errorf("%v, want what failed and what to do", err)
	}
	for name := range files(t, tenant) {
		if isCompanion(name) {
			t.Errorf("%s is there", name)
		}
	}
}

// A push to an unreachable shard returns an error soon.
func TestPushToDeadShard(t *testing.T) {
	m := newMachine(t)
	m.WriteTable(m.store, mapName, m.NewTable(1, nil))
	err := m.access.runVerb(t.Context(), []string{"push", "acme", t.TempDir()})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "push again later") {
		t.Error(err)
	}
	if err := m.access.runVerb(t.Context(), []string{"push", "acme", m.Root + "/none"}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// During a move pushes go to the new shard, acknowledged or not.
func TestPushGoesToTheNewShard(t *testing.T) {
	m := newMachine(t)
	two := m.NewTable(2, map[string]int{"acme": 1})
	m.WriteTable(m.store, mapName, m.NewTable(1, nil))
	m.WriteTable(m.store, mapName, two)
	old, _ := m.ServeShard(two, 0)
	grown, _ := m.ServeShard(two, 1)
	build := t.TempDir()
	lay(t, build, map[string]string{"a": "a"})
	m.run(t, "push", "acme", build)
	same(t, files(t, filepath.Join(grown, TenantFolder("acme"))), map[string]string{"a": "a"})
	same(t, files(t, old), map[string]string{})
}

// Wherever a push is stopped, every file on the shard is complete under its name, and a second push ends like an
// uninterrupted one.
func TestStoppedPush(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		from, to := t.TempDir(), t.TempDir()
		want := rapid.MapOfN(rapid.StringMatching(`[a-c]{1,2}/[a-z]{1,3}(\.siginfo)?`), rapid.StringN(0, 20, 20), 1, 20).Draw(r, "files")
		lay(t, from, want)
		ctx := &stoppedAfter{Context: t.Context(), calls: int64(rapid.IntRange(0, 200).Draw(r, "calls"))}
		first := push{tenant: "acme"}
		_ = first.copyFolder(ctx, from, to)
		for name, text := range files(t, to) {
			if text != want[name] && !IsTemporary(name) {
				r.Fatalf("%s is %q, want %q", name, text, want[name])
			}
		}
		again := push{tenant: "acme"}
		if err := again.copyFolder(t.Context(), from, to); err != nil {
			r.Fatal(err)
		}
		if got := files(t, to); fmt.Sprint(got) != fmt.Sprint(want) {
			r.Fatalf("there are %v, want %v", got, want)
		}
		if done, all := first.files.Load()+again.files.Load(), int64(len(want)); done != all {
			r.Fatalf("%d files were copied in all, want each of %d once", done, all)
		}
	})
}

// stoppedAfter is a context that ends after a number of checks.
type stoppedAfter struct {
	context.Context
	calls int64
}

func (c *stoppedAfter) Err() error {
	if atomic.AddInt64(&c.calls, -1) < 0 {
		return context.Canceled
	}
	return nil
}

// A file that grows while it is copied gets no name yet.
func TestPutFileThatChanges(t *testing.T) {
	to, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(string) error { return nil }
	if err := PutFile(t.Context(), to, "a", strings.NewReader("longer"), 3, nothing); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	same(t, files(t, to.Name()), map[string]string{})
	if err := PutFile(t.Context(), to, "a", strings.NewReader("abc"), 3, nothing); err != nil {
		t.Error(err)
	}
	same(t, files(t, to.Name()), map[string]string{"a": "abc"})
}

// A push may start with the previous map, which is up to 30 seconds old, and take long. It still ends with its files
// where readers look first: the new shard's server may have copied the tenant before the push to the old shard ended.
func TestTenantMovesDuringPush(t *testing.T) {
	m, old := oneShard(t)
	table := m.NewTable(2, map[string]int{"acme": 1})
	export, _ := m.ServeShard(table, 1)
	m.refresh(t)
	m.WriteTable(m.store, mapName, table)
	build := t.TempDir()
	lay(t, build, map[string]string{"object": "new"})
	m.run(t, "push", "acme", build)
	for _, folder := range []string{old, filepath.Join(export, TenantFolder("acme"))} {
		same(t, files(t, folder), map[string]string{"object": "new"})
	}
	if said := m.warnings.String(); !strings.Contains(said, "to shard 0") || !strings.Contains(said, "to shard 1") {
		t.Errorf("said %q", said)
	}
	// While the control plane is unreachable a move cannot be detected, and a push works as before.
	m.refresh(t)
	m.store.SetAway(true)
	m.run(t, "push", "acme", build)
}
