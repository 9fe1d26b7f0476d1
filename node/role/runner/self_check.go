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
	// maxClockSkew is the tolerated error of the clock. AWS refuses requests from 5 minutes on, and builds compare the
	// times of files long before that.
	maxClockSkew = 5 * time.Second
	// minFreeBytes is the minimum free disk space for a job; our estimate. Below minFreeBytesJobServ, JobServ sends no
	// job (jobserv/settings.py).
	minFreeBytes        = 10 << 30
	minFreeBytesJobServ = 30 << 30
)

// selfCheck checks disk, clock, names and connections at the same time, so it takes as long as its slowest part and
// reports everything that is wrong. The cache does not count: an unreachable shard is a cache miss.
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

// checkDisk checks the file systems of the container engine and of /var/lib, to which JobServ's rule applies.
func (r *Role) checkDisk(context.Context) error {
	var errs []error
	for place, least := range map[string]uint64{"/var/lib": r.requiredFreeBytes(), "/var/lib/docker": minFreeBytes} {
		free, err := r.freeBytes(r.host.Path(place))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place, err))
		} else if free < least {
			errs = append(errs, fmt.Errorf("%s has %.1f GiB free and jobs need %.0f GiB; set a larger runners.NAME.disk in the region file, "+
				"or use a smaller image", place, float64(free)/(1<<30), float64(least)/(1<<30)))
		}
	}
	return errors.Join(errs...)
}

// requiredFreeBytes returns the free disk space that the CI system needs in /var/lib.
func (r *Role) requiredFreeBytes() uint64 {
	if r.description.Runner.Agent.Kind == "jobserv" {
		return minFreeBytesJobServ
	}
	return minFreeBytes
}

// statFreeBytes returns the bytes that programs of other users than root may still write. A folder that does not exist
// yet counts as part of its parent's file system.
func statFreeBytes(path string) (uint64, error) {
	var stat syscall.Statfs_t
	err := syscall.Statfs(path, &stat)
	for errors.Is(err, os.ErrNotExist) && path != "/" {
		path = filepath.Dir(path)
		err = syscall.Statfs(path, &stat)
	}
	return stat.Bavail * uint64(stat.Bsize), err
}

// checkClock compares the clock with the Date header of an answer of AWS. We do not ask the time service whether the
// clock is synchronized: images have different ones, and all of them report a wrong clock as synchronized for a while
// after boot.
func (r *Role) checkClock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.times.connect)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, r.clockURL, http.NoBody)
	if err != nil {
		return err
	}
	began := time.Now()
	response, err := http.DefaultTransport.RoundTrip(request) // no redirects: every answer contains the time
	if err != nil {
		return fmt.Errorf("comparing the clock with AWS: %w; check internet access (network.egress in the region file) and, when a "+
			"certificate is not valid yet or any more, the clock itself with `timedatectl`", err)
	}
	_ = response.Body.Close()
	right, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return fmt.Errorf("comparing the clock with AWS: the answer of %s contains no time: %w; check for a proxy between the machine and AWS",
			r.clockURL, err)
	}
	// The Date header has a resolution of one second.
	if off := time.Until(right).Abs(); off > maxClockSkew+time.Since(began)+time.Second {
		return fmt.Errorf("the clock differs from AWS by %s; run `timedatectl` and check the image's time service, which should use 169.254.169.123",
			off.Round(time.Second))
	}
	return nil
}

// checkService resolves the name of a backend service and connects to it. A service at a private address is behind the
// link, which comes up minutes after the machines of a new region. The machine does not wait for that: a CI server
// behind the link sends it no job while it is unreachable, and checkService logs the other services. A service at a
// public address that does not answer means a machine without internet access, which must accept no jobs.
func (r *Role) checkService(ctx context.Context, service spec.Service, port int) error {
	ctx, cancel := context.WithTimeout(ctx, r.times.connect)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, service.Host)
	if err != nil {
		return fmt.Errorf("the name of the service %s is not found: %w; check gcp.services and gcp.path in the region file, and the "+
			"private DNS zone", service.Name, err)
	}
	target := net.JoinHostPort(service.Host, strconv.Itoa(port))
	connection, err := r.dial(ctx, "tcp", target)
	if err == nil {
		return connection.Close()
	}
	err = fmt.Errorf("the service %s does not answer at %s (%v) within %s: %w; check the link's tunnels on the region's dashboard, "+
		"and the routes and the firewall of the other side", service.Name, target, addresses, r.times.connect, err)
	if isBehindLink(addresses) {
		r.log.Warn("a service behind the link is unreachable; continuing without it", "error", err)
		return nil
	}
	return err
}

// isBehindLink reports whether all addresses of a name are private, that is behind the link.
func isBehindLink(addresses []string) bool {
	return !slices.ContainsFunc(addresses, func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err != nil || !address.IsPrivate()
	})
}

// nfsPort is the port of the shards' NFS servers.
const nfsPort = "2049"

// logSilentShards connects to each shard and logs the shards that do not answer.
func (r *Role) logSilentShards(ctx context.Context) {
	if r.description.Runner.MapParameter == "" {
		return
	}
	parameter, err := r.cloud.GetParameter(ctx, r.description.Runner.MapParameter)
	if err != nil {
		r.log.Warn("reading the shard map failed; jobs run without the cache until it works", "error", err)
		return
	}
	table, err := shardmap.Parse([]byte(parameter.Value))
	if err != nil {
		r.log.Warn("the shard map is not valid; jobs run without the cache until it is", "error", err)
		return
	}
	var group sync.WaitGroup
	for shard := range table.ShardCount() {
		group.Go(func() {
			dialer := net.Dialer{Timeout: r.times.connect}
			connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(table.ShardAddress(shard).String(), nfsPort))
			if err != nil {
				r.log.Warn("a shard of the cache does not answer; its tenants' builds run without it", "shard", shard, "error", err)
				return
			}
			_ = connection.Close()
		})
	}
	group.Wait()
}
