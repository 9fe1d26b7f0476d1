package stacks_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/beachhead-build/beachhead/components/kit"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/shardmap"
	"github.com/beachhead-build/beachhead/node/spec"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

var description = regexp.MustCompile(`'END_OF_DESCRIPTION'\n\s*(\{[^\n]*\})\n\s*END_OF_DESCRIPTION\n`)

// told returns the description that a launch template passes to its machines.
func told(t *testing.T, template recorder.Registration) spec.Description {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(template.Inputs["userData"].StringValue())
	if err != nil {
		t.Fatal(err)
	}
	found := description.FindSubmatch(text)
	if found == nil {
		t.Fatalf("no description in the user data of %s", template.Name)
	}
	d, err := spec.Parse(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The machines' descriptions come from the plan, and resource names from the components. The names in both must be equal.
func TestMachinesKnowResourcesByTheirNames(t *testing.T) {
	p := shipped(t, func(c *regionfile.Config) { c.Network.Egress = regionfile.NATInstance })[0]
	recorded := record(t, p)
	parameters := names(recorded.OfType("aws:ssm/parameter:Parameter"), "name")
	volumes := tagged(recorded.OfType("aws:ebs/volume:Volume"))
	interfaces := tagged(recorded.OfType("aws:ec2/networkInterface:NetworkInterface"))
	machines := 0
	for _, template := range recorded.OfType("aws:ec2/launchTemplate:LaunchTemplate") {
		machines++
		d := told(t, template)
		group := recorded.Named(t, "aws:autoscaling/group:Group", template.Name)
		hooks := names(hooksOf(group), "name")
		wanted := map[string][]string{d.Hooks.Ready: hooks, d.Hooks.Drain: hooks}
		switch d.Role {
		case spec.RunnerRole:
			wanted[d.Runner.Agent.TokenParameter], wanted[d.Runner.Path+"/posture"], wanted[d.Runner.MapParameter] = parameters, parameters,
				parameters
			for _, s := range p.Cache.Shards {
				wanted[shardmap.MovedParameter(d.Runner.MapParameter, s.Number)] = parameters
			}
			scaling := recorded.Named(t, "aws:autoscaling/policy:Policy", template.Name).Inputs["targetTrackingConfiguration"]
			metric := fmt.Sprint(recorder.Plain(scaling))
			wanted[d.Metrics.Dimensions["Fleet"]] = regexp.MustCompile(`/beachhead/[^ \]]*`).FindAllString(metric, -1)
		case spec.CacheRole:
			wanted[d.Cache.MapParameter], wanted[d.Cache.Volume], wanted[d.Cache.Interface] = parameters, volumes, interfaces
			wanted[shardmap.MovedParameter(d.Cache.MapParameter, d.Cache.Number)] = parameters
			alarm := recorded.Named(t, "aws:cloudwatch/metricAlarm:MetricAlarm", "watch-health-"+d.Cache.Shard).Inputs["dimensions"]
			wanted[d.Metrics.Dimensions["Shard"]] = []string{alarm.ObjectValue()["Shard"].StringValue()}
		case spec.NATRole:
			wanted[d.NAT.Name], wanted[d.NAT.Sources[0].String()] = []string{group.Name}, []string{p.Network.CIDR.String()}
		}
		for name, there := range wanted {
			if !slices.Contains(there, name) {
				t.Errorf("machines of %s look for %q, and there is %q", template.Name, name, there)
			}
		}
		if d.Metrics.Namespace != kit.Namespace {
			t.Errorf("machines of %s publish in %s, want %s", template.Name, d.Metrics.Namespace, kit.Namespace)
		}
	}
	if want := len(p.Fleets) + len(p.Cache.Shards) + len(p.Network.Zones); machines != want {
		t.Errorf("%d templates, want %d", machines, want)
	}
}

func names(all recorder.Recording, input string) []string {
	var out []string
	for _, r := range all {
		out = append(out, fmt.Sprint(r.Inputs.Mappable()[input]))
	}
	return out
}

func tagged(all recorder.Recording) []string {
	var out []string
	for _, r := range all {
		out = append(out, r.Inputs["tags"].ObjectValue()["Name"].StringValue())
	}
	return out
}

// hooksOf returns a group's hooks in the form of registrations.
func hooksOf(group recorder.Registration) recorder.Recording {
	var out recorder.Recording
	for _, hook := range group.Inputs["initialLifecycleHooks"].ArrayValue() {
		out = append(out, recorder.Registration{Inputs: hook.ObjectValue()})
	}
	return out
}

// AWS does not return a group's initial hooks, so a group that a killed run created is adopted without them. If changes of them counted,
// the group would be replaced.
func TestGroupsAreNotReplacedForTheirHooks(t *testing.T) {
	p := shipped(t, func(c *regionfile.Config) { c.Network.Egress = regionfile.NATInstance })[0]
	groups := record(t, p).OfType("aws:autoscaling/group:Group")
	if want := len(p.Fleets) + len(p.Cache.Shards) + len(p.Network.Zones); len(groups) != want {
		t.Errorf("%d groups, want %d", len(groups), want)
	}
	for _, group := range groups {
		if len(hooksOf(group)) != 2 || !slices.Contains(group.Ignored, "initialLifecycleHooks") {
			t.Errorf("%s has %d hooks and ignores %v", group.Name, len(hooksOf(group)), group.Ignored)
		}
	}
}
