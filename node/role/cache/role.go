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
	"net/netip"
	"os"
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
	// own is the server's own folder. Clients are all one user, who may not look into it.
	own = Volume + "/.beachhead"
)

// Owner is the user and the group, both by number, that every client is taken for. It is written on the volume, so it must never change: what
// the next server takes clients for must be able to replace what is there.
const Owner = 2049

// cacheTag is the tag of what belongs to a cache, with the stack's name.
const cacheTag = "beachhead:cache"

// Cloud is what a server asks of AWS; *cloud.Cloud is one.
type Cloud interface {
	Parameter(ctx context.Context, name string) (aws.Parameter, error)
	SetParameter(ctx context.Context, name, value string) error
	Identity(ctx context.Context) (aws.Identity, error)
	InstanceState(ctx context.Context, id string) (string, error)
	Volume(ctx context.Context, tags map[string]string) (aws.Volume, error)
	AttachVolume(ctx context.Context, id, device string) error
	DetachVolume(ctx context.Context, id, instance string, force bool) error
	Interface(ctx context.Context, tags map[string]string) (aws.Interface, error)
	AttachInterface(ctx context.Context, id string, index int) error
	DetachInterface(ctx context.Context, attachment string, force bool) error
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
	// dead is since when machines that hold what is the shard's are seen not to be alive.
	dead map[string]time.Time
}

// New gives the role of a machine whose description has a section cache.
func New(h host.Host, d spec.Description, c *aws.Cloud) *Role { return newRole(h, d, c) }

func newRole(h host.Host, d spec.Description, c Cloud) *Role {
	return &Role{
		host: h, cloud: c, stack: d.Stack, cache: *d.Cache, port: 2049, dead: map[string]time.Time{},
		log: slog.Default().With("shard", d.Cache.Shard),
	}
}

func (r *Role) tags(name string) map[string]string {
	return map[string]string{"Name": name, cacheTag: r.stack}
}

// label is the one that the shard's file system has. A volume of another shard is refused by it.
func (r *Role) label() string { return fmt.Sprintf("beachhead-%02d", r.cache.Number) }

// packages are what a stock image lacks. The tools of ext4 are part of every Debian.
var packages = []string{"nfs-kernel-server"}

// Prepare makes the machine the shard's server. Every step looks at what is there first, so that it goes on after a kill, and changes nothing
// on a server that serves.
func (r *Role) Prepare(ctx context.Context) error {
	me, err := r.cloud.Identity(ctx)
	if err != nil {
		return err
	}
	if err := r.install(ctx); err != nil {
		return err
	}
	if err := r.prepareVolume(ctx, me.InstanceID); err != nil {
		return err
	}
	if err := r.export(ctx); err != nil {
		return err
	}
	return r.prepareInterface(ctx, me.InstanceID)
}

// install brings the NFS server onto the machine, in the way that it has to run. What it reads is there before it: installing the package
// starts it.
func (r *Role) install(ctx context.Context) error {
	if err := r.configureNFS(ctx); err != nil {
		return err
	}
	if err := r.host.Packages(ctx, packages...); err != nil {
		return err
	}
	// After a reboot the agent starts it, when the volume is there.
	if _, err := r.host.Run(ctx, "systemctl", "disable", "--quiet", nfsUnit); err != nil {
		return err
	}
	return nil
}

// deviceWait is how long a volume that EC2 says is attached may take to show up in Linux. Judgement: it takes a second or two.
const deviceWait = time.Minute

// prepareVolume takes the volume and mounts it, whole and writable.
func (r *Role) prepareVolume(ctx context.Context, me string) error {
	v, err := r.cloud.Volume(ctx, r.tags(r.cache.Volume))
	if err != nil {
		return err
	}
	if v.Holder != me {
		// A volume that was taken from this machine may still be mounted here, over a device that is gone.
		if err := r.letGo(ctx, true); err != nil {
			return err
		}
	}
	if err := r.claim(ctx, me, r.volumeThing(v.ID)); err != nil {
		return err
	}
	device, err := r.device(ctx, v.ID)
	if err != nil {
		return err
	}
	if err := r.dropBroken(ctx, device); err != nil {
		return err
	}
	err = disk.Mount(ctx, r.host, disk.Volume{ID: v.ID, Device: device, Label: r.label(), FromSnapshot: v.FromSnapshot}, Volume)
	if err != nil {
		return err
	}
	return r.layOut()
}

