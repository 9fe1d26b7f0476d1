package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

const snapshotType = "aws:ebs/snapshot:Snapshot"

// seeded is a region that is a cache alone, with its first content from the region us-east-2.
func seeded(t *testing.T, cidr string) text {
	t.Helper()
	return whole(t, func(c *regionfile.Config) {
		bare(c)
		c.GCP, c.Network.CIDR = nil, prefix(t, cidr)
		c.Cache = &regionfile.Cache{
			Shards: 2, InstanceTypes: []string{"m7g.4xlarge"}, Volume: regionfile.Volume{Size: 512, IOPS: 3000, Throughput: 250},
			Seed: &regionfile.Seed{Region: "us-east-2"},
		}
	})
}

// A cache is seeded once, from the newest snapshots of the other region that were copied here. Without any it starts empty, and says so;
// what comes later replaces nothing.
func TestSeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, file{zones: 1, egress: "public"})
	w.write(seeded(t, "10.42.0.0/16"))
	w.region("spare", seeded(t, "10.44.0.0/16"))
	w.region("us-east-2", shippedFile(t, "us-east-2", func(c *regionfile.Config) {
		bare(c)
		c.GCP, c.Network.Egress = nil, regionfile.Public
		c.Cache = &regionfile.Cache{
			Shards: 2, InstanceTypes: []string{"m7g.4xlarge"}, Volume: regionfile.Volume{Size: 512, IOPS: 3000, Throughput: 250},
		}
	}))
	up := func(region string) string {
		t.Helper()
		code, _, errs := w.run("up", region, "--emulated", "--json")
		if code != 0 {
			t.Fatalf("up of %s: exit code %d\n%s", region, code, errs)
		}
		return errs
	}
	const warning = " starts empty: no snapshot of us-east-2 has been copied to this region yet"
	errs := up(name)
	for _, shard := range []string{"cache-shard-00", "cache-shard-01"} {
		if !strings.Contains(errs, shard+warning) {
			t.Errorf("%s starts empty without a warning:\n%s", shard, errs)
		}
	}
	if errs := up(name); strings.Contains(errs, "starts empty") {
		t.Errorf("a warning about volumes that are there:\n%s", errs)
	}
	if empty := snapshotsOf(w, name); !slices.Equal(empty, []string{"", ""}) {
		t.Errorf("volumes made without any snapshot are of %q", empty)
	}
	up("us-east-2")
	at := time.Date(2030, 1, 1, 10, 0, 0, 0, time.UTC)
	older := takeSnapshots(t, w, at)
	newer := takeSnapshots(t, w, at.AddDate(0, 0, 1))
	if len(older) != 2 || len(newer) != 2 {
		t.Fatalf("copied to us-west-2: %v, then %v; want two each", older, newer)
	}
	if errs := up("spare"); strings.Contains(errs, "starts empty") {
		t.Errorf("a warning although there are snapshots:\n%s", errs)
	}
	want := []string{newer["cache-shard-00"], newer["cache-shard-01"]}
	if got := snapshotsOf(w, "spare"); !slices.Equal(got, want) {
		t.Errorf("volumes are of the snapshots %v, want the newest, %v of %v", got, want, older)
	}
	takeSnapshots(t, w, at.AddDate(0, 0, 2))
	w.quiet("an empty cache after snapshots came")
	for _, region := range []string{"spare", "us-east-2"} {
		code, out, errs := w.run("up", region, "--emulated", "--json")
		if code != 0 || !strings.Contains(out, `"steps": []`) {
			t.Errorf("%s after a newer snapshot: exit code %d, %s\n%s", region, code, out, errs)
		}
	}
	if got := snapshotsOf(w, "spare"); !slices.Equal(got, want) {
		t.Errorf("a newer snapshot made %v of %v", got, want)
	}
}

// snapshotsOf gives the snapshots that a region's volumes were made of, by shard; empty for those that started empty.
func snapshotsOf(w *world, region string) []string {
	w.t.Helper()
	byName := map[string]string{}
	for _, r := range w.resources() {
		if r.Type == volumeType && r.Managed && r.Tags["beachhead:stack"] == region {
			byName[r.Name], _ = r.Outputs["snapshotId"].(string)
		}
	}
	return []string{byName["cache-shard-00"], byName["cache-shard-01"]}
}

// takeSnapshots has all policies act and gives what us-west-2 got copies of, snapshot by volume.
func takeSnapshots(t *testing.T, w *world, at time.Time) map[string]string {
	t.Helper()
	cloud, err := emulator.Open(emulator.Options{Dir: w.cloudDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cloud.Close() }()
	copied := func() map[string]string {
		all, err := cloud.Resources()
		if err != nil {
			t.Fatal(err)
		}
		byID := map[string]string{}
		for _, r := range all {
			if r.Type == snapshotType && r.Region == "us-west-2" && r.Tags["beachhead:stack"] == "us-east-2" {
				byID[r.ID] = r.Name
			}
		}
		return byID
	}
	before := copied()
	if err := aws.TakeSnapshots(t.Context(), cloud, at); err != nil {
		t.Fatal(err)
	}
	byName := map[string]string{}
	for id, volume := range copied() {
		if before[id] == "" {
			byName[volume] = id
		}
	}
	return byName
}
