package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/link"
)

// linked declares a network with a link to GCP; tests edit it.
func linked(edit func(*gcplink.Args)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		amazon, net, err := stageNetwork(ctx)
		if err != nil {
			return err
		}
		google, err := gcp.NewProvider(ctx, "gcp", &gcp.ProviderArgs{Project: pulumi.String("acme-backend"), Region: pulumi.String("us-west1")})
		if err != nil {
			return err
		}
		prefix := netip.MustParsePrefix
		tables := map[string]pulumi.StringInput{"public": net.PublicRouteTable}
		for _, zone := range stageZones {
			tables["private-"+zone] = net.RunnerRouteTables[zone]
			tables["cache-"+zone] = net.CacheRouteTables[zone]
		}
		args := &gcplink.Args{
			Names: "beachhead-stage", VPC: net.VPCID, Network: "default", AWSASN: 64620, GCPASN: 64520,
			RouteTables: tables,
			Inside: [gcplink.Tunnels]netip.Prefix{
				prefix("169.254.20.0/30"), prefix("169.254.20.4/30"), prefix("169.254.20.8/30"), prefix("169.254.20.12/30"),
			},
			Advertised: []netip.Prefix{prefix("10.128.0.0/9"), prefix("199.36.153.8/30")},
			Sources:    []netip.Prefix{stageCIDR(0, 20), stageCIDR(128, 20)},
			Services:   []gcplink.Service{{Name: "api", Address: netip.MustParseAddr("10.128.0.10"), Ports: []int{443}}},
			Zones: []gcplink.Zone{{
				Name: "api.example.com", Records: []gcplink.Record{{Name: "api.example.com", Type: "A", TTL: 60, Values: []string{"10.128.0.10"}}},
			}},
		}
		edit(args)
		_, err = gcplink.New(ctx, "link", args, pulumi.Providers(amazon, google))
		return err
	}
}

// A link comes up with four tunnels, both sides of which agree; routes spread to the tables; no key is in the state in plain text.
func TestLink(t *testing.T) {
	t.Parallel()
	as := func(*gcplink.Args) {}
	s := newStage(t)
	s.up(linked(as))
	tunnels(t, s, "after up")
	if c := s.up(linked(as)); len(c.Steps) > 0 {
		t.Errorf("a second up is not quiet: %+v", c.Steps)
	}
	if err := s.cloud.View(func(now *emulator.State) error {
		for _, table := range now.List("aws:ec2/routeTable:RouteTable") {
			if !table.Managed {
				continue // the VPC's own, which no subnet of ours uses
			}
			routes := link.PropagatedRoutes(now, table.ID)
			if reaches := strings.Contains(fmt.Sprint(routes), "10.128.0.0/9"); reaches != (table.Name != "net-link") {
				t.Errorf("route table %s learns %v", table.Name, routes)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	noKeys(t, s)
	// Names that resolve publicly have no zone; nothing else changes.
	for _, step := range s.up(linked(func(a *gcplink.Args) { a.Zones = nil })).Steps {
		if !strings.HasPrefix(step.Type, "aws:route53/") {
			t.Errorf("another path: %s of %s %s", step.Op, step.Type, step.Name)
		}
	}
	tunnels(t, s, "by another path")
	s.down(linked(as))
}

// tunnels fails the test unless four are up.
func tunnels(t *testing.T, s *stage, when string) {
	t.Helper()
	if err := s.cloud.View(func(now *emulator.State) error {
		all := link.Tunnels(now)
		if len(all) != gcplink.Tunnels {
			t.Errorf("%s: %d tunnels, want %d", when, len(all), gcplink.Tunnels)
		}
		for _, tunnel := range all {
			if !tunnel.Up {
				t.Errorf("%s: tunnel %s is down: %v", when, tunnel.Name, tunnel.Why)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// noKeys fails the test when a pre-shared key of the cloud is in Pulumi's state in plain text.
func noKeys(t *testing.T, s *stage) {
	t.Helper()
	state, err := os.ReadFile(filepath.Join(s.w.dir, "state", ".pulumi", "stacks", "beachhead", "stage.json"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.cloud.Resources()
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, r := range all {
		for _, output := range []string{"tunnel1PresharedKey", "tunnel2PresharedKey"} {
			key, _ := r.Outputs[output].(string)
			if key == "" {
				continue
			}
			keys++
			if strings.Contains(string(state), key) {
				t.Errorf("a pre-shared key of %s is in the state in plain text", r.Name)
			}
		}
	}
	if keys != gcplink.Tunnels {
		t.Errorf("%d keys looked for, want %d", keys, gcplink.Tunnels)
	}
}
