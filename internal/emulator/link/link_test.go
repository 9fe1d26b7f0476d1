package link_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
	"github.com/beachhead-build/beachhead/internal/emulator/link"
)

// span is the whole of both ends: two connections, four tunnels.
type span struct {
	*driver
	gcp        *driver
	vpc, table *handle
	things     map[string]*handle
	without    string // what is not to be made, by the beginning of its name
	edits      map[string]func(props)
}

// add makes one of the link's things with the change that a test wants, unless it wants none of it.
func (l *span) add(on *driver, typ, name string, p props) *handle {
	l.T.Helper()
	if edit := l.edits[name]; edit != nil {
		edit(p)
	}
	for _, out := range strings.Fields(l.without) {
		if out == name {
			return nil
		}
	}
	l.things[name] = on.Create(typ, name, p)
	return l.things[name]
}

// newSpan makes a link in an empty cloud. Inside ranges and ASNs are written down on both sides, as a plan has them.
func newSpan(d *driver, without string, edits map[string]func(props)) *span {
	d.T.Helper()
	l := &span{driver: d, gcp: d.GCP(), things: map[string]*handle{}, without: without, edits: edits}
	l.vpc = d.VPC("10.42.0.0/16")
	l.table = d.Create(aws.RouteTableType, "private", props{"vpcId": l.vpc.ID})
	gateway := l.add(l.gcp, gcp.HAVPNGatewayType, "ha", props{"network": "default"})
	for _, name := range []string{"router", "other-router"} {
		l.add(l.gcp, gcp.RouterType, name, props{"name": name, "network": "default", "bgp": props{"asn": 64520, "advertiseMode": "CUSTOM",
			"advertisedIpRanges": []any{props{"range": "10.168.0.0/20"}, props{"range": "199.36.153.8/30"}}}})
	}
	vgw := l.add(d, aws.VPNGatewayType, "vgw", props{"amazonSideAsn": "64620", "vpcId": l.vpc.ID})
	l.add(d, aws.RoutePropagationType, "propagation", props{"routeTableId": l.table.ID, "vpnGatewayId": vgw.ID})
	var interfaces []any
	for i := range 2 {
		l.add(d, aws.CustomerGatewayType, fmt.Sprint("cgw-", i),
			props{"bgpAsn": "64520", "type": "ipsec.1", "ipAddress": emulatortest.AddressOf(gateway, "vpnInterfaces", i)})
	}
	for i := range 2 {
		vpn := l.add(d, aws.VPNConnectionType, fmt.Sprint("vpn-", i), props{"customerGatewayId": l.things[fmt.Sprint("cgw-", i)].ID,
			"vpnGatewayId": vgw.ID, "type": "ipsec.1", "tunnel1InsideCidr": fmt.Sprintf("169.254.%d.0/30", 10+2*i),
			"tunnel2InsideCidr": fmt.Sprintf("169.254.%d.0/30", 11+2*i), "tunnel1IkeVersions": []any{"ikev2"}})
		for n := 1; n <= 2; n++ {
			interfaces = append(interfaces, props{"id": len(interfaces), "ipAddress": vpn.Output(aws.TunnelProperty(n, "Address"))})
		}
	}
	external := l.add(l.gcp, gcp.ExternalVPNGatewayType, "external", props{"redundancyType": "FOUR_IPS_REDUNDANCY", "interfaces": interfaces})
	for i := range 4 {
		l.addTunnel(i, gateway, external)
	}
	return l
}

