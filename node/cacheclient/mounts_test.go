package cacheclient

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/cacheclient/cachetest"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

var shortLimits = Limits{Connect: 200 * time.Millisecond, Mount: 300 * time.Millisecond, Stat: 200 * time.Millisecond, Dead: time.Minute}

func newMounts(s *cachetest.Shards) Mounts {
	return Mounts{Host: host.Host{Root: s.Root}, Folder: mountFolder, Limits: shortLimits}
}

// addressOf returns a shard's address.
func addressOf(table shardmap.Table, shard int) netip.Addr { return table.ShardAddress(shard) }

// Twenty commands that want the same shard mount it once, with the options that prevent a dead server from hanging
// them.
func TestMountOnce(t *testing.T) {
	s := cachetest.NewShards(t)
	table := s.NewTable(2, nil)
	s.ServeShard(table, 1)
	mounts := newMounts(s)
	mounts.Limits.Mount = 10 * time.Second
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := mounts.Mount(context.Background(), "01", addressOf(table, 1), ReadOptions); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	want := "mount -t nfs -o ro,nfsvers=4.2,proto=tcp,nconnect=8,rsize=1048576,wsize=1048576,noatime,softerr,retrans=2,retry=0,timeo=10," +
		"actimeo=600,lookupcache=pos " + table.ShardAddress(1).String() + ":/ " + s.Root + "/run/beachhead/mounts/01\n"
	if got := s.ReadCalls(); got != want {
		t.Errorf("ran\n%swant\n%s", got, want)
	}
}

// A build that reads while the server dies waits until the kernel gives up the connection, 18 s whatever the options
// are, then for the call and for its repetition. Both times are measured, on Linux 6.1.
func TestReadOfDeadShard(t *testing.T) {
	options := map[string]int{}
	for option := range strings.SplitSeq(ReadOptions, ",") {
		name, value, _ := strings.Cut(option, "=")
		options[name], _ = strconv.Atoi(value)
	}
	call := time.Duration(options["timeo"]*(1+options["retrans"])) * time.Second / 10
	if _, soft := options["softerr"]; !soft || call < 3*time.Second || 18*time.Second+2*call > 25*time.Second {
		t.Errorf("%s: a call takes %s to fail; want time for a lost packet, and 25 s at most for a read when the server dies", ReadOptions, call)
	}
}

// A shard with a new address is mounted again.
func TestShardChangesAddress(t *testing.T) {
	s := cachetest.NewShards(t)
	table := s.NewTable(2, nil)
	s.ServeShard(table, 0)
	s.ServeShard(table, 1)
	mounts := newMounts(s)
	mounts.Limits.Mount = 10 * time.Second
	for _, shard := range []int{0, 1, 1} {
		if _, err := mounts.Mount(t.Context(), "00", addressOf(table, shard), ReadOptions); err != nil {
			t.Fatal(err)
		}
	}
	got := strings.Fields(s.ReadCalls())
	if strings.Join([]string{got[0], got[7], got[8]}, " ") != "mount umount --lazy" || len(got) != 7+3+7 {
		t.Errorf("ran %q", got)
	}
}

// However a shard is dead, a call ends within its limits with an ErrUnreachable, and the next calls end at once.
func TestDeadShard(t *testing.T) {
	for name, dead := range map[string]func(*cachetest.Shards, shardmap.Table){
		"refuses":    func(*cachetest.Shards, shardmap.Table) {},
		"no answer":  func(s *cachetest.Shards, table shardmap.Table) { s.BlackHoleShard(table, 1) },
		"mount hung": func(s *cachetest.Shards, table shardmap.Table) { s.ServeShard(table, 1); s.SetSwitch("hang", true) },
	} {
		t.Run(name, func(t *testing.T) {
			s := cachetest.NewShards(t)
			table := s.NewTable(2, nil)
			dead(s, table)
			mounts := newMounts(s)
			started := time.Now()
			if _, err := mounts.Mount(t.Context(), "01", addressOf(table, 1), ReadOptions); !errors.Is(err, ErrUnreachable) {
				t.Fatalf("%v, want that it is away", err)
			}
			if took := time.Since(started); took > 3*time.Second {
				t.Errorf("took %s with limits below a second", took)
			}
			before := s.ReadCalls()
			started = time.Now()
			if _, err := mounts.Mount(t.Context(), "01", addressOf(table, 1), ReadOptions); !errors.Is(err, ErrUnreachable) {
				t.Fatalf("%v, want that it is away", err)
			}
			if took := time.Since(started); took > 150*time.Millisecond || s.ReadCalls() != before {
				t.Errorf("asked again, which took %s", took)
			}
		})
	}
}

