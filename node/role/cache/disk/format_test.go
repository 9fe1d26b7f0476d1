package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/node/host"
)

// imageBytes is small, so that hashing it takes no time.
const imageBytes = 16 << 20

// image creates a device from a sparse file, which blkid, wipefs, mke2fs and e2fsck accept like a disk.
func image(t *testing.T, h host.Host, size int64) string {
	t.Helper()
	path := h.Path("/dev/nvme1n1")
	write(t, path, "")
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

func sum(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		t.Fatal(err)
	}
	return string(hash.Sum(nil))
}

func identity(t *testing.T, device string) string {
	t.Helper()
	said, err := exec.Command("blkid", "-p", "-o", "export", device).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}

func put(t *testing.T, path string, offset int64, data string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.WriteAt([]byte(data), offset); err != nil {
		t.Fatal(err)
	}
}

// commands puts the test's commands on the PATH before the machine's. The PATH of a unit includes the administrators'
// folders too.
func commands(t *testing.T, texts map[string]string) {
	t.Helper()
	bin := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH")+":/usr/sbin:/sbin")
}

// mounts are commands that mount nothing, because that needs root, and that write the kernel's mount table.
func mounts(t *testing.T, h host.Host) map[string]string {
	t.Helper()
	return map[string]string{
		"mount":     `echo "30 22 0:1 / $6 rw - ext4 $5 rw" >>` + h.Path("/proc/self/mountinfo"),
		"umount":    `: >` + h.Path("/proc/self/mountinfo"),
		"resize2fs": `echo "$@" >>` + h.Path("/resized"),
	}
}

func volume(device string) Volume { return Volume{ID: gp3, Device: device, Label: "beachhead-00"} }

// stranger is foreign content on a device: bytes at an offset, from the end when that is negative, or a command that
// gets the device as its argument.
type stranger struct {
	at      int64
	data    string
	command []string
	says    string
}

// strangerCases lists the magic numbers that the kernel and the tools recognize, so that the test does not depend on
// installed tools, and the tools themselves where they exist.
func strangerCases() map[string]stranger {
	partition := "\x80\x00\x01\x00\x83\xfe\xff\xff\x3f\x00\x00\x00\x00\x20\x00\x00" + strings.Repeat("\x00", 48) + "\x55\xaa"
	luks := "LUKS\xba\xbe\x00\x01aes\x00"
	return map[string]stranger{
		"ext4 magic":           {at: 1024 + 56, data: "\x53\xef\x01\x00"},
		"xfs magic":            {data: "XFSB\x00\x00\x10\x00"},
		"lvm magic":            {at: 512, data: "LABELONE\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00LVM2 001"},
		"raid magic 1.2":       {at: 4096, data: "\xfc\x4e\x2b\xa9\x01\x00\x00\x00"},
		"raid magic 1.0":       {at: -8192, data: "\xfc\x4e\x2b\xa9\x01\x00\x00\x00"},
		"raid magic 0.90":      {at: -65536, data: "\xfc\x4e\x2b\xa9\x00\x00\x00\x00\x5a\x00\x00\x00"},
		"gpt magic":            {at: 512, data: "EFI PART\x00\x00\x01\x00"},
		"gpt magic at the end": {at: -512, data: "EFI PART\x00\x00\x01\x00"},
		"mbr":                  {at: 446, data: partition, says: "PTTYPE=dos"},
		"swap":                 {at: 4086, data: "SWAPSPACE2"},
		"luks":                 {data: luks},
		"text in the middle":   {at: imageBytes/2 + 4095, data: "x"},
		"text near the middle": {at: imageBytes/3 + 77, data: "x"},
		"one byte at the end":  {at: -1, data: "\x01"},
		"one byte at the start": {
			data: "\x01",
		},
		"another's mark": {at: markOffset(imageBytes), data: string(buildMark("vol-0fedcba9876543210"))},

		"an ext4":              {command: []string{"mkfs.ext4", "-q", "-L", "data"}, says: "TYPE=ext4"},
		"another shard's":      {command: []string{"mkfs.ext4", "-q", "-L", "beachhead-07"}, says: "another shard"},
		"a larger xfs":         {command: []string{"mkfs.xfs", "-q"}, says: "TYPE=xfs"},
		"a physical volume":    {command: []string{"pvcreate", "-qq"}, says: "LVM2_member"},
		"a member of an array": {command: []string{"mdadm", "--quiet", "--create"}, says: "linux_raid_member"},
		"a partition table":    {command: []string{"sfdisk", "--quiet"}, says: "PTTYPE=gpt"},
		"a swap area":          {command: []string{"mkswap"}, says: "TYPE=swap"},
		"an encrypted volume":  {command: []string{"cryptsetup", "luksFormat", "--batch-mode"}, says: "crypto_LUKS"},
	}
}