// addTunnel makes Google's end of one tunnel, with its interface and its peer.
func (l *span) addTunnel(i int, gateway, external *handle) {
	l.T.Helper()
	name := func(what string) string { return fmt.Sprint(what, "-", i) }
	l.add(l.gcp, gcp.VPNTunnelType, name("tunnel"), props{"name": name("tunnel"), "vpnGateway": gateway.ID, "vpnGatewayInterface": i / 2,
		"peerExternalGateway": external.ID, "peerExternalGatewayInterface": i, "router": "router", "ikeVersion": 2,
		"sharedSecret": l.key(i)})
	l.add(l.gcp, gcp.RouterInterfaceType, name("if"), props{"name": name("if"), "router": "router", "vpnTunnel": name("tunnel"),
		"ipRange": fmt.Sprintf("169.254.%d.2/30", 10+i)})
	l.add(l.gcp, gcp.RouterPeerType, name("peer"), props{"name": name("peer"), "router": "router", "interface": name("if"), "peerAsn": 64620,
		"peerIpAddress": fmt.Sprintf("169.254.%d.1", 10+i)})
}

// key is the one that AWS made for a tunnel.
func (l *span) key(i int) string {
	return cloud.Text(l.things[fmt.Sprint("vpn-", i/2)].Output(aws.TunnelProperty(i%2+1, "PresharedKey")))
}

// readState reads something of the state.
func readState[T any](d *driver, read func(*cloud.State) T) T {
	d.T.Helper()
	var out T
	if err := d.Cloud.View(func(s *cloud.State) error {
		out = read(s)
		return nil
	}); err != nil {
		d.T.Fatal(err)
	}
	return out
}

func TestRightLink(t *testing.T) {
	l := newSpan(emulatortest.Start(t), "", nil)
	tunnels := readState(l.driver, link.Tunnels)
	if len(tunnels) != 4 {
		t.Fatalf("%d tunnels: %v", len(tunnels), tunnels)
	}
	for i, tunnel := range tunnels {
		if !tunnel.Up || tunnel.Name != fmt.Sprint("tunnel-", i) || tunnel.AWS != l.things[fmt.Sprint("vpn-", i/2)].ID || tunnel.Number != i%2+1 {
			t.Errorf("tunnel %d is %+v", i, tunnel)
		}
	}
	want := []string{"10.168.0.0/20", "199.36.153.8/30"}
	if got := readState(l.driver, func(s *cloud.State) []string { return link.PropagatedRoutes(s, l.table.ID) }); !slices.Equal(got, want) {
		t.Errorf("AWS's table has %v, want %v", got, want)
	}
	if got := readState(l.driver, func(s *cloud.State) []string { return link.LearnedRoutes(s, l.things["router"].ID) }); !slices.Equal(got,
		[]string{"10.42.0.0/16"}) {
		t.Errorf("Google's router learned %v", got)
	}
	vpn := l.things["vpn-0"]
	for _, told := range cloud.Objects(l.Read(aws.VPNConnectionType, "vpn-0", vpn.ID, vpn.Inputs).Output("vgwTelemetries")) {
		if told["status"] != "UP" || told["statusMessage"] != "2 BGP ROUTES" || cloud.Number(told["acceptedRouteCount"]) != 2 {
			t.Errorf("telemetry %v", told)
		}
	}
	tunnel := l.things["tunnel-0"]
	if got := l.gcp.Read(gcp.VPNTunnelType, "tunnel-0", tunnel.ID,
		tunnel.Inputs).Output("detailedStatus"); got != "Tunnel is up and running." {
		t.Errorf("status %v", got)
	}
}

func put(name string, v any) func(props) { return func(p props) { p[name] = v } }

func nested(name, inner string, v any) func(props) {
	return func(p props) { p[name].(props)[inner] = v }
}

func ranges(n int) []any {
	var list []any
	for i := range n {
		list = append(list, props{"range": fmt.Sprintf("10.200.%d.0/24", i)})
	}
	return list
}

// fault is one thing wrong in an otherwise right link: a field of something, something missing, or a change afterwards.
type fault struct {
	name, of string
	edit     func(props)
	without  string
	after    func(*span)
	down     []int
	why      string
}

