package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"pgregory.net/rapid"

	"github.com/beachhead-build/beachhead/internal/restype"
)

// left gives a state's resources as a down leaves them to the destroy.
func drained(t require, resources []apitype.ResourceV3) []apitype.ResourceV3 {
	t.Helper()
	var before []json.RawMessage
	before, err := appendEntries(before, resources)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := planDrain(resources).editResources(before)
	if err != nil {
		t.Fatal(err)
	}
	var after []apitype.ResourceV3
	for _, text := range texts {
		var r apitype.ResourceV3
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		after = append(after, r)
	}
	return after
}

// require is what tests of both kinds can do.
type require interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// thing is a state's entry of a type, by its short name, with dependencies.
func entry(name, typ string, needs ...resource.URN) apitype.ResourceV3 {
	custom := !strings.HasPrefix(typ, "beachhead:")
	return apitype.ResourceV3{URN: resource.URN(name), Type: tokens.Type(typ), Custom: custom, Dependencies: needs}
}

// Runners go first, then cache servers, then NAT instances, each with what comes after them, and each after nothing that they need.
func TestDrainOrder(t *testing.T) {
	const parameter = "aws:ssm/parameter:Parameter"
	after := drained(t, []apitype.ResourceV3{
		entry("aws", "pulumi:providers:aws"), entry("net", "beachhead:aws:Network"), entry("subnet", "aws:ec2/subnet:Subnet"),
		entry("nat", restype.ScalingGroup, "subnet"), entry("way", restype.Route, "nat"), entry("runners", restype.ScalingGroup, "subnet"),
		entry("busy", "aws:cloudwatch/metricAlarm:MetricAlarm", "runners"), entry("volume", restype.Volume),
		entry("policy", "aws:iam/rolePolicy:RolePolicy", "volume"), entry("server", restype.ScalingGroup, "policy"), entry("token", parameter),
		{URN: "token", Type: parameter, Custom: true, Delete: true}, {URN: "image", Type: parameter, Custom: true, External: true},
	})
	var got []string
	for _, r := range after {
		got = append(got, fmt.Sprintf("%s%v", r.URN, r.Dependencies))
	}
	want := "aws[] net[] subnet[] volume[] policy[volume] token[] token[] image[] nat[subnet volume policy token] way[nat] " +
		"server[policy subnet nat way volume token] runners[subnet nat way volume policy server token] busy[runners]"
	if strings.Join(got, " ") != want {
		t.Errorf("left as\n%s, want\n%s", strings.Join(got, " "), want)
	}
}

// A route that nobody's machine carries makes no way of a group, and without groups a state stays as it is.
func TestDrainOrderWithoutMachines(t *testing.T) {
	if l := planDrain([]apitype.ResourceV3{entry("gateway", "aws:ec2/natGateway:NatGateway"),
		entry("way", restype.Route, "gateway")}); len(l.extraDeps) > 0 {
		t.Errorf("without groups, %v are given dependencies", l.extraDeps)
	}
	if l := planDrain(nil); len(l.extraDeps) > 0 {
		t.Errorf("without anything, %v are given dependencies", l.extraDeps)
	}
	after := drained(t, []apitype.ResourceV3{entry("runners", restype.ScalingGroup), entry("gateway", "aws:ec2/natGateway:NatGateway"),
		entry("way", restype.Route, "gateway")})
	if last := after[len(after)-1]; last.URN != "runners" || fmt.Sprint(last.Dependencies) != "[gateway way]" {
		t.Errorf("last is %s after %v, want runners after the way and its gateway", last.URN, last.Dependencies)
	}
}

