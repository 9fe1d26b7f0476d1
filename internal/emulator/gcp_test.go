package emulator

import (
	"context"
	"slices"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// google is a provider of Google's on the same cloud, of the project backend and us-west2 unless a test says otherwise.
func (d *driver) google(configs ...props) *driver {
	d.t.Helper()
	server, err := Serve(d.cloud)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = server.Close() })
	g := &driver{t: d.t, cloud: d.cloud, client: connectTo(d.t, server, "gcp")}
	g.configure(append(configs, props{"project": "backend", "region": "us-west2"})[0])
	return g
}

// addLink adds one of each kind that links the clouds, and of Google's others.
func (w *world) addLink(vpc, table *thing) {
	w.d.t.Helper()
	aws, google := w.d, w.d.google()
	w.d = google
	network := w.add(NetworkType, props{"routingMode": "GLOBAL"})
	gateway := w.add(HAVPNGatewayType, props{"network": network.id})
	router := w.add(RouterType, props{"network": network.out("selfLink"), "bgp": props{"asn": 64520, "advertiseMode": "CUSTOM",
		"advertisedGroups": []any{"ALL_SUBNETS"}, "advertisedIpRanges": []any{props{"range": "199.36.153.8/30"}}}})
	w.d = aws
	customer := w.add(CustomerGatewayType, props{"bgpAsn": "64520", "ipAddress": addressOf(gateway, "vpnInterfaces", 0), "type": "ipsec.1"})
	vgw := w.add(VPNGatewayType, props{"amazonSideAsn": "64620", "tags": props{"Name": "one"}})
	w.add(VPNGatewayAttachmentType, props{"vpcId": vpc.id, "vpnGatewayId": vgw.id})
	w.add(RoutePropagationType, props{"routeTableId": table.id, "vpnGatewayId": vgw.id})
	vpn := w.add(VPNConnectionType, props{"customerGatewayId": customer.id, "vpnGatewayId": vgw.id, "type": "ipsec.1"})
	w.d = google
	external := w.add(ExternalVPNGatewayType, props{"redundancyType": "TWO_IPS_REDUNDANCY", "labels": props{"a": "b"}, "interfaces": []any{
		props{"id": 0, "ipAddress": vpn.out("tunnel1Address")}, props{"id": 1, "ipAddress": vpn.out("tunnel2Address")}}})
	tunnel := w.add(VPNTunnelType, props{"vpnGateway": gateway.id, "vpnGatewayInterface": 0, "peerExternalGateway": external.id,
		"peerExternalGatewayInterface": 0, "router": router.out("name"), "sharedSecret": vpn.out("tunnel1PresharedKey")})
	face := w.add(RouterInterfaceType, props{"router": router.out("name"), "vpnTunnel": tunnel.out("name"), "ipRange": "169.254.6.2/30"})
	w.add(RouterPeerType, props{"router": router.out("name"), "interface": face.out("name"), "peerAsn": 64620, "peerIpAddress": "169.254.6.1"})
	w.add(FirewallType, props{"network": network.id, "sourceRanges": []any{"10.42.0.0/17"}, "allows": []any{props{"protocol": "tcp", "ports": []any{"443"}}}})
	zone := w.add(ManagedZoneType, props{"dnsName": "example.com.", "visibility": "private",
		"privateVisibilityConfig": props{"networks": []any{props{"networkUrl": network.id}}}})
	w.add(RecordSetType, props{"managedZone": zone.out("name"), "name": "api.example.com.", "type": "A", "ttl": 300, "rrdatas": []any{"10.168.0.10"}})
	policy := w.add(SecurityPolicyType, props{})
	w.add(SecurityPolicyRuleType, props{"securityPolicy": policy.out("name"), "priority": 1000, "action": "allow",
		"match": props{"versionedExpr": "SRC_IPS_V1", "config": props{"srcIpRanges": []any{"198.51.100.7/32"}}}})
	w.d = aws
}

// addressOf reads the address of a gateway's interface.
func addressOf(gateway *thing, list string, i int) string {
	return Text(Objects(gateway.out(list))[i]["ipAddress"])
}