// make puts the foreign content on a device.
func (s stranger) make(t *testing.T, device string, size int64) {
	t.Helper()
	if s.command == nil {
		if s.at < 0 {
			s.at += size
		}
		put(t, device, s.at, s.data)
		return
	}
	args, input := slices.Concat(s.command[1:], []string{device}), ""
	switch s.command[0] {
	case "sfdisk":
		input = "label: gpt\n,,\n"
	case "cryptsetup":
		args, input = append(args, "-"), "a key that nobody needs again"
		args = append(args, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
	case "mdadm":
		args = []string{"--quiet", "--create", "/dev/md/beachhead-test", "--run", "--level=1", "--raid-devices=2", device, "missing"}
	}
	command := exec.Command(s.command[0], args...)
	command.Stdin = strings.NewReader(input)
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", command.Args, err, said)
	}
	if s.command[0] == "mdadm" {
		if said, err := exec.Command("mdadm", "--quiet", "--stop", "/dev/md/beachhead-test").CombinedOutput(); err != nil {
			t.Fatalf("stopping the array: %v: %s", err, said)
		}
	}
}

// refuse fails the test unless the device is refused, and unchanged in every byte.
func (s stranger) refuse(t *testing.T, h host.Host, device string) {
	t.Helper()
	before := sum(t, device)
	err := Mount(t.Context(), h, volume(device), "/srv/cache")
	if err == nil || !strings.Contains(err.Error(), "refused to format") || !strings.Contains(err.Error(), s.says) {
		t.Errorf("it says %v, want a refusal with %q", err, s.says)
	}
	if sum(t, device) != before {
		t.Error("the device is not as it was")
	}
}

// Commands create their content on a block device where the test may use one, else on a file, which most of them
// accept.
func TestForeignVolumesAreNeverFormatted(t *testing.T) {
	for name, s := range strangerCases() {
		t.Run(name, func(t *testing.T) {
			h, size, device := machine(t), int64(imageBytes), ""
			commands(t, mounts(t, h))
			if s.command != nil {
				s.needs(t)
				if s.command[0] == "mkfs.xfs" {
					size = 300 << 20 // the minimum that it accepts
				}
				device, _ = loop(t, size)
			}
			if device == "" {
				device = image(t, h, size)
			}
			s.make(t, device, size)
			s.refuse(t, h, device)
		})
	}
}

// needs skips what this machine cannot create. Its magic number is among the cases all the same.
func (s stranger) needs(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath(s.command[0]); err != nil {
		t.Skipf("there is no %s here", s.command[0])
	}
	if _, err := os.Stat("/proc/mdstat"); err != nil && s.command[0] == "mdadm" {
		t.Skip("this kernel has no arrays")
	}
	if onDevice := s.command[0] == "mdadm" || s.command[0] == "pvcreate"; onDevice && !loops() {
		t.Skipf("%s takes a block device, and loop devices take root", s.command[0])
	}
}

