package evict

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/node/cacheclient"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// put creates a file of a given size and age.
func put(t fataler, path string, size int, age time.Duration) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
		t.Fatal(err)
	}
}

type fataler interface{ Fatal(args ...any) }

// found holds the space of a file and its bucket.
type found struct {
	bytes  int64
	bucket int
}

// list returns every file below a folder, by its path there.
func list(t fataler, root string) map[string]found {
	all := map[string]found{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			all[strings.TrimPrefix(path, root+"/")] = found{countBytes(info), ageBucket(now.Sub(info.ModTime()))}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// tenant returns slot/tenant of a file's path.
func tenant(path string) string { return strings.Join(strings.SplitN(path, "/", 3)[:2], "/") }

func usedBy(files map[string]found, of string) (sum int64) {
	for path, f := range files {
		if of == "" || tenant(path) == of {
			sum += f.bytes
		}
	}
	return sum
}

// volume returns a usage in which only the files use space, of a given total.
func volume(t fataler, slots string, total int64) func() (Usage, error) {
	return func() (Usage, error) {
		return Usage{Bytes: Capacity{Used: usedBy(list(t, slots), ""), Total: total}}, nil
	}
}

// This holds for any tree. Below the high mark no file goes. Above it, the rest is at the low mark, less at most a file
// of each tenant. A tenant keeps no file that is older than one it lost. A tenant within its share loses no file while
// another has more than its share.
func TestSweep(t *testing.T) {
	base := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		slots := filepath.Join(base, fmt.Sprint(run))
		var largest int64
		tenants := rapid.IntRange(1, 5).Draw(t, "tenants")
		for i := range tenants {
			for n := range rapid.IntRange(1, 12).Draw(t, "files") {
				size := rapid.IntRange(1, 40_000).Draw(t, "size")
				age := time.Duration(rapid.Int64Range(0, int64(200*day)).Draw(t, "age"))
				put(t, fmt.Sprintf("%s/%03d/tenant%d/%02d/object%d", slots, i*50, i, n%3, n), size, age)
			}
		}
		before := list(t, slots)
		for _, f := range before {
			largest = max(largest, f.bytes)
		}
		used := usedBy(before, "")
		total := used * 100 / rapid.Int64Range(50, 100).Draw(t, "percent")
		if _, err := SweepVolume(context.Background(), slots, now, volume(t, slots, total)); err != nil {
			t.Fatal(err)
		}
		after := list(t, slots)
		left, low := usedBy(after, ""), total/100*Low
		if (Capacity{used, total}).UsedPercent() <= High {
			if len(after) != len(before) {
				t.Fatalf("%d of %d files are left of a volume with space", len(after), len(before))
			}
			return
		}
		if left > low || left <= low-largest*int64(tenants) {
			t.Fatalf("%d are left; want at most %d, and no file of each tenant less than that", left, low)
		}
		oldestKept, youngestLost := map[string]int{}, map[string]int{}
		for path, f := range before {
			if _, kept := after[path]; kept {
				oldestKept[tenant(path)] = max(oldestKept[tenant(path)], f.bucket)
			} else if y, lost := youngestLost[tenant(path)]; !lost || f.bucket < y {
				youngestLost[tenant(path)] = f.bucket
			}
		}
		share, above, below := total/int64(tenants), "", ""
		for path := range before {
			name := tenant(path)
			if y, lost := youngestLost[name]; lost && oldestKept[name] > y {
				t.Fatalf("%s keeps something of bucket %d and lost something of %d", name, oldestKept[name], y)
			}
			if usedBy(after, name) > share {
				above = name
			}
			if _, lost := youngestLost[name]; lost && usedBy(before, name) <= share {
				below = name
			}
		}
		if above != "" && below != "" {
			t.Fatalf("%s lost something with less than its share, while %s has more", below, above)
		}
	})
}

// A tenant that fills the volume loses files first, although all files of the others are older.
func TestTenantAboveShareLosesFirst(t *testing.T) {
	slots := t.TempDir()
	for i := range 20 {
		put(t, fmt.Sprintf("%s/001/greedy/sstate/%02d", slots, i), 40_000, time.Duration(i)*time.Hour)
	}
	put(t, slots+"/002/small/sstate/old", 40_000, 300*day)
	total := usedBy(list(t, slots), "") * 100 / 95
	did, err := SweepVolume(t.Context(), slots, now, volume(t, slots, total))
	if err != nil || did.Files != 4 || did.Bytes != 4*40_960 {
		t.Errorf("%+v, %v", did, err)
	}
	left := list(t, slots)
	for _, gone := range []string{"19", "18", "17", "16"} {
		if _, there := left["001/greedy/sstate/"+gone]; there {
			t.Errorf("the %sth oldest of the greedy tenant is there", gone)
		}
	}
	if _, there := left["002/small/sstate/old"]; !there {
		t.Error("the small tenant paid")
	}
}