func TestEnvironmentNamesBothClouds(t *testing.T) {
	d := open(t)
	server, err := Serve(d.cloud)
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
	d := open(t)
	refuses(t, d.google().tryConfigure(props{"project": "p", "region": "us-west-1"}), `invalid region "us-west-1"`)
	byZone := d.google(props{"project": "p", "zone": "us-west2-a"})
	if r := byZone.make(RouterType, "r", props{"network": "default"}); r.id != "projects/p/regions/us-west2/routers/"+r.out("name").(string) {
		t.Errorf("id %s", r.id)
	}
	bare := d.google(props{})
	bare.refusesToMake(NetworkType, props{}, "project: required field is not set")
	bare.refusesToMake(RouterType, props{"network": "projects/p/global/networks/default", "project": "p"}, "set one of Google's in this resource")
	there := bare.make(HAVPNGatewayType, "g", props{"network": "projects/p/global/networks/default", "project": "p", "region": "us-east4"})
	if there.out("region") != "us-east4" || there.out("project") != "p" {
		t.Errorf("made in %v of %v", there.out("region"), there.out("project"))
	}
	there.delete()
	if r := bare.read(HAVPNGatewayType, "g", there.id, nil); r.id != "" {
		t.Error("a thing in another region than the provider's was not deleted")
	}
}

func TestDefaultNetwork(t *testing.T) {
	g := open(t).google()
	look := func(args props) (map[string]any, error) {
		out, err := g.client.Invoke(context.Background(), &pulumirpc.InvokeRequest{Tok: "gcp:compute/getNetwork:getNetwork", Args: g.pack(args)})
		if err != nil {
			return nil, err
		}
		return g.unpack(out.GetReturn()), nil
	}
	found, err := look(props{"name": "default"})
	if err != nil || found["id"] != "projects/backend/global/networks/default" || len(Texts(found["subnetworksSelfLinks"])) == 0 {
		t.Errorf("found %v, %v", found, err)
	}
	_, err = look(props{"name": "none"})
	refuses(t, err, "projects/backend/global/networks/none not found")
	made := g.make(NetworkType, "n", props{"name": "made"})
	if found, err = look(props{"name": "made", "project": "backend"}); err != nil || found["selfLink"] != made.out("selfLink") {
		t.Errorf("found %v, %v", found, err)
	}
	g.refusesToMake(NetworkType, props{"name": "default"}, "already exists")
	imported := g.read(NetworkType, "default", "default", nil)
	if imported.id != "projects/backend/global/networks/default" || imported.out("autoCreateSubnetworks") != true {
		t.Errorf("imported %s, %v", imported.id, imported.out("autoCreateSubnetworks"))
	}
	refuses(t, imported.tryDelete(), "already being used", "the backend lives in it")
	if len(g.resources()) != 1 {
		t.Errorf("resources %v", g.resources())
	}
}

func TestGoogleNames(t *testing.T) {
	g := open(t).google()
	for _, name := range []string{"Upper", "1st", "ends-", "under_score", strings.Repeat("n", 64)} {
		g.refusesToMake(NetworkType, props{"name": name}, "doesn't match regexp")
	}
	g.make(RouterType, "r", props{"name": "r", "network": "default"})
	g.refusesToMake(RouterType, props{"name": "r", "network": "default"}, "projects/backend/regions/us-west2/routers/r' already exists")
	g.make(RouterType, "r", props{"name": "r", "network": "default", "region": "us-west1"})
	auto := g.make(NetworkType, "auto", props{})
	if !strings.HasPrefix(auto.out("name").(string), "auto-") {
		t.Errorf("name %v", auto.out("name"))
	}
}

func TestReferencesByNameLinkAndID(t *testing.T) {
	g := open(t).google()
	n := g.make(NetworkType, "n", props{"name": "n"})
	for i, to := range []any{"n", n.id, n.out("selfLink"), "global/networks/n"} {
		g.make(RouterType, string(rune('a'+i)), props{"network": to})
	}
	refuses(t, n.tryDelete(), "already being used", "/routers/a-", "/routers/d-")
	g.refusesToMake(RouterType, props{"network": "projects/other/global/networks/n"}, "was not found")
}

