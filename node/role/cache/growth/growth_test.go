package growth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient"
	"github.com/beachhead-build/beachhead/node/cacheclient/cachetest"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

const mapName = "/beachhead/us-west-1/cache/map"

// world is an old shard 0, a new shard 1 and the parameters.
type world struct {
	*cachetest.Shards
	store    *cachetest.Store
	one, two shardmap.Table
	old      string
	server   Server
	stop     func()
}

func newWorld(t *testing.T, pins map[string]int) *world {
	t.Helper()
	w := &world{Shards: cachetest.NewShards(t), store: &cachetest.Store{}}
	w.one, w.two = w.NewTable(1, nil), w.NewTable(2, pins)
	w.old, w.stop = w.ServeShard(w.two, 0)
	w.server = Server{
		Host: host.Host{Root: w.Root}, Parameters: w.store, MapParameter: mapName, Shard: 1, Volume: "/srv/cache",
		UID: os.Getuid(), GID: os.Getgid(), interval: 5 * time.Millisecond,
	}
	return w
}

// start runs the growth until the returned function is called.
func (w *world) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, w.server) }()
	return func() {
		t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("it does not end with its context")
		}
	}
}

// acknowledged returns the last acknowledgement of the server.
func (w *world) acknowledged(t *testing.T) (a cacheclient.Acknowledgement) {
	t.Helper()
	p, err := w.store.GetParameter(context.Background(), shardmap.MovedParameter(mapName, 1))
	if err != nil {
		return a
	}
	if err := json.Unmarshal([]byte(p.Value), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (w *world) all(t *testing.T) func() bool {
	t.Helper()
	moves := shardmap.MovesBetween(w.one, w.two)
	return func() bool {
		a := w.acknowledged(t)
		for _, move := range moves {
			if a.Has(move) != (move.To == 1) {
				return false
			}
		}
		return a.Epoch == w.two.Epoch()
	}
}

// tenants returns names that move with their slots from shard 0 to shard 1, and one that stays.
func (w *world) tenants(count int) (moving []string, staying string) {
	for i := 0; len(moving) < count || staying == ""; i++ {
		name := fmt.Sprintf("factory-%d", i)
		if w.two.TenantShard(name) == 1 {
			moving = append(moving, name)
		} else {
			staying = name
		}
	}
	return moving[:count], staying
}

func (w *world) lay(t *testing.T, tenant string, files map[string]state) {
	t.Helper()
	lay(t, filepath.Join(w.old, cacheclient.TenantFolder(tenant)), files)
}

func (w *world) grown(t *testing.T, tenant string) map[string]state {
	t.Helper()
	return look(t, filepath.Join(w.Root, "srv/cache", cacheclient.TenantFolder(tenant)))
}

// From one shard to three, on the second: tenants that move here are copied completely and acknowledged, the others are
// not, pinned tenants move by themselves, and in the end the old shard is unmounted.
func TestGrowth(t *testing.T) {
	w := newWorld(t, nil)
	w.two = w.NewTable(3, nil)
	moving, staying := w.tenants(3)
	w.two = w.NewTable(3, map[string]int{staying: 1, moving[2]: 2})
	for _, tenant := range append(moving, staying) {
		w.lay(t, tenant, map[string]state{"sstate/a": {tenant, 1}, "sstate/b/c": {"c", 2}})
	}
	w.WriteTable(w.store, mapName, w.one)
	stop := w.start(t)
	time.Sleep(20 * time.Millisecond)
	if a := w.acknowledged(t); a.Epoch != 0 || w.ReadCalls() != "" {
		t.Errorf("with nothing to move: acknowledged %+v, ran %s", a, w.ReadCalls())
	}
	w.WriteTable(w.store, mapName, w.two)
	until(t, "all acknowledged", w.all(t))
	for tenant, moved := range map[string]bool{moving[0]: true, moving[1]: true, staying: true, moving[2]: false} {
		if got := w.grown(t, tenant); (got["sstate/a"] == state{tenant, 1}) != moved || (got["sstate/b/c"] == state{"c", 2}) != moved {
			t.Errorf("%s: there is %v, want it moved %t", tenant, got, moved)
		}
	}
	unmounted := "umount " + w.Root + "/run/beachhead/growth/00\n"
	until(t, "the old shard is unmounted", func() bool { return strings.Contains(w.ReadCalls(), unmounted) })
	stop()
	if got := strings.Count(w.ReadCalls(), "\n"); got != 2 || !strings.Contains(w.ReadCalls(), "-o ro,") {
		t.Errorf("ran %swant one mount, to read, and one unmount", w.ReadCalls())
	}
}

// A slot is acknowledged once it is complete and not earlier. The slot with the newest file comes first, and within it
// the tenant with the newest file.
func TestNewestMoveFirst(t *testing.T) {
	w := newWorld(t, nil)
	moving, _ := w.tenants(3)
	ages := map[string]int{moving[0]: 2, moving[1]: 1, moving[2]: 3}
	for tenant, age := range ages {
		w.lay(t, tenant, map[string]state{"new": {"x", age}, "old": {"x", 100}})
	}
	m := cacheclient.ShardMap{FirstVersion: 2, Current: w.two, Previous: &w.one}
	jobs, err := rankMoves(t.Context(), w.old, m, m.ListMoves())
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) != len(m.ListMoves()) {
		t.Fatalf("%d jobs of %d moves", len(jobs), len(m.ListMoves()))
	}
	for i, tenant := range []string{moving[1], moving[0], moving[2]} {
		if jobs[i].move.Slot != shardmap.TenantSlot(tenant) || len(jobs[i].tenants) != 1 || jobs[i].tenants[0] != tenant {
			t.Errorf("place %d is %+v, want %s", i, jobs[i], tenant)
		}
	}
	// Two in one slot.
	var pair []string
	for i := 0; len(pair) < 2; i++ {
		if name := fmt.Sprintf("customer%d", i); shardmap.TenantSlot(name) == shardmap.TenantSlot(moving[0]) {
			pair = append(pair, name)
		}
	}
	w.lay(t, pair[0], map[string]state{"a": {"x", 50}})
	w.lay(t, pair[1], map[string]state{"a": {"x", 0}})
	want := []string{pair[1], moving[0], pair[0]}
	if jobs, err = rankMoves(t.Context(), w.old, m, m.ListMoves()); err != nil || !slices.Equal(jobs[0].tenants, want) {
		t.Errorf("first is %+v, %v", jobs[0], err)
	}
}

// The old shard is dead, then answers again; the control plane is unreachable during the copy. Each fault is logged
// once, incomplete moves are never acknowledged, and in the end all moves are.
func TestFaultsAreRetried(t *testing.T) {
	var log lines
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	w := newWorld(t, nil)
	moving, _ := w.tenants(1)
	w.lay(t, moving[0], map[string]state{"a": {"a", 1}})
	w.WriteTable(w.store, mapName, w.one)
	w.WriteTable(w.store, mapName, w.two)
	w.stop()
	stop := w.start(t)
	until(t, "it is told", func() bool { return log.count("level=WARN") > 0 })
	w.store.CountCalls()
	rounds := 0
	until(t, "three more rounds", func() bool { rounds += w.store.CountCalls(); return rounds > 12 })
	if a := w.acknowledged(t); len(a.Slots) > 0 {
		t.Errorf("acknowledged %v of a dead shard", a.Slots)
	}
	stop()
	if got := log.count("level=WARN"); got != 1 {
		t.Errorf("the dead shard is told %d times, want once", got)
	}
	w.ServeShard(w.two, 0)
	if err := os.RemoveAll(filepath.Join(w.Root, "run/beachhead/growth")); err != nil { // as after a reboot
		t.Fatal(err)
	}
	// The old shard's volume is not mounted there.
	if err := os.Rename(w.old, w.old+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.old, 0o755); err != nil {
		t.Fatal(err)
	}
	stop = w.start(t)
	until(t, "it is mounted", func() bool { return strings.Contains(w.ReadCalls(), "mount -t nfs") })
	time.Sleep(30 * time.Millisecond)
	if a := w.acknowledged(t); len(a.Slots) > 0 {
		t.Errorf("acknowledged %v of a shard without its volume", a.Slots)
	}
	w.store.SetAway(true)
	if err := errors.Join(os.Remove(w.old), os.Rename(w.old+".away", w.old)); err != nil {
		t.Fatal(err)
	}
	until(t, "it copies while the control plane is away", func() bool { return len(w.grown(t, moving[0])) == 1 })
	w.store.SetAway(false)
	until(t, "all acknowledged", w.all(t))
	stop()
}

// lines is a log that can be read while it is written.
type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(part string) int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Count(l.text.String(), part)
}

