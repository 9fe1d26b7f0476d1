package cache

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// serves fails the test unless the machine serves the shard completely.
func (m *machine) serves(t *testing.T) {
	t.Helper()
	if m.volume.holder != m.id || m.volume.state != "attached" || m.iface.holder != m.id || m.iface.state != "attached" {
		t.Errorf("the volume is %+v and the interface %+v", m.volume, m.iface)
	}
	if list := m.read("/proc/self/mountinfo"); strings.Count(list, "\n") != 1 || !strings.Contains(list, m.host.Path("/srv/cache")+" rw") {
		t.Errorf("mounted:\n%s", list)
	}
	if rules := m.read("/rules"); strings.Count(rules, "from 127.0.0.77 lookup 2049") != 1 {
		t.Errorf("rules:\n%s", rules)
	}
	if m.read("/nfsd") != "serving\n" || m.read("/link") != "up\n" {
		t.Errorf("the NFS server is %q and the link %q", m.read("/nfsd"), m.read("/link"))
	}
	want := "/srv/cache 10.42.0.0/19(rw,async,fsid=0,no_subtree_check,all_squash,anonuid=2049,anongid=2049,mp)\n" +
		"/srv/cache 10.42.32.0/19(rw,async,fsid=0,no_subtree_check,all_squash,anonuid=2049,anongid=2049,mp)\n"
	if got := m.read("/etc/exports.d/beachhead.exports"); got != want {
		t.Errorf("exports:\n%s", got)
	}
	if info, err := os.Stat(m.host.Path("/srv/cache/slots")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("slots: %v, %v", info, err)
	}
	if info, err := os.Stat(m.host.Path("/srv/cache/.beachhead")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the server's own folder: %v, %v", info, err)
	}
}

func (l *lab) fileSystem() string {
	l.t.Helper()
	said, err := exec.Command("blkid", "-p", "-o", "value", "-s", "LABEL", "-s", "UUID", l.image).Output()
	if err != nil {
		l.t.Fatal(err)
	}
	return string(said)
}

// bubble runs a test in a bubble with its own time, so that waiting takes no time.
func bubble(t *testing.T, test func(t *testing.T, l *lab)) {
	t.Helper()
	l := newLab(t)
	synctest.Test(t, func(t *testing.T) { test(t, l) })
}

func TestPrepare(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := l.start("i-1")
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.serves(t)
		made := l.fileSystem()
		if !strings.Contains(made, "beachhead-00") {
			t.Errorf("the file system is %q", made)
		}
		if conf := m.read("/etc/nfs.conf.d/beachhead.conf"); !strings.Contains(conf, "threads=64\n") || !strings.Contains(conf, "vers3=n\n") {
			t.Errorf("the NFS server's settings are\n%s", conf)
		}
		if unit := m.read("/etc/systemd/system/nfs-server.service.d/beachhead.conf"); !strings.Contains(unit, "max_connections") ||
			!strings.Contains(m.read("/log"), "systemctl daemon-reload") {
			t.Errorf("the NFS server's unit has\n%s", unit)
		}
		if file := m.read("/etc/systemd/network/05-beachhead.network"); !strings.Contains(file, "MACAddress=02:00:00:00:00:10\n") {
			t.Errorf("networkd may configure the interface:\n%s", file)
		}
		// An agent that starts again finds everything done, and disturbs no client.
		m.write("/log", "")
		m.agent()
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"restart", "stop", "umount", "mount -t", "mkfs", "down", "rule add", "daemon-reload"} {
			if strings.Contains(m.read("/log"), word) {
				t.Errorf("a second run does %q:\n%s", word, m.read("/log"))
			}
		}
		m.serves(t)
		if l.fileSystem() != made {
			t.Error("the volume was formatted twice")
		}
	})
}

