package gcplink_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/gcplink"
	"github.com/beachhead-build/beachhead/tests/recorder"
)

const (
	gatewayType     = "gcp:compute/haVpnGateway:HaVpnGateway"
	connectionType  = "aws:ec2/vpnConnection:VpnConnection"
	customerType    = "aws:ec2/customerGateway:CustomerGateway"
	attachmentType  = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"
	propagationType = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
	externalType    = "gcp:compute/externalVpnGateway:ExternalVpnGateway"
	tunnelType      = "gcp:compute/vPNTunnel:VPNTunnel"
	interfaceType   = "gcp:compute/routerInterface:RouterInterface"
	peerType        = "gcp:compute/routerPeer:RouterPeer"
	routerType      = "gcp:compute/router:Router"
	firewallType    = "gcp:compute/firewall:Firewall"
)

// args is a valid link; tests edit it.
func args(edit func(*gcplink.Args)) *gcplink.Args {
	prefix := netip.MustParsePrefix
	four := []string{"199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"}
	a := &gcplink.Args{
		Names: "beachhead-us-west-1", VPC: pulumi.String("vpc-1"), Network: "default", AWSASN: 64620, GCPASN: 64520,
		RouteTables: map[string]pulumi.StringInput{
			"private-us-west-1a": pulumi.String("rtb-1"), "private-us-west-1b": pulumi.String("rtb-2"),
			"cache-us-west-1a": pulumi.String("rtb-3"), "cache-us-west-1b": pulumi.String("rtb-4"),
		},
		Inside: [gcplink.Tunnels]netip.Prefix{
			prefix("169.254.20.0/30"), prefix("169.254.20.4/30"), prefix("169.254.20.8/30"), prefix("169.254.20.12/30"),
		},
		Advertised: []netip.Prefix{prefix("10.128.0.0/9"), prefix("199.36.153.8/30")},
		Sources:    []netip.Prefix{prefix("10.42.0.0/20"), prefix("10.42.16.0/20")},
		Services: []gcplink.Service{
			{Name: "api", Address: netip.MustParseAddr("10.128.0.10"), Ports: []int{443}},
			{Name: "ostree", Address: netip.MustParseAddr("10.128.0.20"), Ports: []int{443, 8443}},
		},
		Zones: []gcplink.Zone{
			{Name: "api.example.com", Records: []gcplink.Record{{Name: "api.example.com", Type: "A", TTL: 30, Values: []string{"10.128.0.10"}}}},
			{Name: "gcr.io", Records: []gcplink.Record{
				{Name: "gcr.io", Type: "A", TTL: 300, Values: four}, {Name: "*.gcr.io", Type: "CNAME", TTL: 300, Values: []string{"gcr.io"}},
			}},
		},
	}
	if edit != nil {
		edit(a)
	}
	return a
}

// planted returns the key that the cloud creates for a tunnel, 1 or 2, of a connection.
func planted(connection string, tunnel int) string {
	return fmt.Sprintf("planted.%s.%d", connection, tunnel)
}

// cloud answers with outputs of clouds: addresses of GCP's interfaces, listed backwards, and addresses and keys of AWS's tunnels.
func cloud(token, name string) resource.PropertyMap {
	switch token {
	case gatewayType:
		return resource.NewPropertyMapFromMap(map[string]any{"vpnInterfaces": []any{
			map[string]any{"id": 1, "ipAddress": "35.0.0.1"}, map[string]any{"id": 0, "ipAddress": "35.0.0.0"},
		}})
	case connectionType:
		side := name[len(name)-1:]
		return resource.NewPropertyMapFromMap(map[string]any{
			"tunnel1Address": "52.0." + side + ".1", "tunnel1PresharedKey": planted(name, 1),
			"tunnel2Address": "52.0." + side + ".2", "tunnel2PresharedKey": planted(name, 2),
		})
	}
	return nil
}

func record(t *testing.T, edit func(*gcplink.Args)) recorder.Recording {
	t.Helper()
	return recorder.Record(t, func(ctx *pulumi.Context) error {
		_, err := gcplink.New(ctx, "link", args(edit))
		return err
	}, cloud)
}

