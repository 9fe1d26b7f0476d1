package runner

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/shardmap"
	"github.com/beachhead-build/beachhead/node/spec"
)

func removeFile(t *testing.T, b *testRunner, file string) {
	t.Helper()
	if err := os.Remove(b.host.Path(file)); err != nil {
		t.Fatal(err)
	}
}

// listenSilently returns a port that neither accepts nor refuses a connection: its queue is full, like that of a
// service that hangs.
func listenSilently(t *testing.T) int {
	t.Helper()
	listener, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(listener) })
	if err := syscall.Bind(listener, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(listener, 0); err != nil {
		t.Fatal(err)
	}
	address, err := syscall.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		client, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(client) })
		if err := syscall.Connect(client, address); err != nil && err != syscall.EINPROGRESS {
			t.Fatal(err)
		}
	}
	return address.(*syscall.SockaddrInet4).Port
}

// listenPort returns a port that answers, and closedPort one that refuses.
func listenPort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

func closedPort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// One error contains everything that is wrong, the check takes as long as its slowest part, and the machine accepts no
// jobs.
func TestSelfCheckReportsEverything(t *testing.T) {
	past := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-90*time.Second).UTC().Format(http.TimeFormat))
	}))
	t.Cleanup(past.Close)
	b := newTestRunner(t, func(r *spec.Runner) {
		r.Services = []spec.Service{
			{Name: "api", Host: "127.0.0.1", Ports: []int{listenSilently(t), listenSilently(t)}},
			{Name: "database", Host: "localhost", Ports: []int{closedPort(t)}},
			{Name: "events", Host: "events.invalid", Ports: []int{443}},
			{Name: "web", Host: "127.0.0.1", Ports: []int{listenPort(t)}},
		}
	})
	b.clockURL = past.URL
	b.freeBytes = func(string) (uint64, error) { return 3 << 30, nil }
	began := time.Now()
	err := b.Prepare(t.Context())
	if err == nil {
		t.Fatal("the machine is ready")
	}
	for _, want := range []string{
		"/var/lib has 3.0 GiB free and jobs need 10", "/var/lib/docker has 3.0 GiB", "clock differs from AWS by 1m3",
		"service api does not answer",
		"service database does not answer", "refused", "name of the service events is not found",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "service api does not answer"); n != 2 || strings.Contains(err.Error(), "service web") {
		t.Errorf("%d faults of the hung service, or one of the well one:\n%v", n, err)
	}
	if took := time.Since(began); took > 5*b.times.connect {
		t.Errorf("it took %s", took)
	}
	if b.recordedCommands() != "install" || b.machine.ReadFile(readyMark) != "" {
		t.Errorf("the machine takes work: ran %q", b.recordedCommands())
	}
}

// The link of a new region comes up minutes after its machines, which do not wait for it.
func TestServiceBehindTheLink(t *testing.T) {
	b := newTestRunner(t, func(r *spec.Runner) {
		r.Services = []spec.Service{{Name: "api", Host: "10.255.255.254", Ports: []int{443}}}
	})
	b.dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ETIMEDOUT }
	b.mustPrepare(t)
	if b.journal.count("behind the link is unreachable") == 0 {
		t.Error("it is not told")
	}
	for text, want := range map[string]bool{"10.128.0.10": true, "127.0.0.1": false, "203.0.113.7": false, "10.128.0.10 203.0.113.7": false,
		"fd00::1": true} {
		if got := isBehindLink(strings.Fields(text)); got != want {
			t.Errorf("%s behind the link: %t", text, got)
		}
	}
}

func TestClock(t *testing.T) {
	for off, well := range map[time.Duration]bool{0: true, -3 * time.Second: true, 3 * time.Second: true, 20 * time.Second: false,
		-20 * time.Second: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusTemporaryRedirect) // as S3 answers
		}))
		b := newTestRunner(t, nil)
		b.clockURL = server.URL
		if err := b.checkClock(t.Context()); (err == nil) != well {
			t.Errorf("off by %s: %v", off, err)
		}
		server.Close()
	}
	b := newTestRunner(t, nil)
	b.clockURL = "http://127.0.0.1:1"
	if err := b.checkClock(t.Context()); err == nil || !strings.Contains(err.Error(), "timedatectl") {
		t.Errorf("%v", err)
	}
}

// JobServ sends no job to a machine with less than 30 GB free, so such a machine must not be ready.
func TestDisk(t *testing.T) {
	for kind, free := range map[string]uint64{"jobserv": 29 << 30, "github": 9 << 30} {
		b := newTestRunner(t, func(r *spec.Runner) { r.Agent.Kind = kind })
		b.freeBytes = func(string) (uint64, error) { return free, nil }
		if err := b.checkDisk(t.Context()); err == nil || !strings.Contains(err.Error(), "runners.NAME.disk") {
			t.Errorf("%s: %v", kind, err)
		}
		b.freeBytes = func(string) (uint64, error) { return free + 1<<30, nil }
		if err := b.checkDisk(t.Context()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	free, err := statFreeBytes(t.TempDir() + "/not/there/yet")
	if err != nil || free == 0 {
		t.Errorf("%d, %v", free, err)
	}
}

// An unreachable shard is a cache miss: the machine logs it and accepts jobs.
func TestUnreachableCacheIsLogged(t *testing.T) {
	table, err := shardmap.New(2, nil)
	if err != nil {
		t.Fatal(err)
	}
	document, err := table.WithBlocks(netip.MustParsePrefix("127.0.0.0/28")).MarshalDocument()
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{"": "reading the shard map failed", "{}": "shard map is not valid",
		string(document): "shard of the cache does not answer"} {
		b := newTestRunner(t, func(r *spec.Runner) { r.MapParameter = mapName })
		if value != "" {
			b.account.setParameter(mapName, value)
		}
		b.mustPrepare(t)
		if b.journal.count(want) == 0 {
			t.Errorf("not told: %s", want)
		}
	}
}
