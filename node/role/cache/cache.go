// Package cache is the role cache: it makes a machine the server of a shard of the region's cache, and keeps it one.
//
// What a shard is outlives its machines: a volume and an interface with the address that runners mount from. A server takes both, the volume
// first and the interface last, when everything behind the address serves: runners whose server goes wait for the next one, but one that answers
// without the export would tell them that their files are gone.
package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/role/cache/disk"
	"github.com/beachhead-build/beachhead/node/spec"
)

// Where things are on a server.
const (
	// Volume is where the data volume is mounted, and the root of what is exported.
	Volume = "/srv/cache"
	// Slots is the folder of the tenants, by slot.
	Slots = Volume + "/slots"
	// ownFolder is the server's own folder. Clients are all one user, who may not look into it.
	ownFolder = Volume + "/.beachhead"
)

// ClientID is the user and the group, both by number, that every client is taken for. It is written on the volume, so it must never change: what
// the next server takes clients for must be able to replace what is there.
const ClientID = 2049

// cacheTag is the tag of what belongs to a cache, with the stack's name.
const cacheTag = "beachhead:cache"

// Cloud is what a server asks of AWS; *cloud.Cloud is one.
type Cloud interface {
	GetParameter(ctx context.Context, name string) (aws.Parameter, error)
	PutParameter(ctx context.Context, name, value string) error
	InstanceIdentity(ctx context.Context) (aws.Identity, error)
	InstanceState(ctx context.Context, id string) (string, error)
	FindVolume(ctx context.Context, tags map[string]string) (aws.Volume, error)
	AttachVolume(ctx context.Context, id, device string) error
	DetachVolume(ctx context.Context, id, instance string, force bool) error
	FindNetworkInterface(ctx context.Context, tags map[string]string) (aws.NetworkInterface, error)
	AttachNetworkInterface(ctx context.Context, id string, index int) error
	DetachNetworkInterface(ctx context.Context, attachment string, force bool) error
}

// Role is a cache server's life.
type Role struct {
	host  host.Host
	cloud Cloud
	stack string
	cache spec.Cache
	log   *slog.Logger
	// port is the NFS server's.
	port uint16
	// deadSince is since when machines that hold what is the shard's are seen not to be alive.
	deadSince map[string]time.Time
}

// New gives the role of a machine whose description has a section cache.
func New(h host.Host, d spec.Description, c *aws.Client) *Role { return newRole(h, d, c) }

func newRole(h host.Host, d spec.Description, c Cloud) *Role {
	return &Role{
		host: h, cloud: c, stack: d.Stack, cache: *d.Cache, port: 2049, deadSince: map[string]time.Time{},
		log: slog.Default().With("shard", d.Cache.Shard),
	}
}

func (r *Role) resourceTags(name string) map[string]string {
	return map[string]string{"Name": name, cacheTag: r.stack}
}

// volumeLabel is the one that the shard's file system has. A volume of another shard is refused by it.
func (r *Role) volumeLabel() string { return fmt.Sprintf("beachhead-%02d", r.cache.Number) }

// Prepare makes the machine the shard's server. Every step looks at what is there first, so that it goes on after a kill, and changes nothing
// on a server that serves.
func (r *Role) Prepare(ctx context.Context) error {
	me, err := r.cloud.InstanceIdentity(ctx)
	if err != nil {
		return err
	}
	if err := r.installNFS(ctx); err != nil {
		return err
	}
	if err := r.prepareVolume(ctx, me.InstanceID); err != nil {
		return err
	}
	if err := r.exportVolume(ctx); err != nil {
		return err
	}
	return r.prepareInterface(ctx, me.InstanceID)
}

// stopServing stops serving on this machine alone: the address goes first, so that no client hears that its files are gone, then the export, then
// the mount. Lost says that the volume is no longer the machine's, so that there is nothing to wait for.
func (r *Role) stopServing(ctx context.Context, lost bool) error {
	if err := r.bringLinkDown(ctx); err != nil {
		r.log.Warn("the address stays up while the server lets go", "reason", err)
	}
	if err := r.stopNFS(ctx); err != nil {
		return err
	}
	return disk.Unmount(ctx, r.host, Volume, lost)
}

// Drain stops serving and hands volume and interface over to the next server, who waits for them.
func (r *Role) Drain(ctx context.Context) error {
	if err := r.stopServing(ctx, false); err != nil {
		return err
	}
	me, err := r.cloud.InstanceIdentity(ctx)
	if err != nil {
		return err
	}
	things := []resource{r.interfaceResource(), r.volumeResource("")}
	var errs []error
	for _, t := range things {
		errs = append(errs, r.releaseResource(ctx, me.InstanceID, t))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, t := range things {
		if err := r.awaitRelease(ctx, me.InstanceID, t); err != nil {
			return err
		}
	}
	return nil
}
