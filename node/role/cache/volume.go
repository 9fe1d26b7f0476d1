package cache

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/role/cache/disk"
)

// deviceWait is how long a volume that EC2 says is attached may take to show up in Linux. Judgement: it takes a second or two.
const deviceWait = time.Minute

// prepareVolume takes the volume and mounts it, whole and writable.
func (r *Role) prepareVolume(ctx context.Context, me string) error {
	v, err := r.cloud.FindVolume(ctx, r.resourceTags(r.cache.Volume))
	if err != nil {
		return err
	}
	if v.AttachedTo != me {
		// A volume that was taken from this machine may still be mounted here, over a device that is gone.
		if err := r.stopServing(ctx, true); err != nil {
			return err
		}
	}
	if err := r.claimResource(ctx, me, r.volumeResource(v.ID)); err != nil {
		return err
	}
	device, err := r.waitDevice(ctx, v.ID)
	if err != nil {
		return err
	}
	if err := r.unmountUnusable(ctx, device); err != nil {
		return err
	}
	err = disk.Mount(ctx, r.host, disk.Volume{ID: v.ID, Device: device, Label: r.volumeLabel(), FromSnapshot: v.FromSnapshot}, Volume)
	if err != nil {
		return err
	}
	return r.createFolders()
}

// waitDevice waits for the volume's block device.
func (r *Role) waitDevice(ctx context.Context, volume string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, deviceWait)
	defer cancel()
	for {
		device, err := disk.FindDevice(r.host, volume)
		if device != "" || err != nil {
			return device, err
		}
		if err := host.Sleep(ctx, time.Second); err != nil {
			return "", fmt.Errorf("EC2 says that %s is attached, and no block device has its serial number: %w; look at lsblk --output +SERIAL, "+
				"and replace the machine if it stays away", volume, err)
		}
	}
}

// unmountUnusable takes down a mount that cannot serve: of a device that is gone or has come back under another name, or that the kernel made
// read-only. Mounting it again checks the file system first.
func (r *Role) unmountUnusable(ctx context.Context, device string) error {
	mount, err := disk.FindMount(r.host, Volume)
	if err != nil || mount.Source == "" {
		return err
	}
	if mount.Source == device && !mount.ReadOnly && r.checkWritable() == nil {
		return nil
	}
	r.log.Warn("the volume is mounted in a way that cannot serve; mounting it again", "source", mount.Source, "readOnly", mount.ReadOnly)
	return r.stopServing(ctx, mount.Source != device)
}

// createFolders makes the folders that everything else expects. Slots belong to the clients; the volume's root does not, so that none of them can
// move the folders away.
func (r *Role) createFolders() error {
	for folder, mode := range map[string]os.FileMode{ownFolder: 0o700, Slots: 0o755} {
		if err := os.MkdirAll(r.host.Path(folder), mode); err != nil {
			return err
		}
		if err := os.Chmod(r.host.Path(folder), mode); err != nil {
			return err
		}
	}
	return r.chownToClients(r.host.Path(Slots))
}

// chownToClients makes the clients' user the owner of a folder. Only root can, and only tests are somebody else.
func (r *Role) chownToClients(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, ClientID, ClientID)
}

// checkWritable says whether the volume takes a file.
func (r *Role) checkWritable() error {
	path := r.host.Path(ownFolder + "/alive")
	if err := os.WriteFile(path, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
		return fmt.Errorf("the volume takes no files: %w; when mounting it again does not help, restore the shard's newest snapshot", err)
	}
	return nil
}
