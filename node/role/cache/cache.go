// Package cache implements the role "cache": it makes a machine the server of one shard of the region's cache.
//
// A shard outlives its machines. It consists of a volume and of an interface with the address that runners mount from.
// A server attaches the volume first, and the interface last, when everything behind the address serves. Clients of a
// server that is gone wait for the next one. A server that answered without the export would report to them that their
// files are gone.
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

// Paths on a server.
const (
	// Volume is the mount point of the data volume, and the root of the export.
	Volume = "/srv/cache"
	// Slots is the folder of the tenants, by slot.
	Slots = Volume + "/slots"
	// ownFolder is the server's own folder. All clients map to one user, who has no right to read it.
	ownFolder = Volume + "/.beachhead"
)

// ClientID is the user ID and the group ID that the export maps every client to. It must never change: the volume
// stores it, and clients of the next server must be able to replace existing files.
const ClientID = 2049

// cacheTag is the tag of the resources of a cache. Its value is the name of the stack.
const cacheTag = "beachhead:cache"

// Cloud holds the AWS calls that a cache server uses; *aws.Client implements it.
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

// Role runs a machine as a cache server.
type Role struct {
	host  host.Host
	cloud Cloud
	stack string
	cache spec.Cache
	log   *slog.Logger
	// port is the port of the NFS server.
	port uint16
	// deadSince holds, for each machine that holds a resource of the shard, since when it is not alive.
	deadSince map[string]time.Time
}

// New returns the role for a machine whose description has a section cache.
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

// volumeLabel returns the label of the shard's file system. A server refuses a volume with the label of another shard.
func (r *Role) volumeLabel() string { return fmt.Sprintf("beachhead-%02d", r.cache.Number) }

// Prepare makes the machine the shard's server. Every step checks the current state first. Prepare therefore resumes
// after a kill, and changes nothing on a server that serves already.
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

// stopServing stops serving on this machine only: it disables the address first, so that no client receives an error
// for its files, then it stops the export, then it unmounts the volume. lost means that the volume is no longer
// attached to the machine, so that waiting for it is useless.
func (r *Role) stopServing(ctx context.Context, lost bool) error {
	if err := r.bringLinkDown(ctx); err != nil {
		r.log.Warn("cannot disable the shard's address; it stays up while the server stops", "error", err)
	}
	if err := r.stopNFS(ctx); err != nil {
		return err
	}
	return disk.Unmount(ctx, r.host, Volume, lost)
}

// Drain stops serving, and releases volume and interface for the next server, which waits for them.
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
