package verify

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/check"
	"github.com/beachhead-build/beachhead/internal/plan"
	"github.com/beachhead-build/beachhead/internal/regionfile"
	"github.com/beachhead-build/beachhead/node/shardmap"
)

// fakeCloud is a cloud that holds its objects by id.
type fakeCloud struct {
	subnets       map[string][2]string
	defaultRoutes map[string]Route
	routes        map[string][]string
	groups        map[string]Group
	volumes       map[string]Volume
	interfaces    map[string]string // by subnet and address
	parameters    map[string]string
	tunnels       map[string]Tunnel // by connection, number and the other end's name
	records       []Record
	err           error
}

func (f *fakeCloud) FindDefaultRoute(_ context.Context, id string) (Route, error) {
	return f.defaultRoutes[id], f.err
}

func (f *fakeCloud) FindSubnet(_ context.Context, id string) (cidr, zone string, ok bool, err error) {
	s, ok := f.subnets[id]
	return s[0], s[1], ok, f.err
}

func (f *fakeCloud) ListPropagatedRoutes(_ context.Context, id string) ([]string, bool, error) {
	r, ok := f.routes[id]
	return r, ok, f.err
}

func (f *fakeCloud) FindGroup(_ context.Context, name string) (Group, bool, error) {
	g, ok := f.groups[name]
	return g, ok, f.err
}

func (f *fakeCloud) FindVolume(_ context.Context, id string) (Volume, bool, error) {
	v, ok := f.volumes[id]
	return v, ok, f.err
}

func (f *fakeCloud) FindInterface(_ context.Context, subnetID, address string) (string, bool, error) {
	id, ok := f.interfaces[subnetID+" "+address]
	return id, ok, f.err
}

func (f *fakeCloud) FindParameter(_ context.Context, name string) (string, bool, error) {
	text, ok := f.parameters[name]
	return text, ok, f.err
}

func (f *fakeCloud) FindTunnel(_ context.Context, connectionID string, number int, gcpName string) (Tunnel, bool, error) {
	t, ok := f.tunnels[connectionID+" "+string(rune('0'+number))+" "+gcpName]
	return t, ok, f.err
}

func (f *fakeCloud) ListPrivateRecords(context.Context, string) ([]Record, error) {
	return f.records, f.err
}

const (
	zone = "us-west-2a"
	host = "api.example.com"
)

// regionConfig returns a valid region of one zone with everything that verification checks, after the test's edits.
func regionConfig(edit func(*regionfile.Config)) *regionfile.Config {
	prefix := netip.MustParsePrefix
	c := &regionfile.Config{
		Name:    "us-west-2",
		AWS:     regionfile.AWS{Account: "210987654321", Region: "us-west-2", Zones: []string{zone}},
		Network: regionfile.Network{CIDR: prefix("10.42.0.0/16"), Egress: regionfile.NATGateway},
		Runners: map[string]regionfile.Runner{"arm": {
			Arch: regionfile.ARM64, InstanceTypes: []string{"m7g.2xlarge"}, Count: regionfile.Count{Min: 2, Max: 4},
			Agent: regionfile.Agent{Kind: regionfile.JobServ, URL: "https://ci.example.com", Token: "ci-worker-token"},
		}},
		Cache: &regionfile.Cache{Shards: 1, InstanceTypes: []string{"m7g.4xlarge"}, Volume: regionfile.Volume{Size: 1024}},
		GCP: &regionfile.GCP{
			Project: "acme-backend", Region: "us-west1", ASN: regionfile.ASN{AWS: 64620, GCP: 64520},
			Services: []regionfile.Service{{Name: "api", Host: host, Address: netip.MustParseAddr("10.128.0.10"), Ports: []int{443}}},
		},
	}
	if edit != nil {
		edit(c)
	}
	c.Default()
	return c
}

