package cache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// holding is the holder of a resource in the test's EC2. It becomes attached, or free, at the time then.
type holding struct {
	holder, state, id string
	then              time.Time
}

// region is a stateful EC2 with one volume, one interface and some machines.
type region struct {
	mutex     sync.Mutex
	delay     time.Duration
	pause     time.Duration     // delays each answer
	states    map[string]string // of instances
	machines  map[string]*machine
	volume    holding
	iface     holding
	image     string
	address   netip.Addr
	fences    []string
	attached  int // counts attachments, and numbers them
	conflicts int // counts attachments of a resource that is in use
}

func (r *region) settle(h *holding) {
	if h.state == "" || time.Now().Before(h.then) {
		return
	}
	m := r.machines[h.holder]
	switch h.state {
	case "attaching":
		h.state = "attached"
		m.plug(h == &r.volume, r)
	case "detaching":
		// A machine that is gone releases nothing by itself, and Linux does not release a mounted volume.
		if r.states[h.holder] != "running" || (h == &r.volume && m.mounted()) {
			return
		}
		m.unplug(h == &r.volume)
		*h = holding{}
	case "forced":
		m.unplug(h == &r.volume)
		*h = holding{}
	}
}

func (r *region) attach(h *holding, me string) error {
	r.settle(h)
	if h.holder != "" {
		r.conflicts++
		return fmt.Errorf("VolumeInUse: %s has it: %w", h.holder, aws.ErrBusy)
	}
	r.attached++
	*h = holding{holder: me, state: "attaching", then: time.Now().Add(r.delay), id: fmt.Sprint("attach-", r.attached)}
	return nil
}

func (r *region) detach(h *holding, of string, force bool) error {
	r.settle(h)
	if h.holder == "" || (h.holder != of && h.id != of) {
		return fmt.Errorf("InvalidAttachment.NotFound: %s: %w", of, aws.ErrNotFound)
	}
	h.state, h.then = "detaching", time.Now().Add(r.delay)
	if force {
		h.state = "forced"
		r.fences = append(r.fences, h.holder)
	}
	return nil
}

// machine is an instance with its own Linux below a folder. It is the server's Cloud.
type machine struct {
	*region
	id   string
	host host.Host
	role *Role
}

func (m *machine) plug(volume bool, r *region) {
	if volume {
		m.write("/sys/block/nvme1n1/device/serial", "vol0123456789abcdef0\n")
		m.write("/sys/block/nvme1n1/size", "32768\n")
		_ = os.MkdirAll(m.host.Path("/dev"), 0o755)
		_ = os.Symlink(r.image, m.host.Path("/dev/nvme1n1"))
		return
	}
	m.write("/sys/class/net/ens6/address", "02:00:00:00:00:10\n")
	m.write("/proc/sys/net/ipv4/conf/ens6/arp_notify", "0\n")
}

func (m *machine) unplug(volume bool) {
	for _, path := range map[bool][]string{
		true: {"/sys/block/nvme1n1", "/dev/nvme1n1"}, false: {"/sys/class/net/ens6", "/proc/sys/net/ipv4/conf/ens6"},
	}[volume] {
		_ = os.RemoveAll(m.host.Path(path))
	}
}

func (m *machine) write(path, text string) {
	path = m.host.Path(path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		panic(err)
	}
}

func (m *machine) read(path string) string {
	text, _ := os.ReadFile(m.host.Path(path))
	return string(text)
}

// number reads a file with one number.
func (m *machine) number(path string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(m.read(path)))
	return n
}

func (m *machine) mounted() bool { return m.read("/proc/self/mountinfo") != "" }

// step counts a call like the commands count theirs, and fails after the step at which the machine was killed.
func (m *machine) step(do func() error) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	n, last := m.number("/steps")+1, m.number("/kill")
	m.write("/steps", strconv.Itoa(n)+"\n")
	if last > 0 && n > last {
		return errKilled
	}
	err := do()
	if n == last {
		return errKilled
	}
	return err
}

var errKilled = errors.New("killed by the test")

func (m *machine) InstanceIdentity(context.Context) (me aws.Identity, err error) {
	return aws.Identity{InstanceID: m.id}, m.step(func() error { return nil })
}

func (m *machine) InstanceState(_ context.Context, id string) (state string, err error) {
	err = m.step(func() error { state = m.states[id]; return nil })
	return state, err
}

