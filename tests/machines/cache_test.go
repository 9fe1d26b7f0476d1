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
	"github.com/beachhead-build/beachhead/tests/machines/lab"
)

// cacheTenant is one whose slot is on shard 0 of the plan's map.
const cacheTenant = "initech"

// cacheLab is a region with one shard, its servers and a runner.
type cacheLab struct {
	*lab.Lab
	shard         plan.Shard
	volume, iface string
	runner        *lab.Machine
	// path is where the runner reads the tenant's files, and mount the number that its kernel gave that mount.
	path, mount string
}

// A shard outlives its servers. Of two that want its volume one gets it, and the other waits for as long as EC2 says that the first lives.
// A power cut is a cache miss for the runner and no hung process; once EC2 says that the machine is gone the other server takes volume and
// address by force, and the runner reads on, through the mount and the open file that it had. A server that is told to go hands both over.
func TestCache(t *testing.T) {
	t.Parallel()
	c := newCacheLab(t)
	first, second := c.bootRacingServers()
	c.pushFiles()
	c.checkMemory(first)
	c.startReader()

	c.powerCut(first, second)
	c.reportTerminated(first, second)
	third := c.LaunchServer(c.shard) // boots meanwhile
	c.checkReadsOn(second)
	c.checkFreshFiles()

	c.handOver(second, third)
	c.checkReadsOn(third)
}

func newCacheLab(t testing.TB) *cacheLab {
	t.Helper()
	l := lab.New(t, "testdata/lab.yaml")
	l.DiskGiB, l.MemoryMiB = l.Plan.Fleets[0].DiskGiB, 768 // the runner's engine has two daemons
	l.AcceptAnyMachine()
	c := &cacheLab{Lab: l, shard: l.Plan.Cache.Shards[0]}
	document, err := l.Plan.Cache.Map.MarshalDocument()
	l.Must(err)
	l.Parameters.SetValue(l.Plan.Cache.MapParameter, string(document))
	c.volume, c.iface = l.CreateShard(c.shard, 2)
	return c
}

// bootRacingServers boots two servers and the runner, and gives the server that has the volume and the one that waits for it.
func (c *cacheLab) bootRacingServers() (first, second *lab.Machine) {
	c.T.Helper()
	first, second = c.LaunchServer(c.shard), c.LaunchServer(c.shard)
	c.runner = c.LaunchRunner(c.Plan.Fleets[0], c.shard.Zone)
	c.WaitFor(lab.BootLimit, "a server in service", func() error {
		if c.Scaling.StateOf(second) == lab.InService {
			first, second = second, first
		}
		return c.checkServes(first)
	})
	c.WaitFor(lab.BootLimit, "the other one waits", func() error { return c.checkWaits(second) })
	out := first.RunCommand("ip -4 -o address; findmnt -n /srv/cache; cat /var/lib/nfs/etab /proc/fs/nfsd/max_connections; lsblk -o NAME,SERIAL,SIZE")
	if !strings.Contains(out, "\n16384\n") || !strings.Contains(out, c.shard.Address.String()+"/") ||
		!strings.Contains(out, strings.ReplaceAll(c.volume, "-", "")) {
		c.T.Errorf("the server has\n%s", out)
	}
	c.WaitInService(c.runner)
	return first, second
}

// checkServes says whether a server is in service with what is the shard's.
func (c *cacheLab) checkServes(m *lab.Machine) error {
	if state := c.Scaling.StateOf(m); state != lab.InService {
		return fmt.Errorf("%s is %s", m.Name, state)
	}
	if v, n := c.EC2.AttachedTo(c.volume), c.EC2.AttachedTo(c.iface); v != m.ID || n != m.ID {
		return fmt.Errorf("%s is in service, the volume is at %q and the interface at %q", m.Name, v, n)
	}
	return nil
}

// checkWaits says whether a server has seen more than once who has the volume. It must not have taken anything.
func (c *cacheLab) checkWaits(m *lab.Machine) error {
	looks := 0
	for _, r := range c.RequestsOf(m, "ec2") {
		if strings.HasPrefix(r.Text, "DescribeInstances") {
			looks++
		}
	}
	if forced, orderly := c.countDetached(m); forced+orderly > 0 {
		c.T.Errorf("%s takes from a machine that lives", m.Name)
	}
	if looks < 3 || c.Scaling.StateOf(m) != lab.PendingWait {
		return fmt.Errorf("it looked %d times and is %s", looks, c.Scaling.StateOf(m))
	}
	return nil
}

// pushFiles pushes a tenant's files, and finds where the runner reads them.
func (c *cacheLab) pushFiles() {
	c.T.Helper()
	c.runner.RunCommand(`mkdir -p /var/tmp/files/sstate/ab /var/tmp/files/downloads; cd /var/tmp/files
		head -c 24M /dev/urandom >downloads/linux.tar; head -c 100k /dev/urandom >sstate/ab/object; echo signature >sstate/ab/object.siginfo`)
	c.pushFolder("files")
	c.path, _ = c.findFolder()
	c.mount = c.mountID()
	c.compareFiles("files")
}

