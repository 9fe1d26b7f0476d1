package report

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var machine = Machine{LaunchToLogin: 26, Packages: 45, AttachVolume: 25, SelfCheck: 3, Register: 5}

// smallRegion returns a small region with one of everything, after the test's edits by name.
func smallRegion(edit func(map[string]*Node)) []Node {
	nodes := []Node{
		{Name: "net-vpc", Type: "aws:ec2/vpc:Vpc", Seconds: 15},
		{Name: "net-public", Type: "aws:ec2/subnet:Subnet", Seconds: 2, After: []string{"net-vpc"}},
		{Name: "net-nat", Type: types.NATGateway, Seconds: 105, After: []string{"net-public"}},
		{Name: "net-default", Type: types.Route, Seconds: 2, After: []string{"net-nat"}},
		{Name: "net-s3", Type: types.Endpoint, Seconds: 6, After: []string{"net-vpc"}},
		{Name: "agents-arm64", Type: types.Object, Seconds: 2},
		{Name: "fleet-arm", Type: types.ScalingGroup, Seconds: 20, After: []string{"net-public"}},
		{Name: "fleet-x86", Type: types.ScalingGroup, Seconds: 30, After: []string{"net-public"}},
		{Name: "net-nat-instance", Type: types.ScalingGroup, Seconds: 999},
		{Name: "cache-shard-00", Type: types.Volume, Seconds: 10},
		{Name: "cache-shard-00", Type: types.NetworkInterface, Seconds: 2, After: []string{"net-public"}},
		{Name: "cache-shard-00-server", Type: types.ScalingGroup, Seconds: 20, After: []string{"net-public"}},
		{Name: "cache-shard-00", Type: types.DNSRecord, Seconds: 305},
		{Name: "link-connection", Type: types.VPNConnection, Seconds: 235},
		{Name: "link-peer-0", Type: types.RouterPeer, Seconds: 32, Turn: "router", After: []string{"link-connection"}},
		{Name: "link-peer-1", Type: types.RouterPeer, Seconds: 32, Turn: "router", After: []string{"link-connection"}},
		{Name: "link-gateway-attachment", Type: types.VPNGatewayAttachment, Seconds: 40, After: []string{"link-connection", "net-vpc"}},
		{Name: "link-routes-public", Type: types.VPNRoutePropagation, Seconds: 2, After: []string{"link-gateway-attachment"}},
		{Name: "link-record-api", Type: types.DNSRecord, Seconds: 35},
	}
	byName := map[string]*Node{}
	for i := range nodes {
		nodes[i].URN = nodes[i].Name
		if byName[nodes[i].Name] != nil {
			nodes[i].URN += nodes[i].Type
		}
		byName[nodes[i].URN] = &nodes[i]
	}
	edit(byName)
	return nodes
}

// withoutNodes removes the nodes with the given names.
func withoutNodes(nodes []Node, names ...string) []Node {
	return slices.DeleteFunc(nodes, func(n Node) bool { return slices.Contains(names, n.Name) })
}

