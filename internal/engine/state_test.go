package engine

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/inventory"
)

// What a newer Pulumi keeps in a state must survive our hand in it.
func TestEditDeploymentKeepsUnknownFields(t *testing.T) {
	before := `{"manifest":{"time":"now"},"resources":[{"urn":"a","novel":1}],"pending_operations":[{"type":"creating"}],"novel":{"x":[1]}}`
	after, err := editDeployment(json.RawMessage(before), func(resources []json.RawMessage) ([]json.RawMessage, error) {
		return appendEntries(resources, []apitype.ResourceV3{{URN: "b", ID: "vpc-1"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"novel":1`, `"novel":{"x":[1]}`, `"urn":"a"`, `"urn":"b"`, `"id":"vpc-1"`, `"manifest":{"time":"now"}`} {
		if !strings.Contains(string(after), want) {
			t.Errorf("%s is lost: %s", want, after)
		}
	}
	if strings.Contains(string(after), "pending_operations") {
		t.Errorf("pending operations are still there: %s", after)
	}
}

// Only what is retained loses its protection, and nothing else of it is lost.
func TestUnprotectKept(t *testing.T) {
	cases := []struct{ name, before, want string }{
		{"protected and retained", `{"urn":"a","protect":true,"retainOnDelete":true,"novel":1}`, `{"novel":1,"retainOnDelete":true,"urn":"a"}`},
		{"protected alone", `{"urn":"a","protect":true,"novel":1}`, `{"urn":"a","protect":true,"novel":1}`},
		{"retained alone", `{"urn":"a","retainOnDelete":true}`, `{"urn":"a","retainOnDelete":true}`},
		{"neither", `{"urn":"a"}`, `{"urn":"a"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			after, err := unprotectKept([]json.RawMessage{json.RawMessage(c.before)})
			if err != nil || string(after[0]) != c.want {
				t.Errorf("%s, %v; want %s", after, err, c.want)
			}
		})
	}
}

// A down is refused for what is protected and would go, not for what stays.
func TestPlanDeletions(t *testing.T) {
	volume := apitype.ResourceV3{
		URN: "urn:pulumi:a::beachhead::aws:ebs/volume:Volume::cache-shard-00", Type: "aws:ebs/volume:Volume", Custom: true, Protect: true,
	}
	if err := refuseSteps(planDeletions([]apitype.ResourceV3{volume})); err == nil || !strings.Contains(err.Error(), "cache-shard-00") {
		t.Errorf("protected: %v, want a refusal", err)
	}
	volume.RetainOnDelete = true
	if err := refuseSteps(planDeletions([]apitype.ResourceV3{volume})); err != nil {
		t.Errorf("protected and retained: %v", err)
	}
}

// An adopted resource is protected as the program declares it: otherwise the next down would delete what an earlier one kept.
func TestNewEntriesAreProtected(t *testing.T) {
	const provider = "urn:pulumi:a::beachhead::pulumi:providers:aws::aws"
	found := step(func(s *Step) { s.Op, s.ID, s.provider = "create", "vpc-1", provider+"::unknown" })
	all := newEntries([]Step{found}, []apitype.ResourceV3{{URN: resource.URN(provider), ID: "8a1c"}, {URN: "known"}},
		map[string]Node{found.URN: {After: []string{"known", "new"}, protect: true, retain: true}})
	if len(all) != 1 || !all[0].Protect || !all[0].RetainOnDelete || all[0].ID != "vpc-1" || all[0].Provider != provider+"::8a1c" {
		t.Errorf("entries %+v", all)
	}
	if needs := all[0].Dependencies; len(needs) != 1 || needs[0] != "known" {
		t.Errorf("depends on %v, want on what is in the state alone", needs)
	}
}

// What leaves the stack and stays in the cloud is no deletion.
func TestKeptIsNoChange(t *testing.T) {
	volume := step(func(s *Step) { s.Op, s.Type, s.ID, s.Retained = "delete", "aws:ebs/volume:Volume", "vol-1", true })
	c := summarizeSteps([]Step{volume, step(func(s *Step) { s.Op = "delete" })})
	if len(c.Steps) != 1 || len(c.Kept) != 1 || c.Kept[0].ID != "vol-1" || c.Kept[0].Op != "keep" {
		t.Errorf("changes %+v", c)
	}
}

// The engine adopts what the cloud has and the state lacks. It refreshes entries that the cloud does not list, and those of pending
// updates. Components, providers, resources that the program only reads and entries that are marked for deletion are none of these.
func TestCompare(t *testing.T) {
	entry := func(id string, edit func(*apitype.ResourceV3)) apitype.ResourceV3 {
		r := apitype.ResourceV3{URN: resource.URN("urn:" + id), Type: "aws:ec2/vpc:Vpc", ID: resource.ID(id), Custom: true}
		edit(&r)
		return r
	}
	as := func(*apitype.ResourceV3) {}
	there, gone := entry("there", as), entry("gone", as)
	known := &state{}
	known.Resources = []apitype.ResourceV3{
		there, gone, entry("component", func(r *apitype.ResourceV3) { r.Custom = false }),
		entry("read", func(r *apitype.ResourceV3) { r.External = true }),
		entry("provider", func(r *apitype.ResourceV3) { r.Type = "pulumi:providers:aws" }),
		entry("leaving", func(r *apitype.ResourceV3) { r.Delete = true }),
	}
	known.PendingOperations = []apitype.OperationV2{
		{Type: apitype.OperationTypeUpdating, Resource: there}, {Type: apitype.OperationTypeUpdating, Resource: gone},
		{Type: apitype.OperationTypeCreating, Resource: entry("new", as)},
	}
	d := compareState([]inventory.Resource{{Type: "aws:ec2/vpc:Vpc", ID: "there"}, {Type: "aws:ec2/vpc:Vpc", ID: "new"}}, known)
	if !slices.Equal(d.doubtful, []string{"urn:gone", "urn:there"}) {
		t.Errorf("doubtful %v, want what is gone and what was being changed", d.doubtful)
	}
	if len(d.orphans) != 1 || d.orphans[0].ID != "new" {
		t.Errorf("orphans %+v, want the new one", d.orphans)
	}
}
