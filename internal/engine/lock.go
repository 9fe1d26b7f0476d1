package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
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

// waitForLock says whether to try again: at once when the locks were a dead process's, which it takes away, after a moment when their
// process lives and the deadline is not over. Only the file backend's locks on this very machine can be judged; Pulumi Cloud and
// buckets keep theirs until somebody runs `pulumi cancel`.
func (s *Stack) waitForLock(ctx context.Context, deadline time.Time) bool {
	backend, err := url.Parse(s.opts.Env["PULUMI_BACKEND_URL"])
	if err != nil || backend.Scheme != "file" {
		return false
	}
	files, err := filepath.Glob(filepath.Join(backend.Path, ".pulumi", "locks", "organization", Project, s.opts.Name, "*.json"))
	if err != nil {
		return false
	}
	for _, file := range files {
		if stale(file) {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				return false
			}
		}
	}
	if time.Now().After(deadline) {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(200 * time.Millisecond):
		return true
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
