package ci

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/ci/machinetest"
	"github.com/beachhead-build/beachhead/node/spec"
)

const (
	instance  = "i-0123456789abcdef0"
	parameter = "/beachhead/us-west-1/fleets/arm/token"
)

// shortenTimes shortens intervals and timeouts for one test.
func shortenTimes(t *testing.T) {
	t.Helper()
	before := []time.Duration{pollInterval, callTimeout, minRestartInterval}
	pollInterval, callTimeout, minRestartInterval = 5*time.Millisecond, 200*time.Millisecond, 0
	t.Cleanup(func() { pollInterval, callTimeout, minRestartInterval = before[0], before[1], before[2] })
}

// newSystem returns a CI system on a machine, with a token.
func newSystem(t *testing.T, m *machinetest.Machine, agent spec.Agent, token string) System {
	t.Helper()
	shortenTimes(t)
	agent.TokenParameter = parameter
	if agent.Concurrency == 0 {
		agent.Concurrency = 1
	}
	system, err := New(Machine{
		Host: m.Host, Name: instance, Agent: agent,
		Token: func(context.Context) (string, error) { return token, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return system
}

// mustRun runs steps and fails the test at the first error.
func mustRun(t *testing.T, steps ...func(context.Context) error) {
	t.Helper()
	for i, step := range steps {
		if err := step(t.Context()); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// wantError checks that an error contains all given texts and not the secret.
func wantError(t *testing.T, err error, secret string, wants ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the token is in the error: %v", err)
	}
}

// refusalWants are the texts in an error about a refused token.
var refusalWants = []string{parameter, "pulumi config set --secret", "beachhead up"}

// wantSecretIn checks that only the given files contain the token, and that only their owner may read them.
func wantSecretIn(t *testing.T, m *machinetest.Machine, secret string, files ...string) {
	t.Helper()
	if found := m.FindText(secret, files...); len(found) > 0 {
		t.Errorf("the token is in %v", found)
	}
	for _, file := range files {
		if !strings.Contains(m.ReadFile(file), secret) || m.FileMode(file) != 0o600 {
			t.Errorf("%s has mode %o and the token: %t; want 600 and it: the search itself must work", file, m.FileMode(file),
				strings.Contains(m.ReadFile(file), secret))
		}
	}
}

// listAgents returns each kind that calls its CI server, with a token of its format.
func listAgents(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"jobserv": signingKey(t), "github": "ghp_planted4711", "gitlab": "glrt-planted4711", "buildkite": "planted-4711",
	}
}

// newInstalledMachine returns a machine that already has every CI system's agent, so that a test downloads nothing.
func newInstalledMachine(t *testing.T) *machinetest.Machine {
	t.Helper()
	m := machinetest.New(t)
	m.WriteFile(workerScript, "#!/usr/bin/python3\n")
	for _, slot := range []int{0, 1} {
		m.WriteFile(githubFolder(slot)+"/run.sh", "#!/bin/sh\n")
	}
	m.WriteFile(buildkiteHome+"/agent/buildkite-agent", "#!/bin/sh\n")
	return m
}

// A CI server that accepts the connection and does not answer soon causes an error with the places to check.
func TestServerHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	for kind, token := range listAgents(t) {
		m := newInstalledMachine(t)
		address := "http://" + listener.Addr().String() + "/acme"
		system := newSystem(t, m, spec.Agent{Kind: kind, URL: address}, token)
		mustRun(t, system.InstallAgent)
		began := time.Now()
		wantError(t, system.EnsureRunning(t.Context()), token, listener.Addr().String(), "no answer within", "agent.url", "network.egress")
		if took := time.Since(began); took > 5*callTimeout {
			t.Errorf("%s took %s", kind, took)
		}
	}
}

// A CI server that is down causes such an error too, and no agent starts.
func TestServerIsDown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + listener.Addr().String() + "/acme"
	_ = listener.Close()
	for kind, token := range listAgents(t) {
		m := newInstalledMachine(t)
		system := newSystem(t, m, spec.Agent{Kind: kind, URL: address}, token)
		mustRun(t, system.InstallAgent)
		wantError(t, system.EnsureRunning(t.Context()), token, address[:len(address)-5], "refused", "check agent.url")
		if m.CountCommands("systemctl start") > 0 {
			t.Errorf("%s starts its agent without being registered", kind)
		}
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := New(Machine{Agent: spec.Agent{Kind: "jenkins"}})
	wantError(t, err, "none", `"jenkins"`, "jobserv, github, gitlab, buildkite or command")
}

// An installation that fails is an error, whatever the kind.
func TestInstallReportsErrors(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	kinds := listAgents(t)
	kinds["command"] = "planted-4711"
	for kind, token := range kinds {
		agent := spec.Agent{Kind: kind, URL: "http://127.0.0.1:1/acme", Commands: recording()}
		if err := newSystem(t, machinetest.New(t), agent, token).InstallAgent(canceled); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// A token with a line break would add its own lines to a configuration.
func TestInvalidTokens(t *testing.T) {
	for _, token := range []string{"", " \n", "glrt-a\nb", "glrt-ä", "glrt-\x7f"} {
		m := newInstalledMachine(t)
		system := newSystem(t, m, spec.Agent{Kind: "gitlab", URL: "http://127.0.0.1:1"}, token)
		wantError(t, system.EnsureRunning(t.Context()), "a\nb", refusalWants...)
	}
}