func TestLabels(t *testing.T) {
	g := open(t).google(props{"project": "backend", "defaultLabels": `{"team":"ci","tier":"all"}`})
	p := props{"redundancyType": "SINGLE_IP_INTERNALLY_REDUNDANT", "interfaces": []any{props{"id": 0, "ipAddress": "198.51.100.1"}}, "labels": props{"tier": "own"}}
	e := g.make(ExternalVPNGatewayType, "e", p)
	for _, name := range []string{"pulumiLabels", "effectiveLabels"} {
		if got := Object(e.out(name)); got["team"] != "ci" || got["tier"] != "own" {
			t.Errorf("%s = %v", name, got)
		}
	}
	if got := Object(e.out("labels")); len(got) != 1 {
		t.Errorf("labels = %v", got)
	}
	p["labels"] = props{"tier": "other"}
	e.update(p)
	if got := Object(e.out("effectiveLabels")); got["tier"] != "other" || got["team"] != "ci" {
		t.Errorf("after an update: %v", got)
	}
	if r := g.resources()[0]; r.Name != e.out("name") || r.Account != "backend" || r.Tags["team"] != "ci" || r.Tags["tier"] != "other" {
		t.Errorf("seen from outside: %q of %q with %v", r.Name, r.Account, r.Tags)
	}
	m, err := unmarshalProperties(e.state)
	if err != nil || !m["pulumiLabels"].IsSecret() {
		t.Errorf("pulumiLabels are open: the table says that they are secret (%v)", err)
	}
}

func TestFirewallRefusals(t *testing.T) {
	g := open(t).google()
	rule := func(edit func(props)) props {
		p := props{"network": "default", "sourceRanges": []any{"10.42.0.0/16"}, "allows": []any{props{"protocol": "tcp", "ports": []any{"443", "8000-8010"}}}}
		edit(p)
		return p
	}
	g.make(FirewallType, "good", rule(func(props) {}))
	g.make(FirewallType, "narrow", rule(put("destinationRanges", []any{"10.168.0.10/32"})))
	g.make(FirewallType, "out", props{"network": "default", "direction": "EGRESS", "destinationRanges": []any{"10.0.0.0/8"}, "denies": []any{props{"protocol": "all"}}})
	for want, edit := range map[string]func(props){
		"must be defined for an INGRESS rule": func(p props) { delete(p, "sourceRanges") },
		"EGRESS rule has no source tags":      func(p props) { p["direction"], p["sourceTags"] = "EGRESS", []any{"web"} },
		"not a valid network range":           func(p props) { p["sourceRanges"] = []any{"10.42.0.1/16"} },
		"exactly one of allows, denies":       func(p props) { p["denies"] = []any{props{"protocol": "udp"}} },
		"allows[0].protocol":                  func(p props) { p["allows"] = []any{props{"protocol": "tpc"}} },
		"protocol icmp has no ports":          func(p props) { p["allows"] = []any{props{"protocol": "icmp", "ports": []any{"1"}}} },
		"neither a port nor a range":          func(p props) { p["allows"] = []any{props{"protocol": "tcp", "ports": []any{"443-80"}}} },
		"priority: must be between":           func(p props) { p["priority"] = 65536 },
		"direction: \"UP\" must be one of":    func(p props) { p["direction"] = "UP" },
		"was not found":                       func(p props) { p["network"] = "none" },
	} {
		g.refusesToMake(FirewallType, rule(edit), want)
	}
}

