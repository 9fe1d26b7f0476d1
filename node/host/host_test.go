package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	out, err := Host{}.Run(t.Context(), "sh", "-c", "echo one; echo two >&2")
	if err != nil || out != "one\n" {
		t.Errorf("%q, %v", out, err)
	}
	_, err = Host{}.Run(t.Context(), "sh", "-c", "echo the reason >&2; exit 7")
	if ExitCode(err) != 7 || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("%d, %v", ExitCode(err), err)
	}
	if _, err := (Host{}).Run(t.Context(), "no-such-command"); err == nil || ExitCode(err) != -1 {
		t.Errorf("no command: %v", err)
	}
	_, err = Host{}.Run(t.Context(), "sh", "-c", "printf 'x%0500d' 0 >&2; exit 1")
	if text := err.Error(); !strings.HasSuffix(text, "…"+strings.Repeat("0", 400)) {
		t.Errorf("%s, want the last 400 bytes of the output", text)
	}
}

// A stopped command returns the context's error, also when a child keeps its output open.
func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := (Host{}).Run(ctx, "sh", "-c", "exec sleep 30"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestWrite(t *testing.T) {
	h := Host{Root: t.TempDir()}
	for i, want := range []bool{true, false, true} {
		text := []string{"a", "a", "b"}[i]
		changed, err := h.WriteFile("/etc/some/file", 0o640, text)
		if err != nil || changed != want {
			t.Errorf("write %d: changed %v, %v", i, changed, err)
		}
		got, err := os.ReadFile(filepath.Join(h.Root, "etc/some/file"))
		if err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	info, err := os.Stat(h.Path("/etc/some/file"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if folder, err := os.Stat(h.Path("/etc/some")); err != nil || folder.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", folder, err)
	}
	if left, err := os.ReadDir(h.Path("/etc/some")); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestSleep(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := Sleep(t.Context(), time.Millisecond); err != nil {
		t.Error(err)
	}
}

// A failed update is an error, and nothing is installed from old lists.
func TestPackagesReportsFailedUpdate(t *testing.T) {
	bin := t.TempDir()
	for name, text := range map[string]string{
		"dpkg-query": "echo not-installed", "apt-get": `case "$*" in *update*) echo planted >&2; exit 100 ;; *) touch "$INSTALLED" ;; esac`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil { //nolint:gosec // a command
			t.Fatal(err)
		}
	}
	installed := filepath.Join(t.TempDir(), "installed")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("INSTALLED", installed)
	err := Host{Root: t.TempDir()}.InstallPackages(t.Context(), "nfs-common")
	if _, missing := os.Stat(installed); err == nil || !strings.Contains(err.Error(), "planted") || missing == nil {
		t.Errorf("%v, installed: %t", err, missing == nil)
	}
}

// Installed packages cost no network; missing ones are requested once.
func TestPackages(t *testing.T) {
	h := Host{Root: t.TempDir()}
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	stub := func(name, text string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	stub("apt-get", `echo "$@" >>`+log)
	stub("dpkg-query", "echo installed")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	if err := h.InstallPackages(t.Context(), "nfs-common"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(log); err == nil {
		t.Error("apt was asked for packages that are there")
	}
	stub("dpkg-query", "echo installed; echo config-files")
	if err := h.InstallPackages(t.Context(), "nfs-common", "xfsprogs"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(text), "update\n") || !strings.Contains(string(text),
		"install --no-install-recommends nfs-common xfsprogs\n") {
		t.Errorf("%s, %v", text, err)
	}
}
