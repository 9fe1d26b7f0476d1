package ci

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
)

// jobserv runs JobServ's worker (github.com/foundriesio/jobserv, jobserv_worker.py). We do not use the worker's own
// register command: it takes the token on its command line, and it only writes the settings and calls the server once.
type jobserv struct{ Machine }

const (
	workerFolder   = agentsHome + "/jobserv"
	workerScript   = workerFolder + "/jobserv_worker.py"
	workerSettings = workerFolder + "/settings.conf"
	workerUnit     = "beachhead-jobserv.service"
)

// UsesNameOnce returns true: JobServ keeps the name of a removed worker and refuses every request under that name.
func (j *jobserv) UsesNameOnce() bool { return true }

// InstallAgent installs the packages that the worker needs and downloads the worker from the CI server itself, so that
// both have the same version.
func (j *jobserv) InstallAgent(ctx context.Context) error {
	if err := j.Host.InstallPackages(ctx, "python3-requests", "sudo", "git"); err != nil {
		return err
	}
	if err := j.prepareUser(ctx); err != nil {
		return err
	}
	// The worker removes files that containers left behind as root.
	if _, err := j.Host.WriteFile("/etc/sudoers.d/beachhead-ci", 0o440, agentUser+" ALL=(root) NOPASSWD: /bin/rm\n"); err != nil {
		return err
	}
	if fileExists(j.Host, workerScript) {
		return nil
	}
	address, err := urlOnHost(j.Agent.URL, "/worker")
	if err != nil {
		return err
	}
	return j.downloadFile(ctx, address, workerScript, 0o755)
}

// EnsureRunning writes the settings and starts the worker's loop. The loop reads the settings at each poll for work, so
// a newly signed token takes effect with no restart.
func (j *jobserv) EnsureRunning(ctx context.Context) error {
	running, err := isUnitActive(ctx, j.Host, workerUnit)
	if err != nil {
		return err
	}
	if info, err := os.Stat(j.Host.Path(workerSettings)); running && err == nil && time.Since(info.ModTime()) < tokenRenewAge {
		return nil
	}
	scheme, token, err := j.readCredentials(ctx)
	if err != nil {
		return err
	}
	if err := j.registerWorker(ctx, scheme, token); err != nil {
		return err
	}
	if err := j.writeSettings(scheme, token); err != nil {
		return err
	}
	if err := j.chownFiles(ctx, workerFolder, workerScript, workerSettings); err != nil {
		return err
	}
	return systemdUnit{
		name: workerUnit, description: "JobServ worker", user: agentUser, folder: workerFolder, command: workerScript + " loop",
		// Runs are children of the loop's children and outlive it: a stop accepts no new run and ends none.
		settings: []string{"Restart=always", "RestartSec=5", "KillMode=process"},
	}.startUnit(ctx, j.Host)
}

// readCredentials returns the scheme and the token by which this worker authenticates. A key signs a token for the
// worker. A worker's token for its own name is used as it is. Anything else is an API key.
func (j *jobserv) readCredentials(ctx context.Context) (scheme, token string, err error) {
	text, err := j.readToken(ctx)
	switch {
	case err != nil:
		return "", "", err
	case isSigningKey(text):
		token, err = signWorkerToken(text, j.Name, time.Now())
		return "Bearer", token, err
	case isWorkerToken(text):
		return "Bearer", text, checkWorkerName(text, j.Name)
	}
	return "Token", text, nil
}

// registerWorker registers the worker with the server. With a token, the worker's first call creates it. With an API
// key, a separate call creates it, and then an administrator enlists it.
func (j *jobserv) registerWorker(ctx context.Context, scheme, token string) error {
	address, err := urlOnHost(j.Agent.URL, "/workers/"+j.Name+"/")
	if err != nil {
		return err
	}
	facts := map[string]any{"concurrent_runs": j.Agent.Concurrency, "host_tags": strings.Join(j.Agent.Tags, ",")}
	update := apiCall{method: http.MethodPatch, url: address, scheme: scheme, token: token, body: facts, accepts: []int{http.StatusOK}}
	if scheme == "Bearer" {
		_, err = j.callServer(ctx, update)
		return err
	}
	update.accepts = append(update.accepts, http.StatusNotFound)
	got, err := j.callServer(ctx, update)
	if err != nil || got.status == http.StatusOK {
		return err
	}
	// The server requires these fields. The worker itself reports better values with its first poll for work.
	for name, value := range map[string]any{"api_key": token, "distro": "?", "mem_total": 1, "cpu_total": 1, "cpu_type": "?",
		"surges_only": false} {
		facts[name] = value
	}
	_, err = j.callServer(ctx, apiCall{method: http.MethodPost, url: address, token: token, body: facts, accepts: []int{http.StatusCreated}})
	return err
}

