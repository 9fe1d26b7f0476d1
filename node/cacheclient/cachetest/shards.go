// Package cachetest helps to test cache access: it contains a Parameter Store with versions, and shards that tests
// mount without the kernel's NFS.
package cachetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/node/shardmap"
)

// Shards are servers that tests mount. It consists of folders, an address for each, and three commands on the PATH:
// mount and umount, which create links to the folders in place of mounts, and ss, which only records its call.
type Shards struct {
	// Root is the root of the machine; the kernel's mount table is below it.
	Root  string
	block netip.Prefix
	t     testing.TB
}

// NewShards creates servers that do not answer yet.
func NewShards(t testing.TB) *Shards {
	t.Helper()
	// All addresses of 127.0.0.0/8 belong to this machine. The block depends on the process, so that tests can run side
	// by side.
	id := os.Getpid()
	block := netip.PrefixFrom(netip.AddrFrom4([4]byte{127, byte(id>>8&0x3f + 64), byte(id), 16}), 28)
	s := &Shards{Root: t.TempDir(), block: block, t: t}
	if connection, err := net.Dial("tcp", netip.AddrPortFrom(block.Addr(), 2049).String()); err == nil {
		_ = connection.Close()
		t.Skip("an NFS server of this machine answers on every address, so that no shard can be dead")
	}
	s.writeFile("proc/self/mountinfo", 0o644, "21 1 0:20 / /proc rw,relatime shared:5 - proc proc rw\n")
	s.writeFile("bin/mount", 0o755, fmt.Sprintf(`#!/bin/sh
cd %s || exit 1
if [ -e hang ]; then sleep 8; exit 32; fi
rmdir "$6" && ln -s "$PWD/exports/${5%%:/}" "$6" && echo "40 21 0:50 / $6 rw shared:9 - nfs4 $5 rw" >>proc/self/mountinfo
echo "mount $*" >>calls
`, s.Root))
	s.writeFile("bin/umount", 0o755, fmt.Sprintf(`#!/bin/sh
cd %s || exit 1
for point; do :; done
if [ -e busy ]; then echo "target is busy" >&2; exit 32; fi
grep -vF " $point " proc/self/mountinfo >mountinfo.new
cat mountinfo.new >proc/self/mountinfo
rm "$point" && mkdir "$point"
echo "umount $*" >>calls
`, s.Root))
	s.writeFile("bin/ss", 0o755, fmt.Sprintf("#!/bin/sh\necho \"ss $*\" >>%s/calls\n", s.Root))
	t.Setenv("PATH", filepath.Join(s.Root, "bin")+":"+os.Getenv("PATH"))
	return s
}

func (s *Shards) writeFile(name string, mode os.FileMode, text string) {
	s.t.Helper()
	path := filepath.Join(s.Root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

// SetSwitch turns a fault on or off: "hang", a mount that runs for 8 s after it is killed, in a child process as
// mount.nfs does, or "busy", a mount that cannot be unmounted.
func (s *Shards) SetSwitch(name string, on bool) {
	s.t.Helper()
	if on {
		s.writeFile(name, 0o644, "")
		return
	}
	if err := os.Remove(filepath.Join(s.Root, name)); err != nil {
		s.t.Fatal(err)
	}
}

// ReadCalls returns the commands that ran to their end, one on each line.
func (s *Shards) ReadCalls() string {
	text, err := os.ReadFile(filepath.Join(s.Root, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(text)
}

// NewTable creates a table with this number of shards, with addresses.
func (s *Shards) NewTable(shards int, pins map[string]int) shardmap.Table {
	s.t.Helper()
	table, err := shardmap.New(shards, pins)
	if err != nil {
		s.t.Fatal(err)
	}
	return table.WithBlocks(s.block)
}

// WriteTable writes a table as the next version of the map's parameter.
func (s *Shards) WriteTable(store *Store, name string, table shardmap.Table) {
	s.t.Helper()
	text, err := table.MarshalDocument()
	if err == nil {
		err = store.PutParameter(context.Background(), name, string(text))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// ServeShard makes a shard answer until the test ends or stop is called, and returns the folder that it exports.
func (s *Shards) ServeShard(table shardmap.Table, shard int) (export string, stop func()) {
	s.t.Helper()
	address := table.ShardAddress(shard)
	listener, err := net.Listen("tcp", netip.AddrPortFrom(address, 2049).String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_ = connection.Close()
		}
	}()
	export = filepath.Join(s.Root, "exports", address.String())
	if err := os.MkdirAll(filepath.Join(export, "slots"), 0o755); err != nil {
		s.t.Fatal(err)
	}
	return export, func() { _ = listener.Close() }
}

// BlackHoleShard makes a shard's address neither accept nor refuse connections, like a machine without power.
func (s *Shards) BlackHoleShard(table shardmap.Table, shard int) {
	s.t.Helper()
	address := netip.AddrPortFrom(table.ShardAddress(shard), 2049)
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		s.t.Cleanup(func() { _ = syscall.Close(socket) })
		// Set what Go's own listeners set, so that connections that ended do not block the address.
		err = syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err == nil {
		err = syscall.Bind(socket, &syscall.SockaddrInet4{Port: 2049, Addr: address.Addr().As4()})
	}
	if err == nil {
		err = syscall.Listen(socket, 0)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	// When its queue is full, the kernel drops further requests for a connection.
	for range 4 {
		dialer := net.Dialer{Timeout: 100 * time.Millisecond}
		if connection, err := dialer.Dial("tcp", address.String()); err == nil {
			s.t.Cleanup(func() { _ = connection.Close() })
		}
	}
}
