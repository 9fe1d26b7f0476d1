package runner

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/node/host"
)

const (
	// scratchModel is the model name of an instance-store disk (EC2 user guide, "Instance store volumes").
	scratchModel = "Amazon EC2 NVMe Instance Storage"
	scratchLabel = "beachhead-scratch"
	scratchGroup = "beachhead"
	scratchMount = "/scratch"
)

// boundFolders are the folders that lie on the scratch disk: the container engine's, and the CI agents' with their
// work.
var boundFolders = map[string]string{scratchMount + "/docker": "/var/lib/docker", scratchMount + "/ci": "/var/lib/beachhead/ci"}

// prepareScratch formats and mounts the instance store, on machines that have one. The instance store is empty at every
// start of the instance and survives a reboot. It has no entry in fstab, because a machine that lost its instance store
// must still boot. LVM, which needs no service of its own, combines several disks into one. We do not use RAID by
// mdadm, because it needs a file in the initial RAM disk.
func (r *Role) prepareScratch(ctx context.Context) error {
	disks, err := r.listInstanceStore()
	if err != nil || len(disks) == 0 {
		return err
	}
	if mounted, err := r.readMounts(); err != nil || mounted[scratchMount] {
		if err != nil {
			return err
		}
		return r.bindFolders(ctx)
	}
	disk := disks[0]
	if len(disks) > 1 {
		if disk, err = r.joinDisks(ctx, disks); err != nil {
			return err
		}
	}
	if err := r.formatDisk(ctx, disk); err != nil {
		return err
	}
	if err := os.MkdirAll(r.host.Path(scratchMount), 0o755); err != nil {
		return err
	}
	if _, err := r.host.Run(ctx, "mount", "-o", "noatime", disk, r.host.Path(scratchMount)); err != nil {
		return err
	}
	return r.bindFolders(ctx)
}

// listInstanceStore returns the instance-store disks, sorted by name.
func (r *Role) listInstanceStore() ([]string, error) {
	models, err := filepath.Glob(r.host.Path("/sys/block/nvme*/device/model"))
	if err != nil {
		return nil, err
	}
	var disks []string
	for _, file := range models {
		model, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(model)) == scratchModel {
			disks = append(disks, "/dev/"+filepath.Base(filepath.Dir(filepath.Dir(file))))
		}
	}
	slices.Sort(disks)
	return disks, nil
}

// readMounts returns the places where a file system is mounted.
func (r *Role) readMounts() (map[string]bool, error) {
	text, err := os.ReadFile(r.host.Path("/proc/self/mounts"))
	if err != nil {
		return nil, err
	}
	places := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			places[strings.TrimPrefix(fields[1], strings.TrimSuffix(r.host.Root, "/"))] = true
		}
	}
	return places, nil
}

// probeSignature returns the signatures on a disk by name, or nil when it has none. It reads the disk itself and not a
// cache.
func (r *Role) probeSignature(ctx context.Context, disk string) (map[string]string, error) {
	text, err := r.host.Run(ctx, "blkid", "--probe", "--output", "export", disk)
	if err != nil {
		if host.ExitCode(err) == 2 && strings.TrimSpace(text) == "" { // blkid(8): found no signature
			return nil, nil
		}
		return nil, err
	}
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && key != "DEVNAME" {
			found[key] = value
		}
	}
	return found, nil
}

// formatDisk creates a file system on a disk that has no signature. It leaves the agent's own file system as it is, and
// refuses any other content.
func (r *Role) formatDisk(ctx context.Context, disk string) error {
	found, err := r.probeSignature(ctx, disk)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		// The file system creates inodes lazily: a disk of several terabytes is ready in seconds.
		_, err := r.host.Run(ctx, "mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-L", scratchLabel, disk)
		return err
	case found["TYPE"] == "ext4" && found["LABEL"] == scratchLabel:
		return nil
	}
	return foreignDiskError(disk, found)
}

// foreignDiskError returns the error for a disk with content that the agent did not write.
func foreignDiskError(disk string, found map[string]string) error {
	return fmt.Errorf("the instance-store disk %s contains data (%v), which the agent does not overwrite; replace the machine, or clear the disk "+
		"with `wipefs --all %s`", disk, found, disk)
}

// joinDisks combines several disks into one striped volume and returns its device.
func (r *Role) joinDisks(ctx context.Context, disks []string) (string, error) {
	if err := r.host.InstallPackages(ctx, "lvm2"); err != nil {
		return "", err
	}
	volume := "/dev/" + scratchGroup + "/scratch"
	if _, err := r.host.Run(ctx, "vgs", scratchGroup); err != nil {
		if err := r.checkDisksUnused(ctx, disks); err != nil {
			return "", err
		}
		if _, err := r.host.Run(ctx, "vgcreate", append([]string{scratchGroup}, disks...)...); err != nil {
			return "", err
		}
	}
	if _, err := r.host.Run(ctx, "lvs", scratchGroup+"/scratch"); err != nil {
		if _, err := r.host.Run(ctx, "lvcreate", "--yes", "--name", "scratch", "--type", "striped", "--stripes", strconv.Itoa(len(disks)),
			"--extents", "100%FREE", scratchGroup); err != nil {
			return "", err
		}
	}
	return volume, nil
}

// checkDisksUnused returns an error unless the disks are empty. LVM's signature without a group is fine: an interrupted
// run left it.
func (r *Role) checkDisksUnused(ctx context.Context, disks []string) error {
	for _, disk := range disks {
		found, err := r.probeSignature(ctx, disk)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			continue
		}
		group, err := r.host.Run(ctx, "pvs", "--noheadings", "--options", "vg_name", disk)
		if err != nil || strings.TrimSpace(group) != "" {
			return foreignDiskError(disk, found)
		}
	}
	return nil
}

// bindFolders mounts the folders of the scratch disk at the places where programs expect them. It stops a running
// engine first (from the image, or since a reboot), whose folder must not disappear under a mount. No job runs yet,
// because the CI agent starts last.
func (r *Role) bindFolders(ctx context.Context) error {
	mounted, err := r.readMounts()
	if err != nil {
		return err
	}
	for _, from := range slices.Sorted(maps.Keys(boundFolders)) {
		to := boundFolders[from]
		if mounted[to] {
			continue
		}
		if _, err := r.host.Run(ctx, "systemctl", "stop", "docker.socket", "docker.service"); err != nil && host.ExitCode(err) != notLoaded {
			return err
		}
		for _, folder := range []string{from, to} {
			if err := os.MkdirAll(r.host.Path(folder), 0o755); err != nil {
				return err
			}
		}
		if _, err := r.host.Run(ctx, "mount", "--bind", r.host.Path(from), r.host.Path(to)); err != nil {
			return err
		}
	}
	return nil
}

// notLoaded is systemctl's exit code for a unit that does not exist.
const notLoaded = 5
