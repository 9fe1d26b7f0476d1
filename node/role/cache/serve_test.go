package cache

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/hashserv"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/role/cache/evict"
)

// served prepares a server of a shard without a hash-equivalence server, whose network would stop the bubble's time.
func served(t *testing.T, l *lab) *machine {
	t.Helper()
	m := l.start("i-1")
	if err := m.role.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.role.cache.Number = 1
	return m
}

func TestServeEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := served(t, l)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		begin := time.Now()
		if err := m.role.Serve(ctx); err != nil || time.Since(begin) < 10*time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

// A server that cannot serve for minutes ends, so that its agent prepares it again. One failed check does not end it.
func TestServeEndsWhenItCannot(t *testing.T) {
	for what, hurt := range map[string]func(l *lab, m *machine){
		"the NFS server is gone":  func(_ *lab, m *machine) { m.write("/nfsd", "") },
		"the volume is elsewhere": func(l *lab, _ *machine) { l.volume.holder = "i-9" },
		"the address is gone":     func(l *lab, _ *machine) { l.iface = holding{} },
		"nothing is mounted":      func(_ *lab, m *machine) { m.write("/proc/self/mountinfo", "") },
	} {
		bubble(t, func(t *testing.T, l *lab) {
			t.Helper()
			m := served(t, l)
			hurt(l, m)
			begin := time.Now()
			err := m.role.Serve(t.Context())
			if err == nil || time.Since(begin) < (failureLimit-1)*checkInterval || time.Since(begin) > (failureLimit-1)*checkInterval+3*nfsTimeout {
				t.Errorf("%s: %v after %v", what, err, time.Since(begin))
			}
		})
	}
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := served(t, l)
		m.write("/nfsd", "")
		// Two bad minutes, one good minute, and two bad minutes again.
		for after, state := range map[time.Duration]string{90 * time.Second: "serving\n", 150 * time.Second: "", 270 * time.Second: "serving\n"} {
			time.AfterFunc(after, func() { m.write("/nfsd", state) })
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := m.role.Serve(ctx); err != nil {
			t.Errorf("it ended after two bad minutes: %v", err)
		}
	})
}

// A server stays healthy while the control plane is unreachable.
func TestHealthWithoutAWS(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := served(t, l)
		m.write("/kill", "1\n") // every call fails
		if err := m.role.checkHealth(t.Context()); err != nil {
			t.Error(err)
		}
		m.write("/nfsd", "")
		if err := m.role.checkHealth(t.Context()); err == nil {
			t.Error("it is healthy without an NFS server")
		}
	})
}

// The alarms of components/watch use these metrics.
func TestMetrics(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := served(t, l)
		want := func(healthy float64) {
			t.Helper()
			got, err := m.role.CollectMetrics(t.Context())
			if err != nil || len(got) != 2 || got[0].Name != "Healthy" || got[0].Value != healthy || got[1].Name != "UsedPercent" ||
				got[1].Unit != "Percent" || got[1].Value <= 0 || got[1].Value > 100 || got[0].Dimensions != nil || got[1].Dimensions != nil {
				t.Errorf("%+v, %v", got, err)
			}
		}
		want(1)
		m.write("/nfsd", "")
		want(0)
		if err := os.RemoveAll(m.host.Path("/srv/cache")); err != nil {
			t.Fatal(err)
		}
		if got, err := m.role.CollectMetrics(t.Context()); err == nil || len(got) != 1 || got[0].Value != 0 {
			t.Errorf("without a volume: %+v, %v", got, err)
		}
	})
}

