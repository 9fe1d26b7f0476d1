package growth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/node/cacheclient"
)

// state is a file as a test sees it.
type state struct {
	text string
	age  int
}

// epoch is the time of files of age 0; each age is a minute older.
var epoch = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

func lay(t testing.TB, folder string, files map[string]state) {
	t.Helper()
	for name, file := range files {
		path := filepath.Join(folder, name)
		changed := epoch.Add(-time.Duration(file.age) * time.Minute)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(file.text), 0o644)
		}
		if err == nil {
			err = os.Chtimes(path, changed, changed)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func look(t testing.TB, folder string) map[string]state {
	t.Helper()
	found := map[string]state{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || cacheclient.IsTemporary(path) {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			found[name] = state{string(text), int(epoch.Sub(info.ModTime()) / time.Minute)}
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

func own() copier { return copier{uid: os.Getuid(), gid: os.Getgid()} }

var trees = rapid.MapOfN(rapid.StringMatching(`[ab]/[cd]/[a-z]`), rapid.Custom(func(t *rapid.T) state {
	return state{rapid.StringN(0, 8, 8).Draw(t, "text"), rapid.IntRange(0, 20).Draw(t, "age")}
}), 0, 15)

// merged returns the expected files after a copy: all files of both sides, and of those on both sides the newer one;
// the new shard's own if age and size are equal.
func merged(from, to map[string]state) map[string]state {
	want := map[string]state{}
	for name, file := range to {
		want[name] = file
	}
	for name, file := range from {
		own, there := to[name]
		if !there || own.age > file.age || own.age == file.age && len(own.text) != len(file.text) {
			want[name] = file
		}
	}
	return want
}

// A copy that is stopped after any file, any number of times, ends like one that is not stopped. It copies each file
// once, deletes no file on either side, and every file is complete at every moment.
func TestCopyResumesAfterStop(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		from, to := t.TempDir(), t.TempDir()
		old, new := trees.Draw(r, "old"), trees.Draw(r, "new")
		lay(t, from, old)
		lay(t, to, new)
		want := merged(old, new)
		copied := map[string]int{}
		for _, stop := range rapid.SliceOfN(rapid.IntRange(1, 5), 0, 4).Draw(r, "stops") {
			ctx, cancel := context.WithCancel(t.Context())
			c := own()
			c.hot = rapid.IntRange(1, 10).Draw(r, "hot")
			c.copied = func(name string) {
				if copied[name]++; stop == 1 {
					cancel()
				}
				stop--
			}
			err := c.copyFolder(ctx, from, to)
			if err != nil && !errors.Is(err, context.Canceled) {
				r.Fatal(err)
			}
			cancel()
			for name, file := range look(t, to) {
				if file != new[name] && file != old[name] {
					r.Fatalf("%s is %v, want it as it was, %v, or as it is to be, %v", name, file, new[name], old[name])
				}
			}
		}
		c := own()
		c.copied = func(name string) { copied[name]++ }
		if err := c.copyFolder(t.Context(), from, to); err != nil {
			r.Fatal(err)
		}
		if got := look(t, to); fmt.Sprint(got) != fmt.Sprint(want) {
			r.Fatalf("there is %v, want %v", got, want)
		}
		if got := look(t, from); fmt.Sprint(got) != fmt.Sprint(old) {
			r.Fatalf("the old shard has %v, had %v", got, old)
		}
		for name, times := range copied {
			if times != 1 {
				r.Fatalf("%s was copied %d times", name, times)
			}
		}
	})
}

// The newest files come first, as many as fit in memory; then the others.
func TestNewestFirst(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		from, to := t.TempDir(), t.TempDir()
		files := trees.Draw(r, "files")
		lay(t, from, files)
		hot := rapid.IntRange(1, 20).Draw(r, "hot")
		var order []int
		c := own()
		c.hot, c.copied = hot, func(name string) { order = append(order, files[name].age) }
		if err := c.copyFolder(t.Context(), from, to); err != nil {
			r.Fatal(err)
		}
		if len(order) != len(files) {
			r.Fatalf("%d of %d files were copied", len(order), len(files))
		}
		first := order[:min(hot, len(order))]
		if !slices.IsSorted(first) {
			r.Fatalf("the first have ages %v", first)
		}
		for _, age := range order[len(first):] {
			if age < slices.Max(first) {
				r.Fatalf("a file of age %d was copied after %v", age, first)
			}
		}
	})
}

