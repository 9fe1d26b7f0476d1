package hashserv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model holds the original's two tables, as its queries read them: rows in the order of their arrival.
type model struct {
	outputs    []output
	unihashes  map[[2]string]string
	statements int
}

func (m *model) assign(method, taskhash, unihash string) string {
	at := [2]string{method, taskhash}
	if _, there := m.unihashes[at]; !there {
		m.unihashes[at] = unihash
	}
	return m.unihashes[at]
}

func (m *model) report(r output) string {
	for _, o := range m.outputs {
		if o.Method == r.Method && o.Taskhash == r.Taskhash && o.Outhash == r.Outhash {
			return m.assign(r.Method, r.Taskhash, r.Unihash)
		}
	}
	unihash := r.Unihash
	for _, o := range m.outputs {
		sameOutput := o.Method == r.Method && o.Outhash == r.Outhash
		if of := m.unihashes[[2]string{o.Method, o.Taskhash}]; sameOutput && o.Taskhash != r.Taskhash && of != "" {
			unihash = of
			break
		}
	}
	m.outputs = append(m.outputs, r)
	return m.assign(r.Method, r.Taskhash, unihash)
}

func (m *model) exists(unihash string) bool {
	for _, u := range m.unihashes {
		if u == unihash {
			return true
		}
	}
	return false
}

// first returns the oldest output for which holds is true, with the current unihash of its task.
func (m *model) first(holds func(output) bool) *output {
	for _, o := range m.outputs {
		if holds(o) {
			o.Unihash = m.unihashes[[2]string{o.Method, o.Taskhash}]
			return &o
		}
	}
	return nil
}

// must returns the value; the panic fails the test.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func sameOutput(t *rapid.T, got, want *output) {
	if (got == nil) != (want == nil) || got != nil && *got != *want {
		t.Fatalf("output %+v; want %+v", got, want)
	}
}

// Whatever is reported in whatever order, and however often the store is closed, it answers as the original's tables
// would.
func TestStoreIsTheOriginalsTables(t *testing.T) {
	folder := t.TempDir()
	var runs atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		file := fmt.Sprintf("%s/%d.db", folder, runs.Add(1))
		open := func() *store {
			s := must(openStore(file))
			s.db.Load().NoSync = true // other tests check what reaches the disk
			return s
		}
		s := open()
		defer func() { _ = s.close(); _ = os.Remove(file) }()
		m := model{unihashes: map[[2]string]string{}}
		name := func(kind string) string { return rapid.StringMatching(kind+"[1-4]").Draw(t, kind) }
		t.Repeat(map[string]func(*rapid.T){
			"report": func(t *rapid.T) {
				m.statements++
				r := output{task{name("m"), name("t"), name("u")}, name("o"), details{Created: fmt.Sprint(m.statements)}}
				if got, err := s.recordOutput(r); err != nil || got != m.report(r) {
					t.Fatalf("report %+v: %q, %v; want %q", r, got, err, m.assign(r.Method, r.Taskhash, ""))
				}
			},
			"assign": func(t *rapid.T) {
				r := task{name("m"), name("t"), name("u")}
				if got, err := s.assignUnihash(r); err != nil || got != m.assign(r.Method, r.Taskhash, r.Unihash) {
					t.Fatalf("report-equiv %+v: %q, %v", r, got, err)
				}
			},
			"restart": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 {
					return
				}
				if err := s.close(); err != nil {
					t.Fatal(err)
				}
				s = open()
			},
			"": func(t *rapid.T) {
				method, taskhash, outhash, unihash := name("m"), name("t"), name("o"), name("u")
				if got, want := must(s.findUnihash(method, taskhash)), m.unihashes[[2]string{method, taskhash}]; got != want {
					t.Fatalf("unihash of %s: %q; want %q", taskhash, got, want)
				}
				if got, want := must(s.hasUnihash(unihash)), m.exists(unihash); got != want {
					t.Fatalf("%s exists: %v; want %v", unihash, got, want)
				}
				sameOutput(t, must(s.firstOutputOfTask(method, taskhash)),
					m.first(func(o output) bool { return o.Method == method && o.Taskhash == taskhash }))
				sameOutput(t, must(s.firstOutputOfHash(method, outhash)),
					m.first(func(o output) bool { return o.Method == method && o.Outhash == outhash }))
			},
		})
	})
}

func TestRestartKeepsEverything(t *testing.T) {
	file := fresh(t)
	address, stop := start(t, file)
	c := connect(t, address, kirkstone)
	if answer, err := c.report("t1", "o1", "u1", ""); unihashOf(answer) != "u1" || err != nil {
		t.Fatal(answer, err)
	}
	stop() // with a connection open
	if _, err := c.line(); err == nil {
		t.Error("the connection outlives the server")
	}
	address, _ = start(t, file)
	c = connect(t, address, scarthgap)
	answer, err := c.report("t2", "o1", "u2", "")
	if unihashOf(answer) != "u1" || err != nil {
		t.Errorf("after a restart: %v, %v; want u1", answer, err)
	}
}

