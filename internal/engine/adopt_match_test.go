package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/inventory"
	"github.com/beachhead-build/beachhead/internal/restype"
)

func TestMatch(t *testing.T) {
	route := func(table any) Step {
		return step(func(s *Step) {
			s.Op, s.Type, s.Name = "create", "aws:ec2/route:Route", "net-default-public"
			s.Inputs = map[string]any{"routeTableId": table, "destinationCidrBlock": "0.0.0.0/0"}
		})
	}
	orphans := []inventory.Resource{
		{Type: "aws:ec2/vpc:Vpc", Name: "net-vpc", ID: "vpc-1", ImportID: "vpc-1"},
		{
			Type: "aws:ec2/route:Route", ID: "r-1", ImportID: "rtb-1_0.0.0.0/0",
			Inputs: map[string]any{"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"},
		},
		{Type: "aws:ec2/subnet:Subnet", ID: "subnet-1", ImportID: "subnet-1"},
		{
			Type: "gcp:compute/securityPolicyRule:SecurityPolicyRule", ID: "rule-1", ImportID: "rule-1",
			Inputs: map[string]any{"securityPolicy": "front", "priority": int64(1000)},
		},
	}
	rule := func(priority any) Step {
		return step(func(s *Step) {
			s.Op, s.Type, s.Name = "create", "gcp:compute/securityPolicyRule:SecurityPolicyRule", "admission"
			s.Inputs = map[string]any{"securityPolicy": "front", "priority": priority}
		})
	}
	cases := []struct {
		name string
		step Step
		want string
	}{
		{"by type and Name tag", step(func(s *Step) { s.Op = "create" }), "vpc-1"},
		{"another name", step(func(s *Step) { s.Op, s.Name = "create", "net-other" }), ""},
		{"what is in the state already", step(func(*Step) {}), ""},
		{"what takes no tags, by its inputs", route("rtb-1"), "rtb-1_0.0.0.0/0"},
		{"in another table", route("rtb-2"), ""},
		{"in a table that is not known yet", route(nil), ""},
		{"in one that a preview shows as unknown", route(plugin.UnknownStringValue), ""},
		{"by a number, of whatever type", rule(1000.0), "rule-1"},
		{"by another number", rule(100.0), ""},
		{"by a number as a text", rule("1000"), "rule-1"},
		{"by a number that is missing", rule(nil), ""},
		{"no Name tag matches no name", step(func(s *Step) { s.Op, s.Type, s.Name = "create", "aws:ec2/subnet:Subnet", "" }), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found, err := matchSteps([]Step{c.step}, orphans)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if len(found) > 0 {
				got = found[0].ID
			}
			if got != c.want {
				t.Errorf("import id %q, want %q", got, c.want)
			}
		})
	}
}

// What fits twice is refused with both ids and a way out, and so is what is there but not as the program has it.
func TestMatchRefuses(t *testing.T) {
	volume := func(edit func(*inventory.Resource)) inventory.Resource {
		o := inventory.Resource{Type: restype.Volume, Name: "cache-shard-00", ID: "vol-1", ImportID: "vol-1"}
		edit(&o)
		return o
	}
	as := func(*inventory.Resource) {}
	other := func(o *inventory.Resource) { o.ID, o.ImportID = "vol-2", "vol-2" }
	wanted := step(func(s *Step) {
		s.Op, s.Type, s.Name, s.Protected = "create", restype.Volume, "cache-shard-00", true
		s.Inputs = map[string]any{"availabilityZone": "us-west-2a", "size": 512.0}
	})
	place := func(zone string) func(*inventory.Resource) {
		return func(o *inventory.Resource) { o.Inputs = map[string]any{"availabilityZone": zone} }
	}
	cases := []struct {
		name    string
		steps   []Step
		orphans []inventory.Resource
		want    []string
	}{
		{"one of one name", []Step{wanted}, []inventory.Resource{volume(as)}, nil},
		{"one, listed twice", []Step{wanted}, []inventory.Resource{volume(as), volume(as)}, nil},
		{"two of one name", []Step{wanted}, []inventory.Resource{volume(other), volume(as)},
			[]string{"vol-1 and vol-2", "beachhead:stack tag"}},
		{"two of a name that nobody asks for", nil, []inventory.Resource{volume(other), volume(as)}, nil},
		{"one for two resources", []Step{wanted, wanted}, []inventory.Resource{volume(as)}, []string{"vol-1", "may be cache-shard-00 or"}},
		{"in its zone", []Step{wanted}, []inventory.Resource{volume(place("us-west-2a"))}, nil},
		{"in another zone", []Step{wanted}, []inventory.Resource{volume(place("us-west-2b"))},
			[]string{"vol-1 in us-west-2b", "us-west-2a", "tag"}},
		{"larger", []Step{wanted}, []inventory.Resource{volume(func(o *inventory.Resource) { o.Inputs = sized(1024) })},
			[]string{"size of 1024", "512"}},
		{"smaller", []Step{wanted}, []inventory.Resource{volume(func(o *inventory.Resource) { o.Inputs = sized(100) })}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := matchSteps(c.steps, c.orphans)
			if (err == nil) != (c.want == nil) || err != nil && !errors.Is(err, ErrRefused) {
				t.Fatalf("%v, want a refusal with %q", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q in it", err, want)
				}
			}
		})
	}
}

// Whatever is there, no thing is taken twice and no resource gets two, or nothing is taken at all.
func TestMatchTakesNothingTwice(t *testing.T) {
	const vpc = "aws:ec2/vpc:Vpc"
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 0, 5)
	rapid.Check(t, func(t *rapid.T) {
		var steps []Step
		for _, name := range names.Draw(t, "planned") {
			steps = append(steps, step(func(s *Step) { s.Op, s.Name, s.URN = "create", name, name }))
		}
		var orphans []inventory.Resource
		for i, name := range names.Draw(t, "there") {
			orphans = append(orphans, inventory.Resource{Type: vpc, Name: name, ID: fmt.Sprint(i), ImportID: fmt.Sprint(i)})
		}
		found, err := matchSteps(steps, orphans)
		if err != nil && len(found) > 0 {
			t.Fatalf("refused, and yet took %v", found)
		}
		ids, urns := map[string]bool{}, map[string]bool{}
		for _, f := range found {
			if ids[f.ID] || urns[f.URN] {
				t.Fatalf("%s is taken twice: %v", f.ID, found)
			}
			ids[f.ID], urns[f.URN] = true, true
		}
	})
}
