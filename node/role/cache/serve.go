package cache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/beachhead-build/beachhead/node/hashserv"
	"github.com/beachhead-build/beachhead/node/role/cache/growth"
)

const (
	// checkInterval is the time between two health checks.
	checkInterval = time.Minute
	// failureLimit is the number of health checks in a row that may fail before the server starts over, which repairs
	// what can be repaired. A server under load may answer slowly once. The alarm goes off after five minutes.
	failureLimit = 3
	// sweepInterval is the time between two removals of leftovers on a volume that has space.
	sweepInterval = 24 * time.Hour
)

// Serve runs the shard's server: it checks health, evicts files, copies the tenants that move here, and on the first
// shard serves the hash-equivalence database. The kernel runs NFS itself, which continues without the agent.
func (r *Role) Serve(ctx context.Context) error {
	n, err := r.cloud.FindNetworkInterface(ctx, r.resourceTags(r.cache.Interface))
	if err != nil {
		return err
	}
	tasks := []func(context.Context) error{
		r.watchHealth, r.keepSpaceFree,
		func(ctx context.Context) error { return growth.Run(ctx, r.growthServer()) },
	}
	if r.cache.Number == 0 {
		tasks = append(tasks, func(ctx context.Context) error { return r.serveHashes(ctx, n.Address) })
	}
	return runTasks(ctx, tasks)
}

// runTasks runs tasks until the first one fails or the context ends, and waits for all of them.
func runTasks(ctx context.Context, tasks []func(context.Context) error) error {
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

func (r *Role) growthServer() growth.Server {
	return growth.Server{
		Host: r.host, Parameters: r.cloud, MapParameter: r.cache.MapParameter, Shard: r.cache.Number,
		Volume: Volume, UID: ClientID, GID: ClientID,
	}
}

// serveHashes serves the region's hash-equivalence database. The database is on the volume, so that the volume's
// snapshots include it.
func (r *Role) serveHashes(ctx context.Context, address netip.Addr) error {
	at := net.JoinHostPort(address.String(), strconv.Itoa(hashserv.Port))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at)
	if err != nil {
		return fmt.Errorf("serving hash equivalence: %w; find the process that uses the port with `ss --listening --tcp --processes`", err)
	}
	return hashserv.Serve(ctx, listener, r.host.Path(ownFolder+"/hashserv.db"))
}