// After a kill at any step the agent starts again, the machine boots again, or another machine replaces it. All cases
// end the same.
func TestKilledAnywhere(t *testing.T) {
	steps := 0
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := l.start("i-1")
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		steps = m.number("/steps")
	})
	if steps < 20 {
		t.Fatalf("only %d steps were counted", steps)
	}
	// In turns, because neighbouring steps leave nearly the same state.
	ends := []struct {
		name string
		do   func(l *lab, m *machine) *machine
	}{
		{"the agent started again", func(_ *lab, m *machine) *machine { m.agent(); return m }},
		{"the machine booted again", func(_ *lab, m *machine) *machine { m.reboot(); return m }},
		{"another machine came", func(l *lab, m *machine) *machine { l.states[m.id] = "terminated"; return l.start("i-2") }},
	}
	for n := 1; n <= steps; n++ {
		end := ends[n%len(ends)]
		bubble(t, func(t *testing.T, l *lab) {
			t.Helper()
			m := l.start("i-1")
			m.write("/kill", strconv.Itoa(n)+"\n")
			if err := m.role.Prepare(t.Context()); err == nil {
				t.Fatalf("killed at step %d, and it did not notice", n)
			}
			m.write("/kill", "0\n")
			m = end.do(l, m)
			if err := m.role.Prepare(t.Context()); err != nil {
				t.Fatalf("killed at step %d, then %s: %v\n%s", n, end.name, err, m.read("/log"))
			}
			if m.serves(t); t.Failed() {
				t.Fatalf("killed at step %d, then %s\n%s", n, end.name, m.read("/log"))
			}
		})
	}
}

// A server that drains releases everything, in an order in which no client learns that its files are gone. The next
// server takes over.
func TestDrainReleasesEverything(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		first := l.start("i-1")
		if err := first.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		made := l.fileSystem()
		first.write("/log", "")
		if err := first.role.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		order := 0
		for line := range strings.Lines(first.read("/log")) {
			for i, word := range []string{"link set dev ens6 down", "stop nfs-server", "sync", "umount"} {
				if strings.Contains(line, word) {
					if i != order {
						t.Errorf("%s comes in place %d, want %d", word, order, i)
					}
					order++
				}
			}
		}
		if order != 4 {
			t.Errorf("drained by\n%s", first.read("/log"))
		}
		// If the machine terminated before EC2 detached the resources, the next server would detach them by force.
		if l.volume.holder != "" || l.iface.holder != "" {
			t.Errorf("drained with the volume %+v and the interface %+v", l.volume, l.iface)
		}
		if err := first.role.Drain(t.Context()); err != nil {
			t.Errorf("a second drain: %v", err)
		}
		second := l.start("i-2")
		if err := second.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		second.serves(t)
		if len(l.fences) > 0 || l.fileSystem() != made {
			t.Errorf("fenced %v; the file system is %q, was %q", l.fences, l.fileSystem(), made)
		}
	})
}

// A drain does not wait without limit for EC2 to detach a resource that Linux has released.
func TestDrainEnds(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := l.start("i-1")
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.delay = time.Hour
		begin := time.Now()
		if err := m.role.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); m.mounted() || took < fenceDelay || took > 3*fenceDelay {
			t.Errorf("mounted %v, after %s", m.mounted(), took)
		}
	})
}

// A drain resumes after a kill at any step.
func TestDrainResumesAfterKill(t *testing.T) {
	for n := 1; n < 14; n++ {
		bubble(t, func(t *testing.T, l *lab) {
			t.Helper()
			m := l.start("i-1")
			if err := m.role.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			m.write("/steps", "0\n")
			m.write("/kill", strconv.Itoa(n)+"\n")
			_ = m.role.Drain(t.Context())
			m.write("/kill", "0\n")
			m.agent()
			if err := m.role.Drain(t.Context()); err != nil {
				t.Fatalf("after a kill at step %d: %v", n, err)
			}
			time.Sleep(l.delay)
			l.settle(&l.volume)
			l.settle(&l.iface)
			if l.volume.holder != "" || l.iface.holder != "" || m.mounted() {
				t.Errorf("after a kill at step %d: volume %+v, interface %+v, mounted %v", n, l.volume, l.iface, m.mounted())
			}
			if len(l.fences) > 0 {
				t.Errorf("a machine that drained was fenced")
			}
		})
	}
}