func text(t *testing.T, r recorder.Registration, property string) string {
	t.Helper()
	v := r.Inputs[resource.PropertyKey(property)]
	if v.IsSecret() {
		v = v.SecretValue().Element
	}
	switch {
	case v.IsString():
		return v.StringValue()
	case v.IsNumber():
		return strconv.Itoa(int(v.NumberValue()))
	}
	t.Fatalf("%s %s has %s %v, want text or a number", r.Type, r.Name, property, v)
	return ""
}

func texts(t *testing.T, v resource.PropertyValue) []string {
	t.Helper()
	var all []string
	for _, e := range v.ArrayValue() {
		if e.IsNumber() {
			all = append(all, strconv.Itoa(int(e.NumberValue())))
		} else {
			all = append(all, e.StringValue())
		}
	}
	return all
}

// The two ends of each tunnel, as the inputs for each cloud describe them, agree on everything that decides whether it comes up.
func TestBothEndsOfEachTunnelAgree(t *testing.T) {
	all := record(t, nil)
	router, vpn := all.Named(t, routerType, "link-router-gcp"), all.Named(t, "aws:ec2/vpnGateway:VpnGateway", "link-gateway-aws")
	gcpASN := strconv.Itoa(int(router.Inputs["bgp"].ObjectValue()["asn"].NumberValue()))
	outside := map[string]string{}
	for _, i := range all.Named(t, externalType, "link-gateway-external").Inputs["interfaces"].ArrayValue() {
		outside[strconv.Itoa(int(i.ObjectValue()["id"].NumberValue()))] = i.ObjectValue()["ipAddress"].StringValue()
	}
	used := map[string]bool{}
	for i := range gcplink.Tunnels {
		number := strconv.Itoa(i)
		tunnel := all.Named(t, tunnelType, "link-tunnel-"+number)
		iface, peer := all.Named(t, interfaceType, "link-interface-"+number), all.Named(t, peerType, "link-peer-"+number)

		// GCP's end refers to an address of AWS's, which belongs to one tunnel.
		address := outside[text(t, tunnel, "peerExternalGatewayInterface")]
		parts := strings.Split(address, ".") // 52.0.<side>.<tunnel>
		side, second := parts[2], parts[3]
		connection := all.Named(t, connectionType, "link-connection-"+side)
		used[address] = true
		want := map[string][2]string{
			"interface of GCP's gateway": {text(t, tunnel, "vpnGatewayInterface"), side},
			"key":                        {text(t, tunnel, "sharedSecret"), planted(connection.Name, int(second[0]-'0'))},
			"customer gateway's address": {text(t, all.Named(t, customerType, "link-customer-"+side), "ipAddress"), "35.0.0." + side},
			"customer gateway":           {text(t, connection, "customerGatewayId"), "link-customer-" + side + "-id"},
			"customer gateway's ASN":     {text(t, all.Named(t, customerType, "link-customer-"+side), "bgpAsn"), gcpASN},
			"peer's ASN":                 {text(t, peer, "peerAsn"), text(t, vpn, "amazonSideAsn")},
			"interface's tunnel":         {text(t, iface, "vpnTunnel"), text(t, tunnel, "name")},
			"peer's interface":           {text(t, peer, "interface"), text(t, iface, "name")},
			"AWS's gateway":              {text(t, connection, "vpnGatewayId"), vpn.Name + "-id"},
			"router":                     {text(t, tunnel, "router"), router.Name + "-id"},
			"gateway":                    {text(t, tunnel, "vpnGateway"), "link-gateway-gcp-id"},
			"IKE version":                {text(t, tunnel, "ikeVersion"), "2"},
		}
		// AWS has the first host of its tunnel's range, so GCP and its BGP session must have the second.
		inside := netip.MustParsePrefix(text(t, connection, "tunnel"+second+"InsideCidr"))
		first := inside.Addr().Next()
		want["AWS's inside address"] = [2]string{text(t, peer, "peerIpAddress"), first.String()}
		want["GCP's inside address"] = [2]string{text(t, peer, "ipAddress"), first.Next().String()}
		want["interface's range"] = [2]string{text(t, iface, "ipRange"), first.Next().String() + "/30"}
		for what, pair := range want {
			if pair[0] != pair[1] {
				t.Errorf("tunnel %d: %s: %s on one side, %s on the other", i, what, pair[0], pair[1])
			}
		}
	}
	if len(used) != gcplink.Tunnels {
		t.Errorf("the tunnels end at %v, want four addresses", used)
	}
	if got := text(t, all.Named(t, externalType, "link-gateway-external"), "redundancyType"); got != "FOUR_IPS_REDUNDANCY" {
		t.Errorf("redundancy is %s", got)
	}
}

