// Package e2e runs the program as a user does, through the real Pulumi engine, on emulated clouds in folders of their own.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"github.com/beachhead-build/beachhead/internal/cli"
	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/report"
)

// name is the region file of every test.
const name = "us-west-2"

// file is one valid region; tests replace what they are about.
type file struct {
	zones  int
	egress string
	keep   []string
	cidr   string
	gcp    string
	extra  string
}

func (f file) String() string {
	zones := []string{}
	for i := range f.zones {
		zones = append(zones, "us-west-2"+string(rune('a'+i)))
	}
	cidr := f.cidr
	if cidr == "" {
		cidr = "10.42.0.0/16"
	}
	return fmt.Sprintf(`aws:
  account: "210987654321"
  region: us-west-2
  zones: [%s]
network:
  cidr: %s
  egress: %s
  keep: [%s]
%s
tags: {cost-center: ci}
%s`, strings.Join(zones, ", "), cidr, f.egress, strings.Join(f.keep, ", "), f.google(), f.extra)
}

// linkedGCP is a section on GCP with a link.
const linkedGCP = "gcp: {project: acme-backend, region: us-west1, link: ha-vpn, asn: {aws: 64620, gcp: 64520}}"

// google is the section on GCP. A link comes only where a test is about it, since it makes a region three times as large, and where there
// is no other way out.
func (f file) google() string {
	switch {
	case f.gcp != "":
		return f.gcp
	case f.egress == "none":
		return linkedGCP
	}
	return "gcp: {project: acme-backend, region: us-west1, link: none}"
}

// world is a project folder with a region file and an emulated cloud of its own.
type world struct {
	t   testing.TB
	dir string
}

func newWorld(t testing.TB, f file) *world {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir()}
	for _, dir := range []string{"regions", "bin"} {
		if err := os.Mkdir(filepath.Join(w.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Where there is no Pulumi, one that is new enough is on the PATH; without the agent, the tests that need one say so.
	for _, built := range []string{"pulumi", "beachhead-node-linux-amd64", "beachhead-node-linux-arm64"} {
		if path := filepath.Join(root, "bin", built); exists(path) {
			if err := os.Symlink(path, filepath.Join(w.dir, "bin", built)); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.write(f)
	return w
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (w *world) write(f fmt.Stringer) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "regions", name+".yaml"), []byte(f.String()), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// run runs one command in this process.
func (w *world) run(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = cli.Run(context.Background(), append([]string{"-C", w.dir}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// changes is the JSON of up, down and preview.
type changes struct {
	Steps []struct {
		Op, Type, Name string
		Diffs          []string
	} `json:"steps"`
	Unchanged int                     `json:"unchanged"`
	Adopted   []struct{ Name string } `json:"adopted"`
	Times     report.Times            `json:"times"`
	Timeline  string                  `json:"timeline"`
}

// must runs a command that must succeed and gives its JSON.
func (w *world) must(args ...string) changes {
	w.t.Helper()
	code, out, errs := w.run(append(args, name, "--emulated", "--json")...)
	if code != 0 {
		w.t.Fatalf("%v: exit code %d\n%s", args, code, errs)
	}
	var c changes
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		w.t.Fatalf("%v: %v in %s", args, err, out)
	}
	return c
}

// quiet fails the test when an up would change anything.
func (w *world) quiet(what string) {
	w.t.Helper()
	if c := w.must("up"); len(c.Steps)+len(c.Adopted) != 0 {
		w.t.Errorf("%s: a further up is not quiet: %+v", what, c)
	}
}

// cloudDir is where the world's emulated cloud is.
func (w *world) cloudDir() string { return filepath.Join(w.dir, ".beachhead", "emulated", "cloud") }

// cloud opens the world's emulated cloud.
func (w *world) cloud() *emulator.Cloud {
	w.t.Helper()
	c, err := emulator.Open(emulator.Options{Dir: w.cloudDir()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return c
}

// resources lists what lives in the cloud.
func (w *world) resources() []emulator.Resource {
	w.t.Helper()
	c := w.cloud()
	all, err := c.Resources()
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// empty fails the test when anything lives in the cloud.
func (w *world) empty() {
	w.t.Helper()
	for _, r := range w.resources() {
		w.t.Errorf("left in the cloud: %s %s %s", r.Type, r.ID, r.Name)
	}
}

// stateIDs lists type and id of every cloud resource in Pulumi's state.
func (w *world) stateIDs() []string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, ".beachhead", "emulated", "state", ".pulumi", "stacks", "beachhead", name+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var versioned apitype.VersionedCheckpoint
	if err := json.Unmarshal(text, &versioned); err != nil {
		w.t.Fatal(err)
	}
	var checkpoint apitype.CheckpointV3
	if err := json.Unmarshal(versioned.Checkpoint, &checkpoint); err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	if checkpoint.Latest != nil {
		for _, r := range checkpoint.Latest.Resources {
			if r.Custom && !strings.HasPrefix(string(r.Type), "pulumi:") {
				ids = append(ids, string(r.Type)+" "+string(r.ID))
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// checkAgree fails the test unless cloud and state hold the same things: no orphan, no duplicate, nothing imagined. What the cloud made
// itself, as a VPC's default group, may be in the state or not.
func (w *world) checkAgree(what string) {
	w.t.Helper()
	var inCloud []string
	inState := w.stateIDs()
	for _, r := range w.resources() {
		id := r.Type + " " + r.ID
		inCloud = append(inCloud, id)
		if r.Managed && !slices.Contains(inState, id) {
			w.t.Errorf("%s: orphan in the cloud: %s", what, id)
		}
	}
	for _, id := range inState {
		if !slices.Contains(inCloud, id) {
			w.t.Errorf("%s: the state holds %s, the cloud does not", what, id)
		}
	}
	if len(inState) == 0 {
		w.t.Errorf("%s: the state is empty", what)
	}
}

// binary builds the program once for the tests that need a process.
func binary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "beachhead")
	if out, err := exec.Command("go", "build", "-o", path, "../..").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return path
}
