package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/regionfile"
)

// bare takes everything off a region but its network.
func bare(c *regionfile.Config) {
	c.Runners, c.Cache, c.Alerts = nil, nil, regionfile.Alerts{}
	unlinked(c)
	c.GCP.ASN, c.GCP.Services = regionfile.ASN{}, nil
}

// unlinked takes the link off a region, with all that needs one.
func unlinked(c *regionfile.Config) {
	c.GCP.Link, c.GCP.Path, c.GCP.GoogleAPIs = regionfile.NoLink, regionfile.PublicPath, regionfile.PublicAPIs
}

// A region grows part by part, from a network alone. Each part comes without touching what is there, but for the dashboard, which has a
// graph for everything, and for fleets that get a cache, which their new machines mount, or services, which these look for.
func TestPartByPart(t *testing.T) {
	t.Parallel()
	w := wholeWorld(t, bare)
	w.must("up")
	w.quiet("a network alone")
	all, err := regionfile.Parse("all.yaml", []byte(whole(t)))
	if err != nil {
		t.Fatal(err)
	}
	parts := []edit{bare}
	for _, part := range []struct {
		name  string
		add   edit
		steps []string
	}{
		{"fleets", func(c *regionfile.Config) { c.Runners = all.Runners }, []string{
			"create * fleet-*", "create * artifacts", "create BucketObjectv2 artifacts-agent-*", "create MetricAlarm watch-*", drawn,
		}},
		{"a cache", func(c *regionfile.Config) { c.Cache = all.Cache }, []string{
			"create * cache-*", "create MetricAlarm watch-*-cache-shard-*", "update LaunchTemplate fleet-*", "update Group fleet-*",
			"update RolePolicy fleet-*", drawn,
		}},
		{"a link", func(c *regionfile.Config) { c.GCP = all.GCP },
			append(linkSteps("create"), "update LaunchTemplate fleet-*", "update Group fleet-*", drawn)},
		{"alerts", func(c *regionfile.Config) { c.Alerts = all.Alerts }, []string{"create TopicSubscription watch-email-*"}},
	} {
		parts = append(parts, part.add)
		w.becomes(part.name, whole(t, parts...), part.steps...)
	}
	w.checkAgree("with everything")
}

// drawn is what happens to the dashboard whenever there are other alarms.
const drawn = "update Dashboard watch"

// linkSteps are what happens to all parts of a link.
func linkSteps(op string) []string {
	return []string{op + " * link-*", op + " MetricAlarm watch-tunnels-*", op + " MetricAlarm watch-bgp"}
}

// fleetOf edits one fleet of a region.
func fleetOf(name string, change func(*regionfile.Runner)) edit {
	return func(c *regionfile.Config) {
		r := c.Runners[name]
		change(&r)
		c.Runners[name] = r
	}
}

// Each edit of the fleets changes what it names and nothing else. Nothing is replaced, and machines that run stay until the group lets
// them go.
func TestEditsOfFleets(t *testing.T) {
	t.Parallel()
	const fleet = "containers-arm64"
	w := wholeWorld(t)
	w.must("up")
	w.quiet("as it is")
	before := w.runners("as it is", 2, 1)
	group, template := "update Group fleet-"+fleet, "update LaunchTemplate fleet-"+fleet
	w.becomes("a larger fleet", whole(t, fleetOf(fleet, func(r *regionfile.Runner) { r.Count.Max = 30 })), group)
	w.becomes("other types", whole(t, fleetOf(fleet, func(r *regionfile.Runner) { r.InstanceTypes = []string{"m7g.4xlarge", "m6g.2xlarge"} })),
		group)
	w.becomes("a larger disk", whole(t, fleetOf(fleet, func(r *regionfile.Runner) { r.Disk = 300 })), group, template)
	w.becomes("as it was", whole(t), group, template)
	after := w.runners("after all edits", 2, 1)
	for id, what := range before {
		if after[id] != what {
			t.Errorf("%s of %s did not stay", id, what)
		}
	}
	w.becomes("a larger least", whole(t, fleetOf(fleet, func(r *regionfile.Runner) { r.Count.Min = 3 })),
		group, "update MetricAlarm watch-machines-"+fleet)
	w.runners("a larger least", 3, 1)
	w.becomes("one fleet less", whole(t, func(c *regionfile.Config) { delete(c.Runners, "yocto-amd64") }),
		group, "update MetricAlarm watch-machines-"+fleet,
		"delete * fleet-yocto-amd64", "delete * fleet-yocto-amd64-*", "delete MetricAlarm watch-*-yocto-amd64",
		drawn)
	w.runners("one fleet less", 3, 0)
	w.checkAgree("after all edits")
}

