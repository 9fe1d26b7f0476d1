package ci

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/ci/machinetest"
)

func TestJob(t *testing.T) {
	h := machinetest.New(t).Host
	if err := MarkJob(h, "started", "7"); err == nil || !strings.Contains(err.Error(), "systemctl status") {
		t.Errorf("a mark before there is a place for it: %v", err)
	}
	if err := createJobsFolder(h); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(h.Path(jobsFolder)); err != nil || info.Mode().Perm() != 0o777 || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("%v, %v: other users cannot mark jobs, or can remove others' marks", info.Mode(), err)
	}
	steps := []struct {
		verb, id string
		want     int
	}{{"started", "7", 1}, {"started", "7", 1}, {"started", "a-b.c_d", 2}, {"finished", "7", 1}, {"finished", "7", 1}, {"finished",
		"a-b.c_d", 0}}
	for _, step := range steps {
		if err := MarkJob(h, step.verb, step.id); err != nil {
			t.Error(err)
		}
		if got, err := countMarks(h); err != nil || got != step.want {
			t.Errorf("%s %s: %d jobs run, %v; want %d", step.verb, step.id, got, err, step.want)
		}
	}
}

func TestJobRefusals(t *testing.T) {
	h := machinetest.New(t).Host
	if err := createJobsFolder(h); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "ä", strings.Repeat("x", 129)} {
		for _, verb := range []string{"started", "finished"} {
			if err := MarkJob(h, verb, id); err == nil || !strings.Contains(err.Error(), "is not valid") {
				t.Errorf("%s %q: %v", verb, id, err)
			}
		}
	}
	if err := MarkJob(h, "begun", "7"); err == nil || !strings.Contains(err.Error(), "job started ID") {
		t.Error(err)
	}
	if got, err := countMarks(h); err != nil || got != 0 {
		t.Errorf("%d, %v", got, err)
	}
}

// A mark that nobody removes counts for a day. A mark that is being written does not count.
func TestStaleMarks(t *testing.T) {
	h := machinetest.New(t).Host
	if err := createJobsFolder(h); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{"old": maxMarkAge + time.Minute, "young": maxMarkAge - time.Minute, ".young.123": 0} {
		if err := os.WriteFile(h.Path(jobsFolder+"/"+name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(h.Path(jobsFolder+"/"+name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := countMarks(h); err != nil || got != 1 {
		t.Errorf("%d jobs, %v; want the young one", got, err)
	}
}