// A tenant that cannot be copied is not acknowledged, and does not stop the others.
func TestFaultInOneTenant(t *testing.T) {
	w := newWorld(t, nil)
	moving, _ := w.tenants(2)
	for i, tenant := range moving {
		w.lay(t, tenant, map[string]state{"a": {"a", i}})
	}
	inTheWay := filepath.Join(w.Root, "srv/cache", cacheclient.SlotFolder(shardmap.TenantSlot(moving[0])))
	if err := errors.Join(os.MkdirAll(filepath.Dir(inTheWay), 0o755), os.WriteFile(inTheWay, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	w.WriteTable(w.store, mapName, w.one)
	w.WriteTable(w.store, mapName, w.two)
	stop := w.start(t)
	defer stop()
	until(t, "the other is acknowledged", func() bool { return w.acknowledged(t).Has(shardmap.Move{Slot: shardmap.TenantSlot(moving[1])}) })
	if w.acknowledged(t).Has(shardmap.Move{Slot: shardmap.TenantSlot(moving[0])}) {
		t.Error("acknowledged what could not be copied")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	until(t, "all acknowledged", w.all(t))
}

// After a restart, acknowledged moves are not checked again.
func TestAcknowledgedIsLeftAlone(t *testing.T) {
	w := newWorld(t, nil)
	moving, _ := w.tenants(2)
	for _, tenant := range moving {
		w.lay(t, tenant, map[string]state{"a": {"a", 1}})
	}
	w.WriteTable(w.store, mapName, w.one)
	w.WriteTable(w.store, mapName, w.two)
	text, err := json.Marshal(cacheclient.Acknowledgement{Epoch: w.two.Epoch(), Version: 2, Slots: []int{shardmap.TenantSlot(moving[0])}})
	if err == nil {
		err = w.store.PutParameter(t.Context(), shardmap.MovedParameter(mapName, 1), string(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	stop := w.start(t)
	until(t, "all acknowledged", w.all(t))
	stop()
	if len(w.grown(t, moving[0])) != 0 || len(w.grown(t, moving[1])) != 1 {
		t.Errorf("there are %v and %v, want the second only", w.grown(t, moving[0]), w.grown(t, moving[1]))
	}
}

// When the map changes during a tenant's copy, the copy stops and is not acknowledged.
func TestMapChangesMidway(t *testing.T) {
	w := newWorld(t, nil)
	moving, _ := w.tenants(1)
	// Enough files that the map can change before all are copied.
	files := map[string]state{}
	for i := range 3000 {
		files[fmt.Sprintf("sstate/%d/%d", i%10, i)] = state{"x", i}
	}
	w.lay(t, moving[0], files)
	w.WriteTable(w.store, mapName, w.one)
	w.WriteTable(w.store, mapName, w.two)
	w.server.interval = time.Millisecond
	stop := w.start(t)
	until(t, "it copies", func() bool { return len(w.grown(t, moving[0])) > 0 })
	w.WriteTable(w.store, mapName, w.one)
	until(t, "the old shard is unmounted", func() bool { return strings.Contains(w.ReadCalls(), "umount ") })
	stop()
	if a := w.acknowledged(t); a.Has(shardmap.Move{Slot: shardmap.TenantSlot(moving[0])}) {
		t.Error("acknowledged what was left off")
	}
	if got := len(w.grown(t, moving[0])); got == len(files) {
		t.Errorf("all %d files were copied", got)
	}
}

// killed is the process that TestKilled starts. After a given number of files it kills itself, during one of the next.
func killed() {
	c := own()
	c.hot = 50
	left, _ := strconv.Atoi(os.Getenv("GROWTH_FILES"))
	c.copied = func(string) {
		if left--; left == 0 {
			time.AfterFunc(time.Duration(os.Getpid()%500)*time.Microsecond, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		}
	}
	fmt.Println(c.copyFolder(context.Background(), os.Getenv("GROWTH_FROM"), os.Getenv("GROWTH_TO")))
}

func TestMain(m *testing.M) {
	if os.Getenv("GROWTH_FROM") != "" {
		killed()
		return
	}
	m.Run()
}

// After SIGKILL at any moment, every file is complete under its name with its own time, and the next copy finishes the
// work.
func TestKilled(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	files := map[string]state{}
	for i := range 400 {
		files[fmt.Sprintf("%d/%d", i%7, i)] = state{strings.Repeat(fmt.Sprint(i%10), 10_000), i}
	}
	lay(t, from, files)
	for kill := range 6 {
		command := exec.Command(os.Args[0])
		command.Env = append(os.Environ(), "GROWTH_FROM="+from, "GROWTH_TO="+to, "GROWTH_FILES="+strconv.Itoa(20+kill))
		var exit *exec.ExitError
		if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("it ended with %v, and not by SIGKILL", err)
		}
		for name, file := range look(t, to) {
			if file != files[name] {
				t.Fatalf("after kill %d: %s has %d bytes and age %d", kill, name, len(file.text), file.age)
			}
		}
	}
	if err := own().copyFolder(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	got := look(t, to)
	for name, file := range files {
		if got[name] != file {
			t.Errorf("%s is not as it was", name)
		}
	}
}
