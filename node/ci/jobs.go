package ci

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// jobsFolder is the folder with one empty file for each running job. The jobs' hooks make and remove them.
const jobsFolder = runtimeFolder + "/jobs"

// maxMarkAge is how long a mark counts. A job that was killed leaves its mark, which would otherwise protect the machine for ever; no job
// takes this long (JobServ fails one after 12 hours, GitHub after 5 days: such a job loses its protection from scale-in, and nothing else).
const maxMarkAge = 24 * time.Hour

// jobIDPattern is what a job may be called: it becomes a file's name. No dot begins it, since files that are being written begin so.
var jobIDPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// MarkJob marks a job as running (verb started) or as ended (finished). A job's hook calls it, as the job's user, maybe twice; it is no error to
// end what did not start.
func MarkJob(h host.Host, verb, id string) error {
	if !jobIDPattern.MatchString(id) {
		return fmt.Errorf("the job id %q is refused; want 1 to 128 of A-Z a-z 0-9 . _ - that begin with a letter, a digit or _", id)
	}
	mark := filepath.Join(jobsFolder, id)
	switch verb {
	case "started":
		if _, err := os.Stat(h.Path(jobsFolder)); err != nil {
			return fmt.Errorf("the agent has made no place for marks of jobs yet: %w; see `systemctl status beachhead-node`", err)
		}
		_, err := h.WriteFile(mark, 0o644, "")
		if errors.Is(err, os.ErrPermission) { // a mark of another user's: it is there, which is all that counts
			return nil
		}
		return err
	case "finished":
		if err := os.Remove(h.Path(mark)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	return fmt.Errorf("the verb %q is unknown; want: beachhead-node job started ID, or: beachhead-node job finished ID", verb)
}

// createJobsFolder makes the folder. Everyone may mark jobs and nobody remove another's marks, as in /tmp: jobs run as users that the agent does not
// know, and the worst that a false mark does is to keep its machine for a day.
func createJobsFolder(h host.Host) error {
	if err := os.MkdirAll(h.Path(jobsFolder), 0o755); err != nil {
		return err
	}
	return os.Chmod(h.Path(jobsFolder), 0o777|os.ModeSticky)
}

// countMarks counts the marks of running jobs.
func countMarks(h host.Host) (int, error) {
	entries, err := os.ReadDir(h.Path(jobsFolder))
	if err != nil {
		return 0, err
	}
	count := 0
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && !strings.HasPrefix(entry.Name(), ".") && time.Since(info.ModTime()) < maxMarkAge {
			count++
		}
	}
	return count, nil
}