func TestOneProposal(t *testing.T) {
	for _, c := range record(t, nil).OfType(connectionType) {
		for _, tunnel := range []string{"tunnel1", "tunnel2"} {
			for property, want := range map[string]string{
				"IkeVersions": "ikev2", "Phase1EncryptionAlgorithms": "AES256", "Phase2EncryptionAlgorithms": "AES256",
				"Phase1IntegrityAlgorithms": "SHA2-256", "Phase2IntegrityAlgorithms": "SHA2-256",
				"Phase1DhGroupNumbers": "20", "Phase2DhGroupNumbers": "20",
			} {
				if got := texts(t, c.Inputs[resource.PropertyKey(tunnel+property)]); !slices.Equal(got, []string{want}) {
					t.Errorf("%s: %s%s is %v, want %s alone", c.Name, tunnel, property, got, want)
				}
			}
			for property, want := range map[string]string{"StartupAction": "start", "DpdTimeoutAction": "restart", "DpdTimeoutSeconds": "30"} {
				if got := text(t, c, tunnel+property); got != want {
					t.Errorf("%s: %s%s is %s, want %s", c.Name, tunnel, property, got, want)
				}
			}
		}
	}
}

// A key is an input of GCP's tunnel only, and a secret there. Outputs that a cloud derives from it are secrets too.
func TestKeysAreSecret(t *testing.T) {
	all, carried := record(t, nil), 0
	for _, r := range all {
		for property, v := range r.Inputs {
			if strings.HasSuffix(string(property), "PresharedKey") {
				t.Errorf("%s: we set %s, want AWS to make it", r.Name, property)
			}
			if v.IsSecret() && r.Type == tunnelType && property == "sharedSecret" {
				carried++
				continue
			}
			if strings.Contains(v.String(), "planted.") || v.ContainsSecrets() {
				t.Errorf("%s %s: a key is in %s", r.Type, r.Name, property)
			}
		}
	}
	if carried != gcplink.Tunnels {
		t.Errorf("%d tunnels have a secret key, want four", carried)
	}
	secret := func(token string, outputs ...string) {
		for _, r := range all.OfType(token) {
			for _, o := range outputs {
				if !slices.Contains(r.Secrets, o) {
					t.Errorf("%s: output %s is not secret: %v", r.Name, o, r.Secrets)
				}
			}
		}
	}
	secret(connectionType, "tunnel1PresharedKey", "tunnel2PresharedKey", "customerGatewayConfiguration")
	secret(tunnelType, "sharedSecret", "sharedSecretHash")
}

func TestFirewallIsExact(t *testing.T) {
	rules := record(t, nil).OfType(firewallType)
	want := map[string][2]string{"link-service-api": {"10.128.0.10/32", "[443]"}, "link-service-ostree": {"10.128.0.20/32", "[443 8443]"}}
	if len(rules) != len(want) {
		t.Errorf("%d rules, want one for each service", len(rules))
	}
	for _, r := range rules {
		if got := texts(t, r.Inputs["sourceRanges"]); !slices.Equal(got, []string{"10.42.0.0/20", "10.42.16.0/20"}) {
			t.Errorf("%s lets in %v, want the runners' ranges", r.Name, got)
		}
		allows := r.Inputs["allows"].ArrayValue()
		got := [2]string{
			strings.Join(texts(t, r.Inputs["destinationRanges"]), " "), fmt.Sprint(texts(t, allows[0].ObjectValue()["ports"])),
		}
		if got != want[r.Name] || len(allows) != 1 || allows[0].ObjectValue()["protocol"].StringValue() != "tcp" ||
			text(t, r, "direction") != "INGRESS" {
			t.Errorf("%s opens %v, want %v over TCP", r.Name, got, want[r.Name])
		}
	}
}

