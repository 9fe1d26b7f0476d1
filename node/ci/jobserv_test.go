package ci

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/ci/machinetest"
	"github.com/beachhead-build/beachhead/node/spec"
)

// signingKey returns a key that signs workers' tokens.
func signingKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

// jobServ stands in for JobServ, with the rules of its api/worker.py and worker_jwt.py.
type jobServ struct {
	*httptest.Server
	mutex sync.Mutex
	calls []string
	// keys maps the checksums of signing keys to their public keys. apiKey maps the names of workers to their API keys.
	keys    map[string]*ecdsa.PublicKey
	apiKey  map[string]string
	deleted map[string]bool
	// old makes the server one that lacks the call to remove a worker.
	old bool
}

func newJobServ(t *testing.T, keys ...string) *jobServ {
	t.Helper()
	s := &jobServ{keys: map[string]*ecdsa.PublicKey{}, apiKey: map[string]string{}, deleted: map[string]bool{}}
	for _, text := range keys {
		key, err := parseSigningKey(text)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(der)
		s.keys[hex.EncodeToString(sum[:])] = &key.PublicKey
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *jobServ) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	if r.URL.Path == "/worker" {
		_, _ = w.Write([]byte("#!/usr/bin/python3\n# the server's own worker\n"))
		return
	}
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/workers/"), "/")
	var body map[string]any
	if r.Method != http.MethodDelete && json.NewDecoder(r.Body).Decode(&body) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodPost {
		for _, field := range []string{"api_key", "distro", "mem_total", "cpu_total", "cpu_type", "concurrent_runs", "host_tags"} {
			if _, there := body[field]; !there || s.apiKey[name] != "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
		}
		s.apiKey[name], _ = body["api_key"].(string)
		w.WriteHeader(http.StatusCreated)
		return
	}
	status := s.authenticated(name, r.Header.Get("Authorization"))
	if status == http.StatusOK && r.Method == http.MethodDelete {
		if s.old {
			status = http.StatusMethodNotAllowed
		} else {
			s.deleted[name] = true
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte("seen: " + r.Header.Get("Authorization"))) // some servers quote the header
}

func (s *jobServ) authenticated(name, header string) int {
	scheme, token, _ := strings.Cut(header, " ")
	switch scheme {
	case "Bearer":
		if !s.valid(token, name) {
			return http.StatusUnauthorized
		}
	case "Token":
		if s.apiKey[name] == "" {
			return http.StatusNotFound
		}
		if s.apiKey[name] != token {
			return http.StatusUnauthorized
		}
	default:
		return http.StatusUnauthorized
	}
	return http.StatusOK
}

func (s *jobServ) valid(token, name string) bool {
	parts := strings.Split(token, ".")
	var header struct{ Alg, Kid string }
	var claims struct {
		Name string
		Exp  int64
	}
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, into) != nil {
			return false
		}
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 || s.keys[header.Kid] == nil || header.Alg != "ES256" {
		return false
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return ecdsa.Verify(s.keys[header.Kid], digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) &&
		claims.Name == name && claims.Exp > time.Now().Unix()
}

func (s *jobServ) called(call string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	count := 0
	for _, c := range s.calls {
		if c == call {
			count++
		}
	}
	return count
}

const workerPath = "/workers/" + instance + "/"

// A key signs a token for the machine's own name; the key itself never reaches the disk.
func TestJobServWithAKey(t *testing.T) {
	key := signingKey(t)
	server, m := newJobServ(t, key), machinetest.New(t)
	system := newSystem(t, m, spec.Agent{Kind: "jobserv", URL: server.URL, Tags: []string{"aarch64", "armhf"}, Concurrency: 2}, key)
	mustRun(t, system.InstallAgent, system.EnsureRunning, system.InstallAgent, system.EnsureRunning)
	if !m.IsUnitActive(workerUnit) || server.called("PATCH "+workerPath) != 1 || server.called("GET /worker") != 1 {
		t.Errorf("active %t, calls %v", m.IsUnitActive(workerUnit), server.calls)
	}
	settings := m.ReadFile(workerSettings)
	for _, want := range []string{"hostname = " + instance + "\n", "concurrent_runs = 2\n", "host_tags = aarch64,armhf\n", "jwt = ey",
		"host_api_key = \n"} {
		if !strings.Contains(settings, want) {
			t.Errorf("settings lack %q:\n%s", want, settings)
		}
	}
	if m.FileMode(workerSettings) != 0o600 || !strings.Contains(m.ReadFile("/etc/systemd/system/"+workerUnit), "KillMode=process") {
		t.Error("the settings can be read by others, or a stop of the worker ends its runs")
	}
	if found := m.FindText(strings.Split(key, "\n")[1]); len(found) > 0 {
		t.Errorf("the key is in %v", found)
	}
	// Half a day later the agent signs a new token.
	old := time.Now().Add(-tokenRenewAge - time.Minute)
	if err := os.Chtimes(m.Host.Path(workerSettings), old, old); err != nil {
		t.Fatal(err)
	}
	mustRun(t, system.EnsureRunning)
	if again := m.ReadFile(workerSettings); again == settings || server.called("PATCH "+workerPath) != 2 {
		t.Error("the agent did not sign a new token")
	}
	mustRun(t, system.DrainJobs, system.UnregisterMachine, system.UnregisterMachine)
	if m.IsUnitActive(workerUnit) || !server.deleted[instance] || server.called("DELETE "+workerPath) != 1 {
		t.Errorf("active %t, calls %v", m.IsUnitActive(workerUnit), server.calls)
	}
}

func TestJobServWithAnAPIKey(t *testing.T) {
	const secret = "planted%4711!"
	server, m := newJobServ(t), machinetest.New(t)
	server.old = true
	system := newSystem(t, m, spec.Agent{Kind: "jobserv", URL: server.URL}, secret)
	mustRun(t, system.InstallAgent, system.EnsureRunning)
	if server.apiKey[instance] != secret || !strings.Contains(m.ReadFile(workerSettings), "host_api_key = planted%%4711!\n") {
		t.Errorf("the server has %q", server.apiKey[instance])
	}
	wantSecretIn(t, m, "4711!", workerSettings)
	m.Reboot()
	mustRun(t, system.InstallAgent, system.EnsureRunning)
	if server.called("POST "+workerPath) != 1 || !m.IsUnitActive(workerUnit) {
		t.Errorf("after a reboot: %v", server.calls)
	}
	mustRun(t, system.DrainJobs, system.UnregisterMachine) // also from a server that lacks the removal
}

func TestJobServRefuses(t *testing.T) {
	mine, foreign := signingKey(t), signingKey(t)
	server := newJobServ(t, mine)
	server.apiKey[instance] = "another"
	other, err := signWorkerToken(mine, "i-other", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for token, wants := range map[string][]string{
		foreign:   refusalWants,
		"planted": refusalWants,
		other:     {`"i-other"`, instance, "PEM"},
		"-----BEGIN EC PRIVATE KEY-----\nplanted\n-----END EC PRIVATE KEY-----": {"P-256", "openssl"},
	} {
		m := machinetest.New(t)
		system := newSystem(t, m, spec.Agent{Kind: "jobserv", URL: server.URL}, token)
		mustRun(t, system.InstallAgent)
		wantError(t, system.EnsureRunning(t.Context()), token, wants...)
		if m.CountCommands("systemctl start") > 0 || m.ReadFile(workerSettings) != "" {
			t.Error("the worker is started without being registered")
		}
	}
}

// lock locks a slot as the worker does, and writes a text into it.
func lock(t *testing.T, m *machinetest.Machine, slot, text string) (release func()) {
	t.Helper()
	m.WriteFile(workerFolder+"/.run-lock-"+slot, text)
	file, err := os.Open(m.Host.Path(workerFolder + "/.run-lock-" + slot))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { _ = file.Close() }
}

func TestJobServCountsRuns(t *testing.T) {
	m := machinetest.New(t)
	system := newSystem(t, m, spec.Agent{Kind: "jobserv", URL: "http://127.0.0.1:1", Concurrency: 3}, "x")
	want := func(want int) {
		t.Helper()
		if got, err := system.CountJobs(t.Context()); err != nil || got != want {
			t.Errorf("%d run, %v; want %d", got, err, want)
		}
	}
	want(0)
	m.WriteFile(workerFolder+"/.run-lock-2", "https://ci/run/1") // that of a run that ended
	release := lock(t, m, "0", "https://ci/run/2")
	lookedFor := lock(t, m, "1", "free") // the worker polls for work
	want(1)
	// A drain also waits for the worker's poll, which may bring a run.
	drained := make(chan error, 1)
	go func() { drained <- system.DrainJobs(t.Context()) }()
	release()
	select {
	case err := <-drained:
		t.Fatalf("the drain ended while the worker looked for work: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	lookedFor()
	if err := <-drained; err != nil {
		t.Error(err)
	}
	want(0)
}

// A stopped drain returns an error; a drain after a restart continues.
func TestJobServDrainIsStopped(t *testing.T) {
	m := machinetest.New(t)
	system := newSystem(t, m, spec.Agent{Kind: "jobserv", URL: "http://127.0.0.1:1"}, "x")
	release := lock(t, m, "0", "https://ci/run/2")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := system.DrainJobs(ctx); err == nil {
		t.Error("the drain ended while a run was under way")
	}
	release()
	mustRun(t, system.DrainJobs)
}
