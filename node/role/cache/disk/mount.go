package disk

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

// MountedDevice is what is mounted at a place.
type MountedDevice struct {
	// Source is the device; "" when nothing is mounted.
	Source   string
	ReadOnly bool
}

// FindMount looks at what is mounted at a place, which the kernel may have made read-only since.
func FindMount(h host.Host, target string) (MountedDevice, error) {
	text, err := os.ReadFile(h.Path("/proc/self/mountinfo"))
	if err != nil {
		return MountedDevice{}, err
	}
	return parseMountInfo(string(text), h.Path(target)), nil
}

// parseMountInfo reads the kernel's list of mounts; of several at one place the last is on top. Source: proc(5), /proc/pid/mountinfo.
func parseMountInfo(list, target string) MountedDevice {
	var at MountedDevice
	for line := range strings.Lines(list) {
		before, behind, split := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(behind)
		if !split || len(left) < 6 || len(right) < 3 || left[4] != target {
			continue
		}
		at = MountedDevice{Source: right[1], ReadOnly: hasOption(left[5], "ro") || hasOption(right[2], "ro")}
	}
	return at
}

func hasOption(options, option string) bool {
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

// mountOptions are those of the mount. An error of the file system makes it read-only instead of going on.
//
// With nodelalloc a file's content is on the disk before its name is. Otherwise ext4 writes new names after 5 s and content after 30, and since
// the export is asynchronous a power cut in between left files with their final names and nothing in them (seen on virtual machines). A
// synchronous export was refused: it makes a push wait for the disk at each step of each file.
const mountOptions = "noatime,nodev,nosuid,noexec,errors=remount-ro,nodelalloc"

// Mount mounts the volume, with a file system made first when it is blank, and grown to the device's size. Where it is mounted, it only grows. It
// never touches anything that it does not know.
func Mount(ctx context.Context, h host.Host, v Volume, target string) error {
	at, err := FindMount(h, target)
	if err != nil {
		return err
	}
	if at.Source == "" {
		if err := mountDevice(ctx, h, v, target); err != nil {
			return err
		}
	}
	return GrowFileSystem(ctx, h, v.Device)
}

func mountDevice(ctx context.Context, h host.Host, v Volume, target string) error {
	if err := ensureFileSystem(ctx, h, v); err != nil {
		return err
	}
	if err := repairFileSystem(ctx, h, v); err != nil {
		return err
	}
	if err := os.MkdirAll(h.Path(target), 0o755); err != nil {
		return err
	}
	if _, err := h.Run(ctx, "mount", "-t", fileSystem, "-o", mountOptions, v.Device, h.Path(target)); err != nil {
		return fmt.Errorf("%w; %s", err, adviseRepair(v))
	}
	return nil
}

// ensureFileSystem sees to it that the volume has the shard's file system.
func ensureFileSystem(ctx context.Context, h host.Host, v Volume) error {
	has, err := inspectDevice(ctx, h, v)
	if err != nil {
		return err
	}
	switch verdict, reason := classifyContents(v, has); verdict {
	case prepared:
		return nil
	case blank:
		return formatVolume(ctx, h, v)
	default:
		return fmt.Errorf("%s (%s) is not formatted, since only a blank volume ever is: %s; %s", v.ID, v.Device, reason, adviseClear(v))
	}
}

// repairFileSystem replays the journal, and mends what the kernel has marked as damaged; a whole file system takes it a second.
func repairFileSystem(ctx context.Context, h host.Host, v Volume) error {
	// 1: it has mended something.
	if _, err := h.Run(ctx, "e2fsck", "-p", v.Device); err != nil && host.ExitCode(err) != 1 {
		return fmt.Errorf("%w; %s", err, adviseRepair(v))
	}
	return nil
}

func adviseRepair(v Volume) string {
	return fmt.Sprintf("the cache on %s is damaged: make a volume of the shard's newest snapshot, give it the tags of this one, take them from this "+
		"one, and replace the machine; or mend it by hand with e2fsck -y %s, which may lose files that builds make again", v.ID, v.Device)
}

func adviseClear(v Volume) string {
	return fmt.Sprintf("if nothing on it is wanted, clear all of it with blkdiscard --zeroout %s; if it is not the shard's, "+
		"take the shard's Name tag from it", v.Device)
}

// GrowFileSystem makes the mounted file system as large as its device. One that is has nothing to do.
func GrowFileSystem(ctx context.Context, h host.Host, device string) error {
	_, err := h.Run(ctx, "resize2fs", device)
	return err
}

// Unmount unmounts what is mounted at a place. From a device that is lost there is nothing to wait for.
func Unmount(ctx context.Context, h host.Host, target string, lost bool) error {
	at, err := FindMount(h, target)
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