// plannedRegion returns a region whose cloud is as its plan says, after the test's edits of the region file.
func plannedRegion(t *testing.T, edit func(*regionfile.Config)) (*plan.Plan, Outputs, *fakeCloud) {
	t.Helper()
	p, err := plan.Build(regionConfig(edit))
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeCloud{
		subnets: map[string][2]string{}, routes: map[string][]string{}, tunnels: map[string]Tunnel{},
		defaultRoutes: map[string]Route{
			"private": {Kind: "nat-gateway", Live: true}, "cache": {Kind: "nat-gateway", Live: true},
			"public": {Kind: "internet-gateway", Live: true},
		},
		groups:     map[string]Group{"fleet-arm": {InService: p.Fleets[0].Min, Machines: 2}, "cache-0": {InService: 1, Machines: 1}},
		volumes:    map[string]Volume{"vol-0": {Zone: zone, GiB: 1024, Encrypted: true, Tags: p.Tags}},
		interfaces: map[string]string{"cache " + p.Cache.Shards[0].Address.String(): "eni-0"},
		parameters: map[string]string{p.Cache.MapParameter: marshalMap(t, p.Cache.Map)},
	}
	connections, names := map[string]any{"0": "vpn-0", "1": "vpn-1"}, map[string]any{}
	for i, number := range []string{"0", "1", "2", "3"} {
		names[number] = "tunnel-" + number
		f.tunnels["vpn-"+string(rune('0'+i/2))+" "+string(rune('1'+i%2))+" tunnel-"+number] = Tunnel{AWS: true, GCP: true}
	}
	for _, z := range p.Link.Zones {
		for _, r := range z.Records {
			f.records = append(f.records, Record{Name: r.Name, Type: r.Type, Values: slices.Clone(r.Values)})
		}
	}
	outputs := Outputs{
		"vpcId": "vpc-0", "addresses": map[string]any{"net-nat-us-west-2a-0": "203.0.113.1"}, "fleets": map[string]any{"arm": "fleet-arm"},
		"cache": map[string]any{
			"volumeIds": map[string]any{"00": "vol-0"}, "interfaceAddresses": map[string]any{"00": p.Cache.Shards[0].Address.String()},
			"groups": map[string]any{"00": "cache-0"}, "mapParameter": p.Cache.MapParameter,
		},
		"link": map[string]any{"connectionIds": connections, "tunnelNames": names},
	}
	for tier, block := range p.Network.Zones[0].Subnets {
		outputs[outputOfTier[tier]] = map[string]any{zone: string(tier)}
		f.subnets[string(tier)] = [2]string{block.String(), zone}
	}
	for _, tier := range linkedTiers {
		for _, r := range p.Link.Advertised {
			f.routes[string(tier)] = append(f.routes[string(tier)], r.String())
		}
	}
	return p, outputs, f
}

