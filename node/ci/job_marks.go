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

// jobsFolder contains one empty file for each running job. The jobs' hooks create and remove the files.
const jobsFolder = runtimeFolder + "/jobs"

// maxMarkAge is the age after which a mark no longer counts. A killed job leaves its mark, which would otherwise
// protect the machine for ever. No job takes this long: JobServ fails a job after 12 hours. GitHub does so after 5
// days; such a job loses its scale-in protection and nothing else.
const maxMarkAge = 24 * time.Hour

// jobIDPattern matches valid job ids. The id becomes the name of a file. It does not start with a dot, because files
// that are being written do.
var jobIDPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// MarkJob marks a job as running (verb started) or as ended (verb finished). A job's hook calls it as the job's user,
// maybe twice. It returns nil for the end of a job that did not start. It returns an error for another verb or an id
// that jobIDPattern does not match.
func MarkJob(h host.Host, verb, id string) error {
	if !jobIDPattern.MatchString(id) {
		return fmt.Errorf("the job id %q is not valid; want 1 to 128 characters of A-Z a-z 0-9 . _ - and a letter, digit or _ first", id)
	}
	mark := filepath.Join(jobsFolder, id)
	switch verb {
	case "started":
		if _, err := os.Stat(h.Path(jobsFolder)); err != nil {
			return fmt.Errorf("the agent has not created the folder for job marks yet: %w; see `systemctl status beachhead-node`", err)
		}
		_, err := h.WriteFile(mark, 0o644, "")
		if errors.Is(err, os.ErrPermission) { // another user created the mark: it exists, which is enough
			return nil
		}
		return err
	case "finished":
		if err := os.Remove(h.Path(mark)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	return fmt.Errorf("the verb %q is unknown; run `beachhead-node job started ID` or `beachhead-node job finished ID`", verb)
}

// createJobsFolder creates the folder. Everyone may mark jobs and nobody may remove another user's marks, as in /tmp.
// Jobs run as users that the agent does not know. A false mark can do no worse than keep its machine for a day.
func createJobsFolder(h host.Host) error {
	if err := os.MkdirAll(h.Path(jobsFolder), 0o755); err != nil {
		return err
	}
	return os.Chmod(h.Path(jobsFolder), 0o777|os.ModeSticky)
}

// countMarks returns the number of running jobs that have a mark.
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