// writeSettings writes the worker's settings. The version is the checksum of the installed script, which the server
// compares with its own.
func (j *jobserv) writeSettings(scheme, token string) error {
	script, err := os.ReadFile(j.Host.Path(workerScript))
	if err != nil {
		return err
	}
	sum := md5.Sum(script)
	server, err := urlOnHost(j.Agent.URL, "/")
	if err != nil {
		return err
	}
	key := token
	lines := []string{
		"[jobserv]", "server_url = " + server, "version = " + hex.EncodeToString(sum[:]), "log_level = INFO",
		"concurrent_runs = " + strconv.Itoa(j.Agent.Concurrency), "host_tags = " + strings.Join(j.Agent.Tags, ","), "surges_only = 0",
		"hostname = " + j.Name,
	}
	if scheme == "Bearer" {
		lines, key = append(lines, "jwt = "+token), ""
	}
	lines = append(lines, "host_api_key = "+strings.ReplaceAll(key, "%", "%%"), "") // Python's parser expands %(name)s
	if _, err := j.Host.WriteFile(workerSettings, 0o600, strings.Join(lines, "\n")); err != nil {
		return err
	}
	now := time.Now() // unchanged settings count as fresh too
	return os.Chtimes(j.Host.Path(workerSettings), now, now)
}

// CountJobs returns the number of slots that a run occupies. The worker has a file for each slot: a run locks the file
// and writes its address into it. While the worker polls for work, it also locks all free slots, with the word free in
// them.
func (j *jobserv) CountJobs(context.Context) (int, error) {
	runs, _ := j.countSlots()
	return runs, nil
}

// countSlots returns the number of slots that runs occupy, and of those that the worker has locked while it polls for
// work.
func (j *jobserv) countSlots() (busy, polling int) {
	for i := range j.Agent.Concurrency {
		file := j.Host.Path(path.Join(workerFolder, fmt.Sprintf(".run-lock-%d", i)))
		if !isLocked(file) {
			continue
		}
		if text, err := os.ReadFile(file); err == nil && len(text) > 0 && string(text) != "free" {
			busy++
		} else {
			polling++
		}
	}
	return busy, polling
}

// isLocked reports whether another process has locked a file. It requests a shared lock and releases it at once. A
// worker that polls at that moment skips the slot for 20 s.
func isLocked(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// DrainJobs stops the loop, which ends no run. A poll that was under way may still bring a run, so its locked slots
// count here.
func (j *jobserv) DrainJobs(ctx context.Context) error {
	if err := stopUnit(ctx, j.Host, workerUnit); err != nil {
		return err
	}
	for {
		if busy, polling := j.countSlots(); busy+polling == 0 {
			return nil
		}
		if err := host.Sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// UnregisterMachine removes the worker from the server. It also removes the settings, so that no worker starts under a
// name that cannot be used again.
func (j *jobserv) UnregisterMachine(ctx context.Context) error {
	if !fileExists(j.Host, workerSettings) {
		return nil
	}
	scheme, token, err := j.readCredentials(ctx)
	if err != nil {
		return err
	}
	address, err := urlOnHost(j.Agent.URL, "/workers/"+j.Name+"/")
	if err != nil {
		return err
	}
	// 405: older servers lack this call and treat a silent worker as offline after 80 s. They offer no more than that.
	gone := []int{http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed}
	if _, err := j.callServer(ctx, apiCall{method: http.MethodDelete, url: address, scheme: scheme, token: token, accepts: gone}); err != nil {
		return err
	}
	return os.Remove(j.Host.Path(workerSettings))
}