func marshalMap(t *testing.T, table shardmap.Table) string {
	t.Helper()
	text, err := table.MarshalDocument()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// biggerMap returns the shard map with one more shard.
func biggerMap(t *testing.T) string {
	t.Helper()
	table, err := shardmap.New(2, nil)
	if err != nil {
		t.Fatal(err)
	}
	return marshalMap(t, table)
}

// probeCases are edits of a region that is as planned, with the results that then do not pass.
func probeCases(t *testing.T) map[string]struct {
	edit    func(Outputs, *fakeCloud)
	failed  int
	outcome check.Outcome
	says    string
} {
	t.Helper()
	return map[string]struct {
		edit    func(Outputs, *fakeCloud)
		failed  int
		outcome check.Outcome
		says    string
	}{
		"as planned": {func(Outputs, *fakeCloud) {}, 0, check.Pass, ""},

		"a route to something else": {func(_ Outputs, f *fakeCloud) {
			f.defaultRoutes["private"] = Route{Kind: "internet-gateway", Live: true}
		}, 1, check.Fail, "internet-gateway"},
		"a route that ends nowhere": {func(_ Outputs, f *fakeCloud) { f.defaultRoutes["cache"] = Route{Kind: "nat-gateway", Why: "deleted"} },
			1, check.Fail, "does not reach the internet: deleted"},
		"no route": {func(_ Outputs, f *fakeCloud) { delete(f.defaultRoutes, "public") }, 1, check.Fail, "none"},
		"an egress route not planned": {func(_ Outputs, f *fakeCloud) { f.defaultRoutes["link"] = Route{Kind: "internet-gateway", Live: true} },
			1, check.Fail, "link subnet"},
		"a subnet of another range": {func(_ Outputs, f *fakeCloud) { f.subnets["link"] = [2]string{"10.9.0.0/24", zone} }, 1, check.Fail,
			"10.9.0.0/24"},
		"a subnet in another zone": {func(_ Outputs, f *fakeCloud) { f.subnets["cache"] = [2]string{f.subnets["cache"][0], "us-west-2b"} }, 1,
			check.Fail, "us-west-2b"},
		"a missing subnet":     {func(_ Outputs, f *fakeCloud) { delete(f.subnets, "private") }, 1, check.Fail, "not found"},
		"no address published": {func(o Outputs, _ *fakeCloud) { o["addresses"] = map[string]any{} }, 1, check.Fail, "allow-lists elsewhere"},

		"a fleet that is too small": {func(_ Outputs, f *fakeCloud) { f.groups["fleet-arm"] = Group{InService: 15, Machines: 2} }, 1,
			check.Fail, "15 of capacity in service, 2 machines"},
		"a fleet larger than minimum": {func(_ Outputs, f *fakeCloud) { f.groups["fleet-arm"] = Group{InService: 24, Machines: 3} }, 0,
			check.Pass, ""},
		"a fleet without a group": {func(_ Outputs, f *fakeCloud) { delete(f.groups, "fleet-arm") }, 1, check.Fail, "not found"},

		"a missing volume": {func(_ Outputs, f *fakeCloud) { delete(f.volumes, "vol-0") }, 1, check.Fail, "up replaces a volume"},
		"a volume of another size": {func(_ Outputs, f *fakeCloud) {
			f.volumes["vol-0"] = Volume{Zone: zone, GiB: 512, Encrypted: true, Tags: f.volumes["vol-0"].Tags}
		}, 1, check.Fail, "512 GiB in us-west-2a, encrypted, tagged beachhead:stack=us-west-2"},
		"a volume in another zone, in plain text, without tags": {func(_ Outputs, f *fakeCloud) {
			f.volumes["vol-0"] = Volume{Zone: "us-west-2b", GiB: 1024}
		}, 1, check.Fail, "1024 GiB in us-west-2b, not encrypted, not tagged"},
		"an address on no interface": {func(_ Outputs, f *fakeCloud) { clear(f.interfaces) }, 1, check.Fail, "runners mount from this address"},
		"an address that is not the planned one": {func(o Outputs, f *fakeCloud) {
			o["cache"].(map[string]any)["interfaceAddresses"] = map[string]any{"00": "10.42.9.9"}
			f.interfaces["cache 10.42.9.9"] = "eni-9"
		}, 1, check.Fail, "10.42.9.9"},
		"a shard without a server": {func(_ Outputs, f *fakeCloud) { f.groups["cache-0"] = Group{Machines: 1} }, 1, check.Fail,
			"0 machines in service"},
		"no map": {func(_ Outputs, f *fakeCloud) { clear(f.parameters) }, 1, check.Fail, "runners look for their tenants"},
		"another map": {func(_ Outputs, f *fakeCloud) { setAllParameters(f.parameters, biggerMap(t)) }, 1, check.Fail,
			"the map of epoch"},
		"a map that is not readable": {func(_ Outputs, f *fakeCloud) { setAllParameters(f.parameters, "{") }, 1, check.Fail, "shard map"},

		"a tunnel that is down": {func(_ Outputs, f *fakeCloud) { f.tunnels["vpn-1 2 tunnel-3"] = Tunnel{Why: "keys differ"} }, 1, check.Fail,
			"on either side: keys differ"},
		"one side alone": {func(_ Outputs, f *fakeCloud) { f.tunnels["vpn-0 1 tunnel-0"] = Tunnel{AWS: true} }, 1, check.Fail,
			"GCP's side"},
		"the other side alone": {func(_ Outputs, f *fakeCloud) { f.tunnels["vpn-0 1 tunnel-0"] = Tunnel{GCP: true} }, 1, check.Fail,
			"AWS's side"},
		"a missing tunnel": {func(_ Outputs, f *fakeCloud) { delete(f.tunnels, "vpn-0 2 tunnel-1") }, 1, check.Fail, "not found"},
		"a table without routes": {func(_ Outputs, f *fakeCloud) { f.routes["cache"] = nil }, 1, check.Fail,
			"cache subnet in us-west-2a none"},
		"a table with fewer routes": {func(_ Outputs, f *fakeCloud) { f.routes["private"] = f.routes["private"][:1] }, 1, check.Fail,
			"private subnet"},
		"a table with more routes": {func(_ Outputs, f *fakeCloud) { f.routes["public"] = append(f.routes["public"], "10.9.0.0/16") }, 0,
			check.Pass, ""},
		"a name of another address": {func(_ Outputs, f *fakeCloud) { f.setRecord(host, "10.128.0.99") }, 1, check.Fail, "A 10.128.0.99"},
		"a name without a record": {func(_ Outputs, f *fakeCloud) {
			f.records = slices.DeleteFunc(f.records, func(r Record) bool { return r.Name == host })
		}, 1, check.Fail, "set gcp.path to public"},
		"a name with values in another order": {func(_ Outputs,
			f *fakeCloud) {
			slices.Reverse(f.records[slices.IndexFunc(f.records, isGCR)].Values)
		}, 0, check.Pass, ""},

		"no fleets among the outputs": {func(o Outputs, _ *fakeCloud) { delete(o, "fleets") }, 1, check.NotChecked, "no output fleets.arm"},
		"no cache among the outputs":  {func(o Outputs, _ *fakeCloud) { delete(o, "cache") }, 4, check.NotChecked, "no output cache."},
		"no link among the outputs":   {func(o Outputs, _ *fakeCloud) { delete(o, "link") }, 4, check.NotChecked, "no output link."},
		"no VPC among the outputs":    {func(o Outputs, _ *fakeCloud) { delete(o, "vpcId") }, 7, check.NotChecked, "no output vpcId"},
		"no addresses among the outputs": {func(o Outputs, _ *fakeCloud) { delete(o, "addresses") }, 1, check.NotChecked,
			"no output addresses"},
		"no link subnets among the outputs": {func(o Outputs, _ *fakeCloud) { delete(o, "linkSubnets") }, 2, check.NotChecked,
			"no output linkSubnets"},
		"queries that are not allowed": {func(_ Outputs, f *fakeCloud) { f.err = errors.New("AccessDenied") }, 27, check.NotChecked,
			"AccessDenied"},
	}
}

func isGCR(r Record) bool { return r.Name == "gcr.io" }

func (f *fakeCloud) setRecord(name, value string) {
	for i, r := range f.records {
		if r.Name == name {
			f.records[i].Values = []string{value}
		}
	}
}

func setAllParameters(parameters map[string]string, text string) {
	for name := range maps.Keys(parameters) {
		parameters[name] = text
	}
}

func TestRun(t *testing.T) {
	for name, c := range probeCases(t) {
		t.Run(name, func(t *testing.T) {
			p, outputs, f := plannedRegion(t, nil)
			c.edit(outputs, f)
			results := Run(t.Context(), p, outputs, f)
			failed := check.NotPassed(results)
			if len(failed) != c.failed {
				t.Fatalf("%d of %d probes did not pass, want %d: %+v", len(failed), len(results), c.failed, failed)
			}
			for _, r := range failed {
				if text := strings.Join([]string{r.Probe, r.Target, r.Got, r.Why}, " "); r.Outcome != c.outcome || !strings.Contains(text, c.says) {
					t.Errorf("%s: %+v, want %q", r.Outcome, r, c.says)
				}
				if r.Why == "" || r.Want == "" {
					t.Errorf("the result has no next step: %+v", r)
				}
			}
		})
	}
}

// The region's posture decides how large a fleet must be.
func TestPostures(t *testing.T) {
	for _, c := range []struct {
		posture regionfile.Posture
		group   Group
		pass    bool
	}{
		{regionfile.Active, Group{InService: 16, Machines: 2}, true},
		{regionfile.Active, Group{}, false},
		{regionfile.Standby, Group{}, true},
		{regionfile.Standby, Group{Machines: 1}, false},
		{regionfile.Draining, Group{InService: 8, Machines: 1}, true},
		{regionfile.Draining, Group{}, true},
	} {
		p, outputs, f := plannedRegion(t, func(r *regionfile.Config) { r.Posture = c.posture })
		f.groups["fleet-arm"] = c.group
		if failed := check.NotPassed(Run(t.Context(), p, outputs, f)); (len(failed) == 0) != c.pass {
			t.Errorf("%s with %+v: %+v", c.posture, c.group, failed)
		}
	}
}

// On the public path a private name for a service's address hides the public one.
func TestPublicPath(t *testing.T) {
	p, outputs, f := plannedRegion(t, func(r *regionfile.Config) { r.GCP.Path = regionfile.PublicPath })
	if failed := check.NotPassed(Run(t.Context(), p, outputs, f)); len(failed) > 0 {
		t.Errorf("as planned: %+v", failed)
	}
	f.records = append(f.records, Record{Name: host, Type: "A", Values: []string{"10.128.0.10"}})
	failed := check.NotPassed(Run(t.Context(), p, outputs, f))
	if len(failed) != 1 || failed[0].Target != "service api" || !strings.Contains(failed[0].Got, host) || failed[0].Outcome != check.Fail {
		t.Errorf("with a private name: %+v", failed)
	}
}

// Verification does not query what a region does not have.
func TestNetworkWithoutFleetsCacheAndLink(t *testing.T) {
	p, outputs, f := plannedRegion(t, nil)
	p.Fleets, p.Cache, p.Link = nil, nil, nil
	for _, name := range []string{"fleets", "cache", "link"} {
		delete(outputs, name)
	}
	if results := Run(t.Context(), p, outputs, f); len(results) != 9 || len(check.NotPassed(results)) > 0 {
		t.Errorf("%d probes, want 9: %+v", len(results), check.NotPassed(results))
	}
}