// tagged are the types that take tags of a region, all of which follow its tags in place.
const tagged = "BucketObjectv2 BucketV2 CustomerGateway DefaultSecurityGroup FlowLog Group InstanceProfile InternetGateway Key LaunchTemplate " +
	"LifecyclePolicy LogGroup MetricAlarm NetworkInterface Parameter Role RouteTable SecurityGroup SecurityGroupEgressRule " +
	"SecurityGroupIngressRule Subnet Topic Volume Vpc VpcEndpoint VpnConnection VpnGateway Zone"

// Each edit of the cache, the tags and the alerts changes what it names and nothing else, and nothing is replaced.
func TestEditsOfCacheTagsAndAlerts(t *testing.T) {
	t.Parallel()
	w := wholeWorld(t)
	w.must("up")
	w.quiet("as it is")
	before := ids(w, func(r emulator.Resource) bool { return true })
	var edits []edit
	and := func(e edit) text {
		edits = append(edits, e)
		return whole(t, edits...)
	}
	var updates []string
	for _, typ := range strings.Fields(tagged) {
		updates = append(updates, fmt.Sprintf("update %s *", typ))
	}
	w.becomes("tags", and(func(c *regionfile.Config) { c.Tags["team"] = "night shift" }), updates...)
	w.becomes("larger volumes", and(func(c *regionfile.Config) { c.Cache.Volume.Size, c.Cache.Volume.IOPS = 3<<10, 9000 }),
		"update Volume cache-shard-*")
	w.becomes("a shard more", and(func(c *regionfile.Config) { c.Cache.Shards = 3 }),
		"create * cache-shard-02", "create * cache-shard-02-server", "create Parameter cache-shard-02-moved",
		"create MetricAlarm watch-*-cache-shard-02", "update Parameter cache-map",
		drawn)
	w.becomes("another pin", and(func(c *regionfile.Config) { c.Cache.Pins["acme"] = 2 }), "update Parameter cache-map")
	hook := func(path string) edit {
		return func(c *regionfile.Config) { c.Alerts.Webhooks = []string{"https://chat.example.com/hooks/" + path} }
	}
	const subscription = "TopicSubscription watch-https-chat.example.com-*"
	w.becomes("a webhook", and(hook("one")), "create "+subscription)
	w.becomes("another webhook", and(hook("two")), "create "+subscription, "delete "+subscription)
	w.becomes("no webhook", and(func(c *regionfile.Config) { c.Alerts.Webhooks = nil }), "delete "+subscription)
	after := ids(w, func(r emulator.Resource) bool { return true })
	for id, what := range before {
		if after[id] != what {
			t.Errorf("%s of %s did not stay", id, what)
		}
	}
	w.checkAgree("after all edits")
}