// shown returns the state in EC2's words.
func (h *holding) shown() string {
	if h.state == "forced" {
		return "detaching"
	}
	return h.state
}

func (m *machine) FindVolume(_ context.Context, tags map[string]string) (v aws.Volume, err error) {
	err = m.step(func() error {
		if tags["Name"] != "cache-shard-00" || tags["beachhead:cache"] != "us-west-1" {
			return aws.ErrNotFound
		}
		h := &m.volume
		m.settle(h)
		v = aws.Volume{ID: "vol-0123456789abcdef0", AttachedTo: h.holder, AttachmentState: h.shown()}
		return nil
	})
	time.Sleep(m.pause)
	return v, err
}

func (m *machine) FindNetworkInterface(_ context.Context, tags map[string]string) (n aws.NetworkInterface, err error) {
	err = m.step(func() error {
		if tags["Name"] != "cache-shard-00" || tags["beachhead:cache"] != "us-west-1" {
			return aws.ErrNotFound
		}
		h := &m.iface
		m.settle(h)
		n = aws.NetworkInterface{
			ID: "eni-1", MAC: "02:00:00:00:00:10", Address: m.address,
			AttachedTo: h.holder, AttachmentID: h.id, AttachmentState: h.shown(),
		}
		if h.holder == m.id {
			n.SubnetPrefix = netip.PrefixFrom(m.address, 24)
		}
		return nil
	})
	return n, err
}

func (m *machine) AttachVolume(_ context.Context, id, device string) error {
	return m.step(func() error { return m.attach(&m.volume, m.id) })
}

func (m *machine) DetachVolume(_ context.Context, id, instance string, force bool) error {
	return m.step(func() error { return m.detach(&m.volume, instance, force) })
}

func (m *machine) AttachNetworkInterface(_ context.Context, id string, index int) error {
	// The address must come after the export: every server that answers must serve.
	if !strings.Contains(m.read("/nfsd"), "serving") {
		return errors.New("the address would be there before the export")
	}
	return m.step(func() error { return m.attach(&m.iface, m.id) })
}

func (m *machine) DetachNetworkInterface(_ context.Context, attachment string, force bool) error {
	return m.step(func() error { return m.detach(&m.iface, attachment, force) })
}

func (m *machine) GetParameter(_ context.Context, name string) (aws.Parameter, error) {
	return aws.Parameter{}, aws.ErrNotFound
}

func (m *machine) PutParameter(_ context.Context, name, value string) error { return nil }

// prelude counts a command. The text after it does the command's work, in the machine's folder R.
const prelude = `#!/bin/sh
read R <"${0%/*}/machine"
read n <"$R/steps"; read k <"$R/kill"; n=$((n+1)); echo $n >"$R/steps"
echo "${0##*/} $*" >>"$R/log"
[ $k -gt 0 ] && [ $n -gt $k ] && exit 137
last() { [ $n -eq $k ] && exit 137; exit $1; }
`

// commandTexts are the commands that need root or a real system. blkid, wipefs, mkfs.ext4 and e2fsck are the machine's
// own.
var commandTexts = map[string]string{
	"dpkg-query":       `echo installed; last 0`,
	"apt-get":          `last 0`, // runs when an earlier one was killed; never the system's own
	"systemd-sysusers": `last 0`,
	"networkctl":       `last 0`,
	"sync":             `last 0`,
	"resize2fs":        `last 0`,
	"exportfs":         `grep -q 0:1 "$R/proc/self/mountinfo" && grep -q started "$R/nfsd" && echo serving >"$R/nfsd"; last 0`, //nolint:misspell
	"mount":            `mkdir -p "$6"; echo "30 22 0:1 / $6 rw - ext4 $5 rw" >>"$R/proc/self/mountinfo"; last 0`,
	"umount":           `: >"$R/proc/self/mountinfo"; last 0`,
	"systemctl": `case "$1 $2" in
		"restart nfs-server.service") echo started >"$R/nfsd";;
		"stop nfs-server.service") rm -f "$R/nfsd";;
		esac; last 0`,
	"ip": `case "$1 $2" in
		"rule show") [ -e "$R/rules" ] && cat "$R/rules";;
		"rule add") echo "32765:	from $4 lookup $6" >>"$R/rules";;
		*"set") echo "$5" >"$R/link";;
		esac; last 0`,
}