// Many small files use up the inodes before the bytes.
func TestInodes(t *testing.T) {
	slots := t.TempDir()
	for i := range 95 {
		put(t, fmt.Sprintf("%s/001/tenant/sstate/%02d", slots, i), 1, time.Duration(i+1)*day)
	}
	usage := func() (Usage, error) {
		return Usage{Bytes: Capacity{1, 100}, Inodes: Capacity{int64(len(list(t, slots))), 100}}, nil
	}
	if did, err := SweepVolume(t.Context(), slots, now, usage); err != nil || did.Files != 15 {
		t.Errorf("%+v, %v; want 15 files less", did, err)
	}
	if u, err := usage(); err != nil || u.UsedPercent() != Low {
		t.Errorf("%+v, %v", u, err)
	}
}

// Half-written files and empty folders go after a day, whatever the free space. Files outside the tenants' folders
// stay.
func TestLeftovers(t *testing.T) {
	volumeRoot := t.TempDir()
	slots, outside := volumeRoot+"/slots", t.TempDir()
	put(t, slots+"/001/tenant/a/.beachhead-push-old", 10, 25*time.Hour)
	put(t, slots+"/001/tenant/a/.beachhead-push-young", 10, 23*time.Hour)
	put(t, slots+"/001/tenant/a/object", 10, 300*day)
	put(t, volumeRoot+"/.beachhead/hashserv.db", 10, 300*day)
	put(t, slots+"/README", 10, 300*day)
	put(t, outside+"/.beachhead-push-old", 10, 300*day)
	for folder, age := range map[string]time.Duration{"empty": 2 * day, "new": time.Hour} {
		path := slots + "/001/tenant/" + folder
		if err := errors.Join(os.Mkdir(path, 0o755), os.Chtimes(path, now, now.Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, slots+"/001/tenant/a/link"); err != nil {
		t.Fatal(err)
	}
	did, err := SweepVolume(t.Context(), slots, now, volume(t, slots, 1<<30))
	if err != nil || did != (Result{Leftovers: 2}) {
		t.Errorf("%+v, %v", did, err)
	}
	for path, want := range map[string]bool{
		slots + "/001/tenant/a/.beachhead-push-old": false, slots + "/001/tenant/a/.beachhead-push-young": true,
		slots + "/001/tenant/a/object":         true,
		volumeRoot + "/.beachhead/hashserv.db": true, slots + "/README": true, outside + "/.beachhead-push-old": true,
		slots + "/001/tenant/empty": false, slots + "/001/tenant/new": true,
	} {
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", path, err == nil, want)
		}
	}
}

// Clients write there: a link in place of a folder never leads the sweep out of the volume, however full it is.
func TestSweepFollowsNoLink(t *testing.T) {
	slots, outside := t.TempDir(), t.TempDir()
	put(t, outside+"/victim", 40_000, 400*day)
	put(t, slots+"/001/tenant/object", 40_000, day)
	for link, to := range map[string]string{
		"/001/tenant/folder": outside, "/001/other": outside, "/002": outside, "/001/tenant/file": outside + "/victim",
	} {
		if err := os.Symlink(to, slots+link); err != nil {
			t.Fatal(err)
		}
	}
	full := func() (Usage, error) { return Usage{Bytes: Capacity{100, 100}}, nil }
	if _, err := SweepVolume(t.Context(), slots, now, full); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(outside + "/victim"); err != nil {
		t.Error(err)
	}
	root, err := os.OpenRoot(slots + "/001")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	// The same when the link appears between the check of the folder and the step into it.
	err = visitFolder(root, "other", func(folder *os.Root) error { return errors.New("led out to " + folder.Name()) })
	if err == nil || strings.Contains(err.Error(), "led out") {
		t.Errorf("a link as a folder: %v", err)
	}
}

// Folders are searched to a limited depth, since each level holds a file descriptor.
func TestDepthIsLimited(t *testing.T) {
	slots := t.TempDir()
	for tenant, depth := range map[string]int{"deepest": maxDepth, "deeper": maxDepth + 1} {
		put(t, slots+"/001/"+tenant+strings.Repeat("/d", depth)+"/"+cacheclient.TemporaryPrefix+"old", 10, 2*day)
	}
	did, err := SweepVolume(t.Context(), slots, now, volume(t, slots, 1<<30))
	if err != nil || did != (Result{Leftovers: 1}) {
		t.Errorf("%+v, %v; want the file at the limit removed, and the one below it left", did, err)
	}
}

func TestSweepStops(t *testing.T) {
	slots := t.TempDir()
	put(t, slots+"/001/tenant/object", 40_000, day)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := SweepVolume(ctx, slots, now, volume(t, slots, 40_960)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if len(list(t, slots)) != 1 {
		t.Error("something went after the end")
	}
}

func TestReadUsage(t *testing.T) {
	u, err := ReadUsage(t.TempDir())
	if err != nil || u.Bytes.Total <= 0 || u.Bytes.Used <= 0 || u.Bytes.Used > u.Bytes.Total || u.UsedPercent() <= 0 || u.UsedPercent() > 100 {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := ReadUsage(t.TempDir() + "/gone"); err == nil {
		t.Error("no error of a folder that is not there")
	}
	if p := (Capacity{Used: 5}).UsedPercent(); p != 0 {
		t.Errorf("a file system without a number of inodes has %g percent used", p)
	}
}