// A blank volume from a snapshot does not count as blank: it had contents, and no one knows which.
func TestSnapshotsAreNeverFormatted(t *testing.T) {
	h := machine(t)
	commands(t, mounts(t, h))
	v := volume(image(t, h, imageBytes))
	v.FromSnapshot = true
	before := sum(t, v.Device)
	if err := Mount(t.Context(), h, v, "/srv/cache"); err == nil || !strings.Contains(err.Error(), "snapshot") {
		t.Errorf("it says %v", err)
	}
	if sum(t, v.Device) != before {
		t.Error("the device is not as it was")
	}
}

// A device that cannot be read does not count as blank.
func TestUnreadableIsNotBlank(t *testing.T) {
	for what, texts := range map[string]map[string]string{
		"no blkid":      {"blkid": "exit 127"},
		"blkid fails":   {"blkid": "exit 4"},
		"wipefs fails":  {"wipefs": "echo cannot read >&2; exit 1"},
		"blkid is hurt": {"blkid": "kill -9 $$"},
	} {
		t.Run(what, func(t *testing.T) {
			h := machine(t)
			all := mounts(t, h)
			for name, text := range texts {
				all[name] = text
			}
			commands(t, all)
			device := image(t, h, imageBytes)
			before := sum(t, device)
			if err := Mount(t.Context(), h, volume(device), "/srv/cache"); err == nil {
				t.Error("no error")
			}
			if sum(t, device) != before {
				t.Error("the device is not as it was")
			}
		})
	}
	h := machine(t)
	commands(t, mounts(t, h))
	if err := Mount(t.Context(), h, volume(h.Path("/dev/gone")), "/srv/cache"); err == nil {
		t.Error("a device that is not there: no error")
	}
	if err := Mount(t.Context(), h, volume(image(t, h, 0)), "/srv/cache"); err == nil {
		t.Error("an empty device: no error")
	}
}

// A blank volume is formatted once; the next run uses it as it is.
func TestBlankIsFormattedOnce(t *testing.T) {
	h := machine(t)
	commands(t, mounts(t, h))
	v := volume(image(t, h, imageBytes))
	if err := Mount(t.Context(), h, v, "/srv/cache"); err != nil {
		t.Fatal(err)
	}
	if at, err := FindMount(h, "/srv/cache"); err != nil || at.Source != v.Device {
		t.Errorf("mounted %+v, %v", at, err)
	}
	if err := Unmount(t.Context(), h, "/srv/cache", true); err != nil {
		t.Fatal(err)
	}
	// The check writes its time, so that only the identity of the file system stays equal.
	before := identity(t, v.Device)
	if err := Mount(t.Context(), h, v, "/srv/cache"); err != nil {
		t.Fatal(err)
	}
	if after := identity(t, v.Device); after != before || !strings.Contains(before, "UUID") {
		t.Errorf("a second run made %s of %s", after, before)
	}
	if resized, err := os.ReadFile(h.Path("/resized")); err != nil || strings.Count(string(resized), v.Device+"\n") != 2 {
		t.Errorf("grown: %q, %v", resized, err)
	}
}

// A machine that stops while mke2fs writes leaves everything but the superblock, which comes last. The next machine
// formats again; one that finds the same data on another volume does not.
func TestFormatResumesAfterKill(t *testing.T) {
	h := machine(t)
	all := mounts(t, h)
	real, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		real = "/usr/sbin/mkfs.ext4"
	}
	first := h.Path("/killed")
	all["mkfs.ext4"] = `[ -e ` + first + ` ] && exec ` + real + ` "$@"
		` + real + ` "$@"; for device; do :; done; : >` + first + `
		dd if=/dev/zero of="$device" bs=1024 seek=1 count=1 conv=notrunc status=none; kill -9 $$`
	commands(t, all)
	v := volume(image(t, h, imageBytes))
	if err := Mount(t.Context(), h, v, "/srv/cache"); err == nil {
		t.Fatal("mke2fs was killed, and nothing was said")
	}
	if has, err := inspectDevice(t.Context(), h, v); err != nil || has.dataAt < 0 || has.kind != "" {
		t.Fatalf("the test leaves %+v, %v; want a device that is not blank and has no file system", has, err)
	}
	other := v
	other.ID = "vol-0fedcba9876543210"
	before := sum(t, v.Device)
	if err := Mount(t.Context(), h, other, "/srv/cache"); err == nil || !strings.Contains(err.Error(), "refused to format") {
		t.Errorf("a copy on another volume: %v", err)
	}
	if sum(t, v.Device) != before {
		t.Error("the copy is not as it was")
	}
	if err := Mount(t.Context(), h, v, "/srv/cache"); err != nil {
		t.Errorf("the next machine: %v", err)
	}
}