// A shard whose mount answers with an error counts as dead, so that the next calls fail at once.
func TestStatOfDeadShard(t *testing.T) {
	s := cachetest.NewShards(t)
	table := s.NewTable(2, nil)
	export, _ := s.ServeShard(table, 1)
	mounts := newMounts(s)
	address := addressOf(table, 1)
	if exists, err := mounts.statFolder(t.Context(), address, export+"/none"); exists || err != nil {
		t.Errorf("a folder that does not exist: %t, %v", exists, err)
	}
	if _, err := mounts.Mount(t.Context(), "01", address, ReadOptions); err != nil {
		t.Errorf("a shard without a folder counts as dead: %v", err)
	}
	file := filepath.Join(s.Root, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := mounts.statFolder(t.Context(), address, file+"/below"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v, want that it is unreachable", err)
	}
	if _, err := mounts.Mount(t.Context(), "01", address, ReadOptions); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v, want that the next call fails at once", err)
	}
}

// The mark of a dead shard expires.
func TestShardComesBack(t *testing.T) {
	s := cachetest.NewShards(t)
	table := s.NewTable(2, nil)
	mounts := newMounts(s)
	if _, err := mounts.Mount(t.Context(), "01", addressOf(table, 1), ReadOptions); !errors.Is(err, ErrUnreachable) {
		t.Fatal(err)
	}
	s.ServeShard(table, 1)
	if _, err := mounts.Mount(t.Context(), "01", addressOf(table, 1), ReadOptions); !errors.Is(err, ErrUnreachable) {
		t.Fatal(err)
	}
	past := time.Now().Add(-mounts.Limits.Dead)
	if err := os.Chtimes(mounts.deadFile(addressOf(table, 1)), past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := mounts.Mount(t.Context(), "01", addressOf(table, 1), ReadOptions); err != nil {
		t.Error(err)
	}
}

// A caller that cancels does not mark the shard as dead.
func TestCallerGivesUp(t *testing.T) {
	s := cachetest.NewShards(t)
	table := s.NewTable(2, nil)
	s.ServeShard(table, 1)
	mounts := newMounts(s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mounts.Mount(ctx, "01", addressOf(table, 1), ReadOptions); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := mounts.Mount(t.Context(), "01", addressOf(table, 1), ReadOptions); err != nil {
		t.Error(err)
	}
}

func TestUnmountUnused(t *testing.T) {
	s := cachetest.NewShards(t)
	table := s.NewTable(3, nil)
	mounts := newMounts(s)
	for shard, name := range []string{"00", "01", "02-push"} {
		s.ServeShard(table, shard)
		if _, err := mounts.Mount(t.Context(), name, addressOf(table, shard), ReadOptions); err != nil {
			t.Fatal(err)
		}
	}
	list := s.Root + "/proc/self/mountinfo"
	text, err := os.ReadFile(list)
	if err == nil {
		err = os.WriteFile(list, append(text, "41 21 0:51 / /mnt/05 rw - nfs4 10.0.0.9:/ rw\n"...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	prune := func(inUse ...int) (left []string) {
		if err := mounts.UnmountUnused(t.Context(), inUse); err != nil {
			t.Fatal(err)
		}
		points, err := mounts.readMountTable()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"00", "01", "02-push"} {
			if points[s.Root+mountFolder+"/"+name] != "" {
				left = append(left, name)
			}
		}
		if points["/mnt/05"] == "" || strings.Contains(s.ReadCalls(), "/mnt/05") {
			t.Error("what is none of its own is unmounted")
		}
		return left
	}
	if got := strings.Join(prune(0, 1, 2), " "); got != "00 01 02-push" {
		t.Errorf("%s are left of those in use", got)
	}
	s.SetSwitch("busy", true)
	if got := strings.Join(prune(0), " "); got != "00 01 02-push" {
		t.Errorf("%s are left of those that are busy", got)
	}
	s.SetSwitch("busy", false)
	if got := strings.Join(prune(0), " "); got != "00" {
		t.Errorf("%s are left, want 00", got)
	}
}