func TestRouterAdvertisesTheRangesAndNothingElse(t *testing.T) {
	bgp := record(t, nil).Named(t, routerType, "link-router-gcp").Inputs["bgp"].ObjectValue()
	var got []string
	for _, r := range bgp["advertisedIpRanges"].ArrayValue() {
		got = append(got, r.ObjectValue()["range"].StringValue())
	}
	if !slices.Equal(got, []string{"10.128.0.0/9", "199.36.153.8/30"}) || bgp["advertiseMode"].StringValue() != "CUSTOM" ||
		bgp.HasValue("advertisedGroups") {
		t.Errorf("the router advertises %v", bgp)
	}
}

// AWS has a property of its own for numbers above 2147483647.
func TestLargeASNs(t *testing.T) {
	all := record(t, func(a *gcplink.Args) { a.AWSASN, a.GCPASN = 4200000001, 4200000002 })
	customer := all.Named(t, customerType, "link-customer-0")
	if customer.Inputs.HasValue("bgpAsn") || text(t, customer, "bgpAsnExtended") != "4200000002" {
		t.Errorf("the customer gateway has %v", customer.Inputs)
	}
	if got := text(t, all.Named(t, peerType, "link-peer-0"), "peerAsn"); got != "4200000001" {
		t.Errorf("the peer's number is %s", got)
	}
}

// The critical path: gateways wait for no resource, connections for the gateways only, and none of them for the VPC.
func TestEdges(t *testing.T) {
	all := record(t, func(a *gcplink.Args) {
		a.VPC, a.RouteTables["private-us-west-1a"] = slow("the-vpc"), slow("the-table")
	})
	after := func(token, name string) []string {
		var names []string
		for _, urn := range all.Named(t, token, name).Dependencies {
			names = append(names, resource.URN(urn).Name())
		}
		slices.Sort(names)
		return slices.Compact(names)
	}
	for _, c := range []struct {
		token, name string
		want        []string
	}{
		{gatewayType, "link-gateway-gcp", nil},
		{routerType, "link-router-gcp", nil},
		{"aws:ec2/vpnGateway:VpnGateway", "link-gateway-aws", nil},
		{firewallType, "link-service-api", nil},
		{customerType, "link-customer-1", []string{"link-gateway-gcp"}},
		{connectionType, "link-connection-1", []string{"link-customer-1", "link-gateway-aws"}},
		{externalType, "link-gateway-external", []string{"link-connection-0", "link-connection-1"}},
		{tunnelType, "link-tunnel-3", []string{"link-connection-1", "link-gateway-external", "link-gateway-gcp", "link-router-gcp"}},
		{interfaceType, "link-interface-3", []string{"link-router-gcp", "link-tunnel-3"}},
		{peerType, "link-peer-3", []string{"link-interface-3", "link-router-gcp"}},
		{attachmentType, "link-gateway-attachment", []string{"link-connection-0", "link-connection-1", "link-gateway-aws"}},
		{propagationType, "link-routes-private-us-west-1a", []string{"link-gateway-attachment"}},
		{"aws:route53/record:Record", "link-record-_any.gcr.io", []string{"link-zone-gcr.io"}},
	} {
		if got := after(c.token, c.name); !slices.Equal(got, c.want) {
			t.Errorf("%s waits for %v, want %v", c.name, got, c.want)
		}
	}
}

// slow is an id that is an output of another resource.
func slow(id string) pulumi.StringOutput {
	return pulumi.String(id).ToStringOutput().ApplyT(func(s string) string { return s }).(pulumi.StringOutput)
}

