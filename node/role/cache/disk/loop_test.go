package disk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/beachhead-build/beachhead/node/host"
)

// loops reports whether this process may create loop devices and mount them.
func loops() bool {
	return os.Geteuid() == 0 && exec.Command("losetup", "--find").Run() == nil
}

// loop creates a block device from a sparse file, where that is possible; grow makes it larger.
func loop(t *testing.T, size int64) (device string, grow func(size int64)) {
	t.Helper()
	if !loops() {
		return "", nil
	}
	file := filepath.Join(t.TempDir(), "disk")
	write(t, file, "")
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command("losetup", "--find", "--show", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	device = strings.TrimSpace(string(said))
	run := func(name string, args ...string) {
		t.Helper()
		if said, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Errorf("%s %v: %v: %s", name, args, err, said)
		}
	}
	t.Cleanup(func() { run("losetup", "--detach", device) })
	return device, func(size int64) {
		t.Helper()
		if err := os.Truncate(file, size); err != nil {
			t.Fatal(err)
		}
		run("losetup", "--set-capacity", device)
	}
}

// real is a host with the machine's own commands and mounts.
func real(t *testing.T) host.Host {
	t.Helper()
	h := machine(t)
	if err := os.Remove(h.Path("/proc/self/mountinfo")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/self/mountinfo", h.Path("/proc/self/mountinfo")); err != nil {
		t.Fatal(err)
	}
	commands(t, nil)
	return h
}

// The whole life of a volume: blank, formatted, mounted, unmounted, and mounted again with its contents.
func TestVolume(t *testing.T) {
	const target = "/srv/cache"
	if !loops() {
		t.Skip("loop devices and mounts take root")
	}
	device, _ := loop(t, imageBytes)
	h := real(t)
	v := volume(device)
	t.Cleanup(func() { _ = exec.Command("umount", "--quiet", h.Path(target)).Run() })
	if err := Mount(t.Context(), h, v, target); err != nil {
		t.Fatal(err)
	}
	if at, err := FindMount(h, target); err != nil || at != (MountedDevice{Source: device}) {
		t.Fatalf("mounted %+v, %v", at, err)
	}
	write(t, h.Path(target+"/kept"), "a tenant's file\n")
	for range 2 {
		if err := Unmount(t.Context(), h, target, false); err != nil {
			t.Fatal(err)
		}
	}
	if at, err := FindMount(h, target); err != nil || at != (MountedDevice{}) {
		t.Errorf("unmounted: %+v, %v", at, err)
	}
	if err := Mount(t.Context(), h, v, target); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(h.Path(target + "/kept")); err != nil || string(text) != "a tenant's file\n" {
		t.Errorf("%q, %v", text, err)
	}
	// A lost device is unmounted even while one of its files is open.
	file, err := os.Open(h.Path(target + "/kept"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := Unmount(t.Context(), h, target, false); err == nil {
		t.Error("a volume in use was unmounted as if it were not")
	}
	if err := Unmount(t.Context(), h, target, true); err != nil {
		t.Error(err)
	}
}

// A power cut leaves each pushed file complete, or absent. The test checks the device once the kernel has written the
// new name, which takes five seconds at most and can be long before it writes the content by itself.
func TestPowerCut(t *testing.T) {
	const target = "/srv/cache"
	if !loops() {
		t.Skip("loop devices and mounts take root")
	}
	device, _ := loop(t, imageBytes)
	h := real(t)
	t.Cleanup(func() { _ = exec.Command("umount", "--quiet", h.Path(target)).Run() })
	if err := Mount(t.Context(), h, volume(device), target); err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("a tenant's object\n", 10_000)
	write(t, h.Path(target+"/new"), content)
	if err := os.Rename(h.Path(target+"/new"), h.Path(target+"/object")); err != nil {
		t.Fatal(err)
	}
	other, err := os.Create(h.Path(target + "/other"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Sync(), other.Close()); err != nil { // writes the journal, with all names
		t.Fatal(err)
	}
	output := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).Output()
		if err != nil && host.ExitCode(err) != 1 { // e2fsck repaired something
			t.Fatalf("%s: %v", name, err)
		}
		return string(out)
	}
	cut := filepath.Join(t.TempDir(), "cut")
	output("cp", strings.TrimSpace(output("losetup", "--noheadings", "--output", "BACK-FILE", device)), cut)
	output("e2fsck", "-p", cut)
	if got := output("debugfs", "-R", "cat /object", cut); got != content {
		t.Errorf("after a power cut the object has %d bytes of %d", len(got), len(content))
	}
}

// A file system grows with its device while it is mounted.
func TestGrow(t *testing.T) {
	const target = "/srv/cache"
	if !loops() || !mayResize(t) {
		t.Skip("loop devices and mounts take root, and growing a mounted ext4 the capability CAP_SYS_RESOURCE")
	}
	device, grow := loop(t, imageBytes)
	h := real(t)
	t.Cleanup(func() { _ = exec.Command("umount", "--quiet", h.Path(target)).Run() })
	if err := Mount(t.Context(), h, volume(device), target); err != nil {
		t.Fatal(err)
	}
	small := blocks(t, h.Path(target))
	grow(4 * imageBytes)
	if err := Mount(t.Context(), h, volume(device), target); err != nil {
		t.Fatal(err)
	}
	if large := blocks(t, h.Path(target)); large < 3*small {
		t.Errorf("it has %d blocks after growing from %d", large, small)
	}
}

// mayResize reports whether this process has CAP_SYS_RESOURCE, which root in a container may lack.
func mayResize(t *testing.T) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, behind, _ := strings.Cut(string(status), "CapEff:")
	effective, err := strconv.ParseUint(strings.Fields(behind)[0], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	const sysResource = 24
	return effective>>sysResource&1 == 1
}

func blocks(t *testing.T, path string) uint64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks
}
