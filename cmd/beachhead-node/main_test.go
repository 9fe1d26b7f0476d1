package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/node/cacheclient"
	"github.com/beachhead-build/beachhead/node/host"
)

const describedServer = `{"version":1,"role":"cache","stack":"us-west-1","region":"us-west-1",` +
	`"metrics":{"namespace":"Beachhead","dimensions":{"Shard":"cache-shard-00"}},"hooks":{"ready":"ready","drain":"drain"},` +
	`"cache":{"shard":"cache-shard-00","number":0,"volume":"cache-shard-00","interface":"cache-shard-00","threads":64,` +
	`"clients":["10.42.0.0/20"],"mapParameter":"/beachhead/us-west-1/cache/map"}}`

const describedRunner = `{"version":1,"role":"runner","stack":"us-west-1","region":"us-west-1",` +
	`"metrics":{"namespace":"Beachhead","dimensions":{"Fleet":"arm"}},"hooks":{"ready":"ready","drain":"drain"},` +
	`"runner":{"fleet":"arm","path":"/beachhead/us-west-1/fleets/arm","mapParameter":"/beachhead/us-west-1/cache/map",` +
	`"agent":{"kind":"github","url":"https://github.com/acme","concurrency":1}}}`

// runMain makes the test binary run main instead of the tests.
const runMain = "BEACHHEAD_NODE_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// The program prints its output, its usage and its errors to the right stream and exits with the right code.
func TestProgram(t *testing.T) {
	for _, c := range []struct {
		args          []string
		code          int
		out, errorOut string
	}{
		{[]string{"version"}, 0, "beachhead-node " + buildVersion() + ", description version 1", ""},
		{nil, 2, "", "usage:"},
		{[]string{"run", "--description", "/no/such/file"}, 1, "", "error: reading the description: open /no/such/file"},
	} {
		var out, errorOut strings.Builder
		command := exec.CommandContext(t.Context(), os.Args[0], c.args...)
		command.Env = append(os.Environ(), runMain+"=yes")
		command.Stdout, command.Stderr = &out, &errorOut
		err := command.Run()
		if code := command.ProcessState.ExitCode(); code != c.code || !strings.Contains(out.String(), c.out) ||
			!strings.HasPrefix(errorOut.String(), c.errorOut) || (c.errorOut == "") != (errorOut.String() == "") {
			t.Errorf("%q: %v, code %d, output %q, errors %q; want %+v", c.args, err, code, out.String(), errorOut.String(), c)
		}
	}
}

// machine returns a host whose description file contains a text.
func machine(t *testing.T, text string) host.Host {
	t.Helper()
	h := host.Host{Root: t.TempDir()}
	if _, err := h.WriteFile(descriptionFile, 0o644, text); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestVersion(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), host.Host{}, []string{"version"}, &out); err != nil || !strings.Contains(out.String(),
		"description version 1") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestUsage(t *testing.T) {
	h := machine(t, describedRunner)
	for _, args := range [][]string{
		nil, {"serve"}, {"version", "please"}, {"run"}, {"run", "--file", "x"}, {"run", "--description", "x", "y"},
		{"job"}, {"job", "started"}, {"job", "begun", "7"}, {"job", "started", "7", "8"},
		{"cache"}, {"cache", "path"}, {"cache", "pull", "acme"}, {"cache", "push", "acme"},
	} {
		if err := run(t.Context(), h, args, &strings.Builder{}); exitCode(err) != 2 || !strings.Contains(err.Error(), "usage:") {
			t.Errorf("%q: %v, want the usage", args, err)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for want, errs := range [][]error{
		{nil},
		{errors.New("failed"), os.ErrNotExist, context.Canceled},
		{errUsage, fmt.Errorf("flag: %w", errUsage), fmt.Errorf("not that: %w", cacheclient.ErrUsage)},
	} {
		for _, err := range errs {
			if got := exitCode(err); got != want {
				t.Errorf("%v: %d, want %d", err, got, want)
			}
		}
	}
}

func TestRun(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	file := filepath.Join(t.TempDir(), "node.json")
	for name, c := range map[string]struct{ text, want string }{
		"told to stop":        {describedServer, ""},
		"what it cannot read": {"{}", "node.json: the description has version 0"},
		"what it cannot serve": {strings.ReplaceAll(describedServer, `"clients":["10.42.0.0/20"],`, ""),
			"node.json: the description lacks cache.clients"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err := run(stopped, host.Host{}, []string{"run", "--description", file}, &out)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
				t.Errorf("%v, want %q in it; printed %q", err, c.want, out.String())
			}
		})
	}
	err := run(t.Context(), host.Host{}, []string{"run", "--description", "nowhere.json"}, &strings.Builder{})
	if !errors.Is(err, os.ErrNotExist) || exitCode(err) != 1 || !strings.Contains(err.Error(), "cloud-init-output.log") {
		t.Errorf("without a file: %v", err)
	}
}

func TestCache(t *testing.T) {
	for name, c := range map[string]struct {
		h    host.Host
		args []string
		code int
		want string
	}{
		"no machine of a region": {host.Host{Root: t.TempDir()}, []string{"path", "acme"}, 1, "no such file"},
		"a cache server":         {machine(t, describedServer), []string{"path", "acme"}, 1, "uses no cache"},
		"a tenant outside":       {machine(t, describedRunner), []string{"path", "../acme"}, 2, "../acme"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := run(t.Context(), c.h, append([]string{"cache"}, c.args...), &out)
			if exitCode(err) != c.code || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
				t.Errorf("%v, want %q in it; printed %q", err, c.want, out.String())
			}
		})
	}
}

func TestJob(t *testing.T) {
	h := host.Host{Root: t.TempDir()}
	if err := os.MkdirAll(h.Path("/run/beachhead/jobs"), 0o755); err != nil {
		t.Fatal(err)
	}
	there := func() int {
		entries, err := os.ReadDir(h.Path("/run/beachhead/jobs"))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	for _, c := range []struct {
		verb, id string
		code     int
		marks    int
	}{{"started", "7", 0, 1}, {"started", "7", 0, 1}, {"started", "../7", 1, 1}, {"finished", "7", 0, 0}, {"finished", "7", 0, 0}} {
		if err := run(t.Context(), h, []string{"job", c.verb, c.id}, &strings.Builder{}); exitCode(err) != c.code || there() != c.marks {
			t.Errorf("%+v: %v, %d marks", c, err, there())
		}
	}
}
