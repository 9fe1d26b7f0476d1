package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A lock is stale when its process ran here and is gone; a living process's and another machine's are not ours to judge.
func TestStaleLocks(t *testing.T) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		text string
		want bool
	}{
		"a dead process":       {fmt.Sprintf(`{"pid":%d,"hostname":%q}`, gone.Process.Pid, host), true},
		"a living process":     {fmt.Sprintf(`{"pid":%d,"hostname":%q}`, os.Getpid(), host), false},
		"on another machine":   {fmt.Sprintf(`{"pid":%d,"hostname":"elsewhere"}`, gone.Process.Pid), false},
		"no lock at all":       {"", false},
		"a lock without a pid": {fmt.Sprintf(`{"hostname":%q}`, host), false},
	}
	for name, c := range cases {
		file := filepath.Join(t.TempDir(), "lock.json")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := isStale(file); got != c.want {
			t.Errorf("%s: stale %t, want %t", name, got, c.want)
		}
	}
}

func TestWaitForLock(t *testing.T) {
	dir := t.TempDir()
	locks := filepath.Join(dir, ".pulumi", "locks", "organization", Project, "a")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	write := func(pid int) {
		t.Helper()
		text := fmt.Sprintf(`{"pid":%d,"hostname":%q}`, pid, host)
		if err := os.WriteFile(filepath.Join(locks, "lock.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(gone.Process.Pid)
	if err := waitForLock(t.Context(), "file://"+dir, "a", lockTimeout); err != nil {
		t.Errorf("a dead process's lock: %v", err)
	}
	write(os.Getpid())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := waitForLock(ctx, "file://"+dir, "a", lockTimeout); err == nil {
		t.Error("a living process's lock was passed over")
	}
	if err := waitForLock(t.Context(), "file://"+dir, "b", lockTimeout); err != nil {
		t.Errorf("another stack's lock: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := waitForLock(ctx, "s3://state"+dir, "a", lockTimeout); err != nil {
		t.Errorf("a bucket, whose locks are not ours to judge: %v", err)
	}
}
