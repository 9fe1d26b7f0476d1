package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/engine"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// edit changes a region file's content.
type edit = func(*regionfile.Config)

// shippedFile is the content of a region file that the project ships, without its remarks, as tests edit it.
func shippedFile(t testing.TB, region string, edits ...edit) text {
	t.Helper()
	c, err := regionfile.Load(filepath.Join("..", "..", "regions", region+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range edits {
		change(c)
	}
	out, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return text(out)
}

// whole is the smallest region that has every part: two fleets, one of each architecture, a cache of two shards, a link and alarms.
func whole(t testing.TB, edits ...edit) text {
	t.Helper()
	return shippedFile(t, "us-west-1", append([]edit{func(c *regionfile.Config) {
		c.AWS.Region, c.AWS.Zones, c.GCP.Region = "us-west-2", []string{"us-west-2a", "us-west-2b"}, "us-west1"
		delete(c.Runners, "containers-amd64")
		delete(c.Runners, "yocto-arm64")
		c.Network.Egress = regionfile.Public
		c.Cache.Shards, c.Cache.Seed, c.Cache.Pins = 2, nil, map[string]int{"acme": 1}
	}}, edits...)...)
}

// wholeWorld is a world whose region is a whole one.
func wholeWorld(t testing.TB, edits ...edit) *world {
	t.Helper()
	w := newWorld(t, file{zones: 1, egress: "public"})
	w.write(whole(t, edits...))
	return w
}

// becomes edits the region file and brings it up. Exactly the steps that one of the patterns describes may happen, and each pattern must
// describe one: as in "update Group fleet-*", with the last part of the type. A second up changes nothing.
func (w *world) becomes(what string, f fmt.Stringer, patterns ...string) changes {
	w.t.Helper()
	w.write(f)
	c := w.must("up")
	met := map[string]bool{}
	for _, s := range c.Steps {
		step := fmt.Sprintf("%s %s %s", s.Op, s.Type[strings.LastIndex(s.Type, ":")+1:], s.Name)
		i := slices.IndexFunc(patterns, func(p string) bool { return matches(w.t, p, step) })
		if i < 0 {
			w.t.Errorf("%s: %s because of %v", what, step, s.Diffs)
			continue
		}
		met[patterns[i]] = true
	}
	for _, p := range patterns {
		if !met[p] {
			w.t.Errorf("%s: nothing is %q", what, p)
		}
	}
	w.quiet(what)
	return c
}

func matches(t testing.TB, pattern, step string) bool {
	t.Helper()
	found, err := path.Match(pattern, step)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// alongside runs another program of another stack once on the world's cloud: what somebody else has there.
func (w *world) alongside(program pulumi.RunFunc) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "alongside")
	cloud, err := emulator.Open(emulator.Options{Dir: w.cloudDir()})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = cloud.Close() }()
	server, err := emulator.Serve(cloud)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	backend, err := engine.LocalBackend(filepath.Join(dir, "state"))
	if err != nil {
		w.t.Fatal(err)
	}
	env := server.Env()
	env["PULUMI_BACKEND_URL"], env["PULUMI_CONFIG_PASSPHRASE"], env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = backend, "test", "true"
	stack, err := engine.Open(w.t.Context(), engine.Options{
		Name: "alongside", Program: program, Root: w.dir, WorkDir: filepath.Join(dir, "work"), Home: filepath.Join(dir, "home"), Env: env,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := stack.Up(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// region writes a region file under another name than that of the tests.
func (w *world) region(name string, f fmt.Stringer) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "regions", name+".yaml"), []byte(f.String()), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func prefix(t testing.TB, cidr string) netip.Prefix {
	t.Helper()
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
