package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/beachhead-build/beachhead/node/shardmap"
	"github.com/beachhead-build/beachhead/node/spec"
)

const (
	// maxClockSkew is how far the clock may be off. AWS refuses calls from 5 minutes on, and builds compare times of files long before that.
	maxClockSkew = 5 * time.Second
	// minFreeBytes is what a job needs at the least; judgement. leastFreeJobServ is under what JobServ sends no work (jobserv/settings.py).
	minFreeBytes        = 10 << 30
	minFreeBytesJobServ = 30 << 30
)

// selfCheck is the self-check: disk, clock, names and connections, all at once, so that it takes as long as its slowest part and tells everything that
// is wrong. The cache is no part of its outcome: a shard that is away is a cache miss.
func (r *Role) selfCheck(ctx context.Context) error {
	parts := []func(context.Context) error{r.checkDisk, r.checkClock}
	for _, service := range r.description.Runner.Services {
		for _, port := range service.Ports {
			parts = append(parts, func(ctx context.Context) error { return r.checkService(ctx, service, port) })
		}
	}
	errs := make([]error, len(parts))
	var group sync.WaitGroup
	for i, part := range parts {
		group.Go(func() { errs[i] = part(ctx) })
	}
	group.Go(func() { r.logSilentShards(ctx) })
	group.Wait()
	return errors.Join(errs...)
}

// checkDisk looks at the file systems of the engine and of /var/lib, which is the one that JobServ's rule is about.
func (r *Role) checkDisk(context.Context) error {
	var errs []error
	for place, least := range map[string]uint64{"/var/lib": r.requiredFreeBytes(), "/var/lib/docker": minFreeBytes} {
		free, err := r.freeBytes(r.host.Path(place))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place, err))
		} else if free < least {
			errs = append(errs, fmt.Errorf("%s has %.1f GiB free and jobs need %.0f; set a larger runners.NAME.disk in the region file, or use a smaller image",
				place, float64(free)/(1<<30), float64(least)/(1<<30)))
		}
	}
	return errors.Join(errs...)
}

func (r *Role) requiredFreeBytes() uint64 {
	if r.description.Runner.Agent.Kind == "jobserv" {
		return minFreeBytesJobServ
	}
	return minFreeBytes
}

// statFreeBytes is what programs that are not root's may still write. A folder that is not there yet will be on its parent's file system.
func statFreeBytes(path string) (uint64, error) {
	var stat syscall.Statfs_t
	err := syscall.Statfs(path, &stat)
	for errors.Is(err, os.ErrNotExist) && path != "/" {
		path = filepath.Dir(path)
		err = syscall.Statfs(path, &stat)
	}
	return stat.Bavail * uint64(stat.Bsize), err
}

// checkClock compares the clock with the Date of an answer of AWS. Whether a time service says that it is in step was refused: images have
// different ones, and all say so of a wrong clock for a while after boot.
func (r *Role) checkClock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.times.connect)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, r.clockURL, http.NoBody)
	if err != nil {
		return err
	}
	began := time.Now()
	response, err := http.DefaultTransport.RoundTrip(request) // no redirects: any answer has the time
	if err != nil {
		return fmt.Errorf("the clock cannot be checked against AWS: %w; check the way out (network.egress) and, when a certificate is not valid yet or "+
			"any more, the clock itself: timedatectl", err)
	}
	_ = response.Body.Close()
	right, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return fmt.Errorf("the clock cannot be checked: %s says no time: %w; check for a proxy in between", r.clockURL, err)
	}
	// The answer's time is cut to the second.
	if off := time.Until(right).Abs(); off > maxClockSkew+time.Since(began)+time.Second {
		return fmt.Errorf("the clock is off by %s against AWS; see `timedatectl` and the image's time service, which should use 169.254.169.123",
			off.Round(time.Second))
	}
	return nil
}

// checkService finds a backend service's name and connects to it. One at a private address is behind the link, which comes up minutes after the
// machines of a new region: no machine waits for that, since its CI server sends it no work while it cannot be reached, and what else cannot
// be is told. One at a public address that does not answer is a machine without a way out, which must take no work.
func (r *Role) checkService(ctx context.Context, service spec.Service, port int) error {
	ctx, cancel := context.WithTimeout(ctx, r.times.connect)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, service.Host)
	if err != nil {
		return fmt.Errorf("the name of the service %s is not found: %w; check gcp.services and gcp.path in the region file, and the private zone", service.Name, err)
	}
	target := net.JoinHostPort(service.Host, strconv.Itoa(port))
	connection, err := r.dial(ctx, "tcp", target)
	if err == nil {
		return connection.Close()
	}
	err = fmt.Errorf("the service %s does not answer at %s (%v) within %s: %w; look whether the link's tunnels are up (the region's dashboard), and at the "+
		"routes and the firewall of the other side", service.Name, target, addresses, r.times.connect, err)
	if isBehindLink(addresses) {
		r.log.Warn("a service behind the link cannot be reached; the machine goes on without it", "error", err)
		return nil
	}
	return err
}

// isBehindLink says whether a name leads to private addresses only, which is what the link is for.
func isBehindLink(addresses []string) bool {
	return !slices.ContainsFunc(addresses, func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err != nil || !address.IsPrivate()
	})
}

// nfsPort is where shards answer.
const nfsPort = "2049"

// logSilentShards connects to each shard and tells which do not answer.
func (r *Role) logSilentShards(ctx context.Context) {
	if r.description.Runner.MapParameter == "" {
		return
	}
	parameter, err := r.cloud.GetParameter(ctx, r.description.Runner.MapParameter)
	if err != nil {
		r.log.Warn("the shard map cannot be read; jobs go on without the cache until it can", "error", err)
		return
	}
	table, err := shardmap.Parse([]byte(parameter.Value))
	if err != nil {
		r.log.Warn("the shard map cannot be used; jobs go on without the cache until it can", "error", err)
		return
	}
	var group sync.WaitGroup
	for shard := range table.ShardCount() {
		group.Go(func() {
			dialer := net.Dialer{Timeout: r.times.connect}
			connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(table.ShardAddress(shard).String(), nfsPort))
			if err != nil {
				r.log.Warn("a shard of the cache does not answer; its tenants' builds miss it", "shard", shard, "error", err)
				return
			}
			_ = connection.Close()
		})
	}
	group.Wait()
}