// A device that cannot be marked is not formatted: a killed mke2fs would leave a volume that no machine may use.
func TestUnmarkedIsNotFormatted(t *testing.T) {
	h := machine(t)
	all := mounts(t, h)
	all["mkfs.ext4"] = "echo formatted >&2; exit 1"
	commands(t, all)
	v := volume(h.Path("/dev/nvme1n1"))
	if err := formatVolume(t.Context(), h, v); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "marking "+v.ID) {
		t.Errorf("%v, want that the device cannot be marked", err)
	}
}

// mke2fs never overwrites the mark, whatever the size.
func TestMarkOutlivesFormatting(t *testing.T) {
	for _, size := range []int64{imageBytes, 100<<20 + 12345*4096, 1 << 30, 3<<30 - 65536, 20 << 30} {
		h := machine(t)
		commands(t, mounts(t, h))
		v := volume(image(t, h, size))
		if err := Mount(t.Context(), h, v, "/srv/cache"); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(v.Device)
		if err != nil {
			t.Fatal(err)
		}
		left := make([]byte, markBytes)
		if _, err := file.ReadAt(left, markOffset(size)); err != nil || !bytes.Equal(left, buildMark(v.ID)) {
			t.Errorf("%d bytes: the mark is %q, %v", size, bytes.TrimRight(left, "\x00"), err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// oneByte is a device of zeros with one other byte.
type oneByte int64

func (o oneByte) ReadAt(p []byte, offset int64) (int, error) {
	clear(p)
	if at := int64(o) - offset; at >= 0 && at < int64(len(p)) {
		p[at] = 1
	}
	return len(p), nil
}

// On a device of up to 72 MiB, any byte is found. On larger ones, any byte at the ends is found, and data that fills a
// thousandth of it.
func TestSamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(2*edge/4096, 1<<40/4096).Draw(t, "blocks") * 4096
		at := rapid.OneOf(rapid.Int64Range(0, size-1), rapid.Int64Range(0, edge-1), rapid.Int64Range(size-edge, size-1)).Draw(t, "at")
		found, err := findData(oneByte(at), size)
		if err != nil {
			t.Fatal(err)
		}
		must := at < edge || at >= size-edge || size <= 72<<20
		if must && found < 0 {
			t.Fatalf("byte %d of %d is not seen", at, size)
		}
		all := sampleOffsets(size)
		if len(all) > 2*edge/sample+2*samples {
			t.Fatalf("%d places are read", len(all))
		}
		for _, offset := range all {
			if offset < 0 || offset > size-sample {
				t.Fatalf("%d is outside of %d", offset, size)
			}
		}
	})
}

// The volume is mounted after a repair. A fault that e2fsck cannot repair is an error with the next step.
func TestRepairFileSystem(t *testing.T) {
	for code, want := range map[string]string{"0": "", "1": "", "4": "newest snapshot", "8": "newest snapshot"} {
		h := machine(t)
		all := mounts(t, h)
		all["e2fsck"] = "exit " + code
		commands(t, all)
		err := Mount(context.Background(), h, volume(image(t, h, imageBytes)), "/srv/cache")
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("e2fsck %s: %v, want %q", code, err, want)
		}
	}
}
