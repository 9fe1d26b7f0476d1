package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// lockPatience is how long an operation waits for the lock of a process that still lives: a run that was killed leaves the Pulumi
// command line behind, which needs moments to notice and to write down what it knows.
const lockPatience = 15 * time.Second

// lock is what Pulumi's file backend writes into a lock file.
type lock struct {
	PID      int    `json:"pid"`
	Hostname string `json:"hostname"`
}

// waitForLock returns when nobody else holds the stack, and takes away the locks of processes that are gone. After lockPatience it
// gives up with ErrLocked. Only the file backend's locks can be looked at; with others it returns at once, and the engine itself finds
// out.
func waitForLock(ctx context.Context, backend, stack string) error {
	address, err := url.Parse(backend)
	if err != nil || address.Scheme != "file" {
		return nil
	}
	for deadline := time.Now().Add(lockPatience); ; {
		files, err := filepath.Glob(filepath.Join(address.Path, ".pulumi", "locks", "organization", Project, stack, "*.json"))
		if err != nil {
			return fmt.Errorf("looking for locks: %w", err)
		}
		held := slices.DeleteFunc(files, func(file string) bool { return stale(file) && os.Remove(file) == nil })
		if len(held) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w for more than %s; wait for it to end, or run `pulumi cancel` when its machine is gone", ErrLocked, lockPatience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stale says whether a lock file's process ran on this machine and is gone.
func stale(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	var l lock
	host, err := os.Hostname()
	if err != nil || json.Unmarshal(text, &l) != nil || l.Hostname != host || l.PID <= 0 {
		return false
	}
	return errors.Is(syscall.Kill(l.PID, 0), syscall.ESRCH)
}