func TestReady(t *testing.T) {
	as := func(map[string]*Node) {}
	both := []string{"arm", "x86"}
	for name, c := range map[string]struct {
		nodes  []Node
		fleets []string
		want   string
	}{
		// Machines are online at 124; the second fleet's login is at 73, the first's at 63, the server's at 63.
		"waiting for internet access": {smallRegion(as), both, "builds 177 yocto 197 link 299"},
		"waiting for login": {smallRegion(func(n map[string]*Node) { n["net-nat"].Seconds = 0 }), both,
			"builds 126 yocto 136 link 299"},
		"one fleet starts machines": {smallRegion(func(n map[string]*Node) { n["net-nat"].Seconds = 0 }), both[:1],
			"builds 116 yocto 136 link 299"},
		"waiting for an endpoint": {smallRegion(func(n map[string]*Node) { n["net-s3"].Seconds = 200 }), both, "builds 268 yocto 288 link 299"},
		"waiting for the agent": {smallRegion(func(n map[string]*Node) { n["agents-arm64"].Seconds = 200 }), both,
			"builds 253 yocto 273 link 299"},
		"waiting for a volume": {smallRegion(func(n map[string]*Node) { n["cache-shard-00"].Seconds = 400 }), both,
			"builds 177 yocto 428 link 299"},
		"waiting for an interface": {smallRegion(func(n map[string]*Node) { n["cache-shard-00"+types.NetworkInterface].Seconds = 383 }), both,
			"builds 177 yocto 428 link 299"},
		"waiting for the attachment": {smallRegion(func(n map[string]*Node) { n["link-gateway-attachment"].Seconds = 100 }), both,
			"builds 177 yocto 197 link 337"},
		"waiting for a name": {smallRegion(func(n map[string]*Node) { n["link-record-api"].Seconds = 500 }), both,
			"builds 177 yocto 197 link 500"},
		"no fleets": {smallRegion(as), nil, "builds none yocto none link 299"},
		"no cache":  {withoutNodes(smallRegion(as), "cache-shard-00-server"), both, "builds 177 yocto none link 299"},
		"no link":   {withoutNodes(smallRegion(as), "link-peer-0", "link-peer-1"), both, "builds 177 yocto 197 link none"},
		"builds last": {smallRegion(func(n map[string]*Node) { n["fleet-x86"].Seconds = 500 }), both,
			"builds 596 yocto 596 link 299"},
		"no resources": {nil, both, "builds none yocto none link none"},
	} {
		if got := formatTimes(types.TimesToReady(Timeline(c.nodes), machine, c.fleets)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// If machines reach their packages over the link only, they install them after the link is up.
func TestReadyOverTheLink(t *testing.T) {
	overLink := machine
	overLink.OverLink = true
	as := func(map[string]*Node) {}
	for name, c := range map[string]struct {
		nodes []Node
		want  string
	}{
		"a new region":     {smallRegion(as), "builds 352 yocto 372 link 299"},
		"an existing link": {withoutNodes(smallRegion(as), "link-peer-0", "link-peer-1"), "builds 177 yocto 197 link none"},
	} {
		if got := formatTimes(types.TimesToReady(Timeline(c.nodes), overLink, []string{"arm", "x86"})); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func formatTimes(times Times) string {
	text := ""
	for _, m := range []struct {
		name string
		at   *Moment
	}{{"builds", times.Builds}, {" yocto", times.Yocto}, {" link", times.Link}} {
		text += m.name + " "
		if m.at == nil {
			text += "none"
		} else {
			text += fmt.Sprint(m.at.Seconds)
		}
	}
	return text
}

// A moment contains the steps that decide it: the chain of resources, then the stages of the machine.
func TestReadySteps(t *testing.T) {
	times := types.TimesToReady(Timeline(smallRegion(func(map[string]*Node) {})), machine, []string{"arm"})
	want := []Step{
		{"net-vpc", "aws:ec2/vpc:Vpc", 15}, {"net-public", "aws:ec2/subnet:Subnet", 2}, {"net-nat", types.NATGateway, 105},
		{"net-default", types.Route, 2}, {"fleet-arm: packages", "", 45}, {"fleet-arm: self-check", "", 3}, {"fleet-arm: registration", "", 5},
	}
	if !reflect.DeepEqual(times.Builds.Steps, want) {
		t.Errorf("%v, want %v", times.Builds.Steps, want)
	}
	last := times.Yocto.Steps[len(times.Yocto.Steps)-2:]
	if want := []Step{{"cache-shard-00-server: volume", "", 25}, {"cache-shard-00-server: self-check", "", 3}}; !reflect.DeepEqual(last,
		want) {
		t.Errorf("%v, want %v", last, want)
	}
}

// drawRegion draws durations and edges for the resources of a region.
func drawRegion(t *rapid.T) []Node {
	nodes := smallRegion(func(map[string]*Node) {})
	for i := range nodes {
		if nodes[i].Turn == "" {
			nodes[i].Seconds = float64(rapid.IntRange(0, 300).Draw(t, "seconds"))
		}
	}
	return nodes
}

// The steps of a moment add up to it, in a run that nothing delays and in one where everything starts late, and Yocto builds are never
// ready before container builds.
func TestReadyStepsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := Timeline(drawRegion(t))
		late := 0.0
		for i := range spans { // each thing a little later than it could
			late += float64(rapid.IntRange(0, 3).Draw(t, "late"))
			spans[i].Start += late
			spans[i].End += late + float64(i)
		}
		times := types.TimesToReady(spans, machine, []string{"arm", "x86"})
		for name, m := range map[string]*Moment{"builds": times.Builds, "yocto": times.Yocto, "link": times.Link} {
			sum := 0.0
			for _, s := range m.Steps {
				sum += s.Seconds
			}
			if math.Abs(sum-m.Seconds) > 1e-9 {
				t.Fatalf("%s: steps %v add up to %g, not to %g", name, m.Steps, sum, m.Seconds)
			}
		}
		if times.Yocto.Seconds < times.Builds.Seconds {
			t.Fatalf("Yocto builds at %g, before container builds at %g", times.Yocto.Seconds, times.Builds.Seconds)
		}
	})
}

// A resource that takes longer makes no goal ready earlier. All BGP peers, which take turns, take equally long.
func TestReadyIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawRegion(t)
		before := types.TimesToReady(Timeline(nodes), machine, []string{"arm", "x86"})
		more := float64(rapid.IntRange(1, 300).Draw(t, "more"))
		which := rapid.IntRange(0, len(nodes)-1).Draw(t, "which")
		for i := range nodes {
			if i == which || nodes[which].Turn != "" && nodes[i].Turn == nodes[which].Turn {
				nodes[i].Seconds += more
			}
		}
		after := types.TimesToReady(Timeline(nodes), machine, []string{"arm", "x86"})
		for name, m := range map[string][2]*Moment{
			"builds": {before.Builds, after.Builds}, "yocto": {before.Yocto, after.Yocto}, "link": {before.Link, after.Link},
		} {
			if m[1].Seconds < m[0].Seconds || m[1].Seconds > m[0].Seconds+2*more {
				t.Fatalf("%s: %g, and with %g s more for %s %g", name, m[0].Seconds, more, nodes[which].Name, m[1].Seconds)
			}
		}
	})
}