// A dead holder is fenced, however it ended. A holder that is alive is never fenced; the server waits for it.
func TestFencing(t *testing.T) {
	for state, want := range map[string]bool{
		"terminated": true, "stopped": true, "": true, "shutting-down": true, "stopping": true, "running": false, "pending": false, "odd": false,
	} {
		bubble(t, func(t *testing.T, l *lab) {
			t.Helper()
			first := l.start("i-1")
			if err := first.role.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.states["i-1"] = state
			second, begin := l.start("i-2"), time.Now()
			err := second.role.Prepare(t.Context())
			if (err == nil) != want || (len(l.fences) > 0) != want {
				t.Errorf("holder %q: fenced %v, %v", state, l.fences, err)
			}
			if want {
				second.serves(t)
			} else if !strings.Contains(err.Error(), "i-1") {
				t.Errorf("holder %q: %v, want who it is", state, err)
			}
			if took := time.Since(begin); took < fenceDelay && (state == "shutting-down" || state == "stopping") {
				t.Errorf("a machine that was %s got %v to write out", state, took)
			}
			if took := time.Since(begin); took > 2*claimTimeout {
				t.Errorf("holder %q: it took %v", state, took)
			}
		})
	}
}

// A server that is alive but lost its volume, because the network made it look dead, stops serving when its agent
// prepares it.
func TestFencedServerStopsServing(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		first := l.start("i-1")
		if err := first.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.volume = holding{holder: "i-9", state: "attached"}
		l.states["i-9"] = "running"
		if err := first.role.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "i-9") {
			t.Errorf("%v", err)
		}
		if first.mounted() || first.read("/nfsd") != "" || first.read("/link") != "down\n" {
			t.Errorf("mounted %v, NFS %q, link %q", first.mounted(), first.read("/nfsd"), first.read("/link"))
		}
	})
}

// A server that lost its volume and cannot stop serving is not prepared: it would export a device that is gone.
func TestLostVolumeIsNotPrepared(t *testing.T) {
	for command, cause := range map[string]string{"umount": "target is busy", "systemctl": "cannot stop"} {
		bubble(t, func(t *testing.T, l *lab) {
			t.Helper()
			m := l.start("i-1")
			if err := m.role.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.volume = holding{}
			works, err := os.ReadFile(l.bin + "/" + command)
			if err != nil {
				t.Fatal(err)
			}
			fails := "#!/bin/sh\ncase \"${0##*/} $1 $2\" in systemctl\\ [!s]*) exit 0;; esac\necho '" + cause + "' >&2; exit 32\n"
			if err := os.WriteFile(l.bin+"/"+command, []byte(fails), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := m.role.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), cause) {
				t.Errorf("prepared with %s that fails: %v, want %q", command, err, cause)
			}
			if m.volume.holder != "" {
				t.Errorf("the volume is %+v, want it free while the old mount is in the way", m.volume)
			}
			if err := os.WriteFile(l.bin+"/"+command, works, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := m.role.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			m.serves(t)
		})
	}
}

// A mount that the kernel made read-only is checked and mounted again.
func TestReadOnlyMountIsRepaired(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := l.start("i-1")
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.write("/proc/self/mountinfo", strings.Replace(m.read("/proc/self/mountinfo"), " rw\n", " ro\n", 1))
		if err := m.role.checkHealth(t.Context()); err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("it is healthy: %v", err)
		}
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.serves(t)
		if err := m.role.checkHealth(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An agent that finds everything else in order restarts an NFS server that hangs.
func TestHangingServerIsRestarted(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := l.start("i-1")
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.write("/nfsd", "hangs\n")
		m.agent()
		if err := m.role.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.serves(t)
	})
}

// On an image without D-Bus the agent restarts networkd instead of a reload. A server that serves does neither again.
func TestNetworkdWithoutDBus(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		t.Helper()
		m := l.start("i-1")
		networkctl := "#!/bin/sh\necho 'Failed to connect system bus' >&2; exit 1\n"
		if err := os.WriteFile(l.bin+"/networkctl", []byte(networkctl), 0o755); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := m.role.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		m.serves(t)
		if n := strings.Count(m.read("/log"), "systemctl restart systemd-networkd.service"); n != 1 {
			t.Errorf("networkd was started anew %d times:\n%s", n, m.read("/log"))
		}
	})
}