// serveNFS answers like an NFS server at both addresses of a machine while the current machine's server runs, and
// returns their port.
func serveNFS(t *testing.T, address netip.Addr, current func() *machine) uint16 {
	t.Helper()
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := first.Addr().(*net.TCPAddr).Port
	second, err := net.Listen("tcp", netip.AddrPortFrom(address, uint16(port)).String())
	if err != nil {
		t.Skipf("this machine has no second local address: %v", err)
	}
	for _, listener := range []net.Listener{first, second} {
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				if m := current(); strings.HasPrefix(m.read("/nfsd"), "s") { // started, or serving
					nfsReply(connection)
				}
				_ = connection.Close()
			}
		}()
	}
	return uint16(port)
}

// nfsReply reads one call and answers it according to RFC 5531.
func nfsReply(connection io.ReadWriter) {
	var call [11]uint32
	if err := binary.Read(connection, binary.BigEndian, &call); err != nil {
		return
	}
	accepted := uint32(0)
	if call[2] != 0 || call[3] != 2 || call[4] != 100003 || call[5] != 4 || call[6] != 0 {
		accepted = 1 // no such program
	}
	_ = binary.Write(connection, binary.BigEndian, []uint32{1<<31 | 24, call[1], 1, 0, 0, 0, accepted})
}

// lab is a region and the machines that a test starts in it, one after the other or at once.
type lab struct {
	*region
	t    *testing.T
	bin  string
	port uint16

	current struct {
		sync.Mutex
		machine *machine
	}
}

func newLab(t *testing.T) *lab {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, bin: filepath.Join(base, "bin"), region: &region{
		states: map[string]string{}, machines: map[string]*machine{}, image: filepath.Join(base, "image"),
		address: netip.MustParseAddr("127.0.0.77"), delay: 3 * time.Second,
	}}
	if err := errors.Join(os.MkdirAll(l.bin, 0o755), os.WriteFile(l.image, nil, 0o644), os.Truncate(l.image, 16<<20)); err != nil {
		t.Fatal(err)
	}
	for name, text := range commandTexts {
		if err := os.WriteFile(filepath.Join(l.bin, name), []byte(prelude+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", l.bin+":"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	l.port = serveNFS(t, l.address, func() *machine {
		l.current.Lock()
		defer l.current.Unlock()
		return l.current.machine
	})
	return l
}

// start starts a machine; commands belong to it from now on.
func (l *lab) start(id string) *machine {
	l.t.Helper()
	m := &machine{region: l.region, id: id, host: host.Host{Root: filepath.Join(filepath.Dir(l.bin), id)}}
	m.write("/proc/self/mountinfo", "")
	m.write("/proc/sys/net/ipv4/conf/all/arp_ignore", "0\n")
	m.write("/steps", "0\n")
	m.write("/kill", "0\n")
	l.states[id], l.machines[id] = "running", m
	m.agent()
	l.use(m)
	return m
}

func (l *lab) use(m *machine) {
	l.current.Lock()
	defer l.current.Unlock()
	l.current.machine, m.role.port = m, l.port
	if err := os.WriteFile(filepath.Join(l.bin, "machine"), []byte(m.host.Root+"\n"), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// agent starts the agent again.
func (m *machine) agent() {
	port := uint16(0)
	if m.role != nil {
		port = m.role.port
	}
	m.role = newRole(m.host, description(), m)
	m.role.port = port
}

// reboot leaves only the state that survives a reboot.
func (m *machine) reboot() {
	m.write("/proc/self/mountinfo", "")
	for _, path := range []string{"/run", "/nfsd", "/rules", "/link"} {
		_ = os.RemoveAll(m.host.Path(path))
	}
	m.agent()
}

func description() spec.Description {
	return spec.Description{Stack: "us-west-1", Role: spec.CacheRole, Cache: &spec.Cache{
		Shard: "cache-shard-00", Number: 0, Volume: "cache-shard-00", Interface: "cache-shard-00", Threads: 64,
		Clients:      []netip.Prefix{netip.MustParsePrefix("10.42.0.0/19"), netip.MustParsePrefix("10.42.32.0/19")},
		MapParameter: "/beachhead/us-west-1/cache/map",
	}}
}
