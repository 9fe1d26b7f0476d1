// Package cacheclient is the use of the region's cache on a machine: which shard a tenant's files are on, the mounts of the shards, and the commands
// that builds call.
package cacheclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/beachhead-build/beachhead/node/aws"
	"github.com/beachhead-build/beachhead/node/host"
	"github.com/beachhead-build/beachhead/node/spec"
)

// ErrUsage is in the error of a command line that is not understood.
var ErrUsage = errors.New("usage: beachhead-node cache path TENANT | cache push TENANT FOLDER | cache yocto TENANT")

const (
	// shardFolder has a link for each shard, through which builds read it, and mountFolder is where shards are mounted.
	shardFolder = "/run/beachhead/shards"
	mountFolder = "/run/beachhead/mounts"
	// emptyFolder is what a build reads where there is no cache to read.
	emptyFolder = "/run/beachhead/empty"
	// pathLimit keeps what looks for a tenant's folder below 20 seconds, whatever is dead.
	pathLimit = 18 * time.Second
)

// RunCommand runs one of the commands of `beachhead-node cache`, whose arguments are path TENANT, push TENANT FOLDER or yocto TENANT. What a
// script reads goes to out, warnings go to standard error. Those that read never fail because of the cache: without it a build is slow and
// not broken. The error of a command line that is not understood is an ErrUsage.
func RunCommand(ctx context.Context, d spec.Description, args []string, out io.Writer) error {
	if d.Runner == nil || d.Runner.MapParameter == "" {
		return fmt.Errorf("this machine uses no cache: %s; want cache: true for its fleet in the region file, then beachhead up", d.GroupName())
	}
	a := command{
		reader: Reader{Parameters: aws.New(d.Region), Name: d.Runner.MapParameter},
		mounts: Mounts{Folder: mountFolder}, out: out, warnings: os.Stderr,
	}
	return a.runVerb(ctx, args)
}

// command is one command's way to the cache.
type command struct {
	host          host.Host
	reader        Reader
	mounts        Mounts
	out, warnings io.Writer
}

func (a command) runVerb(ctx context.Context, args []string) error {
	verbs := map[string]struct {
		arguments int
		run       func(context.Context, []string) error
	}{"path": {1, a.printPath}, "push": {2, a.pushFolder}, "yocto": {1, a.printSettings}}
	if len(args) == 0 {
		return ErrUsage
	}
	verb, known := verbs[args[0]]
	if !known || len(args)-1 != verb.arguments {
		return fmt.Errorf("%w; not %q", ErrUsage, "cache "+strings.Join(args, " "))
	}
	if err := CheckTenant(args[1]); err != nil {
		return err
	}
	return verb.run(ctx, args[1:])
}

func (a command) printWarning(format string, args ...any) {
	fmt.Fprintf(a.warnings, "beachhead-node: "+format+"\n", args...)
}

// printPath prints the folder to read a tenant's files from: that of the first of its shards that answers and has one.
func (a command) printPath(ctx context.Context, args []string) error {
	folders, _ := a.findFolders(ctx, args[0])
	for _, f := range folders {
		if f.exists {
			fmt.Fprintln(a.out, f.path)
			return nil
		}
	}
	if len(folders) > 0 {
		a.printWarning("the cache has nothing of tenant %s yet", args[0])
	}
	empty := a.host.Path(emptyFolder)
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return err
	}
	fmt.Fprintln(a.out, empty)
	return nil
}

// tenantFolder is one place of a tenant on a shard that answers.
type tenantFolder struct {
	path string
	// exists: it is there.
	exists bool
}

// findFolders gives the places of a tenant that can be read, in order, with the map that they are from; fewer, with a warning for each, where
// something does not answer. It takes pathLimit at most, so that a dead shard is a slow build and not a hung one.
func (a command) findFolders(ctx context.Context, tenant string) ([]tenantFolder, ShardMap) {
	ctx, cancel := context.WithTimeout(ctx, pathLimit)
	defer cancel()
	m, err := a.reader.Read(ctx)
	if err != nil {
		a.printWarning("going on without the cache: %v", err)
		return nil, m
	}
	var found []tenantFolder
	read := m.FindPlaces(tenant).Read
	for i, shard := range read {
		f, err := a.findFolder(ctx, m, shard, tenant, len(read)-i)
		if err != nil {
			a.printWarning("going on without shard %d: %v", shard, err)
			continue
		}
		found = append(found, f)
	}
	return found, m
}

// findFolder mounts a shard to read a tenant's files. It takes one of so many shares of the time that is left.
func (a command) findFolder(ctx context.Context, m ShardMap, shard int, tenant string, shares int) (tenantFolder, error) {
	if deadline, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer cancel()
	}
	address, err := m.FindAddress(shard)
	if err != nil {
		return tenantFolder{}, err
	}
	name := mountName(shard)
	root, err := a.mounts.Mount(ctx, name, address, ReadOptions)
	if err != nil {
		return tenantFolder{}, err
	}
	filled, err := a.mounts.statFolder(ctx, address, root+"/"+TenantFolder(tenant))
	if err == nil {
		_, err = setLink(a.host, name, mountFolder+"/"+name)
	}
	return tenantFolder{path: a.host.Path(filepath.Join(shardFolder, name, TenantFolder(tenant))), exists: filled}, err
}

func mountName(shard int) string { return fmt.Sprintf("%02d", shard) }