// singleFaults are wrong in one field each.
var singleFaults = []fault{
	{name: "another key", of: "tunnel-2", edit: put("sharedSecret", "not-the-one"), down: []int{2},
		why: "sharedSecret: it and tunnel1PresharedKey of vpn-"},
	{name: "key changed at AWS", down: []int{1}, why: "sharedSecret: it and tunnel2PresharedKey",
		after: func(l *span) { l.rekey(0, "tunnel2PresharedKey", "rotated.key") }},
	{name: "customer gateway's ASN", of: "cgw-0", edit: put("bgpAsn", "64530"), down: []int{0, 1},
		why: "bgpAsn: 64530 in the customer gateway"},
	{name: "router's ASN", of: "router", edit: nested("bgp", "asn", 64521), down: []int{0, 1, 2, 3},
		why: "bgp.asn of the router router is 64521"},
	{name: "peer's ASN", of: "peer-1", edit: put("peerAsn", 64621), down: []int{1}, why: "peerAsn: 64621 in peer-1; amazonSideAsn of vgw-"},
	{name: "AWS's ASN", of: "vgw", edit: put("amazonSideAsn", "64999"), down: []int{0, 1, 2, 3}, why: "amazonSideAsn of vgw-"},
	{name: "customer gateway's address", of: "cgw-1", edit: put("ipAddress", "203.0.113.9"), down: []int{2, 3},
		why: "ipAddress of the customer gateway"},
	{name: "external address", of: "external", edit: func(p props) { p["interfaces"].([]any)[0].(props)["ipAddress"] = "203.0.113.9" },
		down: []int{0}, why: "interfaces[].ipAddress in external-"},
	{name: "external addresses swapped", of: "external", down: []int{0, 1}, why: "interfaces[].ipAddress in external-", edit: func(p props) {
		list := p["interfaces"].([]any)
		one, two := list[0].(props), list[1].(props)
		one["ipAddress"], two["ipAddress"] = two["ipAddress"], one["ipAddress"]
	}},
	{name: "external interface", of: "tunnel-0", edit: put("peerExternalGatewayInterface", 3), down: []int{0},
		why: "peerExternalGatewayInterface: 3"},
	{name: "gateway interface", of: "tunnel-3", edit: put("vpnGatewayInterface", 0), down: []int{3}, why: "vpnGatewayInterface: 0"},
	{name: "Google's IKE version", of: "tunnel-2", edit: put("ikeVersion", 1), down: []int{2}, why: "ikeVersion: 1"},
	{name: "AWS's IKE version", of: "vpn-0", edit: put("tunnel1IkeVersions", []any{"ikev1"}), down: []int{0},
		why: "tunnel1IkeVersions: ikev1"},
	{name: "AWS's inside range", of: "vpn-0", edit: put("tunnel1InsideCidr", "169.254.99.0/30"), down: []int{0},
		why: "ipRange: 169.254.10.2; tunnel1CgwInsideAddress"},
	{name: "Google's inside length", of: "if-1", edit: put("ipRange", "169.254.11.2/29"), down: []int{1},
		why: "ipRange: /29; tunnel2InsideCidr"},
	{name: "ends of the range swapped", of: "if-3", edit: put("ipRange", "169.254.13.1/30"), down: []int{3},
		why: "ipRange: 169.254.13.1; tunnel2CgwInsideAddress"},
	{name: "peer's address", of: "peer-2", edit: put("peerIpAddress", "169.254.12.3"), down: []int{2},
		why: "peerIpAddress: 169.254.12.3; tunnel1VgwInsideAddress"},
	{name: "no peer's address", of: "peer-2", edit: func(p props) { delete(p, "peerIpAddress") }, down: []int{2}, why: "peerIpAddress: none"},
	{name: "own address of the session", of: "peer-0", edit: put("ipAddress", "169.254.10.3"), down: []int{0}, why: "ipAddress: 169.254.10.3"},
	{name: "peer missing", without: "peer-3", down: []int{3}, why: "interface: no BGP peer of router uses if-3"},
	{name: "interface missing", without: "if-2 peer-2", down: []int{2}, why: "vpnTunnel: no router interface of router"},
	{name: "tunnel missing", without: "tunnel-1 if-1 peer-1", down: []int{1}, why: "tunnel2Address: no GCP tunnel leads to"},
	{name: "tunnel on another router", of: "tunnel-1", edit: put("router", "other-router"), down: []int{1},
		why: "router: the tunnel's is other-router, that of its interface if-1 is router"},
	{name: "session switched off", of: "peer-1", edit: put("enable", false), down: []int{1}, why: "enable: false in the BGP peer peer-1"},
	{name: "static connection", of: "vpn-1", edit: put("staticRoutesOnly", true), down: []int{2, 3}, why: "staticRoutesOnly: true"},
	{name: "too many routes of a peer", of: "peer-0", down: []int{0}, why: "advertisedIpRanges: 101 routes", edit: func(p props) {
		p["advertiseMode"], p["advertisedIpRanges"] = "CUSTOM", ranges(101)
	}},
	{name: "too many routes", of: "router", edit: nested("bgp", "advertisedIpRanges", ranges(101)), down: []int{0, 1, 2, 3},
		why: "advertisedIpRanges: 101 routes"},
	{name: "the other customer gateway", down: []int{2, 3}, why: "vpnGatewayInterface: 1",
		after: func(l *span) { l.rekey(1, "customerGatewayId", l.things["cgw-0"].ID) }},
}