func TestZonesAndRecords(t *testing.T) {
	g := open(t).google()
	zone := func(network string) props {
		return props{"dnsName": "example.com.", "visibility": "private", "privateVisibilityConfig": props{"networks": []any{props{"networkUrl": network}}}}
	}
	z := g.make(ManagedZoneType, "z", zone("default"))
	g.refusesToMake(ManagedZoneType, zone("projects/backend/global/networks/default"), "networkVisibilityConflict", z.id)
	g.refusesToMake(ManagedZoneType, props{"dnsName": "example.com"}, "dnsName: ")
	g.refusesToMake(ManagedZoneType, props{"dnsName": "a.example.", "privateVisibilityConfig": props{}}, "for private zones only")
	record := func(name, typ string, data ...any) props {
		return props{"managedZone": z.id, "name": name, "type": typ, "ttl": 60, "rrdatas": data}
	}
	r := g.make(RecordSetType, "r", record("api.example.com.", "A", "10.0.0.1"))
	g.refusesToMake(RecordSetType, record("api.example.com.", "A", "10.0.0.2"), "already exists")
	g.refusesToMake(RecordSetType, record("api.example.com.", "CNAME", "x.example.com."), "a CNAME stands alone")
	g.refusesToMake(RecordSetType, record("api.example.org.", "A", "10.0.0.2"), "is not in the zone example.com.")
	g.refusesToMake(RecordSetType, record("b.example.com.", "A", "10.0.0"), "not a valid IPv4 address")
	g.refusesToMake(RecordSetType, record("example.com.", "CNAME", "x.example.com."), "cannot be a CNAME")
	r.update(record("api.example.com.", "A", "10.0.0.9"))
	refuses(t, z.tryDelete(), "is not empty, containerNotEmpty", r.id)
	r.delete()
	z.delete()
}

func TestSecurityPolicyRules(t *testing.T) {
	g := open(t).google()
	policy := g.make(SecurityPolicyType, "p", props{"name": "edge"})
	rule := func(priority int, ranges ...any) props {
		return props{"securityPolicy": "edge", "priority": priority, "action": "allow",
			"match": props{"versionedExpr": "SRC_IPS_V1", "config": props{"srcIpRanges": ranges}}}
	}
	r := g.make(SecurityPolicyRuleType, "r", rule(7, "198.51.100.1/32"))
	g.refusesToMake(SecurityPolicyRuleType, rule(7, "198.51.100.2/32"), "securityPolicies/edge/priority/7' already exists")
	g.refusesToMake(SecurityPolicyRuleType, rule(8, slices.Repeat([]any{"198.51.100.1/32"}, 11)...), "at most 10 ranges in a rule, got 11")
	g.refusesToMake(SecurityPolicyRuleType, rule(8, "198.51.100.300"), "not a valid network range")
	g.refusesToMake(SecurityPolicyRuleType, rule(-1, "*"), "priority: must be between")
	g.refusesToMake(SecurityPolicyType, props{"rules": []any{}}, "no rules for inline rules")
	if diff := r.diff(rule(9, "198.51.100.1/32")); !slices.Equal(diff.GetReplaces(), []string{"priority"}) {
		t.Errorf("another priority replaces %v", diff.GetReplaces())
	}
	r.update(rule(7, "198.51.100.1/32", "198.51.100.2/32"))
	policy.delete()
	if left := g.resources(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A policy that others have is there once, however often it is given, and is nobody's to find as his own.
func TestGivenSecurityPolicy(t *testing.T) {
	d := open(t)
	g := d.google()
	for range 2 {
		if err := GiveSecurityPolicy(d.cloud, t.Context(), "backend", "edge"); err != nil {
			t.Fatal(err)
		}
	}
	left := g.resources()
	if len(left) != 1 || left[0].Managed {
		t.Fatalf("%v; want one policy that no program made", left)
	}
	g.refusesToMake(SecurityPolicyType, props{"name": "edge"}, "already exists")
	g.make(SecurityPolicyRuleType, "r", props{"securityPolicy": "edge", "priority": 7, "action": "allow",
		"match": props{"versionedExpr": "SRC_IPS_V1", "config": props{"srcIpRanges": []any{"198.51.100.1/32"}}}})
}

func TestGoogleVersion(t *testing.T) {
	info, err := open(t).google().client.GetPluginInfo(context.Background(), nil)
	if err != nil || info.GetVersion() != "7.38.0" {
		t.Errorf("version %v, %v", info, err)
	}
}
