package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/ci/machinetest"
	"github.com/beachhead-build/beachhead/node/spec"
)

const (
	instance   = "i-0123456789abcdef0"
	fleetPath  = "/beachhead/us-west-1/fleets/arm"
	tokenName  = fleetPath + "/token"
	mapName    = "/beachhead/us-west-1/cache/map"
	mirrorAddr = "https://mirror.example.com"
)

// fakeCloud stands in for AWS as the role sees it.
type fakeCloud struct {
	mutex      sync.Mutex
	parameters map[string]string
	// away: only the machine's own metadata answer.
	away bool
	// pending: the machine is not in service.
	pending bool
	// said lists the calls that set the protection.
	said []bool
}

var errAway = errors.New("planted: AWS is away")

func (a *fakeCloud) InstanceIdentity(context.Context) (aws.Identity, error) {
	return aws.Identity{InstanceID: instance, InstanceType: "m7gd.2xlarge", Zone: "us-west-1a"}, nil
}

func (a *fakeCloud) GetParameter(_ context.Context, name string) (aws.Parameter, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.away {
		return aws.Parameter{}, errAway
	}
	value, found := a.parameters[name]
	if !found {
		return aws.Parameter{}, aws.ErrNotFound
	}
	return aws.Parameter{Value: value, Version: 1}, nil
}

func (a *fakeCloud) SetScaleInProtection(_ context.Context, protected bool) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.away {
		return errAway
	}
	if a.pending {
		return fmt.Errorf("planted: %w", aws.ErrBusy)
	}
	a.said = append(a.said, protected)
	return nil
}

func (a *fakeCloud) setParameter(name, value string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.parameters[name] = value
}

func (a *fakeCloud) setUnavailable(away bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.away = away
}

// setPending moves the machine out of service or back.
func (a *fakeCloud) setPending(pending bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.pending = pending
}

func (a *fakeCloud) protectionCalls() []bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return slices.Clone(a.said)
}

// journal stores the log of the role.
type journal struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (j *journal) Write(text []byte) (int, error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.text.Write(text)
}

func (j *journal) count(text string) int {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return strings.Count(j.text.String(), text)
}

// testRunner is a role with a stand-in for everything around it.
type testRunner struct {
	*Role
	machine *machinetest.Machine
	account *fakeCloud
	journal *journal
}

// recordCommand returns a user's command that records its name.
func recordCommand(name string) string { return "echo " + name + ` >>"$ROOT/ran"` }

// newTestRunner returns a runner with an agent of kind command, which edit may change.
func newTestRunner(t *testing.T, edit func(*spec.Runner)) *testRunner {
	t.Helper()
	now := httptest.NewServer(http.NotFoundHandler()) // any answer has the time
	t.Cleanup(now.Close)
	d := spec.Description{Region: "us-west-1", Runner: &spec.Runner{
		Fleet: "arm", Path: fleetPath, RegistryMirror: mirrorAddr,
		Agent: spec.Agent{
			Kind: "command", Concurrency: 4, TokenParameter: tokenName,
			Commands: &spec.Commands{Install: recordCommand("install"), Register: recordCommand("register"), Drain: recordCommand("drain"),
				Unregister: recordCommand("unregister")},
		},
	}}
	if edit != nil {
		edit(d.Runner)
	}
	b := &testRunner{
		machine: machinetest.New(t), journal: &journal{},
		account: &fakeCloud{parameters: map[string]string{fleetPath + "/posture": activePosture, tokenName: "planted4711"}},
	}
	b.Role = &Role{
		host: b.machine.Host, description: d, cloud: b.account, log: slog.New(slog.NewTextHandler(b.journal, nil)), clockURL: now.URL,
		dial: (&net.Dialer{}).DialContext, freeBytes: func(string) (uint64, error) { return 100 << 30, nil },
		times: intervals{poll: 2 * time.Millisecond, posture: 4 * time.Millisecond, connect: 300 * time.Millisecond, unregister: 5 * time.Second},
	}
	return b
}

// restartAgent replaces the role by a new one, as a restart of the agent does.
func (b *testRunner) restartAgent() {
	b.Role = &Role{
		host: b.host, description: b.description, cloud: b.cloud, log: b.log, clockURL: b.clockURL, freeBytes: b.freeBytes, times: b.times,
	}
}

func (b *testRunner) mustPrepare(t *testing.T) {
	t.Helper()
	if err := b.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// startServing runs Serve until the test calls the returned function.
func (b *testRunner) startServing(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	return func() {
		t.Helper()
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("serve does not end with its context")
		}
	}
}

// waitUntil waits until a condition is true, and fails the test after 5 s.
func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

// recordedCommands returns the names that the user's commands recorded, in order.
func (b *testRunner) recordedCommands() string {
	return strings.Join(strings.Fields(b.machine.ReadFile("/ran")), " ")
}
