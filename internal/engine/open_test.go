package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
)

// opened opens a stack on a folder's backend, and reports whether the stack was selected.
func opened(t *testing.T, f *fakeStack, dir string, o Options) (selected bool, err error) {
	t.Helper()
	o.Name = "us-west-2"
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = open(ctx, o, "file://"+dir, func(context.Context) (pulumiStack, error) {
		selected = true
		return f, f.callErr
	})
	return selected, err
}

func TestOpenWaitsForTheLockOnlyToChangeTheStack(t *testing.T) {
	dir := t.TempDir()
	lockStack(t, dir, "us-west-2", os.Getpid())
	if selected, err := opened(t, &fakeStack{}, dir, Options{Exclusive: true}); selected || err == nil {
		t.Errorf("selected %t, %v; want to wait for the lock", selected, err)
	}
	if selected, err := opened(t, &fakeStack{}, dir, Options{}); !selected || err != nil {
		t.Errorf("selected %t, %v; want to read in spite of the lock", selected, err)
	}
}

// lockStack writes a lock of a process of this machine.
func lockStack(t *testing.T, dir, stack string, pid int) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	locks := filepath.Join(dir, ".pulumi", "locks", "organization", Project, stack)
	if err := os.MkdirAll(locks, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(locks, "lock.json"), fmt.Appendf(nil, `{"pid":%d,"hostname":%q}`, pid, host), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A lock that stays is reported with the command that removes it.
func TestLockThatStays(t *testing.T) {
	dir := t.TempDir()
	lockStack(t, dir, "us-west-2", os.Getpid())
	err := waitForLock(t.Context(), "file://"+dir, "us-west-2", 20*time.Millisecond)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "`pulumi cancel --stack us-west-2`") ||
		!strings.Contains(err.Error(), "20ms") {
		t.Errorf("%v, want the lock, the time and the command", err)
	}
}

// Missing secrets end an operation before anything starts; a rehearsal generates them, as secrets, and runs.
func TestOpenChecksSecretsBeforeAnythingStarts(t *testing.T) {
	f, dir := &fakeStack{settings: config.Map{config.MustMakeKey(Project, "one"): config.NewSecureValue("sealed")}}, t.TempDir()
	_, err := opened(t, f, dir, Options{Secrets: []string{"one", "two", "three"}})
	if !errors.Is(err, ErrSecrets) || !strings.Contains(err.Error(), "--secret two ") || !strings.Contains(err.Error(), "--secret three ") {
		t.Errorf("%v, want both missing secrets", err)
	}
	f.wants(t, "settings")
	f.calls = nil
	if _, err := opened(t, f, dir, Options{Secrets: []string{"one", "two"}, Rehearsal: true}); err != nil {
		t.Error(err)
	}
	f.wants(t, "settings", "set config")
	if v := f.values["beachhead:two"]; len(f.values) != 1 || !v.Secret || len(v.Value) < 20 {
		t.Errorf("generated %v, want one secret that nobody can guess", f.values)
	}
	f.calls = nil
	if _, err := opened(t, f, dir, Options{}); err != nil || len(f.calls) > 0 {
		t.Errorf("%v after %q: a program without secrets needs no configuration", err, f.calls)
	}
}

func TestOpenReportsWhyItFailed(t *testing.T) {
	for text, want := range map[string]error{
		"passphrase must be set with PULUMI_CONFIG_PASSPHRASE": ErrPassphrase,
		"incorrect passphrase":                                 ErrPassphrase,
	} {
		if _, err := opened(t, &fakeStack{callErr: errors.New(text)}, t.TempDir(), Options{}); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
