//go:build machines

package machines

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/mirror"
	"github.com/beachhead-build/beachhead/regions/plan"
)

// tenant is one whose slot is on shard 0 of the plan's map.
const tenant = "initech"

// cacheLab is a region with one shard, its servers and a runner.
type cacheLab struct {
	*Lab
	shard         plan.Shard
	volume, iface string
	runner        *Machine
	// servers are all that were started.
	servers []*Machine
	// path is where the runner reads the tenant's files, and mount the number that its kernel gave that mount.
	path, mount string
}

// A shard outlives its servers. Of two that want its volume one gets it, and the other waits for as long as EC2 says that the first lives. A
// power cut is a cache miss for the runner and no hung process; once EC2 says that the machine is gone the other server takes volume and address
// by force, and the runner reads on, through the mount and the open file that it had. A server that is told to go hands both over.
func TestCache(t *testing.T) {
	t.Parallel()
	c := newCacheLab(t)
	defer c.hold()
	first, second := c.race()
	c.fill()
	c.measure(first)
	c.watch()

	c.powerCut(first, second)
	c.fence(first, second)
	c.readsOn(second)

	third := c.server()
	c.handOver(second, third)
	c.readsOn(third)
}

func newCacheLab(t *testing.T) *cacheLab {
	l := New(t, "lab.yaml")
	c := &cacheLab{Lab: l, shard: l.Plan.Cache.Shards[0]}
	document, err := l.Plan.Cache.Map.Document()
	l.must(err)
	l.Parameters.Set(l.Plan.Cache.MapParameter, string(document))
	c.volume, c.iface = l.Shard(c.shard, 2)
	return c
}

func (c *cacheLab) server() *Machine {
	m := c.Server(c.shard)
	c.servers = append(c.servers, m)
	return m
}

// race boots two servers and the runner, and gives the server that has the volume and the one that waits for it.
func (c *cacheLab) race() (first, second *Machine) {
	c.t.Helper()
	first, second = c.server(), c.server()
	c.runner = c.Runner(c.Plan.Fleets[0], c.shard.Zone)
	c.Within(bootLimit, "a server in service", func() error {
		if c.Scaling.State(second) == InService {
			first, second = second, first
		}
		return c.serves(first)
	})
	c.Within(bootLimit, "the other one waits", func() error { return c.waits(second) })
	out := first.Run("ip -4 -o address; findmnt -n /srv/cache; cat /var/lib/nfs/etab; lsblk -o NAME,SERIAL,SIZE")
	if !strings.Contains(out, c.shard.Address.String()+"/") || !strings.Contains(out, strings.ReplaceAll(c.volume, "-", "")) {
		c.t.Errorf("the server has\n%s", out)
	}
	c.runner.Booted()
	c.Within(bootLimit, "the runner has its agent", func() error {
		_, err := c.runner.Try(20*time.Second, "beachhead-node version")
		return err
	})
	return first, second
}

// serves says whether a server is in service with what is the shard's.
func (c *cacheLab) serves(m *Machine) error {
	if state := c.Scaling.State(m); state != InService {
		return fmt.Errorf("%s is %s", m.Name, state)
	}
	if v, n := c.EC2.Holder(c.volume), c.EC2.Holder(c.iface); v != m.ID || n != m.ID {
		return fmt.Errorf("%s is in service, the volume is at %q and the interface at %q", m.Name, v, n)
	}
	return nil
}

// waits says whether a server has seen more than once who has the volume. It must not have taken anything.
func (c *cacheLab) waits(m *Machine) error {
	looks := 0
	for _, r := range c.Requests(m, "ec2") {
		switch action, _, _ := strings.Cut(r.Text, " "); action {
		case "DescribeInstances":
			looks++
		case "DetachVolume", "DetachNetworkInterface":
			c.t.Errorf("%s takes from a machine that lives: %s", m.Name, r.Text)
		}
	}
	if looks < 3 || c.Scaling.State(m) != PendingWait {
		return fmt.Errorf("it looked %d times and is %s", looks, c.Scaling.State(m))
	}
	return nil
}

// fill pushes a tenant's files, and finds where the runner reads them.
func (c *cacheLab) fill() {
	c.t.Helper()
	c.runner.Run(`mkdir -p /root/files/sstate/ab /root/files/downloads; cd /root/files
		head -c 24M /dev/urandom >downloads/linux.tar; head -c 100k /dev/urandom >sstate/ab/object; echo signature >sstate/ab/object.siginfo`)
	c.push()
	c.path, _ = c.look()
	c.mount = c.mounted()
	c.same()
}