// pushFolder pushes a folder of the runner's.
func (c *cacheLab) pushFolder(folder string) {
	c.T.Helper()
	if out, err := c.runner.TryCommand(2*time.Minute, "beachhead-node cache push "+cacheTenant+" /var/tmp/"+folder); err != nil {
		c.T.Fatal(err)
	} else {
		c.T.Log(out)
	}
}

// findFolder asks for the tenant's folder, and gives it with the time that the command took.
func (c *cacheLab) findFolder() (string, time.Duration) {
	c.T.Helper()
	out := c.runner.RunCommand(`begin=$(date +%s%N); folder=$(beachhead-node cache path ` + cacheTenant + `) || exit
		echo; echo "$(($(date +%s%N) - begin)) $folder"`)
	took, folder, found := strings.Cut(out[strings.LastIndex(out, "\n")+1:], " ")
	span, err := strconv.ParseInt(took, 10, 64)
	if !found || err != nil {
		c.T.Fatalf("cache path says %q", out)
	}
	return folder, time.Duration(span)
}

// mountID gives the number that the kernel gave the mount, which is another one after each mounting.
func (c *cacheLab) mountID() string {
	c.T.Helper()
	out := strings.Fields(c.runner.RunCommand("findmnt -n -o ID,FSTYPE,SOURCE --target " + c.path))
	if len(out) != 3 || out[1] != "nfs4" || out[2] != c.shard.Address.String()+":/" {
		c.T.Fatalf("%s is on %q; want NFS from %s", c.path, out, c.shard.Address)
	}
	return out[0]
}

// compareFiles compares a folder that was pushed with what the server has, byte for byte.
func (c *cacheLab) compareFiles(folder string) {
	c.T.Helper()
	each := "echo 3 >/proc/sys/vm/drop_caches; cd /var/tmp/" + folder + " && for each in *; do diff -r $each " + c.path +
		"/$each || exit; done"
	if out, err := c.runner.TryCommand(2*time.Minute, each); err != nil {
		c.T.Errorf("%s has other files than were pushed: %v\n%s", c.path, err, out)
	}
}

// openReader reads from one open file, never from the runner's own memory, and writes how each read ended: its second, what came of it and
// how long it took.
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

func (c *cacheLab) startReader() {
	c.T.Helper()
	c.runner.RunCommand(openReader + c.path + "/downloads/linux.tar")
	c.WaitFor(time.Minute, "a reader has read", func() error { return c.checkReader(time.Time{}, "read") })
}

// checkReader looks for the end of a read after a time. All of its reads must have ended in time, and those that gave anything have given
// the same.
func (c *cacheLab) checkReader(after time.Time, want string) error {
	c.T.Helper()
	seen, content := false, ""
	for line := range strings.Lines(c.runner.RunCommand("cat /var/tmp/reader.log")) {
		var second int64
		var what, text string
		var took float64
		if _, err := fmt.Sscan(line, &second, &what, &text, &took); err != nil {
			c.T.Fatalf("%q: %v", line, err)
		}
		if took > deadLimit.Seconds() {
			c.T.Fatalf("a read took %s", line)
		}
		if what == "read" && content != "" && text != content {
			c.T.Fatalf("the reader reads something else: %s", line)
		} else if what == "read" {
			content = text
		}
		if second > after.Unix() && what == want && !seen {
			seen = true
			c.T.Logf("reader: %s", strings.TrimSpace(line))
		}
	}
	if !seen {
		return errors.New(c.runner.RunCommand("tail -3 /var/tmp/reader.log; ps -o stat,wchan,etime,args -C python3"))
	}
	return nil
}

// deadLimit is how long a dead shard may hold up the command that builds ask, and a read that is under way.
const deadLimit = 20 * time.Second

// powerCut ends a server without a word, some seconds after a push. EC2 goes on saying that it runs, so the other one leaves its things
// alone.
func (c *cacheLab) powerCut(first, second *lab.Machine) {
	c.T.Helper()
	c.runner.RunCommand("mkdir -p /var/tmp/fresh/fresh; cd /var/tmp/fresh/fresh; for each in 1 2 3 4 5 6 7 8; do head -c 100k /dev/urandom >$each; done")
	c.pushFolder("fresh")
	time.Sleep(8 * time.Second) // ext4 has written the names down by then; content it would keep back for 30 s
	first.CutPower()
	cut := time.Now()
	folder, took := c.findFolder()
	c.T.Logf("cache path of a dead shard: %s in %s", folder, took)
	if out := c.runner.RunCommand("ls -A " + folder); folder == c.path || out != "" || took > deadLimit {
		c.T.Errorf("a dead shard is %s with %q in %s; want an empty folder in %s", folder, out, took, deadLimit)
	}
	// A build that has the folder already.
	c.WaitFor(deadLimit-time.Since(cut), "a file of the dead shard is a miss", func() error {
		_, err := c.runner.TryCommand(10*time.Second, "timeout 1 ls "+c.path+" 2>&1 | grep 'No such file'")
		return err
	})
	c.WaitFor(time.Minute, "a process that reads gets an error", func() error { return c.checkReader(cut, "error") })
	if _, err := c.runner.TryCommand(time.Minute, "! beachhead-node cache push "+cacheTenant+" /var/tmp/files"); err != nil {
		c.T.Errorf("a push to a dead shard: %v", err)
	}
	if err := c.checkWaits(second); err != nil {
		c.T.Error(err)
	}
}

