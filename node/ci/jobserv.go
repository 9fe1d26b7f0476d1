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

// jobserv runs JobServ's worker (github.com/foundriesio/jobserv, jobserv_worker.py). Its own command to register is not used: it takes the
// token on its command line, and what it does is to write the settings and to call the server once.
type jobserv struct{ Machine }

const (
	workerFolder   = agentsHome + "/jobserv"
	workerScript   = workerFolder + "/jobserv_worker.py"
	workerSettings = workerFolder + "/settings.conf"
	workerUnit     = "beachhead-jobserv.service"
)

// UsesNameOnce: JobServ keeps the name of a worker that was removed, and answers nobody under it any more.
func (j *jobserv) UsesNameOnce() bool { return true }

// InstallAgent fetches the worker from the server itself, so that both are of one version, with what it imports and calls.
func (j *jobserv) InstallAgent(ctx context.Context) error {
	if err := j.Host.InstallPackages(ctx, "python3-requests", "sudo", "git"); err != nil {
		return err
	}
	if err := j.prepareUser(ctx); err != nil {
		return err
	}
	// The worker removes what containers left behind as root.
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

// EnsureRunning writes the settings and starts the worker's loop. The loop reads the settings anew at each look for work, so that a token that was
// signed anew takes effect without a restart.
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
		// Runs are children of the loop's children, and outlive it: a stop takes no new run and ends none.
		settings: []string{"Restart=always", "RestartSec=5", "KillMode=process"},
	}.startUnit(ctx, j.Host)
}

// readCredentials gives how this worker proves who it is. A key signs a token for it; a token of its own name is taken as it is; anything else is
// an API key.
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

// registerWorker tells the server of the worker: a worker with a token is made by its first call, one with an API key by a call of its own, after which
// an administrator enlists it.
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
	// What the server insists on and the worker itself tells better with its first look for work.
	for name, value := range map[string]any{"api_key": token, "distro": "?", "mem_total": 1, "cpu_total": 1, "cpu_type": "?", "surges_only": false} {
		facts[name] = value
	}
	_, err = j.callServer(ctx, apiCall{method: http.MethodPost, url: address, token: token, body: facts, accepts: []int{http.StatusCreated}})
	return err
}

// writeSettings writes the worker's settings. Its version is the sum of the script that is there, which the server compares with its own.
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
	lines = append(lines, "host_api_key = "+strings.ReplaceAll(key, "%", "%%"), "") // the reader, Python's, replaces %(name)s
	if _, err := j.Host.WriteFile(workerSettings, 0o600, strings.Join(lines, "\n")); err != nil {
		return err
	}
	now := time.Now() // settings that are as they were count as fresh too
	return os.Chtimes(j.Host.Path(workerSettings), now, now)
}

// CountJobs counts the slots that a run holds. The worker has a file for each slot: a run locks it and writes its address into it. The worker
// locks all free ones too for the moment in which it looks for work, with the word free in them.
func (j *jobserv) CountJobs(context.Context) (int, error) {
	runs, _ := j.countSlots()
	return runs, nil
}

// countSlots counts the slots that runs hold, and those that the worker holds while it looks for work.
func (j *jobserv) countSlots() (busy, looking int) {
	for i := range j.Agent.Concurrency {
		file := j.Host.Path(path.Join(workerFolder, fmt.Sprintf(".run-lock-%d", i)))
		if !isLocked(file) {
			continue
		}
		if text, err := os.ReadFile(file); err == nil && len(text) > 0 && string(text) != "free" {
			busy++
		} else {
			looking++
		}
	}
	return busy, looking
}

// isLocked says whether another process has a lock on a file. It asks for a shared one and lets go at once; the worker that asks in between passes
// one slot over for 20 s.
func isLocked(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// DrainJobs stops the loop, which ends no run. A look for work that was under way may still bring one, so slots that are held for it count here.
func (j *jobserv) DrainJobs(ctx context.Context) error {
	if err := stopUnit(ctx, j.Host, workerUnit); err != nil {
		return err
	}
	for {
		if busy, looking := j.countSlots(); busy+looking == 0 {
			return nil
		}
		if err := host.Sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// UnregisterMachine removes the worker from the server. The settings go with it, so that nothing starts under a name that is used up.
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
	// 405: servers before this call had it take a silent worker for offline after 80 s, and that is all that can be had of them.
	gone := []int{http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed}
	if _, err := j.callServer(ctx, apiCall{method: http.MethodDelete, url: address, scheme: scheme, token: token, accepts: gone}); err != nil {
		return err
	}
	return os.Remove(j.Host.Path(workerSettings))
}
