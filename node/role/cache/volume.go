package cache

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/role/cache/disk"
)

// deviceWait is the time that an attached volume may take to appear in Linux. Our estimate: it takes a second or two.
const deviceWait = time.Minute

// prepareVolume attaches the volume and mounts it, repaired and writable.
func (r *Role) prepareVolume(ctx context.Context, me string) error {
	v, err := r.cloud.FindVolume(ctx, r.resourceTags(r.cache.Volume))
	if err != nil {
		return err
	}
	if v.AttachedTo != me {
		// A volume that is no longer attached may still be mounted here, over a device that is gone.
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

// waitDevice waits for the block device of the volume, and returns its path.
func (r *Role) waitDevice(ctx context.Context, volume string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, deviceWait)
	defer cancel()
	for {
		device, err := disk.FindDevice(r.host, volume)
		if device != "" || err != nil {
			return device, err
		}
		if err := host.Sleep(ctx, time.Second); err != nil {
			return "", fmt.Errorf("EC2 reports that %s is attached, but no block device has its serial number: %w; "+
				"check `lsblk --output +SERIAL`; if the device does not appear, terminate this machine (its group replaces it)", volume, err)
		}
	}
}

// unmountUnusable unmounts a mount that cannot serve: its device is gone or has another name now, or the kernel made it
// read-only. The next mount checks the file system first.
func (r *Role) unmountUnusable(ctx context.Context, device string) error {
	mount, err := disk.FindMount(r.host, Volume)
	if err != nil || mount.Source == "" {
		return err
	}
	if mount.Source == device && !mount.ReadOnly && r.checkWritable() == nil {
		return nil
	}
	r.log.Warn("the mount of the volume cannot serve; mounting it again", "source", mount.Source, "readOnly", mount.ReadOnly)
	return r.stopServing(ctx, mount.Source != device)
}

// createFolders creates the folders that all other code expects. Slots belongs to the clients. The volume's root does
// not, so that no client can move the folders away.
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

// chownToClients makes the clients' user the owner of a folder. Only root can do that; only tests run as another user.
func (r *Role) chownToClients(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, ClientID, ClientID)
}

// checkWritable returns an error when the volume does not accept a file.
func (r *Role) checkWritable() error {
	path := r.host.Path(ownFolder + "/alive")
	if err := os.WriteFile(path, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot write to the volume: %w; to repair and mount it again, run `systemctl restart beachhead-node`; "+
			"if that does not help, create a volume from the shard's newest snapshot", err)
	}
	return nil
}
