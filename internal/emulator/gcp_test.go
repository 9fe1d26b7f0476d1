package emulator

import (
	"context"
	"slices"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// GCP is a provider of Google's on the same cloud, of the project backend and us-west2 unless a test says otherwise.
func (d *Driver) GCP(configs ...Props) *Driver {
	d.T.Helper()
	server, err := Serve(d.Cloud)
	if err != nil {
		d.T.Fatal(err)
	}
	d.T.Cleanup(func() { _ = server.Close() })
	g := &Driver{T: d.T, Cloud: d.Cloud, Dir: d.Dir, Client: ConnectTo(d.T, server, "gcp")}
	g.Configure(append(configs, Props{"project": "backend", "region": "us-west2"})[0])
	return g
}

// addLink adds one of each kind that links the clouds, and of Google's others.
func (w *World) addLink(vpc, table *Handle) {
	w.Driver.T.Helper()
	onAWS, google := w.Driver, w.Driver.GCP()
	w.Driver = google
	network := w.Add(NetworkType, Props{"routingMode": "GLOBAL"})
	gateway := w.Add(HAVPNGatewayType, Props{"network": network.ID})
	router := w.Add(RouterType, Props{"network": network.Output("selfLink"), "bgp": Props{"asn": 64520, "advertiseMode": "CUSTOM",
		"advertisedGroups": []any{"ALL_SUBNETS"}, "advertisedIpRanges": []any{Props{"range": "199.36.153.8/30"}}}})
	w.Driver = onAWS
	customer := w.Add(CustomerGatewayType, Props{"bgpAsn": "64520", "ipAddress": AddressOf(gateway, "vpnInterfaces", 0), "type": "ipsec.1"})
	vgw := w.Add(VPNGatewayType, Props{"amazonSideAsn": "64620", "tags": Props{"Name": "one"}})
	w.Add(VPNGatewayAttachmentType, Props{"vpcId": vpc.ID, "vpnGatewayId": vgw.ID})
	w.Add(RoutePropagationType, Props{"routeTableId": table.ID, "vpnGatewayId": vgw.ID})
	vpn := w.Add(VPNConnectionType, Props{"customerGatewayId": customer.ID, "vpnGatewayId": vgw.ID, "type": "ipsec.1"})
	w.Driver = google
	external := w.Add(ExternalVPNGatewayType, Props{"redundancyType": "TWO_IPS_REDUNDANCY", "labels": Props{"a": "b"}, "interfaces": []any{
		Props{"id": 0, "ipAddress": vpn.Output("tunnel1Address")}, Props{"id": 1, "ipAddress": vpn.Output("tunnel2Address")}}})
	tunnel := w.Add(VPNTunnelType, Props{"vpnGateway": gateway.ID, "vpnGatewayInterface": 0, "peerExternalGateway": external.ID,
		"peerExternalGatewayInterface": 0, "router": router.Output("name"), "sharedSecret": vpn.Output("tunnel1PresharedKey")})
	face := w.Add(RouterInterfaceType, Props{"router": router.Output("name"), "vpnTunnel": tunnel.Output("name"), "ipRange": "169.254.6.2/30"})
	w.Add(RouterPeerType, Props{"router": router.Output("name"), "interface": face.Output("name"), "peerAsn": 64620, "peerIpAddress": "169.254.6.1"})
	w.Add(FirewallType, Props{"network": network.ID, "sourceRanges": []any{"10.42.0.0/17"}, "allows": []any{Props{"protocol": "tcp", "ports": []any{"443"}}}})
	zone := w.Add(ManagedZoneType, Props{"dnsName": "example.com.", "visibility": "private",
		"privateVisibilityConfig": Props{"networks": []any{Props{"networkUrl": network.ID}}}})
	w.Add(RecordSetType, Props{"managedZone": zone.Output("name"), "name": "api.example.com.", "type": "A", "ttl": 300, "rrdatas": []any{"10.168.0.10"}})
	policy := w.Add(SecurityPolicyType, Props{})
	w.Add(SecurityPolicyRuleType, Props{"securityPolicy": policy.Output("name"), "priority": 1000, "action": "allow",
		"match": Props{"versionedExpr": "SRC_IPS_V1", "config": Props{"srcIpRanges": []any{"198.51.100.7/32"}}}})
	w.Driver = onAWS
}

// AddressOf reads the address of a gateway's interface.
func AddressOf(gateway *Handle, list string, i int) string {
	return Text(Objects(gateway.Output(list))[i]["ipAddress"])
}

func TestEnvironmentNamesBothClouds(t *testing.T) {
	d := Start(t)
	server, err := Serve(d.Cloud)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // the test is over
	names := []string{}
	for _, at := range strings.Split(server.Env()["PULUMI_DEBUG_PROVIDERS"], ",") {
		name, _, _ := strings.Cut(at, ":")
		names = append(names, name)
	}
	if !slices.Equal(names, []string{"aws", "gcp"}) {
		t.Errorf("providers %v", names)
	}
}

func TestGoogleConfiguration(t *testing.T) {
	d := Start(t)
	RequireRefusal(t, d.GCP().TryConfigure(Props{"project": "p", "region": "us-west-1"}), `invalid region "us-west-1"`)
	byZone := d.GCP(Props{"project": "p", "zone": "us-west2-a"})
	if r := byZone.Create(RouterType, "r", Props{"network": "default"}); r.ID != "projects/p/regions/us-west2/routers/"+r.Output("name").(string) {
		t.Errorf("id %s", r.ID)
	}
	bare := d.GCP(Props{})
	bare.RequireCreateRefusal(NetworkType, Props{}, "project: required field is not set")
	bare.RequireCreateRefusal(RouterType, Props{"network": "projects/p/global/networks/default", "project": "p"}, "set one of Google's in this resource")
	there := bare.Create(HAVPNGatewayType, "g", Props{"network": "projects/p/global/networks/default", "project": "p", "region": "us-east4"})
	if there.Output("region") != "us-east4" || there.Output("project") != "p" {
		t.Errorf("made in %v of %v", there.Output("region"), there.Output("project"))
	}
	there.Delete()
	if r := bare.Read(HAVPNGatewayType, "g", there.ID, nil); r.ID != "" {
		t.Error("a thing in another region than the provider's was not deleted")
	}
}

func TestDefaultNetwork(t *testing.T) {
	g := Start(t).GCP()
	look := func(args Props) (map[string]any, error) {
		out, err := g.Client.Invoke(context.Background(), &pulumirpc.InvokeRequest{Tok: "gcp:compute/getNetwork:getNetwork", Args: g.Pack(args)})
		if err != nil {
			return nil, err
		}
		return g.Unpack(out.GetReturn()), nil
	}
	found, err := look(Props{"name": "default"})
	if err != nil || found["id"] != "projects/backend/global/networks/default" || len(Texts(found["subnetworksSelfLinks"])) == 0 {
		t.Errorf("found %v, %v", found, err)
	}
	_, err = look(Props{"name": "none"})
	RequireRefusal(t, err, "projects/backend/global/networks/none not found")
	made := g.Create(NetworkType, "n", Props{"name": "made"})
	if found, err = look(Props{"name": "made", "project": "backend"}); err != nil || found["selfLink"] != made.Output("selfLink") {
		t.Errorf("found %v, %v", found, err)
	}
	g.RequireCreateRefusal(NetworkType, Props{"name": "default"}, "already exists")
	imported := g.Read(NetworkType, "default", "default", nil)
	if imported.ID != "projects/backend/global/networks/default" || imported.Output("autoCreateSubnetworks") != true {
		t.Errorf("imported %s, %v", imported.ID, imported.Output("autoCreateSubnetworks"))
	}
	RequireRefusal(t, imported.TryDelete(), "already being used", "the backend lives in it")
	if len(g.Resources()) != 1 {
		t.Errorf("resources %v", g.Resources())
	}
}

func TestGoogleNames(t *testing.T) {
	g := Start(t).GCP()
	for _, name := range []string{"Upper", "1st", "ends-", "under_score", strings.Repeat("n", 64)} {
		g.RequireCreateRefusal(NetworkType, Props{"name": name}, "doesn't match regexp")
	}
	g.Create(RouterType, "r", Props{"name": "r", "network": "default"})
	g.RequireCreateRefusal(RouterType, Props{"name": "r", "network": "default"}, "projects/backend/regions/us-west2/routers/r' already exists")
	g.Create(RouterType, "r", Props{"name": "r", "network": "default", "region": "us-west1"})
	auto := g.Create(NetworkType, "auto", Props{})
	if !strings.HasPrefix(auto.Output("name").(string), "auto-") {
		t.Errorf("name %v", auto.Output("name"))
	}
}

func TestReferencesByNameLinkAndID(t *testing.T) {
	g := Start(t).GCP()
	n := g.Create(NetworkType, "n", Props{"name": "n"})
	for i, to := range []any{"n", n.ID, n.Output("selfLink"), "global/networks/n"} {
		g.Create(RouterType, string(rune('a'+i)), Props{"network": to})
	}
	RequireRefusal(t, n.TryDelete(), "already being used", "/routers/a-", "/routers/d-")
	g.RequireCreateRefusal(RouterType, Props{"network": "projects/other/global/networks/n"}, "was not found")
}

func TestLabels(t *testing.T) {
	g := Start(t).GCP(Props{"project": "backend", "defaultLabels": `{"team":"ci","tier":"all"}`})
	p := Props{"redundancyType": "SINGLE_IP_INTERNALLY_REDUNDANT", "interfaces": []any{Props{"id": 0, "ipAddress": "198.51.100.1"}}, "labels": Props{"tier": "own"}}
	e := g.Create(ExternalVPNGatewayType, "e", p)
	for _, name := range []string{"pulumiLabels", "effectiveLabels"} {
		if got := Object(e.Output(name)); got["team"] != "ci" || got["tier"] != "own" {
			t.Errorf("%s = %v", name, got)
		}
	}
	if got := Object(e.Output("labels")); len(got) != 1 {
		t.Errorf("labels = %v", got)
	}
	p["labels"] = Props{"tier": "other"}
	e.Update(p)
	if got := Object(e.Output("effectiveLabels")); got["tier"] != "other" || got["team"] != "ci" {
		t.Errorf("after an update: %v", got)
	}
	if r := g.Resources()[0]; r.Name != e.Output("name") || r.Account != "backend" || r.Tags["team"] != "ci" || r.Tags["tier"] != "other" {
		t.Errorf("seen from outside: %q of %q with %v", r.Name, r.Account, r.Tags)
	}
	m, err := UnmarshalProperties(e.State)
	if err != nil || !m["pulumiLabels"].IsSecret() {
		t.Errorf("pulumiLabels are open: the table says that they are secret (%v)", err)
	}
}

func TestFirewallRefusals(t *testing.T) {
	g := Start(t).GCP()
	rule := func(edit func(Props)) Props {
		p := Props{"network": "default", "sourceRanges": []any{"10.42.0.0/16"}, "allows": []any{Props{"protocol": "tcp", "ports": []any{"443", "8000-8010"}}}}
		edit(p)
		return p
	}
	g.Create(FirewallType, "good", rule(func(Props) {}))
	g.Create(FirewallType, "narrow", rule(func(p Props) { p["destinationRanges"] = []any{"10.168.0.10/32"} }))
	g.Create(FirewallType, "out", Props{"network": "default", "direction": "EGRESS", "destinationRanges": []any{"10.0.0.0/8"}, "denies": []any{Props{"protocol": "all"}}})
	for want, edit := range map[string]func(Props){
		"must be defined for an INGRESS rule": func(p Props) { delete(p, "sourceRanges") },
		"EGRESS rule has no source tags":      func(p Props) { p["direction"], p["sourceTags"] = "EGRESS", []any{"web"} },
		"not a valid network range":           func(p Props) { p["sourceRanges"] = []any{"10.42.0.1/16"} },
		"exactly one of allows, denies":       func(p Props) { p["denies"] = []any{Props{"protocol": "udp"}} },
		"allows[0].protocol":                  func(p Props) { p["allows"] = []any{Props{"protocol": "tpc"}} },
		"protocol icmp has no ports":          func(p Props) { p["allows"] = []any{Props{"protocol": "icmp", "ports": []any{"1"}}} },
		"neither a port nor a range":          func(p Props) { p["allows"] = []any{Props{"protocol": "tcp", "ports": []any{"443-80"}}} },
		"priority: must be between":           func(p Props) { p["priority"] = 65536 },
		"direction: \"UP\" must be one of":    func(p Props) { p["direction"] = "UP" },
		"was not found":                       func(p Props) { p["network"] = "none" },
	} {
		g.RequireCreateRefusal(FirewallType, rule(edit), want)
	}
}

func TestZonesAndRecords(t *testing.T) {
	g := Start(t).GCP()
	zone := func(network string) Props {
		return Props{"dnsName": "example.com.", "visibility": "private", "privateVisibilityConfig": Props{"networks": []any{Props{"networkUrl": network}}}}
	}
	z := g.Create(ManagedZoneType, "z", zone("default"))
	g.RequireCreateRefusal(ManagedZoneType, zone("projects/backend/global/networks/default"), "networkVisibilityConflict", z.ID)
	g.RequireCreateRefusal(ManagedZoneType, Props{"dnsName": "example.com"}, "dnsName: ")
	g.RequireCreateRefusal(ManagedZoneType, Props{"dnsName": "a.example.", "privateVisibilityConfig": Props{}}, "for private zones only")
	record := func(name, typ string, data ...any) Props {
		return Props{"managedZone": z.ID, "name": name, "type": typ, "ttl": 60, "rrdatas": data}
	}
	r := g.Create(RecordSetType, "r", record("api.example.com.", "A", "10.0.0.1"))
	g.RequireCreateRefusal(RecordSetType, record("api.example.com.", "A", "10.0.0.2"), "already exists")
	g.RequireCreateRefusal(RecordSetType, record("api.example.com.", "CNAME", "x.example.com."), "a CNAME stands alone")
	g.RequireCreateRefusal(RecordSetType, record("api.example.org.", "A", "10.0.0.2"), "is not in the zone example.com.")
	g.RequireCreateRefusal(RecordSetType, record("b.example.com.", "A", "10.0.0"), "not a valid IPv4 address")
	g.RequireCreateRefusal(RecordSetType, record("example.com.", "CNAME", "x.example.com."), "cannot be a CNAME")
	r.Update(record("api.example.com.", "A", "10.0.0.9"))
	RequireRefusal(t, z.TryDelete(), "is not empty, containerNotEmpty", r.ID)
	r.Delete()
	z.Delete()
}

func TestSecurityPolicyRules(t *testing.T) {
	g := Start(t).GCP()
	policy := g.Create(SecurityPolicyType, "p", Props{"name": "edge"})
	rule := func(priority int, ranges ...any) Props {
		return Props{"securityPolicy": "edge", "priority": priority, "action": "allow",
			"match": Props{"versionedExpr": "SRC_IPS_V1", "config": Props{"srcIpRanges": ranges}}}
	}
	r := g.Create(SecurityPolicyRuleType, "r", rule(7, "198.51.100.1/32"))
	g.RequireCreateRefusal(SecurityPolicyRuleType, rule(7, "198.51.100.2/32"), "securityPolicies/edge/priority/7' already exists")
	g.RequireCreateRefusal(SecurityPolicyRuleType, rule(8, slices.Repeat([]any{"198.51.100.1/32"}, 11)...), "at most 10 ranges in a rule, got 11")
	g.RequireCreateRefusal(SecurityPolicyRuleType, rule(8, "198.51.100.300"), "not a valid network range")
	g.RequireCreateRefusal(SecurityPolicyRuleType, rule(-1, "*"), "priority: must be between")
	g.RequireCreateRefusal(SecurityPolicyType, Props{"rules": []any{}}, "no rules for inline rules")
	if diff := r.Diff(rule(9, "198.51.100.1/32")); !slices.Equal(diff.GetReplaces(), []string{"priority"}) {
		t.Errorf("another priority replaces %v", diff.GetReplaces())
	}
	r.Update(rule(7, "198.51.100.1/32", "198.51.100.2/32"))
	policy.Delete()
	if left := g.Resources(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A policy that others have is there once, however often it is given, and is nobody's to find as his own.
func TestGivenSecurityPolicy(t *testing.T) {
	d := Start(t)
	g := d.GCP()
	for range 2 {
		if err := GiveSecurityPolicy(d.Cloud, t.Context(), "backend", "edge"); err != nil {
			t.Fatal(err)
		}
	}
	left := g.Resources()
	if len(left) != 1 || left[0].Managed {
		t.Fatalf("%v; want one policy that no program made", left)
	}
	g.RequireCreateRefusal(SecurityPolicyType, Props{"name": "edge"}, "already exists")
	g.Create(SecurityPolicyRuleType, "r", Props{"securityPolicy": "edge", "priority": 7, "action": "allow",
		"match": Props{"versionedExpr": "SRC_IPS_V1", "config": Props{"srcIpRanges": []any{"198.51.100.1/32"}}}})
}

func TestGoogleVersion(t *testing.T) {
	info, err := Start(t).GCP().Client.GetPluginInfo(context.Background(), nil)
	if err != nil || info.GetVersion() != "7.38.0" {
		t.Errorf("version %v, %v", info, err)
	}
}