// device waits for the volume's block device.
func (r *Role) device(ctx context.Context, volume string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, deviceWait)
	defer cancel()
	for {
		device, err := disk.Find(r.host, volume)
		if device != "" || err != nil {
			return device, err
		}
		if err := host.Sleep(ctx, time.Second); err != nil {
			return "", fmt.Errorf("EC2 says that %s is attached, and no block device has its serial number: %w; look at lsblk --output +SERIAL, "+
				"and replace the machine if it stays away", volume, err)
		}
	}
}

// dropBroken takes down a mount that cannot serve: of a device that is gone or has come back under another name, or that the kernel made
// read-only. Mounting it again checks the file system first.
func (r *Role) dropBroken(ctx context.Context, device string) error {
	mount, err := disk.Mounted(r.host, Volume)
	if err != nil || mount.Source == "" {
		return err
	}
	if mount.Source == device && !mount.ReadOnly && r.writable() == nil {
		return nil
	}
	r.log.Warn("the volume is mounted in a way that cannot serve; mounting it again", "source", mount.Source, "readOnly", mount.ReadOnly)
	return r.letGo(ctx, mount.Source != device)
}

// layOut makes the folders that everything else expects. Slots belong to the clients; the volume's root does not, so that none of them can
// move the folders away.
func (r *Role) layOut() error {
	for folder, mode := range map[string]os.FileMode{own: 0o700, Slots: 0o755} {
		if err := os.MkdirAll(r.host.Path(folder), mode); err != nil {
			return err
		}
		if err := os.Chmod(r.host.Path(folder), mode); err != nil {
			return err
		}
	}
	return r.give(r.host.Path(Slots))
}

// give makes the clients' user the owner of a folder. Only root can, and only tests are somebody else.
func (r *Role) give(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, Owner, Owner)
}

// writable says whether the volume takes a file.
func (r *Role) writable() error {
	path := r.host.Path(own + "/alive")
	if err := os.WriteFile(path, []byte(time.Now().UTC().Format(time.RFC3339)+"\n"), 0o600); err != nil {
		return fmt.Errorf("the volume takes no files: %w; when mounting it again does not help, restore the shard's newest snapshot", err)
	}
	return nil
}

// letGo stops serving on this machine alone: the address goes first, so that no client hears that its files are gone, then the export, then
// the mount. Lost says that the volume is no longer the machine's, so that there is nothing to wait for.
func (r *Role) letGo(ctx context.Context, lost bool) error {
	if err := r.silence(ctx); err != nil {
		r.log.Warn("the address stays up while the server lets go", "reason", err)
	}
	if err := r.stopNFS(ctx); err != nil {
		return err
	}
	return disk.Unmount(ctx, r.host, Volume, lost)
}

// Drain stops serving and hands volume and interface over to the next server, who waits for them.
func (r *Role) Drain(ctx context.Context) error {
	if err := r.letGo(ctx, false); err != nil {
		return err
	}
	me, err := r.cloud.Identity(ctx)
	if err != nil {
		return err
	}
	things := []thing{r.interfaceThing(), r.volumeThing("")}
	var errs []error
	for _, t := range things {
		errs = append(errs, r.handOver(ctx, me.InstanceID, t))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, t := range things {
		if err := r.waitFree(ctx, me.InstanceID, t); err != nil {
			return err
		}
	}
	return nil
}

// at is an address with the NFS server's port.
func (r *Role) at(address netip.Addr) string { return netip.AddrPortFrom(address, r.port).String() }