// push pushes what the runner has.
func (c *cacheLab) push() {
	c.t.Helper()
	if out, err := c.runner.Try(2*time.Minute, "beachhead-node cache push "+tenant+" /root/files"); err != nil {
		c.t.Fatal(err)
	} else {
		c.t.Log(out)
	}
}

// look asks for the tenant's folder, and gives it with the time that the command took.
func (c *cacheLab) look() (string, time.Duration) {
	c.t.Helper()
	out := c.runner.Run(`begin=$(date +%s%N); folder=$(beachhead-node cache path ` + tenant + `) || exit
		echo; echo "$(($(date +%s%N) - begin)) $folder"`)
	c.t.Log(strings.ReplaceAll(out, "\n", " "))
	took, folder, found := strings.Cut(out[strings.LastIndex(out, "\n")+1:], " ")
	span, err := strconv.ParseInt(took, 10, 64)
	if !found || err != nil {
		c.t.Fatalf("cache path says %q", out)
	}
	return folder, time.Duration(span)
}

// mounted gives the number that the kernel gave the mount, which is another one after each mounting.
func (c *cacheLab) mounted() string {
	c.t.Helper()
	out := strings.Fields(c.runner.Run("findmnt -n -o ID,FSTYPE,SOURCE --target " + c.path))
	if len(out) != 3 || out[1] != "nfs4" || out[2] != c.shard.Address.String()+":/" {
		c.t.Fatalf("%s is on %q; want NFS from %s", c.path, out, c.shard.Address)
	}
	return out[0]
}

// same compares all that was pushed with what the server has, byte for byte.
func (c *cacheLab) same() {
	c.t.Helper()
	if out, err := c.runner.Try(2*time.Minute, "echo 3 >/proc/sys/vm/drop_caches; diff -r /root/files "+c.path); err != nil {
		c.t.Errorf("%s has other files: %v\n%s", c.path, err, out)
	}
}

// openReader reads from one open file, never from the runner's own memory, and writes how each read ended: its second, what came of it and how
// long it took.
const openReader = `cat >/root/reader.py <<'END'
import os, sys, time, zlib
file = os.open(sys.argv[1], os.O_RDONLY)
while True:
    began = time.monotonic()
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        said = "read %08x" % zlib.crc32(os.pread(file, 1 << 20, 0))
    except OSError as error:
        said = "error " + os.strerror(error.errno).replace(" ", "-")
    print(int(time.time()), said, "%.1f" % (time.monotonic() - began), flush=True)
    time.sleep(1)
END
systemd-run --unit=reader --property=StandardOutput=append:/root/reader.log python3 /root/reader.py `

func (c *cacheLab) watch() {
	c.t.Helper()
	c.runner.Run(openReader + c.path + "/downloads/linux.tar")
	c.Within(time.Minute, "a reader has read", func() error { return c.readerSays(time.Time{}, "read") })
}

// readerSays looks for the end of a read after a time.
func (c *cacheLab) readerSays(after time.Time, want string) error {
	for line := range strings.Lines(c.runner.Run("cat /root/reader.log")) {
		parts := strings.Fields(line)
		if second, err := strconv.ParseInt(parts[0], 10, 64); err == nil && second > after.Unix() && parts[1] == want {
			c.t.Logf("reader: %s", strings.Join(parts[1:], " "))
			return nil
		}
	}
	return errors.New(c.runner.Run("tail -3 /root/reader.log; ps -o stat,wchan,etime,args -C python3"))
}

// deadLimit is how long a dead shard may hold a build up.
const deadLimit = 20 * time.Second

// powerCut ends a server without a word. EC2 goes on saying that it runs, so the other one leaves its things alone.
func (c *cacheLab) powerCut(first, second *Machine) {
	c.t.Helper()
	first.Kill()
	cut := time.Now()
	folder, took := c.look()
	if out := c.runner.Run("ls -A " + folder); folder == c.path || out != "" || took > deadLimit {
		c.t.Errorf("a dead shard is %s with %q in %s; want an empty folder in %s", folder, out, took, deadLimit)
	}
	// softerr ends a call after 15 s. Software emulation is slow, and a timer of the kernel's late.
	c.Within(time.Minute, "a process that reads gets an error", func() error { return c.readerSays(cut, "error") })
	if _, err := c.runner.Try(time.Minute, "! beachhead-node cache push "+tenant+" /root/files"); err != nil {
		c.t.Errorf("a push to a dead shard: %v", err)
	}
	if err := c.waits(second); err != nil {
		c.t.Error(err)
	}
}