// After a volume grew, its file system grows, once.
func TestFileSystemGrowsWithVolume(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := served(t, l)
		m.write("/sys/block/image/size", "32768\n") // the device is a file with this name
		m.write("/log", "")
		grown := m.role.growFileSystem(t.Context(), 0)
		grown = m.role.growFileSystem(t.Context(), grown)
		if strings.Contains(m.read("/log"), "resize2fs") {
			t.Error("it grows what has not grown")
		}
		m.write("/sys/block/image/size", "65536\n")
		for range 3 {
			grown = m.role.growFileSystem(t.Context(), grown)
		}
		if grown != 32<<20 || strings.Count(m.read("/log"), "resize2fs") != 1 {
			t.Errorf("%d bytes, by\n%s", grown, m.read("/log"))
		}
	})
}

// The hash-equivalence server answers at the shard's address, from a database on the volume.
func TestServeHashes(t *testing.T) {
	m := &machine{host: host.Host{Root: t.TempDir()}}
	m.agent()
	m.write(ownFolder+"/alive", "")
	address := netip.MustParseAddr("127.0.0.78")
	at := netip.AddrPortFrom(address, hashserv.Port).String()
	if taken, err := net.Listen("tcp", at); err != nil {
		t.Skipf("this machine cannot listen at %s: %v", at, err)
	} else if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- m.role.serveHashes(ctx, address) }()
	var connection net.Conn
	var err error
	for range 100 {
		if connection, err = net.Dial("tcp", at); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(m.host.Path(ownFolder + "/hashserv.db")); err != nil {
		t.Error(err)
	}
}

// Leftovers are removed once a day, whichever machine does it.
func TestEvictOnce(t *testing.T) {
	m := &machine{host: host.Host{Root: t.TempDir()}}
	m.agent()
	m.write(ownFolder+"/alive", "")
	usage, err := evict.ReadUsage(m.host.Root)
	if err != nil {
		t.Fatal(err)
	}
	if usage.UsedPercent() > evict.High {
		t.Skip("the test's own file system is too full to tell")
	}
	now := time.Now()
	leftover := Slots + "/001/tenant/sstate/.beachhead-push-1"
	for i, c := range []struct {
		after time.Duration
		gone  bool
	}{{0, true}, {time.Hour, false}, {25 * time.Hour, true}} {
		m.write(leftover, "half")
		old := now.Add(-48 * time.Hour)
		if err := os.Chtimes(m.host.Path(leftover), old, old); err != nil {
			t.Fatal(err)
		}
		m.agent()
		if err := m.role.evictOnce(t.Context(), now.Add(c.after)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(m.host.Path(leftover)); errors.Is(err, os.ErrNotExist) != c.gone {
			t.Errorf("run %d: %v, want it gone: %v", i, err, c.gone)
		}
	}
}

// readCall reads a whole call. A server that closes a connection with unread data resets it, and the client may see the reset first.
func readCall(c net.Conn) { _, _ = io.CopyN(io.Discard, c, (1+callWords)*4) }

// A connection without an answer is a fault, and so is a wrong answer.
func TestCheckNFS(t *testing.T) {
	for what, c := range map[string]struct {
		serve func(net.Conn)
		want  string
		// limit is short only where the server never answers: a busy machine may take seconds for the others.
		limit time.Duration
	}{
		"silence": {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "timeout", 200 * time.Millisecond},
		"closed":  {readCall, "EOF", time.Minute},
		"web server": {func(c net.Conn) {
			readCall(c)
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}, "unexpected reply", time.Minute},
		"nfs": {func(c net.Conn) { nfsReply(c) }, "", time.Minute},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			connection, err := listener.Accept()
			if err == nil {
				c.serve(connection)
				_ = connection.Close()
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), c.limit)
		err = checkNFS(ctx, listener.Addr().String())
		cancel()
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := checkNFS(t.Context(), "127.0.0.1:1"); err == nil {
		t.Error("nobody listens, and it answers")
	}
}

// New returns the role for the agent's parts.
func TestNew(t *testing.T) {
	if r := New(host.Host{}, description(), aws.New("us-west-1")); r.volumeLabel() != "beachhead-00" || r.port != 2049 {
		t.Errorf("%+v", r)
	}
	if filepath.Dir(Slots) != Volume {
		t.Error("slots are not on the volume")
	}
}