// Of an entry that gets dependencies, everything else stays as Pulumi wrote it, and secrets stay as they are encrypted.
func TestAddDependencies(t *testing.T) {
	const secret = `{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","ciphertext":"v1:x+/=="}`
	before := `{"urn":"a","novel":1,"dependencies":["b"],"propertyDependencies":{"x":["b"]},"inputs":{"token":` + secret + `}}`
	after, err := addDependencies(json.RawMessage(before), []resource.URN{"c"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"novel":1`, `"dependencies":["b","c"]`, `"propertyDependencies":{"x":["b"]}`, secret} {
		if !strings.Contains(string(after), want) {
			t.Errorf("no %s in %s", want, after)
		}
	}
}

// Whatever depends on what: the same entries come out in an order that Pulumi reads, a group's dependencies are what they were and all that
// it must be gone before, everything else is unchanged, and a second time changes nothing.
func TestDrainOrderOfAnyState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := anyState(t)
		after := drained(t, before)
		mustBeReadable(t, before)
		mustBeReadable(t, after)
		if len(after) != len(before) {
			t.Fatalf("%d entries became %d", len(before), len(after))
		}
		places := planDrain(before).order
		for i, r := range after {
			original := before[places[i]]
			added := mustPrecede(before, original)
			if got := r.Dependencies[len(original.Dependencies):]; !slices.Equal(r.Dependencies[:len(original.Dependencies)],
				original.Dependencies) ||
				!slices.Equal(got, added) {
				t.Fatalf("%s depended on %v and now on %v, want %v added", r.URN, original.Dependencies, r.Dependencies, added)
			}
			r.Dependencies = original.Dependencies
			if asJSON(t, r) != asJSON(t, original) {
				t.Fatalf("%s became %s", asJSON(t, original), asJSON(t, r))
			}
		}
		if sorted := slices.Sorted(slices.Values(places)); slices.Max(sorted) != len(sorted)-1 || len(slices.Compact(sorted)) != len(before) {
			t.Fatalf("places %v are not each entry once", places)
		}
		if l := planDrain(after); len(l.extraDeps) > 0 || !slices.IsSorted(l.order) {
			t.Fatalf("a second time gives dependencies to %v, in the order %v", l.extraDeps, l.order)
		}
	})
}

func asJSON(t require, r apitype.ResourceV3) string {
	t.Helper()
	all, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// anyState draws a state in an order that Pulumi reads, with entries that are yet to be deleted beside those that replaced them.
func anyState(t *rapid.T) []apitype.ResourceV3 {
	types := []string{restype.ScalingGroup, restype.ScalingGroup, restype.Volume, restype.Route, "aws:ssm/parameter:Parameter",
		"beachhead:aws:Network", "pulumi:providers:aws"}
	var all []apitype.ResourceV3
	urns, providers := []resource.URN{}, []string{}
	for i := range rapid.IntRange(1, 12).Draw(t, "entries") {
		r := entry(fmt.Sprintf("urn:%d", i), rapid.SampledFrom(types).Draw(t, "type"))
		if len(all) > 0 && rapid.IntRange(0, 5).Draw(t, "replaced") == 0 {
			old := rapid.SampledFrom(all).Draw(t, "by")
			r.URN, r.Type, r.Custom, r.Delete = old.URN, old.Type, old.Custom, true
		}
		r.External = r.Custom && rapid.IntRange(0, 9).Draw(t, "read") == 0
		if len(urns) > 0 {
			some := rapid.SliceOfNDistinct(rapid.SampledFrom(urns), 0, min(2, len(slices.Compact(slices.Sorted(slices.Values(urns))))), rapid.ID)
			r.Dependencies = some.Draw(t, "dependencies")
			r.PropertyDependencies = map[resource.PropertyKey][]resource.URN{"x": some.Draw(t, "property")}
			one := func(what string) resource.URN { return slices.Concat(some.Draw(t, what), []resource.URN{""})[0] }
			r.Parent, r.DeletedWith, r.ReplaceWith = one("parent"), one("deleted with"), some.Draw(t, "replace with")
		}
		if len(providers) > 0 && r.Custom {
			r.Provider = rapid.SampledFrom(append(providers, "")).Draw(t, "provider")
		}
		if strings.HasPrefix(string(r.Type), "pulumi:") {
			r.ID = resource.ID(fmt.Sprintf("id-%d", i))
			providers = append(providers, string(r.URN)+"::"+string(r.ID))
		}
		all, urns = append(all, r), append(urns, r.URN)
	}
	return all
}

// mustBeReadable fails unless Pulumi can read a state: everything that an entry names is before it, and of the entries with one URN only
// the first may be one that is not marked for deletion.
func mustBeReadable(t require, resources []apitype.ResourceV3) {
	t.Helper()
	before := map[string]bool{}
	for _, r := range resources {
		if !r.Delete && before[string(r.URN)] {
			t.Fatalf("%s is there twice, or after what it replaced", r.URN)
		}
		names := []string{string(r.Parent), string(r.DeletedWith), r.Provider}
		for _, urn := range slices.Concat(r.Dependencies, r.PropertyDependencies["x"], r.ReplaceWith) {
			names = append(names, string(urn))
		}
		for _, name := range names {
			if name != "" && !before[name] {
				t.Fatalf("%s names %s, which is not before it", r.URN, name)
			}
		}
		before[string(r.URN)], before[string(r.URN)+"::"+string(r.ID)] = true, true
	}
}

// mustPrecede returns what an entry must be gone before and does not depend on yet: for a group, everything in the cloud that depends on
// no group of the same or an earlier wave.
func mustPrecede(all []apitype.ResourceV3, r apitype.ResourceV3) []resource.URN {
	if r.Type != restype.ScalingGroup || r.External {
		return nil
	}
	var urns []resource.URN
	for _, other := range all {
		in := other.Custom && !other.External && !other.Delete && !strings.HasPrefix(string(other.Type), "pulumi:")
		if in && !slices.Contains(r.Dependencies, other.URN) && !slices.ContainsFunc(all, func(g apitype.ResourceV3) bool {
			return g.Type == restype.ScalingGroup && !g.External && reaches(all, other.URN, g.URN) && waveOf(all, g.URN) <= waveOf(all, r.URN)
		}) {
			urns = append(urns, other.URN)
		}
	}
	return urns
}

// place is 0 for a group of runners, 1 for one that has a volume, and 2 for one that a route leads to.
func waveOf(all []apitype.ResourceV3, group resource.URN) int {
	switch {
	case slices.ContainsFunc(all, func(r apitype.ResourceV3) bool { return r.Type == restype.Route && reaches(all, r.URN, group) }):
		return 2
	case slices.ContainsFunc(all, func(r apitype.ResourceV3) bool { return r.Type == restype.Volume && reaches(all, group, r.URN) }):
		return 1
	}
	return 0
}

// reaches says whether one URN depends on another, by way of any others, or is it.
func reaches(all []apitype.ResourceV3, from, to resource.URN) bool {
	seen, next := map[resource.URN]bool{}, []resource.URN{from}
	for len(next) > 0 {
		urn := next[0]
		next = next[1:]
		if seen[urn] {
			continue
		}
		seen[urn] = true
		for _, r := range all {
			if r.URN == urn {
				provider, _, _ := strings.Cut(r.Provider, "::")
				next = slices.Concat(next, r.Dependencies, r.PropertyDependencies["x"], r.ReplaceWith,
					[]resource.URN{r.Parent, r.DeletedWith, resource.URN(provider)})
			}
		}
	}
	return seen[to]
}
