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
	// scratchModel is what an instance-store disk calls itself (EC2 user guide, "Instance store volumes").
	scratchModel = "Amazon EC2 NVMe Instance Storage"
	scratchLabel = "beachhead-scratch"
	scratchGroup = "beachhead"
	scratchMount = "/scratch"
)

// boundFolders are the folders that go onto the scratch disk: the engine's, and the CI agents' with their work.
var boundFolders = map[string]string{scratchMount + "/docker": "/var/lib/docker", scratchMount + "/ci": "/var/lib/beachhead/ci"}

// prepareScratch puts the instance store to use where the machine has one. It is empty at every start of the instance, and kept over a reboot. Nothing of
// it is in fstab: a machine whose instance store is gone must boot all the same. Several disks become one by LVM, which needs no service of its
// own; a RAID by mdadm was refused for the file that it wants in the initial RAM disk.
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

// listInstanceStore lists the instance-store disks by name.
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

// readMounts are the places where something is mounted.
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

// probeSignature is what a disk says of itself, by name; nil: it says nothing. The probe reads the disk and not a cache.
func (r *Role) probeSignature(ctx context.Context, disk string) (map[string]string, error) {
	text, err := r.host.Run(ctx, "blkid", "--probe", "--output", "export", disk)
	if err != nil {
		if host.ExitCode(err) == 2 && strings.TrimSpace(text) == "" { // blkid(8): nothing was found
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

// formatDisk makes a file system on a disk that says nothing of itself. One that has this agent's is used as it is, and any other is refused.
func (r *Role) formatDisk(ctx context.Context, disk string) error {
	found, err := r.probeSignature(ctx, disk)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		// Inodes are made when they are needed: a disk of some terabytes is ready in seconds.
		_, err := r.host.Run(ctx, "mkfs.ext4", "-q", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-L", scratchLabel, disk)
		return err
	case found["TYPE"] == "ext4" && found["LABEL"] == scratchLabel:
		return nil
	}
	return foreignDiskError(disk, found)
}

func foreignDiskError(disk string, found map[string]string) error {
	return fmt.Errorf("the instance-store disk %s holds something (%v) and is left as it is; replace the machine, or clear the disk with `wipefs --all %s`",
		disk, found, disk)
}

// joinDisks makes one volume of several disks.
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

// checkDisksUnused says that nothing is on the disks but, maybe, what a group that was half-made left: LVM's mark, without a group.
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

// bindFolders puts the folders of the scratch disk where their users look for them. An engine that runs already, from the image or since a reboot, must
// not have its folder covered under it; no job runs yet, since the CI agent is started last.
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
