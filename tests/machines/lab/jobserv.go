//go:build machines

package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// leastFree is the free space of /var/lib under which JobServ sends no work. Source: foundriesio/jobserv, jobserv/settings.py.
const leastFree = 30 << 30

//go:embed jobserv_worker.py
var workerScript []byte

// JobServ is the CI server, with the rules of foundriesio/jobserv's api/worker.py and worker_jwt.py for workers that have a token. It
// serves a worker that runs scripts without JobServ's own images.
type JobServ struct {
	// Key is what signs workers' tokens: the fleet's registration token.
	Key string

	lab     *Lab
	url     string
	script  []byte
	public  *ecdsa.PublicKey
	keyID   string
	mutex   sync.Mutex
	workers map[string]*CIWorker
	runs    []*Run
	fetched int
}

// CIWorker is a worker as the server sees it.
type CIWorker struct {
	Tags        string
	Concurrency int
	Deleted     bool
	// Token is the token of its last request. Looked is when it last requested work.
	Token  string
	Looked time.Time
}

// Run is one run of a script. Its worker must have the Tag, or have it as its name. Status is QUEUED, RUNNING, PASSED or FAILED.
type Run struct {
	Tag, Script, Status, Log string
	secret                   string
}

// NewJobServ creates a server at a name.
func (l *Lab) NewJobServ(name string) *JobServ {
	l.T.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	l.Must(err)
	private, err := x509.MarshalECPrivateKey(key)
	l.Must(err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	l.Must(err)
	sum := sha256.Sum256(public)
	s := &JobServ{
		Key: string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})),
		lab: l, url: "https://" + name, script: workerScript, public: &key.PublicKey, keyID: hex.EncodeToString(sum[:]),
		workers: map[string]*CIWorker{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /worker", s.serveScript)
	mux.HandleFunc("GET /workers/{name}/", s.requireToken(s.offerRun))
	mux.HandleFunc("PATCH /workers/{name}/", s.requireToken(s.updateWorker))
	mux.HandleFunc("DELETE /workers/{name}/", s.requireToken(s.removeWorker))
	mux.HandleFunc("POST /runs/{number}/", s.recordProgress)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		l.T.Errorf("JobServ: %s %s is not known", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	l.ServeHTTPS(name, mux)
	return s
}

// QueueRun adds a run of a script for workers with a tag and returns its number.
func (s *JobServ) QueueRun(tag, script string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.runs = append(s.runs, &Run{Tag: tag, Script: script, Status: "QUEUED", secret: rand.Text()})
	return len(s.runs) - 1
}

// RunNumber returns a run as it is now.
func (s *JobServ) RunNumber(number int) Run {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return *s.runs[number]
}

// WaitStatus waits until a run has a status.
func (s *JobServ) WaitStatus(number int, status string, limit time.Duration) Run {
	s.lab.T.Helper()
	s.lab.WaitFor(limit, fmt.Sprintf("run %d %s", number, status), func() error {
		if run := s.RunNumber(number); run.Status != status {
			return fmt.Errorf("it is %s: %s", run.Status, run.Log)
		}
		return nil
	})
	return s.RunNumber(number)
}

// WorkerNamed returns a worker; the zero CIWorker if the server does not know it.
func (s *JobServ) WorkerNamed(name string) CIWorker {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if one := s.workers[name]; one != nil {
		return *one
	}
	return CIWorker{}
}

// DownloadCount returns how often machines downloaded the worker.
func (s *JobServ) DownloadCount() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.fetched
}

func writeSuccess(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": data})
}

func (s *JobServ) serveScript(w http.ResponseWriter, _ *http.Request) {
	s.mutex.Lock()
	s.fetched++
	s.mutex.Unlock()
	_, _ = w.Write(s.script)
}