// Files that are evicted during the copy are no fault. A folder that cannot be written is one, and does not count as an
// eviction.
func TestEvictedFilesAreNoFault(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	lay(t, from, map[string]state{"a/x": {"x", 1}, "a/y": {"y", 2}, "b/z": {"z", 3}})
	c := own()
	c.copied = func(name string) {
		if name == "a/x" {
			if err := errors.Join(os.Remove(filepath.Join(from, "a/y")), os.RemoveAll(filepath.Join(from, "b"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.copyFolder(t.Context(), from, to); err != nil {
		t.Error(err)
	}
	if got := look(t, to); len(got) != 1 || got["a/x"].text != "x" {
		t.Errorf("there is %v", got)
	}
	if err := own().copyFolder(t.Context(), filepath.Join(from, "none"), to); err != nil {
		t.Errorf("a tenant that is gone: %v", err)
	}
	lay(t, to, map[string]state{"f": {"a file", 0}})
	lay(t, from, map[string]state{"f/x": {"below a file", 0}})
	if err := own().copyFolder(t.Context(), from, to); err == nil || !strings.Contains(err.Error(), "f/x") {
		t.Errorf("%v, want that f/x cannot be written", err)
	}
}

// A link that cannot be copied is a fault too: its tenant is not complete.
func TestLinkThatCannotBeCopied(t *testing.T) {
	for _, name := range []string{"f/in", "f/g/in"} {
		from, to := t.TempDir(), t.TempDir()
		lay(t, to, map[string]state{"f": {"a file", 0}})
		lay(t, from, map[string]state{"f/g/target": {"below a file", 0}})
		if err := os.Symlink("target", filepath.Join(from, "f/g/in")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("g/target", filepath.Join(from, "f/in")); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(to, "f"), os.Getuid(), os.Getgid()); err != nil {
			t.Fatal(err)
		}
		c := own()
		var err error
		if c.from, err = os.OpenRoot(from); err != nil {
			t.Fatal(err)
		}
		if c.to, err = os.OpenRoot(to); err != nil {
			t.Fatal(err)
		}
		if err := c.copyEntry(t.Context(), name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want that %s cannot be written", err, name)
		}
		if err := errors.Join(c.from.Close(), c.to.Close()); err != nil {
			t.Error(err)
		}
	}
}

// Files that are being written on the old shard, and links out of the tenant's folder, are not copied.
func TestSkippedFiles(t *testing.T) {
	from, to, outside := t.TempDir(), t.TempDir(), t.TempDir()
	lay(t, from, map[string]state{"a": {"a", 1}, cacheclient.TemporaryPrefix + "1": {"half", 0}})
	lay(t, outside, map[string]state{"secret": {"secret", 0}})
	for name, target := range map[string]string{
		"in": "a", "out": filepath.Join(outside, "secret"), "up": "../" + filepath.Base(outside) + "/secret",
	} {
		if err := os.Symlink(target, filepath.Join(from, name)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := own().copyFolder(t.Context(), from, to); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].Name() != "a" || entries[1].Name() != "in" || entries[1].Type()&fs.ModeSymlink == 0 {
		t.Errorf("there is %v, want a and the link in", entries)
	}
}

// Folders that a killed run created without their owner get it from the next run. Only root can change an owner, so the
// test uses another group of this user, or a failing chown.
func TestFolderOwners(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	lay(t, from, map[string]state{"a/b/c": {"c", 1}})
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 4711, 4712
	}
	if err := os.MkdirAll(filepath.Join(to, "a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := copier{uid: uid, gid: gid}
	if err := c.copyFolder(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".", "a/b", "a/b/c"} {
		if info, err := os.Stat(filepath.Join(to, name)); err != nil || !isOwnedBy(info, uid, gid) {
			t.Errorf("%s is not given away: %v", name, err)
		}
	}
}

// A long walk over many files ends soon after its context does.
func TestCopyEnds(t *testing.T) {
	from := t.TempDir()
	files := map[string]state{}
	for i := range 200 {
		files[fmt.Sprintf("a/%d", i)] = state{"x", i}
	}
	lay(t, from, files)
	for calls := range int64(30) {
		ctx := &endsAfter{Context: t.Context(), calls: calls}
		if err := own().copyFolder(ctx, from, t.TempDir()); !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d calls: %v", calls, err)
		}
	}
}

type endsAfter struct {
	context.Context
	calls int64
}

func (c *endsAfter) Err() error {
	if atomic.AddInt64(&c.calls, -1) < 0 {
		return context.Canceled
	}
	return nil
}
