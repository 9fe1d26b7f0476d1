package cache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/hashserv"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/role/cache/disk"
	"github.com/beachhead-build/beachhead/node/role/cache/evict"
	"github.com/beachhead-build/beachhead/node/role/cache/growth"
)

const (
	// watchPause is how often a server looks at itself.
	watchPause = time.Minute
	// strikes is how often in a row it may find itself unhealthy before it starts over, which mends what can be mended. A server under load may
	// be slow to answer once. The alarm goes off after five minutes.
	strikes = 3
	// tidyEvery is how often leftovers are cleared away on a volume that has space.
	tidyEvery = 24 * time.Hour
)

// Serve keeps the shard's server going: it watches over it, evicts, copies the tenants that move here, and on the first shard serves the
// hash-equivalence database. NFS itself is the kernel's: it goes on without the agent.
func (r *Role) Serve(ctx context.Context) error {
	n, err := r.cloud.Interface(ctx, r.tags(r.cache.Interface))
	if err != nil {
		return err
	}
	tasks := []func(context.Context) error{
		r.watch, r.evict,
		func(ctx context.Context) error { return growth.Run(ctx, r.growth()) },
	}
	if r.cache.Number == 0 {
		tasks = append(tasks, func(ctx context.Context) error { return r.serveHashes(ctx, n.Address) })
	}
	return together(ctx, tasks)
}

// together runs tasks until the first one fails or the context ends, and waits for all of them.
func together(ctx context.Context, tasks []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	for _, task := range tasks {
		go func() { ended <- task(ctx) }()
	}
	var all []error
	for range tasks {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			all = append(all, err)
		}
		cancel()
	}
	return errors.Join(all...)
}

func (r *Role) growth() growth.Server {
	return growth.Server{
		Host: r.host, Parameters: r.cloud, MapParameter: r.cache.MapParameter, Shard: r.cache.Number,
		Volume: Volume, UID: Owner, GID: Owner,
	}
}

// serveHashes serves the region's hash-equivalence database, which is on the volume so that its snapshots carry it.
func (r *Role) serveHashes(ctx context.Context, address netip.Addr) error {
	at := net.JoinHostPort(address.String(), strconv.Itoa(hashserv.Port))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at)
	if err != nil {
		return fmt.Errorf("serving hash equivalence: %w; look at ss --listening --processes", err)
	}
	return hashserv.Serve(ctx, listener, r.host.Path(own+"/hashserv.db"))
}

// watch looks at the server every minute, and has the file system follow a volume that grew. It fails when the server cannot serve for some
// minutes: the agent then prepares it again.
func (r *Role) watch(ctx context.Context) error {
	var grown int64
	for failures := 0; ; {
		switch err := r.healthy(ctx); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
			grown = r.follow(ctx, grown)
		default:
			if failures++; failures >= strikes {
				return err
			}
			r.log.Warn("the server is not healthy", "reason", err)
		}
		if host.Sleep(ctx, watchPause) != nil {
			return nil
		}
	}
}

// follow grows the file system when the device is not as large as it was, and gives the device's size.
func (r *Role) follow(ctx context.Context, grown int64) int64 {
	mount, err := disk.Mounted(r.host, Volume)
	if err != nil {
		return grown
	}
	size, err := disk.Size(r.host, mount.Source)
	if err == nil && size != grown && grown != 0 {
		if err = disk.Grow(ctx, r.host, mount.Source); err == nil {
			r.log.Info("the volume has grown", "bytes", size)
		}
	}
	if err != nil {
		r.log.Warn("the file system does not follow its volume; it is tried again", "reason", err)
		return grown
	}
	return size
}

// healthy says whether the shard serves: the volume is this machine's, mounted and writable, and the NFS server answers at the shard's address.
// What AWS does not answer is not held against the server.
func (r *Role) healthy(ctx context.Context) error {
	mount, err := disk.Mounted(r.host, Volume)
	switch {
	case err != nil:
		return err
	case mount.Source == "":
		return errors.New("the data volume is not mounted; the agent mounts it when it starts again")
	case mount.ReadOnly:
		return errors.New("the kernel made the data volume read-only after an error (dmesg); the agent checks and mounts it when it starts again")
	}
	if err := r.writable(); err != nil {
		return err
	}
	me, err := r.cloud.Identity(ctx)
	if err != nil {
		return r.answers(ctx)
	}
	if err := r.holds(ctx, me.InstanceID, r.volumeThing("")); err != nil {
		return err
	}
	if err := r.holds(ctx, me.InstanceID, r.interfaceThing()); err != nil {
		return err
	}
	n, err := r.cloud.Interface(ctx, r.tags(r.cache.Interface))
	if err != nil {
		return r.answers(ctx)
	}
	return answersAt(ctx, r.at(n.Address))
}

// holds says whether AWS knows the machine as a thing's holder. No answer is no reason to stop.
func (r *Role) holds(ctx context.Context, me string, t thing) error {
	a, err := t.look(ctx)
	if err == nil && a.holder != me {
		return fmt.Errorf("%s is no longer attached to this machine (but to %q); if another server has taken it, terminate this one", t.name, a.holder)
	}
	return nil
}

// evict keeps the volume below its marks.
func (r *Role) evict(ctx context.Context) error {
	for {
		if err := r.evictOnce(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.log.Error("nothing is evicted; it is tried again", "reason", err)
		}
		if host.Sleep(ctx, watchPause) != nil {
			return nil
		}
	}
}

// evictOnce sweeps a volume that is too full, or was not swept for a day. When that was is kept on the volume, for the next machine too.
func (r *Role) evictOnce(ctx context.Context, now time.Time) error {
	usage := func() (evict.Usage, error) { return evict.UsageOf(r.host.Path(Volume)) }
	u, err := usage()
	if err != nil {
		return err
	}
	note := r.host.Path(own + "/swept")
	last, err := os.Stat(note)
	if u.Percent() <= evict.High && err == nil && now.Sub(last.ModTime()) < tidyEvery {
		return nil
	}
	did, err := evict.Sweep(ctx, r.host.Path(Slots), now, usage)
	if did != (evict.Result{}) {
		r.log.Info("evicted", "percent", int(u.Percent()), "files", did.Files, "bytes", did.Bytes, "leftovers", did.Leftovers)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(note, []byte(now.UTC().Format(time.RFC3339)+"\n"), 0o600)
}

// Metrics are those that the region's alarms watch: whether the shard serves, 1 or 0, and how full its volume is, in percent of bytes or inodes,
// whichever is scarcer.
func (r *Role) Metrics(ctx context.Context) ([]aws.Metric, error) {
	health := aws.Metric{Name: "Healthy", Unit: "Count", Value: 1}
	if err := r.healthy(ctx); err != nil {
		health.Value = 0
	}
	u, err := evict.UsageOf(r.host.Path(Volume))
	if err != nil {
		return []aws.Metric{health}, err
	}
	return []aws.Metric{health, {Name: "UsedPercent", Unit: "Percent", Value: u.Percent()}}, nil
}