// rekey changes one property of a connection in place.
func (l *span) rekey(i int, name string, v any) {
	l.T.Helper()
	vpn := l.things[fmt.Sprint("vpn-", i)]
	p := props{}
	for key, e := range l.Unpack(vpn.Inputs) {
		p[key] = e
	}
	p[name] = v
	vpn.Update(p)
}

// TestSingleFaults: each leaves exactly those tunnels down that share the field, with a reason that names it, and no route of theirs.
func TestSingleFaults(t *testing.T) {
	for _, f := range singleFaults {
		t.Run(f.name, func(t *testing.T) {
			l := newSpan(emulatortest.Start(t), f.without, map[string]func(props){f.of: f.edit})
			if f.after != nil {
				f.after(l)
			}
			l.checkDown(t, f)
		})
	}
}

// The same calls give the same keys, so that the keys of one link can be swapped in another.
func TestSwappedKeys(t *testing.T) {
	right := newSpan(emulatortest.Start(t), "", nil)
	l := newSpan(emulatortest.Start(t), "", map[string]func(props){"tunnel-0": put("sharedSecret", right.key(1)),
		"tunnel-1": put("sharedSecret", right.key(0))})
	l.checkDown(t, fault{down: []int{0, 1}, why: "sharedSecret: it and tunnel"})
}

func (l *span) checkDown(t *testing.T, f fault) {
	t.Helper()
	down := map[int]string{}
	for _, tunnel := range readState(l.driver, link.Tunnels) {
		why := strings.Join(tunnel.Why, "\n")
		if tunnel.Up != (why == "") {
			t.Errorf("%+v", tunnel)
		}
		for i := range 4 {
			if strings.Contains(why, l.key(i)) {
				t.Errorf("a key is in %q", why)
			}
			if !tunnel.Up && tunnel.AWS == l.things[fmt.Sprint("vpn-", i/2)].ID && tunnel.Number == i%2+1 {
				down[i] = why
			}
		}
	}
	if got := slices.Sorted(maps.Keys(down)); !slices.Equal(got, f.down) {
		t.Errorf("down are %v, want %v: %v", got, f.down, down)
	}
	for i, why := range down {
		if !strings.Contains(why, f.why) {
			t.Errorf("tunnel %d is down for %q, want %q", i, why, f.why)
		}
	}
	routes := readState(l.driver, func(s *cloud.State) []string { return link.PropagatedRoutes(s, l.table.ID) })
	if (len(routes) == 0) != (len(f.down) == 4) {
		t.Errorf("routes %v with %d tunnels down", routes, len(f.down))
	}
	vpn := l.things["vpn-1"]
	for n, told := range cloud.Objects(l.Read(aws.VPNConnectionType, "vpn-1", vpn.ID, vpn.Inputs).Output("vgwTelemetries")) {
		if (told["status"] == "UP") == slices.Contains(f.down, 2+n) {
			t.Errorf("telemetry of tunnel %d says %v", 2+n, told["status"])
		}
	}
}

