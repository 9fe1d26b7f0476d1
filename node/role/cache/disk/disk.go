// Package disk is a cache server's data volume: it finds its device, makes a file system on one that is provably blank and on no other, and
// mounts and grows it.
//
// The file system is ext4: it grows while it is mounted, its tools are part of every Debian image, so that a server installs nothing for it,
// and a check mends what a crash leaves. XFS was refused: it grows as well, but its tools are a package more between boot and ready. Neither is
// ever made smaller.
package disk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

// Find gives the block device of an EBS volume, such as /dev/nvme1n1; "" when it is not there. The volume's id without its dash is the
// device's serial number. Source: Amazon EBS user guide, "Map Amazon EBS volumes to NVMe device names". The name that EC2 was asked for says
// nothing.
func Find(h host.Host, volume string) (string, error) {
	// An NVMe device has the number of its controller; others have their own.
	controllers, err := filepath.Glob(h.Path("/sys/block/*/device/serial"))
	if err != nil {
		return "", err
	}
	others, err := filepath.Glob(h.Path("/sys/block/*/serial"))
	if err != nil {
		return "", err
	}
	var found string
	for _, file := range append(controllers, others...) {
		text, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(text)) != strings.Replace(volume, "-", "", 1) {
			continue // one that goes meanwhile is not the one
		}
		name := strings.Split(strings.TrimPrefix(file, h.Path("/sys/block")+"/"), "/")[0]
		if found != "" && found != name {
			return "", fmt.Errorf("both %s and %s have the serial number of %s; replace the machine", found, name, volume)
		}
		found = name
	}
	if found == "" {
		return "", nil
	}
	// Commands and the kernel's list of mounts want the device itself.
	return filepath.EvalSymlinks(h.Path("/dev/" + found))
}

// Size is a device's size in bytes, as the kernel knows it: after a volume grew, this does, while the file system waits for Grow.
func Size(h host.Host, device string) (int64, error) {
	text, err := os.ReadFile(h.Path("/sys/block/" + filepath.Base(device) + "/size"))
	if err != nil {
		return 0, err
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return sectors * 512, err // sectors of 512 bytes, whatever the device's own
}

// At is what is mounted at a place.
type At struct {
	// Source is the device; "" when nothing is mounted.
	Source   string
	ReadOnly bool
}

// Mounted looks at what is mounted at a place, which the kernel may have made read-only since.
func Mounted(h host.Host, target string) (At, error) {
	text, err := os.ReadFile(h.Path("/proc/self/mountinfo"))
	if err != nil {
		return At{}, err
	}
	return mountAt(string(text), h.Path(target)), nil
}

// mountAt reads the kernel's list of mounts; of several at one place the last is on top. Source: proc(5), /proc/pid/mountinfo.
func mountAt(list, target string) At {
	var at At
	for line := range strings.Lines(list) {
		before, behind, split := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(behind)
		if !split || len(left) < 6 || len(right) < 3 || left[4] != target {
			continue
		}
		at = At{Source: right[1], ReadOnly: has(left[5], "ro") || has(right[2], "ro")}
	}
	return at
}

func has(options, option string) bool {
	return strings.Contains(","+options+",", ","+option+",")
}

// Volume is a data volume that is attached.
type Volume struct {
	ID, Device string
	// Label is the one that the volume's file system has, or gets.
	Label string
	// FromSnapshot says that the volume was made with something on it.
	FromSnapshot bool
}

// options are those of the mount. An error of the file system makes it read-only instead of going on.
//
// With nodelalloc a file's content is on the disk before its name is. Otherwise ext4 writes new names after 5 s and content after 30, and since
// the export is asynchronous a power cut in between left files with their final names and nothing in them (seen on virtual machines). A
// synchronous export was refused: it makes a push wait for the disk at each step of each file.
const options = "noatime,nodev,nosuid,noexec,errors=remount-ro,nodelalloc"

// Mount mounts the volume, with a file system made first when it is blank, and grown to the device's size. Where it is mounted, it only grows. It
// never touches anything that it does not know.
func Mount(ctx context.Context, h host.Host, v Volume, target string) error {
	at, err := Mounted(h, target)
	if err != nil {
		return err
	}
	if at.Source == "" {
		if err := mount(ctx, h, v, target); err != nil {
			return err
		}
	}
	return Grow(ctx, h, v.Device)
}

func mount(ctx context.Context, h host.Host, v Volume, target string) error {
	if err := ready(ctx, h, v); err != nil {
		return err
	}
	if err := check(ctx, h, v); err != nil {
		return err
	}
	if err := os.MkdirAll(h.Path(target), 0o755); err != nil {
		return err
	}
	if _, err := h.Run(ctx, "mount", "-t", fileSystem, "-o", options, v.Device, h.Path(target)); err != nil {
		return fmt.Errorf("%w; %s", err, wayOut(v))
	}
	return nil
}

// ready sees to it that the volume has the shard's file system.
func ready(ctx context.Context, h host.Host, v Volume) error {
	has, err := look(ctx, h, v)
	if err != nil {
		return err
	}
	switch verdict, reason := judge(v, has); verdict {
	case known:
		return nil
	case blank:
		return format(ctx, h, v)
	default:
		return fmt.Errorf("%s (%s) is not formatted, since only a blank volume ever is: %s; %s", v.ID, v.Device, reason, strangers(v))
	}
}

// check replays the journal, and mends what the kernel has marked as damaged; a whole file system takes it a second.
func check(ctx context.Context, h host.Host, v Volume) error {
	// 1: it has mended something.
	if _, err := h.Run(ctx, "e2fsck", "-p", v.Device); err != nil && host.ExitCode(err) != 1 {
		return fmt.Errorf("%w; %s", err, wayOut(v))
	}
	return nil
}

func wayOut(v Volume) string {
	return fmt.Sprintf("the cache on %s is damaged: make a volume of the shard's newest snapshot, give it the tags of this one, take them from this "+
		"one, and replace the machine; or mend it by hand with e2fsck -y %s, which may lose files that builds make again", v.ID, v.Device)
}

func strangers(v Volume) string {
	return fmt.Sprintf("if nothing on it is wanted, clear all of it with blkdiscard --zeroout %s; if it is not the shard's, "+
		"take the shard's Name tag from it", v.Device)
}

// Grow makes the mounted file system as large as its device. One that is has nothing to do.
func Grow(ctx context.Context, h host.Host, device string) error {
	_, err := h.Run(ctx, "resize2fs", device)
	return err
}

// Unmount unmounts what is mounted at a place. From a device that is lost there is nothing to wait for.
func Unmount(ctx context.Context, h host.Host, target string, lost bool) error {
	at, err := Mounted(h, target)
	if err != nil || at.Source == "" {
		return err
	}
	if lost {
		_, err = h.Run(ctx, "umount", "--lazy", h.Path(target))
		return err
	}
	// What can be written while files are still open need not be waited for by those who want the volume.
	if _, err := h.Run(ctx, "sync", "--file-system", h.Path(target)); err != nil {
		return err
	}
	_, err = h.Run(ctx, "umount", h.Path(target))
	return err
}
