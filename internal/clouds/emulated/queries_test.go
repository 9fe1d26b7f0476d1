package emulated

import (
	"maps"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/link"
	"github.com/beachhead-build/beachhead/internal/restype"
	"github.com/beachhead-build/beachhead/internal/verify"
)

// An object that does not exist is not an error: verification reports what is missing. (Drills verify the objects that exist.)
func TestQueriesOfAnEmptyCloudFindNothing(t *testing.T) {
	cloud, err := emulator.Open(emulator.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() })
	if err := cloud.View(func(now *emulator.State) error {
		var c verify.Cloud = Queries{now}
		ctx, found := t.Context(), map[string]bool{}
		_, _, found["subnet"], _ = c.FindSubnet(ctx, "subnet-0")
		_, found["group"], _ = c.FindGroup(ctx, "fleet")
		_, found["volume"], _ = c.FindVolume(ctx, "vol-0")
		_, found["interface"], _ = c.FindInterface(ctx, "subnet-0", "10.42.224.16")
		_, found["parameter"], _ = c.FindParameter(ctx, "/beachhead/us-west-2/cache/map")
		_, found["tunnel"], _ = c.FindTunnel(ctx, "vpn-0", 1, "tunnel-0")
		for what, ok := range found {
			if ok {
				t.Errorf("a %s in an empty cloud", what)
			}
		}
		if route, err := c.FindDefaultRoute(ctx, "subnet-0"); err != nil || route.Live || route.Why == "" {
			t.Errorf("route %+v, %v", route, err)
		}
		if routes, _, err := c.ListPropagatedRoutes(ctx, "subnet-0"); err != nil || len(routes) > 0 {
			t.Errorf("routes %v, %v", routes, err)
		}
		records, err := c.ListPrivateRecords(ctx, "vpc-0")
		if len(records) > 0 {
			t.Errorf("records %v", records)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// A type without a weight is absent: the group counts each of its machines as one.
func TestTypeWeights(t *testing.T) {
	override := func(typ, weight string) any { return map[string]any{"instanceType": typ, "weightedCapacity": weight} }
	for name, c := range map[string]struct {
		overrides any
		want      map[string]int
	}{
		"weights":    {[]any{override("m7g.2xlarge", "8"), override("m7g.4xlarge", "16")}, map[string]int{"m7g.2xlarge": 8, "m7g.4xlarge": 16}},
		"no weights": {[]any{override("m7g.2xlarge", "")}, map[string]int{}},
		"no types":   {nil, map[string]int{}},
	} {
		group := emulator.Resource{Outputs: map[string]any{
			"mixedInstancesPolicy": map[string]any{"launchTemplate": map[string]any{"overrides": c.overrides}},
		}}
		if got := typeWeights(group); !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The cloud holds two regions: a group counts its own machines only, and a tunnel is established only if its other end is the planned one.
func TestQueriesTellTwoRegionsApart(t *testing.T) {
	m := newMonitor(t)
	m.createRegion("us", 100)
	m.createRegion("us-west-1", 200)
	if err := m.cloud.View(func(now *emulator.State) error {
		c, ctx := Queries{State: now}, t.Context()
		groups := 0
		for _, group := range now.List(restype.ScalingGroup) {
			if group.Name != "fleet-containers" {
				continue
			}
			groups++
			if got, found, err := c.FindGroup(ctx, group.ID); err != nil || !found || got.Machines != 1 || got.InService < 1 {
				t.Errorf("%s: %+v, found %t, %v; want its one machine", group.ID, got, found, err)
			}
		}
		tunnels := link.Tunnels(now)
		if groups != 2 || len(tunnels) != 8 {
			t.Fatalf("%d groups and %d tunnels, want those of two regions", groups, len(tunnels))
		}
		for _, tunnel := range tunnels {
			got, found, err := c.FindTunnel(ctx, tunnel.AWS, tunnel.Number, tunnel.Name)
			if err != nil || !found || !got.AWS || !got.GCP || got.Why != "" {
				t.Errorf("%s: %+v, found %t, %v; want it established", tunnel.Name, got, found, err)
			}
			got, found, err = c.FindTunnel(ctx, tunnel.AWS, tunnel.Number, "another-tunnel")
			if err != nil || !found || !got.AWS || got.GCP || !strings.Contains(got.Why, tunnel.Name+", not another-tunnel") {
				t.Errorf("%s for another name: %+v, found %t, %v", tunnel.Name, got, found, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