// Routes are told to the tables that take them, of the VPC that the gateway is attached to.
func TestRoutesNeedAnAttachedGateway(t *testing.T) {
	l := newSpan(emulatortest.Start(t), "propagation", nil)
	routes := func() []string {
		return readState(l.driver, func(s *cloud.State) []string { return link.PropagatedRoutes(s, l.table.ID) })
	}
	if got := routes(); len(got) > 0 {
		t.Errorf("a table without propagation has %v", got)
	}
	l.Create(aws.RoutePropagationType, "p", props{"routeTableId": l.table.ID, "vpnGatewayId": l.things["vgw"].ID})
	if got := routes(); len(got) != 2 {
		t.Errorf("with propagation: %v", got)
	}
	l.things["vgw"].Update(props{"amazonSideAsn": "64620"})
	l.things["vgw"].Update(props{"amazonSideAsn": "64620", "vpcId": l.driver.VPC("10.43.0.0/16").ID})
	if got := routes(); len(got) > 0 {
		t.Errorf("attached elsewhere: %v", got)
	}
}

// In the default mode a router tells of the subnets of its region, or of all where its network routes globally.
func TestDefaultAdvertisement(t *testing.T) {
	d := emulatortest.Start(t)
	g := d.GCP()
	for mode, want := range map[string]int{"REGIONAL": 1, "GLOBAL": len(gcp.AutoRanges)} {
		n := g.Create(gcp.NetworkType, strings.ToLower(mode), props{"routingMode": mode})
		r := g.Create(gcp.RouterType, strings.ToLower(mode), props{"network": n.ID, "bgp": props{"asn": 64520}})
		got := readState(d, func(s *cloud.State) []string {
			return link.SubnetRangesOf(s, s.RecordAt(s.KeyIn(cloud.Scope{}, gcp.RouterType, r.ID)))
		})
		if len(got) != want || !slices.Contains(got, "10.168.0.0/20") {
			t.Errorf("%s: %v", mode, got)
		}
	}
}

// TestLinkGoes: what is in use stays, and taken down from its end the link leaves nothing.
func TestLinkGoes(t *testing.T) {
	l := newSpan(emulatortest.Start(t), "", nil)
	emulatortest.RequireRefusal(t, l.things["router"].TryDelete(), "already being used", "vpnTunnels/tunnel-0")
	emulatortest.RequireRefusal(t, l.things["tunnel-0"].TryDelete(), "already being used", "us-west2/router/if-0")
	emulatortest.RequireRefusal(t, l.things["if-0"].TryDelete(), "already being used", "routers/router/peer-0")
	emulatortest.RequireRefusal(t, l.things["ha"].TryDelete(), "already being used", "vpnTunnels/tunnel-0")
	emulatortest.RequireRefusal(t, l.things["external"].TryDelete(), "already being used", "vpnTunnels/tunnel-3")
	emulatortest.RequireRefusal(t, l.things["cgw-0"].TryDelete(), "IncorrectState", l.things["vpn-0"].ID)
	emulatortest.RequireRefusal(t, l.things["vgw"].TryDelete(), "IncorrectState", l.things["vpn-1"].ID)
	emulatortest.RequireRefusal(t, l.vpc.TryDelete(), "DependencyViolation", l.things["vgw"].ID)
	for i := range 4 {
		for _, what := range []string{"peer", "if", "tunnel"} {
			l.things[fmt.Sprint(what, "-", i)].Delete()
		}
	}
	for _, name := range []string{"external", "router", "other-router", "ha", "vpn-0", "vpn-1", "cgw-0", "cgw-1", "vgw"} {
		l.things[name].Delete()
	}
	l.table.Delete()
	l.vpc.Delete()
	if left := l.Resources(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