// Many clients report tasks with the same few outputs at once: all must receive the same hash for each output.
func TestConcurrentReportsAgree(t *testing.T) {
	const clients, outputs = 24, 10
	address, _ := start(t, fresh(t))
	var told [clients][outputs]string
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			c, err := dial(address, scarthgap)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			for o := range outputs {
				hash := fmt.Sprintf("t%d-%d", i, o)
				answer, err := c.report(hash, fmt.Sprint("o", o), hash, "")
				if told[i][o] = unihashOf(answer); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	for o := range outputs {
		for i := range clients {
			if told[i][o] != told[0][o] || !strings.HasSuffix(told[i][o], fmt.Sprint("-", o)) {
				t.Fatalf("output %d: client %d was told %q, client 0 %q", o, i, told[i][o], told[0][o])
			}
		}
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	store := must(openStore(fresh(t)))
	server := server{store: store, places: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _ = server.acceptClients(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		server.sessions.Wait()
		_ = store.close()
	})
	first := connect(t, listener.Addr().String(), kirkstone)
	first.ask(t, `{"ping": {}}`)
	if second, err := dial(listener.Addr().String(), kirkstone); err == nil {
		if answer, err := second.invoke(`{"ping": {}}`); err == nil {
			t.Errorf("a connection above the limit is answered with %v", answer)
		}
		_ = second.Close()
	}
	_ = first.Close()
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if third, err := dial(listener.Addr().String(), kirkstone); err == nil {
			_, err = third.invoke(`{"ping": {}}`)
			_ = third.Close()
			if err == nil {
				return
			}
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatal("a place does not become free")
		}
	}
}

// childFile names the database that a copy of this test serves, until it is killed.
const childFile = "HASHSERV_TEST_DATABASE"

func TestMain(m *testing.M) {
	file := os.Getenv(childFile)
	if file == "" {
		m.Run()
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	if err := Serve(context.Background(), listener, file); err != nil {
		panic(err)
	}
}

// A server that is killed during reports still has all reports that it answered, and works on.
func TestKillLosesNothingAnswered(t *testing.T) {
	const clients = 8
	file := fresh(t)
	var answered [clients]int
	for round := range 3 {
		child := exec.Command(os.Args[0])
		child.Env, child.Stderr = append(os.Environ(), childFile+"="+file), os.Stderr
		out := must(child.StdoutPipe())
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		address := strings.TrimSpace(must(bufio.NewReader(out).ReadString('\n')))
		var wait sync.WaitGroup
		for i := range clients {
			wait.Go(func() {
				c, err := dial(address, kirkstone)
				for ; err == nil; answered[i]++ {
					hash := fmt.Sprintf("t%d-%d", i, answered[i])
					if _, err = c.report(hash, "o"+hash, hash, ""); err != nil {
						_ = c.Close()
						return
					}
				}
				t.Error(err)
			})
		}
		time.Sleep(time.Duration(100+50*round) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		wait.Wait()
		_ = child.Wait() // killed, as it says
	}
	s := must(openStore(file))
	defer func() { _ = s.close() }()
	for i, count := range answered {
		if count == 0 {
			t.Errorf("client %d had no answer in all rounds", i)
		}
		for n := range count {
			hash := fmt.Sprintf("t%d-%d", i, n)
			if got, err := s.findUnihash(method, hash); got != hash || err != nil {
				t.Fatalf("report %s was answered and is %q now, %v", hash, got, err)
			}
		}
	}
	if _, err := os.Stat(file + ".corrupt"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a kill has damaged the database: %v", err)
	}
}

func BenchmarkReports(b *testing.B) {
	for _, clients := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(clients, "-clients"), func(b *testing.B) {
			address, _ := start(b, fresh(b))
			var next atomic.Int64
			var wait sync.WaitGroup
			b.ResetTimer()
			for range clients {
				wait.Go(func() {
					c, err := dial(address, scarthgap)
					if err != nil {
						b.Error(err)
						return
					}
					defer func() { _ = c.Close() }()
					for n := next.Add(1); n <= int64(b.N) && err == nil; n = next.Add(1) {
						hash := fmt.Sprintf("%064x", n*0x9E3779B97F4A7C)
						_, err = c.report(hash, "o"+hash, hash, "")
					}
					if err != nil {
						b.Error(err)
					}
				})
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reports/s")
		})
	}
}

func BenchmarkLookUps(b *testing.B) {
	address, _ := start(b, fresh(b))
	c := connect(b, address, scarthgap)
	if _, err := c.report("t1", "o1", "u1", ""); err != nil {
		b.Fatal(err)
	}
	lines := make([]string, b.N)
	for i := range lines {
		lines[i] = method + " t1"
	}
	b.ResetTimer()
	c.stream(b, "get-stream", lines...)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "look-ups/s")
}