// The way to GCP changes without touching anything else: names resolve to public addresses, Google APIs are reached otherwise, the link
// goes and comes.
func TestEditsOfTheLink(t *testing.T) {
	t.Parallel()
	w := wholeWorld(t)
	w.must("up")
	become := func(what string, change edit, patterns ...string) {
		t.Helper()
		w.becomes(what, whole(t, change), patterns...)
		w.becomes("as before "+what, whole(t), slices.Collect(backwards(patterns))...)
	}
	become("public names", func(c *regionfile.Config) { c.GCP.Path = regionfile.PublicPath }, "delete Record link-record-*.example.com",
		"delete Zone link-zone-*.example.com")
	become("public Google APIs", func(c *regionfile.Config) { c.GCP.GoogleAPIs = regionfile.PublicAPIs },
		"delete Record link-record-*", "delete Zone link-zone-*", "update Router link-router-gcp")
	// New runners look for the services that are there when they start.
	become("one service less", func(c *regionfile.Config) { c.GCP.Services = c.GCP.Services[1:] },
		"delete * link-*-api*", "update LaunchTemplate fleet-*", "update Group fleet-*")
	// Both sets of addresses have the same names.
	become("restricted Google APIs", func(c *regionfile.Config) { c.GCP.GoogleAPIs = regionfile.RestrictedAPIs },
		"update Record link-record-*", "update Router link-router-gcp")
	become("no link", unlinked, append(linkSteps("delete"), drawn)...)
	w.checkAgree("after all edits")
}

// backwards are the steps that undo others.
func backwards(patterns []string) func(yield func(string) bool) {
	undo := map[string]string{"create": "delete", "delete": "create", "update": "update"}
	return func(yield func(string) bool) {
		for _, p := range patterns {
			op, rest, _ := strings.Cut(p, " ")
			if !yield(undo[op] + " " + rest) {
				return
			}
		}
	}
}

// A change of mode in a region with everything changes the network's ways and what hangs on them. Where it changes the tier of subnets, new
// machines start elsewhere; those that run stay. From public addresses to none, the way out of machines that have some must be kept.
func TestModesOfAWholeRegion(t *testing.T) {
	t.Parallel()
	in := func(egress regionfile.Egress, keep ...regionfile.Egress) text {
		return whole(t, func(c *regionfile.Config) {
			c.Network.Egress, c.Network.Keep, c.Network.AptMirror = egress, keep, "https://registry.example.com/apt"
		})
	}
	w := wholeWorld(t)
	w.write(in(regionfile.None))
	w.must("up")
	w.quiet("none")
	before := w.runners("none", 2, 1)
	stay := func(what string) {
		t.Helper()
		if after := w.runners(what, 2, 1); !maps.Equal(before, after) {
			t.Errorf("%s: machines and sizes %v became %v", what, before, after)
		}
	}
	w.becomes("nat-gateway-per-zone", in(regionfile.NATGatewayPerZone),
		"create * net-nat-us-west-2*", "create Route net-default-*", "create MetricAlarm watch-ports-*", drawn,
		"delete * net-endpoint*")
	w.becomes("nat-gateway", in(regionfile.NATGateway),
		"update Route net-default-*-us-west-2b", "delete * net-nat-us-west-2b*", "delete MetricAlarm watch-ports-us-west-2b", drawn)
	w.becomes("nat-instance", in(regionfile.NATInstance),
		"create * net-nat-instance*", "update Route net-default-*-us-west-2?", "delete * net-nat-us-west-2a*",
		"delete MetricAlarm watch-ports-us-west-2a", drawn)
	machines := []string{"update LaunchTemplate fleet-*", "update Group fleet-*", "update LaunchTemplate cache-*", "update Group cache-*"}
	w.becomes("public", in(regionfile.Public),
		append(machines, "update Route net-default-cache-*", "delete Route net-default-private-*", "delete * net-nat-instance*")...)
	w.becomes("none, and public is kept", in(regionfile.None, regionfile.Public),
		append(machines, "create * net-endpoint*", "delete Route net-default-cache-*")...)
	w.becomes("none", in(regionfile.None), "delete Route net-default-public")
	stay("after all modes")
	w.checkAgree("after all modes")
}
