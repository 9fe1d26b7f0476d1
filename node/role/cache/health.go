package cache

import (
	"context"
	"errors"
	"fmt"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/role/cache/disk"
	"github.com/beachhead-build/beachhead/node/role/cache/evict"
)

// watchHealth looks at the server every minute, and has the file system follow a volume that grew. It fails when the server cannot serve for some
// minutes: the agent then prepares it again.
func (r *Role) watchHealth(ctx context.Context) error {
	var grown int64
	for failures := 0; ; {
		switch err := r.checkHealth(ctx); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
			grown = r.growFileSystem(ctx, grown)
		default:
			if failures++; failures >= failureLimit {
				return err
			}
			r.log.Warn("the server is not healthy", "reason", err)
		}
		if host.Sleep(ctx, checkInterval) != nil {
			return nil
		}
	}
}

// growFileSystem grows the file system when the device is not as large as it was, and gives the device's size.
func (r *Role) growFileSystem(ctx context.Context, grown int64) int64 {
	mount, err := disk.FindMount(r.host, Volume)
	if err != nil {
		return grown
	}
	size, err := disk.DeviceSize(r.host, mount.Source)
	if err == nil && size != grown && grown != 0 {
		if err = disk.GrowFileSystem(ctx, r.host, mount.Source); err == nil {
			r.log.Info("the volume has grown", "bytes", size)
		}
	}
	if err != nil {
		r.log.Warn("the file system does not follow its volume; it is tried again", "reason", err)
		return grown
	}
	return size
}

// checkHealth says whether the shard serves: the volume is this machine's, mounted and writable, and the NFS server answers at the shard's address.
// What AWS does not answer is not held against the server.
func (r *Role) checkHealth(ctx context.Context) error {
	mount, err := disk.FindMount(r.host, Volume)
	switch {
	case err != nil:
		return err
	case mount.Source == "":
		return errors.New("the data volume is not mounted; the agent mounts it when it starts again")
	case mount.ReadOnly:
		return errors.New("the kernel made the data volume read-only after an error (dmesg); the agent checks and mounts it when it starts again")
	}
	if err := r.checkWritable(); err != nil {
		return err
	}
	me, err := r.cloud.InstanceIdentity(ctx)
	if err != nil {
		return r.checkLocalNFS(ctx)
	}
	if err := r.checkAttached(ctx, me.InstanceID, r.volumeResource("")); err != nil {
		return err
	}
	if err := r.checkAttached(ctx, me.InstanceID, r.interfaceResource()); err != nil {
		return err
	}
	n, err := r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface))
	if err != nil {
		return r.checkLocalNFS(ctx)
	}
	return checkNFS(ctx, r.nfsEndpoint(n.Address))
}

// checkAttached says whether AWS knows the machine as a thing's holder. No answer is no reason to stop.
func (r *Role) checkAttached(ctx context.Context, me string, t resource) error {
	a, err := t.query(ctx)
	if err == nil && a.holder != me {
		return fmt.Errorf("%s is no longer attached to this machine (but to %q); if another server has taken it, terminate this one", t.name, a.holder)
	}
	return nil
}

// CollectMetrics are those that the region's alarms watch: whether the shard serves, 1 or 0, and how full its volume is, in percent of bytes or inodes,
// whichever is scarcer.
func (r *Role) CollectMetrics(ctx context.Context) ([]aws.Metric, error) {
	health := aws.Metric{Name: "Healthy", Unit: "Count", Value: 1}
	if err := r.checkHealth(ctx); err != nil {
		health.Value = 0
	}
	u, err := evict.ReadUsage(r.host.Path(Volume))
	if err != nil {
		return []aws.Metric{health}, err
	}
	return []aws.Metric{health, {Name: "UsedPercent", Unit: "Percent", Value: u.UsedPercent()}}, nil
}