// requireToken accepts a worker by its token, and only under its own name. The handler holds the mutex.
func (s *JobServ) requireToken(handle func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		name, err := s.tokenOwner(token)
		switch {
		case scheme != "Bearer" || err != nil:
			s.lab.T.Errorf("JobServ: %s %s by %q: %v", r.Method, r.URL.Path, scheme, err)
			http.Error(w, "not authenticated", http.StatusUnauthorized)
			return
		case name != r.PathValue("name"):
			http.NotFound(w, r)
			return
		}
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if one := s.workers[name]; one != nil {
			one.Token = token
		}
		handle(w, r)
	}
}

// tokenOwner returns the worker that a token is for.
func (s *JobServ) tokenOwner(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the token does not have three parts")
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return "", err
		}
	}
	var header struct{ Alg, Kid string }
	var claims struct {
		Name string
		Exp  int64
	}
	if err := errors.Join(json.Unmarshal(raw[0], &header), json.Unmarshal(raw[1], &claims)); err != nil {
		return "", err
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if header.Alg != "ES256" || header.Kid != s.keyID || len(raw[2]) != 64 ||
		!ecdsa.Verify(s.public, digest[:], new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])) {
		return "", errors.New("not signed by the key")
	}
	if time.Now().Unix() > claims.Exp || claims.Name == "" {
		return "", errors.New("expired, or without a name")
	}
	return claims.Name, nil
}

// updateWorker creates a worker at its first call, and never a deleted worker.
func (s *JobServ) updateWorker(w http.ResponseWriter, r *http.Request) {
	var facts struct {
		Concurrency int    `json:"concurrent_runs"`
		Tags        string `json:"host_tags"`
	}
	if err := json.NewDecoder(r.Body).Decode(&facts); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := r.PathValue("name")
	if s.workers[name] == nil {
		s.workers[name] = &CIWorker{}
	}
	one := s.workers[name]
	one.Tags, one.Concurrency = facts.Tags, facts.Concurrency
	writeSuccess(w, struct{}{})
}

// offerRun returns the next run to a worker that has room for it.
func (s *JobServ) offerRun(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	one := s.workers[name]
	if one == nil {
		http.NotFound(w, r)
		return
	}
	if one.Deleted {
		s.lab.T.Errorf("JobServ: %s requests work after it was removed", name)
	}
	one.Looked = time.Now()
	sum := md5.Sum(s.script)
	told := map[string]any{"name": name, "enlisted": true, "host_tags": one.Tags, "version": hex.EncodeToString(sum[:])}
	room, _ := strconv.Atoi(r.URL.Query().Get("available_runners"))
	free, _ := strconv.ParseInt(r.URL.Query().Get("disk_free"), 10, 64)
	tags := append(strings.Split(one.Tags, ","), name)
	for number, run := range s.runs {
		if run.Status != "QUEUED" || !slices.Contains(tags, run.Tag) || room < 1 || free < leastFree || one.Deleted {
			continue
		}
		run.Status = "RUNNING"
		definition, _ := json.Marshal(map[string]string{"run_url": fmt.Sprintf("%s/runs/%d/", s.url, number), "api_key": run.secret,
			"script": run.Script})
		told["run-defs"] = []string{string(definition)}
		break
	}
	writeSuccess(w, map[string]any{"worker": told})
}

func (s *JobServ) removeWorker(w http.ResponseWriter, r *http.Request) {
	one := s.workers[r.PathValue("name")]
	if one == nil || one.Deleted {
		http.NotFound(w, r)
		return
	}
	one.Deleted = true
	writeSuccess(w, struct{}{})
}

// recordProgress accepts a run's log and status from a client that has the run's secret.
func (s *JobServ) recordProgress(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("number"))
	text, fault := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := errors.Join(err, fault); err != nil || number < 0 || number >= len(s.runs) ||
		r.Header.Get("Authorization") != "Token "+s.runs[number].secret {
		s.lab.T.Errorf("JobServ: %s: %v, by %q", r.URL.Path, err, r.Header.Get("Authorization"))
		http.Error(w, "not authenticated", http.StatusUnauthorized)
		return
	}
	s.runs[number].Log += string(text)
	if status := r.Header.Get("X-RUN-STATUS"); status != "" {
		s.runs[number].Status = status
	}
}
