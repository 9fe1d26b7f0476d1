package gcp_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

func TestGoogleConfiguration(t *testing.T) {
	d := emulatortest.Start(t)
	emulatortest.RequireRefusal(t, d.GCP().TryConfigure(props{"project": "p", "region": "us-west-1"}), `invalid region "us-west-1"`)
	byZone := d.GCP(props{"project": "p", "zone": "us-west2-a"})
	if r := byZone.Create(gcp.RouterType, "r",
		props{"network": "default"}); r.ID != "projects/p/regions/us-west2/routers/"+r.Output("name").(string) {
		t.Errorf("id %s", r.ID)
	}
	bare := d.GCP(props{})
	bare.RequireCreateRefusal(gcp.NetworkType, props{}, "project: required field is not set")
	bare.RequireCreateRefusal(gcp.RouterType, props{"network": "projects/p/global/networks/default", "project": "p"},
		"set a GCP region in this resource")
	there := bare.Create(gcp.HAVPNGatewayType, "g", props{"network": "projects/p/global/networks/default", "project": "p",
		"region": "us-east4"})
	if there.Output("region") != "us-east4" || there.Output("project") != "p" {
		t.Errorf("made in %v of %v", there.Output("region"), there.Output("project"))
	}
	there.Delete()
	if r := bare.Read(gcp.HAVPNGatewayType, "g", there.ID, nil); r.ID != "" {
		t.Error("a thing in another region than the provider's was not deleted")
	}
}

func TestDefaultNetwork(t *testing.T) {
	g := emulatortest.Start(t).GCP()
	look := func(args props) (map[string]any, error) {
		out, err := g.Client.Invoke(context.Background(), &pulumirpc.InvokeRequest{Tok: "gcp:compute/getNetwork:getNetwork", Args: g.Pack(args)})
		if err != nil {
			return nil, err
		}
		return g.Unpack(out.GetReturn()), nil
	}
	found, err := look(props{"name": "default"})
	if err != nil || found["id"] != "projects/backend/global/networks/default" || len(cloud.Texts(found["subnetworksSelfLinks"])) == 0 {
		t.Errorf("found %v, %v", found, err)
	}
	_, err = look(props{"name": "none"})
	emulatortest.RequireRefusal(t, err, "projects/backend/global/networks/none not found")
	made := g.Create(gcp.NetworkType, "n", props{"name": "made"})
	if found, err = look(props{"name": "made", "project": "backend"}); err != nil || found["selfLink"] != made.Output("selfLink") {
		t.Errorf("found %v, %v", found, err)
	}
	g.RequireCreateRefusal(gcp.NetworkType, props{"name": "default"}, "already exists")
	imported := g.Read(gcp.NetworkType, "default", "default", nil)
	if imported.ID != "projects/backend/global/networks/default" || imported.Output("autoCreateSubnetworks") != true {
		t.Errorf("imported %s, %v", imported.ID, imported.Output("autoCreateSubnetworks"))
	}
	emulatortest.RequireRefusal(t, imported.TryDelete(), "already being used", "the backend lives in it")
	if len(g.Resources()) != 1 {
		t.Errorf("resources %v", g.Resources())
	}
}

func TestGoogleNames(t *testing.T) {
	g := emulatortest.Start(t).GCP()
	for _, name := range []string{"Upper", "1st", "ends-", "under_score", strings.Repeat("n", 64)} {
		g.RequireCreateRefusal(gcp.NetworkType, props{"name": name}, "doesn't match regexp")
	}
	g.Create(gcp.RouterType, "r", props{"name": "r", "network": "default"})
	g.RequireCreateRefusal(gcp.RouterType, props{"name": "r", "network": "default"},
		"projects/backend/regions/us-west2/routers/r' already exists")
	g.Create(gcp.RouterType, "r", props{"name": "r", "network": "default", "region": "us-west1"})
	auto := g.Create(gcp.NetworkType, "auto", props{})
	if !strings.HasPrefix(auto.Output("name").(string), "auto-") {
		t.Errorf("name %v", auto.Output("name"))
	}
}