// reportTerminated has EC2 say that the machine is terminated while its volume and interface are still attached, as EC2 does for a while.
func (c *cacheLab) reportTerminated(first, second *lab.Machine) {
	c.T.Helper()
	c.EC2.ReportTerminated(first.ID)
	c.WaitFor(lab.BootLimit, "the other server in service", func() error { return c.checkServes(second) })
	if forced, _ := c.countDetached(second); forced != 2 {
		c.T.Errorf("%s took %d things by force, want volume and interface", second.Name, forced)
	}
}

// countDetached counts the things that a machine ended an attachment of, by force and without.
func (c *cacheLab) countDetached(m *lab.Machine) (forced, orderly int) {
	for _, r := range c.RequestsOf(m, "ec2") {
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

// checkFreshFiles says that nothing of what was pushed just before the power cut is there in part: a name that is there has its content.
func (c *cacheLab) checkFreshFiles() {
	c.T.Helper()
	out, err := c.runner.TryCommand(time.Minute, "echo 3 >/proc/sys/vm/drop_caches; cd "+c.path+`/fresh || exit 0
		broken=0; for each in *; do cmp $each /var/tmp/fresh/fresh/$each || broken=1; done; ls | wc -l; exit $broken`)
	if err != nil {
		c.T.Errorf("after the power cut: %v", err)
	}
	c.T.Logf("of 8 files that were pushed just before the power cut there are %s", out)
	c.pushFolder("fresh")
	c.compareFiles("fresh")
}

// checkReadsOn is the runner's view of another server: the mount, the open file and the files are as before, and a push works.
func (c *cacheLab) checkReadsOn(server *lab.Machine) {
	c.T.Helper()
	now := time.Now()
	c.WaitFor(2*time.Minute, "the reader reads on from "+server.Name, func() error { return c.checkReader(now, "read") })
	c.WaitFor(2*time.Minute, "the runner finds its files", func() error {
		if folder, _ := c.findFolder(); folder != c.path {
			return errors.New(folder)
		}
		return nil
	})
	if mount := c.mountID(); mount != c.mount {
		c.T.Errorf("%s was mounted anew", c.path)
	}
	c.compareFiles("files")
	c.runner.RunCommand("head -c 100k /dev/urandom >/var/tmp/files/sstate/ab/of-" + server.ID)
	c.pushFolder("files")
	c.compareFiles("files")
}

// handOver tells a server to go while another one waits for what it has.
func (c *cacheLab) handOver(from, to *lab.Machine) {
	c.T.Helper()
	c.WaitFor(lab.BootLimit, "another server waits", func() error { return c.checkWaits(to) })
	c.Scaling.StartTermination(from)
	c.WaitFor(lab.BootLimit, "the other server in service", func() error { return c.checkServes(to) })
	c.WaitFor(time.Minute, "the first one is gone", func() error {
		if state := c.Scaling.StateOf(from); state != lab.Terminated {
			return errors.New(state)
		}
		return nil
	})
	if _, orderly := c.countDetached(from); orderly != 2 {
		c.T.Errorf("%s let go of %d things, want volume and interface", from.Name, orderly)
	}
	if forced, orderly := c.countDetached(to); forced+orderly > 0 {
		c.T.Errorf("%s took %d things by force of a server that let go", to.Name, forced)
	}
}

// idleLimit is how much memory of its own the agent may have when it has nothing to do.
const idleLimit = 30 << 10 // KiB

// checkMemory looks at the memory that the agent has on a server that nobody asks for anything.
func (c *cacheLab) checkMemory(server *lab.Machine) {
	c.T.Helper()
	out := strings.Fields(server.RunCommand(`awk '/^(VmRSS|RssAnon):/ {print $2}' /proc/$(systemctl show -P MainPID beachhead-node)/status`))
	c.T.Logf("the idle agent has %s KiB resident, %s KiB of them its own", out[0], out[1])
	if own, err := strconv.Atoi(out[1]); err != nil || own > idleLimit {
		c.T.Errorf("the idle agent has %q KiB of its own, want %d at most", out[1], idleLimit)
	}
}