func TestEveryTableLearnsRoutes(t *testing.T) {
	var got []string
	for _, p := range record(t, nil).OfType(propagationType) {
		got = append(got, p.Name+" "+text(t, p, "routeTableId"))
	}
	want := []string{
		"link-routes-cache-us-west-1a rtb-3", "link-routes-cache-us-west-1b rtb-4",
		"link-routes-private-us-west-1a rtb-1", "link-routes-private-us-west-1b rtb-2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("propagations %v, want %v", got, want)
	}
}

// A change between private and public names changes DNS resources only.
func TestPathTouchesNamesOnly(t *testing.T) {
	private := record(t, nil)
	public := record(t, func(a *gcplink.Args) { a.Zones = a.Zones[1:] })
	lines := func(r recorder.Recording) map[string]bool {
		all := map[string]bool{}
		for _, x := range r {
			all[fmt.Sprintf("%s %s %v", x.Type, x.Name, x.Inputs)] = true
		}
		return all
	}
	before, now := lines(private), lines(public)
	for line := range before {
		if !now[line] && !strings.HasPrefix(line, "aws:route53/zone:Zone link-zone-api.example.com ") &&
			!strings.HasPrefix(line, "aws:route53/record:Record link-record-api.example.com ") {
			t.Errorf("path public changes %s", line)
		}
	}
	if len(private)-len(public) != 2 {
		t.Errorf("path public takes away %d resources, want the service's zone and its record", len(private)-len(public))
	}
}

// Every resource that accepts tags has its name as Name tag, and every resource in GCP has a computed name: Beachhead finds a killed
// run's resources by them. A resource with a fixed name is deleted before its replacement, except the two whose names change.
func TestNameTagsAndNames(t *testing.T) {
	tagged := map[string]int{}
	for _, r := range record(t, nil) {
		switch {
		case !r.Custom:
		case strings.HasPrefix(r.Type, "gcp:"):
			if got := text(t, r, "name"); !strings.HasPrefix(got, "beachhead-us-west-1-") {
				t.Errorf("%s is named %s in GCP", r.Name, got)
			}
			if first := r.Type != gatewayType && r.Type != routerType; r.DeleteFirst != first {
				t.Errorf("%s: deleted before its replacement is made: %t", r.Name, r.DeleteFirst)
			}
		case r.Inputs.HasValue("tags"):
			tagged[r.Type]++
			if got := r.Inputs["tags"].ObjectValue()["Name"]; got.StringValue() != r.Name {
				t.Errorf("%s %s has the Name tag %v", r.Type, r.Name, got)
			}
		}
	}
	want := map[string]int{"aws:ec2/vpnGateway:VpnGateway": 1, customerType: 2, connectionType: 2, "aws:route53/zone:Zone": 2}
	for token, n := range want {
		if tagged[token] != n {
			t.Errorf("%d tagged %s, want %d", tagged[token], token, n)
		}
	}
	other := record(t, func(a *gcplink.Args) { a.Network = "backend" })
	for _, r := range record(t, nil) {
		if r.Type == gatewayType || r.Type == routerType {
			if text(t, r, "name") == text(t, other.Named(t, r.Type, r.Name), "name") {
				t.Errorf("%s has one name in two networks", r.Name)
			}
		}
	}
}

func TestChildrenHaveTheComponentAsParent(t *testing.T) {
	for _, r := range record(t, nil) {
		if r.Custom && resource.URN(r.Parent).Name() != "link" {
			t.Errorf("%s %s has the parent %q", r.Type, r.Name, r.Parent)
		}
	}
}

func TestEveryRefusalReachesTheCaller(t *testing.T) {
	recorder.FailEach(t, func(ctx *pulumi.Context) error {
		_, err := gcplink.New(ctx, "link", args(nil))
		return err
	}, cloud)
	recorder.FailEach(t, func(ctx *pulumi.Context) error {
		_, err := gcplink.NewAdmission(ctx, "admission", admission(nil))
		return err
	})
}
