// Package cacheclient uses the region's cache from a machine: it finds the shards that hold a tenant's files, mounts
// them, and implements the commands that builds call.
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

// ErrUsage is in the error of a command line that is not valid.
var ErrUsage = errors.New("usage: beachhead-node cache path TENANT | cache push TENANT FOLDER | cache yocto TENANT")

const (
	// shardFolder contains a link for each shard, through which builds read it, and mountFolder contains the mounts.
	shardFolder = "/run/beachhead/shards"
	mountFolder = "/run/beachhead/mounts"
	// emptyFolder is the folder that a build reads when it has no cache to read.
	emptyFolder = "/run/beachhead/empty"
	// pathLimit bounds the search for a tenant's folder to less than 20 seconds, whatever is unreachable.
	pathLimit = 18 * time.Second
)

// RunCommand runs one of the commands of `beachhead-node cache`: path TENANT, push TENANT FOLDER or yocto TENANT. It
// writes the output that scripts parse to out, and warnings to standard error. Commands that read never fail because of
// the cache: without it a build is slower, but still works. For a command line that is not valid it returns an
// ErrUsage.
func RunCommand(ctx context.Context, d spec.Description, args []string, out io.Writer) error {
	if d.Runner == nil || d.Runner.MapParameter == "" {
		return fmt.Errorf("this machine uses no cache: %s; "+
			"set `cache: true` for its fleet in the region file, then run `beachhead up`", d.GroupName())
	}
	a := command{
		reader: Reader{Parameters: aws.New(d.Region), Name: d.Runner.MapParameter},
		mounts: Mounts{Folder: mountFolder}, out: out, warnings: os.Stderr,
	}
	return a.runVerb(ctx, args)
}

// command holds what a command needs to use the cache.
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
		return fmt.Errorf("%w; unknown command %q", ErrUsage, "cache "+strings.Join(args, " "))
	}
	if err := CheckTenant(args[1]); err != nil {
		return err
	}
	return verb.run(ctx, args[1:])
}

func (a command) printWarning(format string, args ...any) {
	fmt.Fprintf(a.warnings, "beachhead-node: "+format+"\n", args...)
}

// printPath prints the folder to read a tenant's files from: the first that exists on one of its shards.
func (a command) printPath(ctx context.Context, args []string) error {
	folders, _ := a.findFolders(ctx, args[0])
	for _, f := range folders {
		if f.exists {
			fmt.Fprintln(a.out, f.path)
			return nil
		}
	}
	if len(folders) > 0 {
		a.printWarning("the cache has no files of tenant %s yet; the build goes on without; to fill the cache, push after the build", args[0])
	}
	empty := a.host.Path(emptyFolder)
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return err
	}
	fmt.Fprintln(a.out, empty)
	return nil
}

// tenantFolder is the folder of a tenant on a shard that answers.
type tenantFolder struct {
	path string
	// exists reports whether the shard has the folder.
	exists bool
}

// findFolders returns the readable folders of a tenant, in order, and the map that they come from. When something does
// not answer, it prints a warning and returns fewer. It takes pathLimit at most, so that an unreachable shard makes a
// build slower but never hangs it.
func (a command) findFolders(ctx context.Context, tenant string) ([]tenantFolder, ShardMap) {
	ctx, cancel := context.WithTimeout(ctx, pathLimit)
	defer cancel()
	m, err := a.reader.Read(ctx)
	if err != nil {
		a.printWarning("going on without the cache, because its shards cannot be looked up: %v", err)
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

// findFolder mounts a shard to read a tenant's files. It takes at most 1/shares of the remaining time.
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
