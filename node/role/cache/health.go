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

// watchHealth checks the server every minute, and grows the file system after its volume grew. It returns an error when
// the server is unhealthy for some minutes; the agent then prepares it again.
func (r *Role) watchHealth(ctx context.Context) error {
	var grown int64
	for failures := 0; ; {
		switch err := r.checkHealth(ctx); {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end of the context is the normal end
		case err == nil:
			failures = 0
			grown = r.growFileSystem(ctx, grown)
		default:
			if failures++; failures >= failureLimit {
				return err
			}
			r.log.Warn("the server is unhealthy", "error", err)
		}
		if host.Sleep(ctx, checkInterval) != nil {
			return nil //nolint:nilerr // the end of the context is the normal end
		}
	}
}

// growFileSystem grows the file system when the size of the device changed, and returns the size of the device. grown
// is the size at the last call; 0 means unknown.
func (r *Role) growFileSystem(ctx context.Context, grown int64) int64 {
	mount, err := disk.FindMount(r.host, Volume)
	if err != nil {
		return grown
	}
	size, err := disk.DeviceSize(r.host, mount.Source)
	if err == nil && size != grown && grown != 0 {
		if err = disk.GrowFileSystem(ctx, r.host, mount.Source); err == nil {
			r.log.Info("the file system grew with its volume", "bytes", size)
		}
	}
	if err != nil {
		r.log.Warn("cannot grow the file system to the size of its volume; the server retries it in a minute", "error", err)
		return grown
	}
	return size
}

// checkHealth returns an error unless the shard serves: the volume is attached to this machine, mounted and writable,
// and the NFS server answers at the shard's address. An error of AWS does not count against the server.
func (r *Role) checkHealth(ctx context.Context) error {
	mount, err := disk.FindMount(r.host, Volume)
	switch {
	case err != nil:
		return err
	case mount.Source == "":
		return errors.New("the data volume is not mounted; to mount it now, run `systemctl restart beachhead-node`")
	case mount.ReadOnly:
		return errors.New("the kernel made the data volume read-only after an error (see `dmesg`); " +
			"to repair and mount it now, run `systemctl restart beachhead-node`")
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

// checkAttached returns an error when AWS reports another holder of a resource. An error of AWS is no reason to stop.
func (r *Role) checkAttached(ctx context.Context, me string, t resource) error {
	a, err := t.query(ctx)
	if err == nil && a.holder != me {
		return fmt.Errorf("%s is no longer attached to this machine; EC2 reports the holder %q; "+
			"if that is another server of this shard, terminate this machine", t.name, a.holder)
	}
	return nil
}

// CollectMetrics returns the metrics that the region's alarms watch: whether the shard serves, 1 or 0, and the usage of its
// volume, in percent of bytes or of inodes, whichever is scarcer.
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
