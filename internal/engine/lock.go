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

// lockTimeout is how long an operation waits for the lock of a live process: a run that was killed leaves the Pulumi command line behind,
// which needs moments to notice and to write down what it knows.
const lockTimeout = 15 * time.Second

// lock is the content of a lock file of Pulumi's file backend.
type lock struct {
	PID      int    `json:"pid"`
	Hostname string `json:"hostname"`
}

// fileBackendDir returns the directory of a file backend. It returns false for every other backend, and for an address that does not
// parse: the engine itself reports that one.
func fileBackendDir(backend string) (string, bool) {
	address, err := url.Parse(backend)
	if err != nil || address.Scheme != "file" {
		return "", false
	}
	return address.Path, true
}

// waitForLock returns when no other process locks the stack, and removes the locks of dead processes. After the timeout it returns
// ErrLocked. It knows the locks of the file backend only; for another backend it returns at once, and the engine itself finds out.
func waitForLock(ctx context.Context, backend, stack string, timeout time.Duration) error {
	dir, ok := fileBackendDir(backend)
	if !ok {
		return nil
	}
	for deadline := time.Now().Add(timeout); ; {
		files, err := filepath.Glob(filepath.Join(dir, ".pulumi", "locks", "organization", Project, stack, "*.json"))
		if err != nil {
			return fmt.Errorf("finding locks: %w", err)
		}
		live := slices.DeleteFunc(files, func(file string) bool { return isStale(file) && os.Remove(file) == nil })
		if len(live) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return lockedError(stack, fmt.Sprintf(" for more than %s", timeout))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// isStale reports whether a lock file's process ran on this machine and is dead.
func isStale(file string) bool {
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
