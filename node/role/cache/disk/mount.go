package disk

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

// MountedDevice describes the device at a mount point.
type MountedDevice struct {
	// Source is the device; "" when the mount point has no mount.
	Source   string
	ReadOnly bool
}

// FindMount returns the mount at target. ReadOnly reflects the current state: the kernel may have made the mount
// read-only.
func FindMount(h host.Host, target string) (MountedDevice, error) {
	text, err := os.ReadFile(h.Path("/proc/self/mountinfo"))
	if err != nil {
		return MountedDevice{}, err
	}
	return parseMountInfo(string(text), h.Path(target)), nil
}

// parseMountInfo finds a mount in the kernel's mount table. When one mount point has several mounts, the last one is on
// top. Source: proc(5), /proc/pid/mountinfo.
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

// Volume describes an attached data volume.
type Volume struct {
	ID, Device string
	// Label is the label of the volume's file system, or the one to create.
	Label string
	// FromSnapshot means that the volume was created from a snapshot, so that it had contents from the start.
	FromSnapshot bool
}

// mountOptions are the options of the data volume's mount. After an error of the file system the kernel makes it
// read-only.
//
// nodelalloc makes ext4 write a file's content before its name. By default ext4 writes new names after 5 s and content
// after 30 s. Because the export is asynchronous, a power cut in between left files with final names and no content
// (seen on virtual machines). We refused a synchronous export: it makes a push wait for the disk at each step of each
// file.
const mountOptions = "noatime,nodev,nosuid,noexec,errors=remount-ro,nodelalloc"

// Mount mounts the volume at target and grows its file system to the size of the device. It creates a file system first
// if the volume is blank. When the volume is mounted already, it only grows it. It never changes a volume whose
// contents it does not recognize.
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

// ensureFileSystem ensures that the volume has the shard's file system. It formats a blank volume and refuses any
// other.
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
		return fmt.Errorf("refused to format %s (%s), because it is not blank: %s; %s", v.ID, v.Device, reason, adviseClear(v))
	}
}

// repairFileSystem replays the journal and repairs what the kernel marked as damaged. It takes a second when the file
// system is intact.
func repairFileSystem(ctx context.Context, h host.Host, v Volume) error {
	// Exit code 1 means that e2fsck repaired something.
	if _, err := h.Run(ctx, "e2fsck", "-p", v.Device); err != nil && host.ExitCode(err) != 1 {
		return fmt.Errorf("%w; %s", err, adviseRepair(v))
	}
	return nil
}

func adviseRepair(v Volume) string {
	return fmt.Sprintf("the file system on %s is damaged. Create a volume from the shard's newest snapshot, "+
		"move the tags of this volume to it, and terminate this machine. Or repair it with `e2fsck -y %s`, which may lose files; builds create them again", v.ID, v.Device)
}

func adviseClear(v Volume) string {
	return fmt.Sprintf("if you do not need its contents, clear it with `blkdiscard --zeroout %s`; if it is not the shard's volume, "+
		"remove the shard's Name tag from it", v.Device)
}

// GrowFileSystem grows the mounted file system to the size of its device. It does nothing when the sizes match.
func GrowFileSystem(ctx context.Context, h host.Host, device string) error {
	_, err := h.Run(ctx, "resize2fs", device)
	return err
}

// Unmount unmounts target, if it is mounted. lost means that the device is gone, so that it does not wait for open
// files.
func Unmount(ctx context.Context, h host.Host, target string, lost bool) error {
	at, err := FindMount(h, target)
	if err != nil || at.Source == "" {
		return err
	}
	if lost {
		_, err = h.Run(ctx, "umount", "--lazy", h.Path(target))
		return err
	}
	// Write while files may still be open, so that the next server, which waits for the unmount, waits less.
	if _, err := h.Run(ctx, "sync", "--file-system", h.Path(target)); err != nil {
		return err
	}
	_, err = h.Run(ctx, "umount", h.Path(target))
	return err
}
