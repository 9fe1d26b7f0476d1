//go:build machines

package machines

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/plan"
)

// cacheTenant is one whose slot is on shard 0 of the plan's map.
const cacheTenant = "initech"

// cacheLab is a region with one shard, its servers and a runner.
type cacheLab struct {
	*Lab
	shard         plan.Shard
	volume, iface string
	runner        *Machine
	// path is where the runner reads the tenant's files, and mount the number that its kernel gave that mount.
	path, mount string
}

// A shard outlives its servers. Of two that want its volume one gets it, and the other waits for as long as EC2 says that the first lives. A
// power cut is a cache miss for the runner and no hung process; once EC2 says that the machine is gone the other server takes volume and address
// by force, and the runner reads on, through the mount and the open file that it had. A server that is told to go hands both over.
func TestCache(t *testing.T) {
	t.Parallel()
	c := newCacheLab(t)
	first, second := c.race()
	c.fill()
	c.lean(first)
	c.watch()

	c.powerCut(first, second)
	c.fence(first, second)
	third := c.Server(c.shard) // boots meanwhile
	c.readsOn(second)
	c.whole()

	c.handOver(second, third)
	c.readsOn(third)
}

func newCacheLab(t testing.TB) *cacheLab {
	l := New(t, "lab.yaml")
	l.disk, l.memory = l.Plan.Fleets[0].DiskGiB, 768 // the runner's engine has two daemons
	l.anyMachine()
	c := &cacheLab{Lab: l, shard: l.Plan.Cache.Shards[0]}
	document, err := l.Plan.Cache.Map.MarshalDocument()
	l.must(err)
	l.Parameters.Set(l.Plan.Cache.MapParameter, string(document))
	c.volume, c.iface = l.Shard(c.shard, 2)
	return c
}

// race boots two servers and the runner, and gives the server that has the volume and the one that waits for it.
func (c *cacheLab) race() (first, second *Machine) {
	c.t.Helper()
	first, second = c.Server(c.shard), c.Server(c.shard)
	c.runner = c.Runner(c.Plan.Fleets[0], c.shard.Zone)
	c.Within(bootLimit, "a server in service", func() error {
		if c.Scaling.State(second) == InService {
			first, second = second, first
		}
		return c.serves(first)
	})
	c.Within(bootLimit, "the other one waits", func() error { return c.waits(second) })
	out := first.Run("ip -4 -o address; findmnt -n /srv/cache; cat /var/lib/nfs/etab /proc/fs/nfsd/max_connections; lsblk -o NAME,SERIAL,SIZE")
	if !strings.Contains(out, "\n16384\n") || !strings.Contains(out, c.shard.Address.String()+"/") || !strings.Contains(out, strings.ReplaceAll(c.volume, "-", "")) {
		c.t.Errorf("the server has\n%s", out)
	}
	c.inService(c.runner)
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
		if strings.HasPrefix(r.Text, "DescribeInstances") {
			looks++
		}
	}
	if forced, orderly := c.detached(m); forced+orderly > 0 {
		c.t.Errorf("%s takes from a machine that lives", m.Name)
	}
	if looks < 3 || c.Scaling.State(m) != PendingWait {
		return fmt.Errorf("it looked %d times and is %s", looks, c.Scaling.State(m))
	}
	return nil
}

// fill pushes a tenant's files, and finds where the runner reads them.
func (c *cacheLab) fill() {
	c.t.Helper()
	c.runner.Run(`mkdir -p /var/tmp/files/sstate/ab /var/tmp/files/downloads; cd /var/tmp/files
		head -c 24M /dev/urandom >downloads/linux.tar; head -c 100k /dev/urandom >sstate/ab/object; echo signature >sstate/ab/object.siginfo`)
	c.push("files")
	c.path, _ = c.look()
	c.mount = c.mounted()
	c.same("files")
}

// push pushes a folder of the runner's.
func (c *cacheLab) push(folder string) {
	c.t.Helper()
	if out, err := c.runner.Try(2*time.Minute, "beachhead-node cache push "+cacheTenant+" /var/tmp/"+folder); err != nil {
		c.t.Fatal(err)
	} else {
		c.t.Log(out)
	}
}

