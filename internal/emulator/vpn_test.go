package emulator

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// keyPattern is what AWS accepts for a key, by the provider's documentation.
var keyPattern = regexp.MustCompile(`^[1-9A-Za-z_.][0-9A-Za-z_.]{7,63}$`)

// ends are what a connection needs at AWS's side.
type ends struct {
	*Driver
	vpc, vgw, cgw *Handle
}

func vpnEnds(d *Driver) *ends {
	d.T.Helper()
	vpc := d.VPC("10.42.0.0/16")
	return &ends{d, vpc, d.Create(VPNGatewayType, "vgw", Props{"vpcId": vpc.ID}), newCustomer(d, 1)}
}

func newCustomer(d *Driver, i int) *Handle {
	d.T.Helper()
	return d.Create(CustomerGatewayType, fmt.Sprint("cgw-", i), Props{"bgpAsn": "64520", "type": "ipsec.1", "ipAddress": fmt.Sprintf("203.0.113.%d", i)})
}

// connection is a connection's inputs, with what a test adds.
func (e *ends) connection(more Props) Props {
	p := Props{"customerGatewayId": e.cgw.ID, "vpnGatewayId": e.vgw.ID, "type": "ipsec.1"}
	maps.Copy(p, more)
	return p
}

func TestConnectionTellsItsTunnels(t *testing.T) {
	e := vpnEnds(Start(t))
	vpn := e.Create(VPNConnectionType, "vpn", e.connection(Props{"tunnel1InsideCidr": "169.254.20.4/30", "tunnel1PresharedKey": "given.key"}))
	for name, want := range map[string]any{"tunnel1VgwInsideAddress": "169.254.20.5", "tunnel1CgwInsideAddress": "169.254.20.6",
		"tunnel1BgpAsn": "64512", "tunnel1PresharedKey": "given.key", "tunnel2InsideCidr": "169.254.6.0/30", "tunnel2CgwInsideAddress": "169.254.6.2",
		"tunnel2BgpHoldtime": 30.0} {
		if got := vpn.Output(name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if vpn.Output("tunnel1Address") == vpn.Output("tunnel2Address") || !IsIPv4(Text(vpn.Output("tunnel1Address"))) {
		t.Errorf("addresses %v and %v", vpn.Output("tunnel1Address"), vpn.Output("tunnel2Address"))
	}
	m, err := UnmarshalProperties(vpn.State)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []resource.PropertyKey{"tunnel1PresharedKey", "tunnel2PresharedKey", "customerGatewayConfiguration"} {
		if !m[name].IsSecret() {
			t.Errorf("%s is open", name)
		}
	}
	again := vpnEnds(Start(t))
	same := again.Create(VPNConnectionType, "vpn", again.connection(Props{"tunnel1InsideCidr": "169.254.20.4/30", "tunnel1PresharedKey": "given.key"}))
	if key := Text(same.Output("tunnel2PresharedKey")); key != vpn.Output("tunnel2PresharedKey") || !keyPattern.MatchString(key) {
		t.Errorf("the same calls gave the keys %q and %q", key, vpn.Output("tunnel2PresharedKey"))
	}
	if diff := vpn.Diff(e.connection(Props{"tunnel1InsideCidr": "169.254.20.8/30", "tunnel1PresharedKey": "given.key"})); !slices.Equal(diff.GetReplaces(), []string{"tunnel1InsideCidr"}) {
		t.Errorf("another inside range replaces %v", diff.GetReplaces())
	}
	if diff := vpn.Diff(e.connection(Props{"tunnel1InsideCidr": "169.254.20.4/30", "tunnel1PresharedKey": "other.key"})); len(diff.GetReplaces()) > 0 {
		t.Errorf("another key replaces %v", diff.GetReplaces())
	}
}

func TestConnectionRefusals(t *testing.T) {
	e := vpnEnds(Start(t))
	e.Create(VPNConnectionType, "vpn", e.connection(Props{"tunnel1InsideCidr": "169.254.20.0/30"}))
	for _, c := range []struct {
		more Props
		want string
	}{
		{Props{"tunnel1InsideCidr": "169.254.20.0/30"}, "tunnel1InsideCidr '169.254.20.0/30' is in use by vpn-"},
		{Props{"tunnel1InsideCidr": "169.254.30.0/30", "tunnel2InsideCidr": "169.254.30.0/30"}, "tunnel2InsideCidr '169.254.30.0/30' is in use by"},
		{Props{"tunnel2InsideCidr": "169.254.169.252/30"}, "is reserved by AWS"},
		{Props{"tunnel2InsideCidr": "169.254.5.0/30"}, "is reserved by AWS"},
		{Props{"tunnel2InsideCidr": "169.254.30.0/29"}, "must be a /30 in 169.254.0.0/16"},
		{Props{"tunnel2InsideCidr": "10.0.0.0/30"}, "must be a /30 in 169.254.0.0/16"},
		{Props{"tunnel2InsideCidr": "169.254.30.1/30"}, "must be a /30 in 169.254.0.0/16"},
		{Props{"tunnel1PresharedKey": "0leadingzero"}, "tunnel1PresharedKey: must be 8 to 64"},
		{Props{"tunnel1PresharedKey": "short"}, "tunnel1PresharedKey: must be 8 to 64"},
		{Props{"tunnel1PresharedKey": "base64+needs/these="}, "tunnel1PresharedKey: must be 8 to 64"},
		{Props{"tunnel1PresharedKey": strings.Repeat("k", 65)}, "tunnel1PresharedKey: must be 8 to 64"},
		{Props{"tunnel1IkeVersions": []any{"ikev3"}}, "tunnel1IkeVersions[0]: ikev3 must be one of"},
		{Props{"tunnel2Phase1DhGroupNumbers": []any{5}}, "tunnel2Phase1DhGroupNumbers[0]: 5 must be one of"},
		{Props{"tunnel2Phase2EncryptionAlgorithms": []any{"3DES"}}, "3DES must be one of"},
		{Props{"tunnel1Phase2LifetimeSeconds": 7200}, "tunnel1Phase2LifetimeSeconds: must be between 900 and 3600"},
		{Props{"tunnel1DpdTimeoutSeconds": 10}, "tunnel1DpdTimeoutSeconds: must be between 30"},
		{Props{"tunnel1DpdTimeoutAction": "hope"}, "tunnel1DpdTimeoutAction"},
		{Props{"tunnel1StartupAction": "start", "tunnel1IkeVersions": []any{"ikev1"}}, "start needs IKEv2"},
		{Props{"enableAcceleration": true}, "no rules for this property"},
		{Props{"transitGatewayId": "tgw-1"}, "no rules for this property"},
		{Props{"type": "ipsec.2"}, `type: "ipsec.2" must be one of ipsec.1`},
		{Props{"vpnGatewayId": ""}, "exactly one of vpnGatewayId"},
	} {
		e.RequireCreateRefusal(VPNConnectionType, e.connection(c.more), c.want)
	}
	good := Props{}
	for _, n := range []string{"tunnel1", "tunnel2"} {
		maps.Copy(good, Props{n + "IkeVersions": []any{"ikev2"}, n + "StartupAction": "start", n + "DpdTimeoutAction": "restart",
			n + "Phase1DhGroupNumbers": []any{20}, n + "Phase2DhGroupNumbers": []any{20}, n + "Phase1EncryptionAlgorithms": []any{"AES256"},
			n + "Phase2EncryptionAlgorithms": []any{"AES256"}, n + "Phase1IntegrityAlgorithms": []any{"SHA2-256"}, n + "Phase2IntegrityAlgorithms": []any{"SHA2-256"}})
	}
	e.Create(VPNConnectionType, "one-proposal", e.connection(good))
}

// A bad key is refused without being told.
func TestKeysAreNotTold(t *testing.T) {
	e := vpnEnds(Start(t))
	_, err := e.TryCreate(VPNConnectionType, "vpn", e.connection(Props{"tunnel1PresharedKey": resource.MakeSecret(resource.NewProperty("0planted+secret"))}))
	if err == nil || strings.Contains(err.Error(), "planted") {
		t.Errorf("error %v", err)
	}
}

func TestCustomerGatewayRefusals(t *testing.T) {
	d := Start(t)
	good := newCustomer(d, 1)
	gateway := func(name string, v any) Props {
		p := Props{"bgpAsn": "64520", "type": "ipsec.1", "ipAddress": "203.0.113.7"}
		p[name] = v
		return p
	}
	d.RequireCreateRefusal(CustomerGatewayType, gateway("ipAddress", "203.0.113.1"), "DuplicateIpAddress", good.ID)
	d.RequireCreateRefusal(CustomerGatewayType, gateway("ipAddress", "203.0.113"), "valid IPv4 address")
	d.RequireCreateRefusal(CustomerGatewayType, gateway("bgpAsn", "4200000000"), "want an ASN from 1 to 2147483647")
	d.RequireCreateRefusal(CustomerGatewayType, gateway("bgpAsnExtended", "4200000000"), "bgpAsn and bgpAsnExtended cannot be given together")
	d.RequireCreateRefusal(CustomerGatewayType, gateway("type", "gre"), "type")
	if diff := good.Diff(gateway("ipAddress", "203.0.113.2")); !slices.Equal(diff.GetReplaces(), []string{"ipAddress"}) {
		t.Errorf("another address replaces %v", diff.GetReplaces())
	}
}

func TestVPNGatewayRefusals(t *testing.T) {
	e := vpnEnds(Start(t))
	e.RequireCreateRefusal(VPNGatewayType, Props{"vpcId": e.vpc.ID}, "already has a virtual private gateway attached", e.vgw.ID)
	e.RequireCreateRefusal(VPNGatewayType, Props{"amazonSideAsn": "65535"}, "want a private ASN")
	other := e.Create(VPNGatewayType, "other", Props{})
	e.RequireCreateRefusal(VPNGatewayAttachmentType, Props{"vpcId": e.vpc.ID, "vpnGatewayId": other.ID}, "already has a virtual private gateway attached")
	table := e.Create(RouteTableType, "t", Props{"vpcId": e.vpc.ID})
	e.RequireCreateRefusal(RoutePropagationType, Props{"routeTableId": table.ID, "vpnGatewayId": other.ID}, "Gateway.NotAttached")
	second := e.Driver.VPC("10.43.0.0/16")
	attachment := e.Create(VPNGatewayAttachmentType, "a", Props{"vpcId": second.ID, "vpnGatewayId": other.ID})
	e.RequireCreateRefusal(VPNGatewayAttachmentType, Props{"vpcId": second.ID, "vpnGatewayId": other.ID}, "attached to "+second.ID+" already")
	if got := e.Read(VPNGatewayType, "other", other.ID, other.Inputs).Output("vpcId"); got != second.ID {
		t.Errorf("attached to %v", got)
	}
	e.Create(RoutePropagationType, "p", Props{"routeTableId": table.ID, "vpnGatewayId": e.vgw.ID})
	e.RequireCreateRefusal(RoutePropagationType, Props{"routeTableId": table.ID, "vpnGatewayId": e.vgw.ID}, "already")
	RequireRefusal(t, other.TryDelete(), "IncorrectState", attachment.ID)
}

func TestVPNQuotas(t *testing.T) {
	e := vpnEnds(Start(t, "quota=L-B91E5754:1", "quota=L-4FB7FF5D:2", "quota=L-7029FAB6:1"))
	e.Create(VPNConnectionType, "vpn", e.connection(nil))
	e.RequireCreateRefusal(VPNConnectionType, e.connection(nil), "VpnConnectionLimitExceeded", e.vgw.ID)
	newCustomer(e.Driver, 2)
	_, err := e.TryCreate(CustomerGatewayType, "c", Props{"type": "ipsec.1", "ipAddress": "203.0.113.3"})
	RequireRefusal(t, err, "CustomerGatewayLimitExceeded")
	e.RequireCreateRefusal(VPNGatewayType, Props{}, "VpnGatewayLimitExceeded")
	full := vpnEnds(Start(t, "quota=L-3E6EC3A3:0"))
	full.RequireCreateRefusal(VPNConnectionType, full.connection(nil), "VpnConnectionLimitExceeded")
}

func TestRouterRefusals(t *testing.T) {
	g := Start(t).GCP()
	router := func(bgp Props) Props { return Props{"network": "default", "bgp": bgp} }
	for _, asn := range []int{1, 16550, 64511, 65535, 4199999999, 4294967295} {
		g.RequireCreateRefusal(RouterType, router(Props{"asn": asn}), "want a private ASN")
	}
	g.Create(RouterType, "wide", router(Props{"asn": 4200000000}))
	g.RequireCreateRefusal(RouterType, router(Props{"asn": 64520, "advertisedIpRanges": []any{Props{"range": "10.0.0.0/8"}}}), "is for advertiseMode CUSTOM only")
	g.RequireCreateRefusal(RouterType, router(Props{"asn": 64520, "advertiseMode": "CUSTOM", "advertisedGroups": []any{"ALL"}}), `"ALL" must be one of`)
	g.RequireCreateRefusal(RouterType, router(Props{"asn": 64520, "advertiseMode": "CUSTOM", "advertisedIpRanges": []any{Props{"range": "10.0.0.1/8"}}}), "not a valid network range")
	g.RequireCreateRefusal(RouterType, router(Props{"asn": 64520, "keepaliveInterval": 5}), "bgp.keepaliveInterval: must be between 20 and 60")
}

func TestGatewayInterfaces(t *testing.T) {
	g := Start(t).GCP()
	interfaces := func(ids ...int) Props {
		var list []any
		for i, id := range ids {
			list = append(list, Props{"id": id, "ipAddress": fmt.Sprintf("198.51.100.%d", i)})
		}
		return Props{"redundancyType": "FOUR_IPS_REDUNDANCY", "interfaces": list}
	}
	g.Create(ExternalVPNGatewayType, "four", interfaces(0, 1, 2, 3))
	g.RequireCreateRefusal(ExternalVPNGatewayType, interfaces(0, 1), "FOUR_IPS_REDUNDANCY wants exactly 4 interfaces, got 2")
	g.RequireCreateRefusal(ExternalVPNGatewayType, interfaces(0, 1, 2, 2), "interfaces[3].id: 2: want each of 0 to 3 once")
	g.RequireCreateRefusal(ExternalVPNGatewayType, interfaces(1, 2, 3, 4), "interfaces[3].id: 4")
	twice := interfaces(0, 1, 2, 3)
	twice["interfaces"].([]any)[1].(Props)["ipAddress"] = "198.51.100.0"
	g.RequireCreateRefusal(ExternalVPNGatewayType, twice, "an IPv4 address of its own")
	ha := g.Create(HAVPNGatewayType, "ha", Props{"network": "default"})
	if one, two := AddressOf(ha, "vpnInterfaces", 0), AddressOf(ha, "vpnInterfaces", 1); one == two || !IsIPv4(one) || !IsIPv4(two) {
		t.Errorf("addresses %q and %q", one, two)
	}
}

func TestTunnelRefusals(t *testing.T) {
	l := newSpan(Start(t), "peer-0 peer-1 if-1 if-2 peer-2 if-3 peer-3", nil)
	tunnel := func(more Props) Props {
		p := Props{"vpnGateway": l.things["ha"].ID, "vpnGatewayInterface": 0, "peerExternalGateway": l.things["external"].ID,
			"peerExternalGatewayInterface": 0, "router": "router", "sharedSecret": "secret-to-both"}
		maps.Copy(p, more)
		return p
	}
	g := l.gcp
	g.RequireCreateRefusal(VPNTunnelType, tunnel(Props{"vpnGatewayInterface": 2}), "vpnGatewayInterface: must be between 0 and 1")
	g.RequireCreateRefusal(VPNTunnelType, tunnel(Props{"ikeVersion": 3}), "ikeVersion: must be between 1 and 2")
	g.RequireCreateRefusal(VPNTunnelType, tunnel(Props{"peerIp": "198.51.100.1"}), "no rules for this property")
	g.RequireCreateRefusal(VPNTunnelType, tunnel(Props{"router": ""}), "exactly one of router")
	g.RequireCreateRefusal(VPNTunnelType, tunnel(Props{"region": "us-west1", "router": l.things["router"].ID}), "is not in the tunnel's region us-west1")
	n := g.Create(NetworkType, "n", Props{"name": "n"})
	g.Create(RouterType, "far", Props{"name": "far", "network": "n", "bgp": Props{"asn": 64520}})
	g.RequireCreateRefusal(VPNTunnelType, tunnel(Props{"router": "far"}), "must be in the same network")
	RequireRefusal(t, n.TryDelete(), "routers/far")
	two := g.Create(ExternalVPNGatewayType, "two", Props{"redundancyType": "SINGLE_IP_INTERNALLY_REDUNDANT", "interfaces": []any{Props{"id": 0, "ipAddress": "198.51.100.1"}}})
	g.RequireCreateRefusal(VPNTunnelType, tunnel(Props{"peerExternalGateway": two.ID, "peerExternalGatewayInterface": 1}), "has no such interface")
	face := func(more Props) Props {
		p := Props{"router": "router", "vpnTunnel": "tunnel-1", "ipRange": "169.254.50.2/30"}
		maps.Copy(p, more)
		return p
	}
	g.RequireCreateRefusal(RouterInterfaceType, face(Props{"vpnTunnel": "tunnel-0"}), "is already linked to the interface 'us-west2/router/if-0'")
	g.RequireCreateRefusal(RouterInterfaceType, face(Props{"ipRange": "169.254.10.1/30"}), "overlaps with that of 'us-west2/router/if-0'")
	g.RequireCreateRefusal(RouterInterfaceType, face(Props{"ipRange": "10.0.0.1/30"}), "want an address in 169.254.0.0/16")
	peer := func(more Props) Props {
		p := Props{"router": "router", "interface": "if-0", "peerAsn": 64620, "peerIpAddress": "169.254.10.1"}
		maps.Copy(p, more)
		return p
	}
	g.RequireCreateRefusal(RouterPeerType, peer(Props{"peerAsn": 64520}), "It is the ASN of 'projects/backend/regions/us-west2/routers/router' itself")
	g.RequireCreateRefusal(RouterPeerType, peer(Props{"peerIpAddress": "169.254.11.1"}), "not in the range 169.254.10.0/30")
	g.RequireCreateRefusal(RouterPeerType, peer(Props{"peerIpAddress": "here"}), "not a valid IPv4 address")
	g.RequireCreateRefusal(RouterPeerType, peer(Props{"interface": "none-1"}), "was not found")
	g.RequireCreateRefusal(RouterPeerType, peer(Props{"bfd": Props{"sessionInitializationMode": "ACTIVE"}}), "no rules for this property")
	g.Create(RouterPeerType, "peer", peer(nil))
	g.RequireCreateRefusal(RouterPeerType, peer(nil), "has the BGP peer")
}

// The peers of one router are made one after the other; those of different routers are not in each other's way.
func TestPeersQueue(t *testing.T) {
	l := newSpan(Start(t), "", nil)
	if got := l.peerSeconds("create"); !slices.Equal(got, []float64{32, 64, 96, 128}) {
		t.Errorf("making the peers took %v", got)
	}
	l.gcp.Configure(Props{"project": "backend", "region": "us-west2"}) // another run
	for i := range 2 {
		l.things[fmt.Sprint("peer-", i)].Delete()
	}
	if got := l.peerSeconds("delete"); !slices.Equal(got, []float64{8, 16}) {
		t.Errorf("deleting two took %v", got)
	}
}

func (l *span) peerSeconds(op string) []float64 {
	var list []float64
	for _, o := range l.Operations() {
		if o.Type == RouterPeerType && o.Op == op {
			list = append(list, o.ModelSeconds)
		}
	}
	return list
}

// With a pace what is left of the wait counts, and nothing after the router is free again.
func TestQueueAtAPace(t *testing.T) {
	q, k, now := NewQueue(), Key{ID: "router"}, time.Unix(0, 0)
	for i, c := range []struct {
		after time.Duration
		want  float64
	}{{0, 0}, {0, 32}, {100 * time.Millisecond, 58}, {2 * time.Second, 0}} {
		if got := q.reserveTurn(k, 32, now.Add(c.after), 60); fmt.Sprintf("%.3f", got) != fmt.Sprintf("%.3f", c.want) {
			t.Errorf("call %d waits %v, want %v", i, got, c.want)
		}
	}
}