func TestReferencesByNameLinkAndID(t *testing.T) {
	g := emulatortest.Start(t).GCP()
	n := g.Create(gcp.NetworkType, "n", props{"name": "n"})
	for i, to := range []any{"n", n.ID, n.Output("selfLink"), "global/networks/n"} {
		g.Create(gcp.RouterType, string(rune('a'+i)), props{"network": to})
	}
	emulatortest.RequireRefusal(t, n.TryDelete(), "already being used", "/routers/a-", "/routers/d-")
	g.RequireCreateRefusal(gcp.RouterType, props{"network": "projects/other/global/networks/n"}, "was not found")
}

func TestLabels(t *testing.T) {
	g := emulatortest.Start(t).GCP(props{"project": "backend", "defaultLabels": `{"team":"ci","tier":"all"}`})
	p := props{"redundancyType": "SINGLE_IP_INTERNALLY_REDUNDANT", "interfaces": []any{props{"id": 0, "ipAddress": "198.51.100.1"}},
		"labels": props{"tier": "own"}}
	e := g.Create(gcp.ExternalVPNGatewayType, "e", p)
	for _, name := range []string{"pulumiLabels", "effectiveLabels"} {
		if got := cloud.Object(e.Output(name)); got["team"] != "ci" || got["tier"] != "own" {
			t.Errorf("%s = %v", name, got)
		}
	}
	if got := cloud.Object(e.Output("labels")); len(got) != 1 {
		t.Errorf("labels = %v", got)
	}
	p["labels"] = props{"tier": "other"}
	e.Update(p)
	if got := cloud.Object(e.Output("effectiveLabels")); got["tier"] != "other" || got["team"] != "ci" {
		t.Errorf("after an update: %v", got)
	}
	if r := g.Resources()[0]; r.Name != e.Output("name") || r.Account != "backend" || r.Tags["team"] != "ci" || r.Tags["tier"] != "other" {
		t.Errorf("seen from outside: %q of %q with %v", r.Name, r.Account, r.Tags)
	}
	m, err := emulatortest.UnmarshalProperties(e.State)
	if err != nil || !m["pulumiLabels"].IsSecret() {
		t.Errorf("pulumiLabels are open: the table says that they are secret (%v)", err)
	}
}

func TestFirewallRefusals(t *testing.T) {
	g := emulatortest.Start(t).GCP()
	rule := func(edit func(props)) props {
		p := props{"network": "default", "sourceRanges": []any{"10.42.0.0/16"},
			"allows": []any{props{"protocol": "tcp", "ports": []any{"443", "8000-8010"}}}}
		edit(p)
		return p
	}
	g.Create(gcp.FirewallType, "good", rule(func(props) {}))
	g.Create(gcp.FirewallType, "narrow", rule(func(p props) { p["destinationRanges"] = []any{"10.168.0.10/32"} }))
	g.Create(gcp.FirewallType, "out", props{"network": "default", "direction": "EGRESS", "destinationRanges": []any{"10.0.0.0/8"},
		"denies": []any{props{"protocol": "all"}}})
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
		g.RequireCreateRefusal(gcp.FirewallType, rule(edit), want)
	}
}

