package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/node/host"
)

const gp3 = "vol-0123456789abcdef0"

// machine is a host with its own root.
func machine(t *testing.T) host.Host {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := host.Host{Root: root}
	write(t, h.Path("/proc/self/mountinfo"), "")
	return h
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFindDevice(t *testing.T) {
	h := machine(t)
	for _, name := range []string{"nvme0n1", "nvme1n1", "vdb"} {
		write(t, h.Path("/dev/"+name), "")
	}
	write(t, h.Path("/sys/block/nvme0n1/device/serial"), "vol0aaaaaaaaaaaaaaaa\n")
	write(t, h.Path("/sys/block/loop0/size"), "0\n") // has no serial number
	if device, err := FindDevice(h, gp3); err != nil || device != "" {
		t.Errorf("before it is there: %q, %v", device, err)
	}
	write(t, h.Path("/sys/block/nvme1n1/device/serial"), "vol0123456789abcdef0 \n") // padded as NVMe pads it
	if device, err := FindDevice(h, gp3); err != nil || device != h.Path("/dev/nvme1n1") {
		t.Errorf("%q, %v", device, err)
	}
	write(t, h.Path("/sys/block/vdb/serial"), "vol0123456789abcdef0")
	if device, err := FindDevice(h, gp3); err == nil || !strings.Contains(err.Error(), "terminate this machine") {
		t.Errorf("two devices of one volume: %q, %v", device, err)
	}
	if err := os.Remove(h.Path("/sys/block/nvme1n1/device/serial")); err != nil {
		t.Fatal(err)
	}
	if device, err := FindDevice(h, gp3); err != nil || device != h.Path("/dev/vdb") {
		t.Errorf("a virtual disk: %q, %v", device, err)
	}
}

func TestParseMountInfo(t *testing.T) {
	const list = "22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw,discard\n" +
		"30 22 259:4 / /srv/cache rw,noatime - ext4 /dev/nvme1n1 rw,errors=remount-ro\n" +
		"31 22 0:5 / /srv/cache2 ro - tmpfs tmpfs ro\n"
	for what, c := range map[string]struct {
		list, target string
		want         MountedDevice
	}{
		"writable":  {list, "/srv/cache", MountedDevice{Source: "/dev/nvme1n1"}},
		"nothing":   {list, "/srv", MountedDevice{}},
		"read-only": {list, "/srv/cache2", MountedDevice{Source: "tmpfs", ReadOnly: true}},
		"made read-only": {
			strings.Replace(list, "rw,errors", "ro,errors", 1), "/srv/cache",
			MountedDevice{Source: "/dev/nvme1n1", ReadOnly: true},
		},
		"the last is on top": {
			list + "32 30 259:5 / /srv/cache rw shared:3 - ext4 /dev/nvme2n1 rw\n", "/srv/cache",
			MountedDevice{Source: "/dev/nvme2n1"},
		},
	} {
		if got := parseMountInfo(c.list, c.target); got != c.want {
			t.Errorf("%s: %+v, want %+v", what, got, c.want)
		}
	}
}

// A mount that cannot be checked is an error: otherwise a server would continue with a folder of its root disk.
func TestMountWithoutMountTable(t *testing.T) {
	h := machine(t)
	if err := os.Remove(h.Path("/proc/self/mountinfo")); err != nil {
		t.Fatal(err)
	}
	commands(t, map[string]string{"resize2fs": "exit 0"})
	if err := Mount(t.Context(), h, volume(image(t, h, imageBytes)), "/srv/cache"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("mounting: %v, want that the mount table cannot be read", err)
	}
	if err := Unmount(t.Context(), h, "/srv/cache", false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unmounting: %v, want that the mount table cannot be read", err)
	}
}

// A failed mount command is an error with the next step.
func TestMountFails(t *testing.T) {
	h := machine(t)
	all := mounts(t, h)
	all["mount"] = "echo 'wrong fs type' >&2; exit 32"
	commands(t, all)
	err := Mount(t.Context(), h, volume(image(t, h, imageBytes)), "/srv/cache")
	if err == nil || !strings.Contains(err.Error(), "wrong fs type") || !strings.Contains(err.Error(), "newest snapshot") {
		t.Errorf("%v, want the cause and what to do", err)
	}
}

func TestDeviceSize(t *testing.T) {
	h := machine(t)
	write(t, h.Path("/sys/block/nvme1n1/size"), "4194304\n")
	if size, err := DeviceSize(h, "/dev/nvme1n1"); err != nil || size != 2<<30 {
		t.Errorf("%d, %v", size, err)
	}
}

// Each reason alone prevents formatting.
func TestClassifyContents(t *testing.T) {
	v := Volume{ID: gp3, Device: "/dev/nvme1n1", Label: "beachhead-00"}
	old := v
	old.FromSnapshot = true
	clean := contents{dataAt: -1}
	for what, c := range map[string]struct {
		v      Volume
		has    contents
		want   verdict
		reason string
	}{
		"blank":                     {v, clean, blank, ""},
		"ours":                      {v, contents{kind: "ext4", label: "beachhead-00", signatures: "TYPE=ext4"}, prepared, ""},
		"ours, of a snapshot":       {old, contents{kind: "ext4", label: "beachhead-00", signatures: "TYPE=ext4"}, prepared, ""},
		"another shard's":           {v, contents{kind: "ext4", label: "beachhead-01", signatures: "TYPE=ext4"}, foreign, "label beachhead-01"},
		"an ext4 without a label":   {v, contents{kind: "ext4", signatures: "TYPE=ext4"}, foreign, "TYPE=ext4"},
		"our label on another kind": {v, contents{kind: "xfs", label: "beachhead-00", signatures: "TYPE=xfs"}, foreign, "TYPE=xfs"},
		"one signature":             {v, contents{signatures: "PTTYPE=gpt", dataAt: -1}, foreign, "PTTYPE=gpt"},
		"one byte":                  {v, contents{dataAt: 0}, foreign, "byte 0"},
		"a blank snapshot":          {old, clean, foreign, "snapshot"},
		"begun":                     {v, contents{marked: true, dataAt: 0}, blank, ""},
		"begun, with a signature":   {v, contents{marked: true, signatures: "TYPE=swap"}, foreign, "TYPE=swap"},
		"begun, of a snapshot":      {old, contents{marked: true, dataAt: -1}, foreign, "snapshot"},
	} {
		got, reason := classifyContents(c.v, c.has)
		if got != c.want || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: %v %q, want %v with %q", what, got, reason, c.want, c.reason)
		}
	}
}