// fence has EC2 say that the machine is terminated while its volume and interface are still attached, as EC2 does for a while.
func (c *cacheLab) fence(first, second *Machine) {
	c.t.Helper()
	c.EC2.mutex.Lock()
	c.EC2.instances[first.ID].state = "terminated"
	c.EC2.mutex.Unlock()
	c.Within(bootLimit, "the other server in service", func() error { return c.serves(second) })
	forced := 0
	for _, r := range c.Requests(second, "ec2") {
		if strings.HasPrefix(r.Text, "Detach") && strings.Contains(r.Text, "Force=true") {
			forced++
		}
	}
	if forced != 2 {
		c.t.Errorf("%s took %d things by force, want volume and interface", second.Name, forced)
	}
}

// readsOn is the runner's view of another server: the mount, the open file and the files are as before, and a push works.
func (c *cacheLab) readsOn(server *Machine) {
	c.t.Helper()
	now := time.Now()
	c.Within(2*time.Minute, "the reader reads on from "+server.Name, func() error { return c.readerSays(now, "read") })
	c.Within(2*time.Minute, "the runner finds its files", func() error {
		if folder, _ := c.look(); folder != c.path {
			return errors.New(folder)
		}
		return nil
	})
	c.same()
	if mount := c.mounted(); mount != c.mount {
		c.t.Errorf("%s was mounted anew", c.path)
	}
	c.runner.Run("head -c 100k /dev/urandom >/root/files/sstate/ab/of-" + server.ID)
	c.push()
	c.same()
}

// handOver tells a server to go while another one waits for what it has.
func (c *cacheLab) handOver(from, to *Machine) {
	c.t.Helper()
	c.Within(bootLimit, "another server waits", func() error { return c.waits(to) })
	c.Scaling.Terminate(from)
	c.Within(bootLimit, "the other server in service", func() error { return c.serves(to) })
	if state := c.Scaling.State(from); state != Terminated {
		c.t.Errorf("%s is %s", from.Name, state)
	}
	let := 0
	for _, m := range []*Machine{from, to} {
		for _, r := range c.Requests(m, "ec2") {
			if !strings.HasPrefix(r.Text, "Detach") {
				continue
			}
			if forced := strings.Contains(r.Text, "Force=true"); m == to || !forced {
				c.t.Logf("%s: %s", m.Name, r.Text)
				let++
			}
		}
	}
	if let != 2 {
		c.t.Errorf("volume and interface were let go of in %d calls, want two, of %s", let, from.Name)
	}
}

// idleLimit is how much memory of its own the agent may have when it has nothing to do.
const idleLimit = 30 << 10 // KiB

// measure prints what the agent costs a server, and how its mounts compare with mounts made by hand. Only the memory has a limit here: software
// emulation says little about speed.
func (c *cacheLab) measure(server *Machine) {
	c.t.Helper()
	out := strings.Fields(server.Run(`awk '/^(VmRSS|RssAnon):/ {print $2}' /proc/$(systemctl show -P MainPID beachhead-node)/status`))
	c.t.Logf("the idle agent has %s KiB resident, %s KiB of them its own", out[0], out[1])
	if own, err := strconv.Atoi(out[1]); err != nil || own > idleLimit {
		c.t.Errorf("the idle agent has %q KiB of its own, want %d at most", out[1], idleLimit)
	}
	// With nosharecache the kernel does not take the two mounts for one.
	read, write := mirror.ReadOptions+",nosharecache", "rw"+strings.TrimPrefix(mirror.ReadOptions, "ro")+",nosharecache"
	text, err := c.runner.Try(5*time.Minute, "shards=/run/beachhead/shards source="+c.shard.Address.String()+":/ read="+read+" write="+write+
		" inside="+strings.TrimPrefix(c.path, "/run/beachhead/shards/00/")+`
		set -e
		mkdir -p /root/read /root/write; mount -t nfs -o $read $source /root/read; mount -t nfs -o $write $source /root/write
		rate() { grep -o '[0-9.]* [kMG]B/s'; }
		for round in 1 2 3; do
			for to in $shards/00-push /root/write; do echo "to $to $(dd if=/dev/zero of=$to/$inside/bench bs=1M count=64 conv=fsync 2>&1 | rate)"; done
			for from in $shards/00 /root/read; do
				echo 3 >/proc/sys/vm/drop_caches
				echo "from $from $(dd if=$from/$inside/bench of=/dev/null bs=1M 2>&1 | rate)"
			done
		done
		rm /root/write/$inside/bench; umount /root/read /root/write`)
	c.t.Logf("%s%v", text, err)
}