func TestZonesAndRecords(t *testing.T) {
	g := emulatortest.Start(t).GCP()
	zone := func(network string) props {
		return props{"dnsName": "example.com.", "visibility": "private",
			"privateVisibilityConfig": props{"networks": []any{props{"networkUrl": network}}}}
	}
	z := g.Create(gcp.ManagedZoneType, "z", zone("default"))
	g.RequireCreateRefusal(gcp.ManagedZoneType, zone("projects/backend/global/networks/default"), "networkVisibilityConflict", z.ID)
	g.RequireCreateRefusal(gcp.ManagedZoneType, props{"dnsName": "example.com"}, "dnsName: ")
	g.RequireCreateRefusal(gcp.ManagedZoneType, props{"dnsName": "a.example.", "privateVisibilityConfig": props{}}, "for private zones only")
	record := func(name, typ string, data ...any) props {
		return props{"managedZone": z.ID, "name": name, "type": typ, "ttl": 60, "rrdatas": data}
	}
	r := g.Create(gcp.RecordSetType, "r", record("api.example.com.", "A", "10.0.0.1"))
	g.RequireCreateRefusal(gcp.RecordSetType, record("api.example.com.", "A", "10.0.0.2"), "already exists")
	g.RequireCreateRefusal(gcp.RecordSetType, record("api.example.com.", "CNAME", "x.example.com."), "a CNAME stands alone")
	g.RequireCreateRefusal(gcp.RecordSetType, record("api.example.org.", "A", "10.0.0.2"), "is not in the zone example.com.")
	g.RequireCreateRefusal(gcp.RecordSetType, record("b.example.com.", "A", "10.0.0"), "not a valid IPv4 address")
	g.RequireCreateRefusal(gcp.RecordSetType, record("example.com.", "CNAME", "x.example.com."), "cannot be a CNAME")
	r.Update(record("api.example.com.", "A", "10.0.0.9"))
	emulatortest.RequireRefusal(t, z.TryDelete(), "is not empty, containerNotEmpty", r.ID)
	r.Delete()
	z.Delete()
}

func TestSecurityPolicyRules(t *testing.T) {
	g := emulatortest.Start(t).GCP()
	policy := g.Create(gcp.SecurityPolicyType, "p", props{"name": "edge"})
	rule := func(priority int, ranges ...any) props {
		return props{"securityPolicy": "edge", "priority": priority, "action": "allow",
			"match": props{"versionedExpr": "SRC_IPS_V1", "config": props{"srcIpRanges": ranges}}}
	}
	r := g.Create(gcp.SecurityPolicyRuleType, "r", rule(7, "198.51.100.1/32"))
	g.RequireCreateRefusal(gcp.SecurityPolicyRuleType, rule(7, "198.51.100.2/32"), "securityPolicies/edge/priority/7' already exists")
	g.RequireCreateRefusal(gcp.SecurityPolicyRuleType, rule(8, slices.Repeat([]any{"198.51.100.1/32"}, 11)...),
		"at most 10 ranges in a rule, got 11")
	g.RequireCreateRefusal(gcp.SecurityPolicyRuleType, rule(8, "198.51.100.300"), "not a valid network range")
	g.RequireCreateRefusal(gcp.SecurityPolicyRuleType, rule(-1, "*"), "priority: must be between")
	g.RequireCreateRefusal(gcp.SecurityPolicyType, props{"rules": []any{}}, "no rules for inline rules")
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
	d := emulatortest.Start(t)
	g := d.GCP()
	for range 2 {
		if err := gcp.GiveSecurityPolicy(t.Context(), d.Cloud, "backend", "edge"); err != nil {
			t.Fatal(err)
		}
	}
	left := g.Resources()
	if len(left) != 1 || left[0].Managed {
		t.Fatalf("%v; want one policy that no program made", left)
	}
	g.RequireCreateRefusal(gcp.SecurityPolicyType, props{"name": "edge"}, "already exists")
	g.Create(gcp.SecurityPolicyRuleType, "r", props{"securityPolicy": "edge", "priority": 7, "action": "allow",
		"match": props{"versionedExpr": "SRC_IPS_V1", "config": props{"srcIpRanges": []any{"198.51.100.1/32"}}}})
}

func TestGoogleVersion(t *testing.T) {
	info, err := emulatortest.Start(t).GCP().Client.GetPluginInfo(context.Background(), nil)
	if err != nil || info.GetVersion() != "7.38.0" {
		t.Errorf("version %v, %v", info, err)
	}
}