// look asks for the tenant's folder, and gives it with the time that the command took.
func (c *cacheLab) look() (string, time.Duration) {
	c.t.Helper()
	out := c.runner.Run(`begin=$(date +%s%N); folder=$(beachhead-node cache path ` + cacheTenant + `) || exit
		echo; echo "$(($(date +%s%N) - begin)) $folder"`)
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

// same compares a folder that was pushed with what the server has, byte for byte.
func (c *cacheLab) same(folder string) {
	c.t.Helper()
	each := "echo 3 >/proc/sys/vm/drop_caches; cd /var/tmp/" + folder + " && for each in *; do diff -r $each " + c.path + "/$each || exit; done"
	if out, err := c.runner.Try(2*time.Minute, each); err != nil {
		c.t.Errorf("%s has other files than were pushed: %v\n%s", c.path, err, out)
	}
}

// openReader reads from one open file, never from the runner's own memory, and writes how each read ended: its second, what came of it and how
// long it took.
const openReader = `cat >/var/tmp/reader.py <<'END'
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
systemd-run --unit=reader --property=StandardOutput=append:/var/tmp/reader.log python3 /var/tmp/reader.py `

func (c *cacheLab) watch() {
	c.t.Helper()
	c.runner.Run(openReader + c.path + "/downloads/linux.tar")
	c.Within(time.Minute, "a reader has read", func() error { return c.readerSays(time.Time{}, "read") })
}

// readerSays looks for the end of a read after a time. All of its reads must have ended in time, and those that gave anything have given the same.
func (c *cacheLab) readerSays(after time.Time, want string) error {
	c.t.Helper()
	seen, content := false, ""
	for line := range strings.Lines(c.runner.Run("cat /var/tmp/reader.log")) {
		var second int64
		var what, text string
		var took float64
		if _, err := fmt.Sscan(line, &second, &what, &text, &took); err != nil {
			c.t.Fatalf("%q: %v", line, err)
		}
		if took > deadLimit.Seconds() {
			c.t.Fatalf("a read took %s", line)
		}
		if what == "read" && content != "" && text != content {
			c.t.Fatalf("the reader reads something else: %s", line)
		} else if what == "read" {
			content = text
		}
		if second > after.Unix() && what == want && !seen {
			seen = true
			c.t.Logf("reader: %s", strings.TrimSpace(line))
		}
	}
	if !seen {
		return errors.New(c.runner.Run("tail -3 /var/tmp/reader.log; ps -o stat,wchan,etime,args -C python3"))
	}
	return nil
}

// deadLimit is how long a dead shard may hold up the command that builds ask, and a read that is under way.
const deadLimit = 20 * time.Second

// powerCut ends a server without a word, some seconds after a push. EC2 goes on saying that it runs, so the other one leaves its things alone.
func (c *cacheLab) powerCut(first, second *Machine) {
	c.t.Helper()
	c.runner.Run("mkdir -p /var/tmp/fresh/fresh; cd /var/tmp/fresh/fresh; for each in 1 2 3 4 5 6 7 8; do head -c 100k /dev/urandom >$each; done")
	c.push("fresh")
	time.Sleep(8 * time.Second) // ext4 has written the names down by then; content it would keep back for 30 s
	first.Kill()
	cut := time.Now()
	folder, took := c.look()
	c.t.Logf("cache path of a dead shard: %s in %s", folder, took)
	if out := c.runner.Run("ls -A " + folder); folder == c.path || out != "" || took > deadLimit {
		c.t.Errorf("a dead shard is %s with %q in %s; want an empty folder in %s", folder, out, took, deadLimit)
	}
	// A build that has the folder already.
	c.Within(deadLimit-time.Since(cut), "a file of the dead shard is a miss", func() error {
		_, err := c.runner.Try(10*time.Second, "timeout 1 ls "+c.path+" 2>&1 | grep 'No such file'")
		return err
	})
	c.Within(time.Minute, "a process that reads gets an error", func() error { return c.readerSays(cut, "error") })
	if _, err := c.runner.Try(time.Minute, "! beachhead-node cache push "+cacheTenant+" /var/tmp/files"); err != nil {
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
	if forced, _ := c.detached(second); forced != 2 {
		c.t.Errorf("%s took %d things by force, want volume and interface", second.Name, forced)
	}
}

// detached counts the things that a machine ended an attachment of, by force and without.
func (c *cacheLab) detached(m *Machine) (forced, orderly int) {
	for _, r := range c.Requests(m, "ec2") {
		switch {
		case !strings.HasPrefix(r.Text, "Detach"):
		case strings.Contains(r.Text, "Force=true"):
			forced++
		default:
			orderly++
		}
	}
	return forced, orderly
}

// whole says that nothing of what was pushed just before the power cut is there in part: a name that is there has its content.
func (c *cacheLab) whole() {
	c.t.Helper()
	out, err := c.runner.Try(time.Minute, "echo 3 >/proc/sys/vm/drop_caches; cd "+c.path+`/fresh || exit 0
		broken=0; for each in *; do cmp $each /var/tmp/fresh/fresh/$each || broken=1; done; ls | wc -l; exit $broken`)
	if err != nil {
		c.t.Errorf("after the power cut: %v", err)
	}
	c.t.Logf("of 8 files that were pushed just before the power cut there are %s", out)
	c.push("fresh")
	c.same("fresh")
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
	if mount := c.mounted(); mount != c.mount {
		c.t.Errorf("%s was mounted anew", c.path)
	}
	c.same("files")
	c.runner.Run("head -c 100k /dev/urandom >/var/tmp/files/sstate/ab/of-" + server.ID)
	c.push("files")
	c.same("files")
}

// handOver tells a server to go while another one waits for what it has.
func (c *cacheLab) handOver(from, to *Machine) {
	c.t.Helper()
	c.Within(bootLimit, "another server waits", func() error { return c.waits(to) })
	c.Scaling.Terminate(from)
	c.Within(bootLimit, "the other server in service", func() error { return c.serves(to) })
	c.Within(time.Minute, "the first one is gone", func() error {
		if state := c.Scaling.State(from); state != Terminated {
			return errors.New(state)
		}
		return nil
	})
	if _, orderly := c.detached(from); orderly != 2 {
		c.t.Errorf("%s let go of %d things, want volume and interface", from.Name, orderly)
	}
	if forced, orderly := c.detached(to); forced+orderly > 0 {
		c.t.Errorf("%s took %d things by force of a server that let go", to.Name, forced)
	}
}

// idleLimit is how much memory of its own the agent may have when it has nothing to do.
const idleLimit = 30 << 10 // KiB

// lean looks at the memory that the agent has on a server that nobody asks for anything.
func (c *cacheLab) lean(server *Machine) {
	c.t.Helper()
	out := strings.Fields(server.Run(`awk '/^(VmRSS|RssAnon):/ {print $2}' /proc/$(systemctl show -P MainPID beachhead-node)/status`))
	c.t.Logf("the idle agent has %s KiB resident, %s KiB of them its own", out[0], out[1])
	if own, err := strconv.Atoi(out[1]); err != nil || own > idleLimit {
		c.t.Errorf("the idle agent has %q KiB of its own, want %d at most", out[1], idleLimit)
	}
}
