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

// ends are what a connection needs at AWS's side.
type ends struct {
	*driver
	vpc, vgw, cgw *thing
}

func vpnEnds(d *driver) *ends {
	d.t.Helper()
	vpc := d.vpc("10.42.0.0/16")
	return &ends{d, vpc, d.make(VPNGatewayType, "vgw", props{"vpcId": vpc.id}), d.customer(1)}
}

func (d *driver) customer(i int) *thing {
	d.t.Helper()
	return d.make(CustomerGatewayType, fmt.Sprint("cgw-", i), props{"bgpAsn": "64520", "type": "ipsec.1", "ipAddress": fmt.Sprintf("203.0.113.%d", i)})
}

// connection is a connection's inputs, with what a test adds.
func (e *ends) connection(more props) props {
	p := props{"customerGatewayId": e.cgw.id, "vpnGatewayId": e.vgw.id, "type": "ipsec.1"}
	maps.Copy(p, more)
	return p
}

func TestConnectionTellsItsTunnels(t *testing.T) {
	e := vpnEnds(open(t))
	vpn := e.make(VPNConnectionType, "vpn", e.connection(props{"tunnel1InsideCidr": "169.254.20.4/30", "tunnel1PresharedKey": "given.key"}))
	for name, want := range map[string]any{"tunnel1VgwInsideAddress": "169.254.20.5", "tunnel1CgwInsideAddress": "169.254.20.6",
		"tunnel1BgpAsn": "64512", "tunnel1PresharedKey": "given.key", "tunnel2InsideCidr": "169.254.6.0/30", "tunnel2CgwInsideAddress": "169.254.6.2",
		"tunnel2BgpHoldtime": 30.0} {
		if got := vpn.out(name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if vpn.out("tunnel1Address") == vpn.out("tunnel2Address") || !IsIPv4(Text(vpn.out("tunnel1Address"))) {
		t.Errorf("addresses %v and %v", vpn.out("tunnel1Address"), vpn.out("tunnel2Address"))
	}
	m, err := unmarshalProperties(vpn.state)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []resource.PropertyKey{"tunnel1PresharedKey", "tunnel2PresharedKey", "customerGatewayConfiguration"} {
		if !m[name].IsSecret() {
			t.Errorf("%s is open", name)
		}
	}
	again := vpnEnds(open(t))
	same := again.make(VPNConnectionType, "vpn", again.connection(props{"tunnel1InsideCidr": "169.254.20.4/30", "tunnel1PresharedKey": "given.key"}))
	if key := Text(same.out("tunnel2PresharedKey")); key != vpn.out("tunnel2PresharedKey") || !presharedKey.MatchString(key) {
		t.Errorf("the same calls gave the keys %q and %q", key, vpn.out("tunnel2PresharedKey"))
	}
	if diff := vpn.diff(e.connection(props{"tunnel1InsideCidr": "169.254.20.8/30", "tunnel1PresharedKey": "given.key"})); !slices.Equal(diff.GetReplaces(), []string{"tunnel1InsideCidr"}) {
		t.Errorf("another inside range replaces %v", diff.GetReplaces())
	}
	if diff := vpn.diff(e.connection(props{"tunnel1InsideCidr": "169.254.20.4/30", "tunnel1PresharedKey": "other.key"})); len(diff.GetReplaces()) > 0 {
		t.Errorf("another key replaces %v", diff.GetReplaces())
	}
}

func TestConnectionRefusals(t *testing.T) {
	e := vpnEnds(open(t))
	e.make(VPNConnectionType, "vpn", e.connection(props{"tunnel1InsideCidr": "169.254.20.0/30"}))
	for _, c := range []struct {
		more props
		want string
	}{
		{props{"tunnel1InsideCidr": "169.254.20.0/30"}, "tunnel1InsideCidr '169.254.20.0/30' is in use by vpn-"},
		{props{"tunnel1InsideCidr": "169.254.30.0/30", "tunnel2InsideCidr": "169.254.30.0/30"}, "tunnel2InsideCidr '169.254.30.0/30' is in use by"},
		{props{"tunnel2InsideCidr": "169.254.169.252/30"}, "is reserved by AWS"},
		{props{"tunnel2InsideCidr": "169.254.5.0/30"}, "is reserved by AWS"},
		{props{"tunnel2InsideCidr": "169.254.30.0/29"}, "must be a /30 in 169.254.0.0/16"},
		{props{"tunnel2InsideCidr": "10.0.0.0/30"}, "must be a /30 in 169.254.0.0/16"},
		{props{"tunnel2InsideCidr": "169.254.30.1/30"}, "must be a /30 in 169.254.0.0/16"},
		{props{"tunnel1PresharedKey": "0leadingzero"}, "tunnel1PresharedKey: must be 8 to 64"},
		{props{"tunnel1PresharedKey": "short"}, "tunnel1PresharedKey: must be 8 to 64"},
		{props{"tunnel1PresharedKey": "base64+needs/these="}, "tunnel1PresharedKey: must be 8 to 64"},
		{props{"tunnel1PresharedKey": strings.Repeat("k", 65)}, "tunnel1PresharedKey: must be 8 to 64"},
		{props{"tunnel1IkeVersions": []any{"ikev3"}}, "tunnel1IkeVersions[0]: ikev3 must be one of"},
		{props{"tunnel2Phase1DhGroupNumbers": []any{5}}, "tunnel2Phase1DhGroupNumbers[0]: 5 must be one of"},
		{props{"tunnel2Phase2EncryptionAlgorithms": []any{"3DES"}}, "3DES must be one of"},
		{props{"tunnel1Phase2LifetimeSeconds": 7200}, "tunnel1Phase2LifetimeSeconds: must be between 900 and 3600"},
		{props{"tunnel1DpdTimeoutSeconds": 10}, "tunnel1DpdTimeoutSeconds: must be between 30"},
		{props{"tunnel1DpdTimeoutAction": "hope"}, "tunnel1DpdTimeoutAction"},
		{props{"tunnel1StartupAction": "start", "tunnel1IkeVersions": []any{"ikev1"}}, "start needs IKEv2"},
		{props{"enableAcceleration": true}, "no rules for this property"},
		{props{"transitGatewayId": "tgw-1"}, "no rules for this property"},
		{props{"type": "ipsec.2"}, `type: "ipsec.2" must be one of ipsec.1`},
		{props{"vpnGatewayId": ""}, "exactly one of vpnGatewayId"},
	} {
		e.refusesToMake(VPNConnectionType, e.connection(c.more), c.want)
	}
	good := props{}
	for _, n := range []string{"tunnel1", "tunnel2"} {
		maps.Copy(good, props{n + "IkeVersions": []any{"ikev2"}, n + "StartupAction": "start", n + "DpdTimeoutAction": "restart",
			n + "Phase1DhGroupNumbers": []any{20}, n + "Phase2DhGroupNumbers": []any{20}, n + "Phase1EncryptionAlgorithms": []any{"AES256"},
			n + "Phase2EncryptionAlgorithms": []any{"AES256"}, n + "Phase1IntegrityAlgorithms": []any{"SHA2-256"}, n + "Phase2IntegrityAlgorithms": []any{"SHA2-256"}})
	}
	e.make(VPNConnectionType, "one-proposal", e.connection(good))
}

// A bad key is refused without being told.
func TestKeysAreNotTold(t *testing.T) {
	e := vpnEnds(open(t))
	_, err := e.try(VPNConnectionType, "vpn", e.connection(props{"tunnel1PresharedKey": resource.MakeSecret(resource.NewProperty("0planted+secret"))}))
	if err == nil || strings.Contains(err.Error(), "planted") {
		t.Errorf("error %v", err)
	}
	for i := range 50 {
		if key := generateKey("vpn-"+strings.Repeat("x", i), i%2+1); !presharedKey.MatchString(key) || !regexp.MustCompile(`^.{32}$`).MatchString(key) {
			t.Errorf("key %q", key)
		}
	}
}

func TestCustomerGatewayRefusals(t *testing.T) {
	d := open(t)
	good := d.customer(1)
	gateway := func(name string, v any) props {
		p := props{"bgpAsn": "64520", "type": "ipsec.1", "ipAddress": "203.0.113.7"}
		p[name] = v
		return p
	}
	d.refusesToMake(CustomerGatewayType, gateway("ipAddress", "203.0.113.1"), "DuplicateIpAddress", good.id)
	d.refusesToMake(CustomerGatewayType, gateway("ipAddress", "203.0.113"), "valid IPv4 address")
	d.refusesToMake(CustomerGatewayType, gateway("bgpAsn", "4200000000"), "want an ASN from 1 to 2147483647")
	d.refusesToMake(CustomerGatewayType, gateway("bgpAsnExtended", "4200000000"), "bgpAsn and bgpAsnExtended cannot be given together")
	d.refusesToMake(CustomerGatewayType, gateway("type", "gre"), "type")
	if diff := good.diff(gateway("ipAddress", "203.0.113.2")); !slices.Equal(diff.GetReplaces(), []string{"ipAddress"}) {
		t.Errorf("another address replaces %v", diff.GetReplaces())
	}
}

func TestVPNGatewayRefusals(t *testing.T) {
	e := vpnEnds(open(t))
	e.refusesToMake(VPNGatewayType, props{"vpcId": e.vpc.id}, "already has a virtual private gateway attached", e.vgw.id)
	e.refusesToMake(VPNGatewayType, props{"amazonSideAsn": "65535"}, "want a private ASN")
	other := e.make(VPNGatewayType, "other", props{})
	e.refusesToMake(VPNGatewayAttachmentType, props{"vpcId": e.vpc.id, "vpnGatewayId": other.id}, "already has a virtual private gateway attached")
	table := e.make(RouteTableType, "t", props{"vpcId": e.vpc.id})
	e.refusesToMake(RoutePropagationType, props{"routeTableId": table.id, "vpnGatewayId": other.id}, "Gateway.NotAttached")
	second := e.driver.vpc("10.43.0.0/16")
	attachment := e.make(VPNGatewayAttachmentType, "a", props{"vpcId": second.id, "vpnGatewayId": other.id})
	e.refusesToMake(VPNGatewayAttachmentType, props{"vpcId": second.id, "vpnGatewayId": other.id}, "attached to "+second.id+" already")
	if got := e.read(VPNGatewayType, "other", other.id, other.inputs).out("vpcId"); got != second.id {
		t.Errorf("attached to %v", got)
	}
	e.make(RoutePropagationType, "p", props{"routeTableId": table.id, "vpnGatewayId": e.vgw.id})
	e.refusesToMake(RoutePropagationType, props{"routeTableId": table.id, "vpnGatewayId": e.vgw.id}, "already")
	refuses(t, other.tryDelete(), "IncorrectState", attachment.id)
}

func TestVPNQuotas(t *testing.T) {
	e := vpnEnds(open(t, "quota="+quotaVPNsPerGateway+":1", "quota="+quotaCustomerGateways+":2", "quota="+quotaVPNGateways+":1"))
	e.make(VPNConnectionType, "vpn", e.connection(nil))
	e.refusesToMake(VPNConnectionType, e.connection(nil), "VpnConnectionLimitExceeded", e.vgw.id)
	e.customer(2)
	_, err := e.try(CustomerGatewayType, "c", props{"type": "ipsec.1", "ipAddress": "203.0.113.3"})
	refuses(t, err, "CustomerGatewayLimitExceeded")
	e.refusesToMake(VPNGatewayType, props{}, "VpnGatewayLimitExceeded")
	full := vpnEnds(open(t, "quota="+quotaVPNConnections+":0"))
	full.refusesToMake(VPNConnectionType, full.connection(nil), "VpnConnectionLimitExceeded")
}

func TestRouterRefusals(t *testing.T) {
	g := open(t).google()
	router := func(bgp props) props { return props{"network": "default", "bgp": bgp} }
	for _, asn := range []int{1, 16550, 64511, 65535, 4199999999, 4294967295} {
		g.refusesToMake(RouterType, router(props{"asn": asn}), "want a private ASN")
	}
	g.make(RouterType, "wide", router(props{"asn": 4200000000}))
	g.refusesToMake(RouterType, router(props{"asn": 64520, "advertisedIpRanges": []any{props{"range": "10.0.0.0/8"}}}), "is for advertiseMode CUSTOM only")
	g.refusesToMake(RouterType, router(props{"asn": 64520, "advertiseMode": "CUSTOM", "advertisedGroups": []any{"ALL"}}), `"ALL" must be one of`)
	g.refusesToMake(RouterType, router(props{"asn": 64520, "advertiseMode": "CUSTOM", "advertisedIpRanges": []any{props{"range": "10.0.0.1/8"}}}), "not a valid network range")
	g.refusesToMake(RouterType, router(props{"asn": 64520, "keepaliveInterval": 5}), "bgp.keepaliveInterval: must be between 20 and 60")
}

func TestGatewayInterfaces(t *testing.T) {
	g := open(t).google()
	interfaces := func(ids ...int) props {
		var list []any
		for i, id := range ids {
			list = append(list, props{"id": id, "ipAddress": fmt.Sprintf("198.51.100.%d", i)})
		}
		return props{"redundancyType": "FOUR_IPS_REDUNDANCY", "interfaces": list}
	}
	g.make(ExternalVPNGatewayType, "four", interfaces(0, 1, 2, 3))
	g.refusesToMake(ExternalVPNGatewayType, interfaces(0, 1), "FOUR_IPS_REDUNDANCY wants exactly 4 interfaces, got 2")
	g.refusesToMake(ExternalVPNGatewayType, interfaces(0, 1, 2, 2), "interfaces[3].id: 2: want each of 0 to 3 once")
	g.refusesToMake(ExternalVPNGatewayType, interfaces(1, 2, 3, 4), "interfaces[3].id: 4")
	twice := interfaces(0, 1, 2, 3)
	twice["interfaces"].([]any)[1].(props)["ipAddress"] = "198.51.100.0"
	g.refusesToMake(ExternalVPNGatewayType, twice, "an IPv4 address of its own")
	ha := g.make(HAVPNGatewayType, "ha", props{"network": "default"})
	if one, two := addressOf(ha, "vpnInterfaces", 0), addressOf(ha, "vpnInterfaces", 1); one == two || !IsIPv4(one) || !IsIPv4(two) {
		t.Errorf("addresses %q and %q", one, two)
	}
}

func TestTunnelRefusals(t *testing.T) {
	l := linked(open(t), "peer-0 peer-1 if-1 if-2 peer-2 if-3 peer-3", nil)
	tunnel := func(more props) props {
		p := props{"vpnGateway": l.things["ha"].id, "vpnGatewayInterface": 0, "peerExternalGateway": l.things["external"].id,
			"peerExternalGatewayInterface": 0, "router": "router", "sharedSecret": "secret-to-both"}
		maps.Copy(p, more)
		return p
	}
	g := l.gcp
	g.refusesToMake(VPNTunnelType, tunnel(props{"vpnGatewayInterface": 2}), "vpnGatewayInterface: must be between 0 and 1")
	g.refusesToMake(VPNTunnelType, tunnel(props{"ikeVersion": 3}), "ikeVersion: must be between 1 and 2")
	g.refusesToMake(VPNTunnelType, tunnel(props{"peerIp": "198.51.100.1"}), "no rules for this property")
	g.refusesToMake(VPNTunnelType, tunnel(props{"router": ""}), "exactly one of router")
	g.refusesToMake(VPNTunnelType, tunnel(props{"region": "us-west1", "router": l.things["router"].id}), "is not in the tunnel's region us-west1")
	n := g.make(NetworkType, "n", props{"name": "n"})
	g.make(RouterType, "far", props{"name": "far", "network": "n", "bgp": props{"asn": 64520}})
	g.refusesToMake(VPNTunnelType, tunnel(props{"router": "far"}), "must be in the same network")
	refuses(t, n.tryDelete(), "routers/far")
	two := g.make(ExternalVPNGatewayType, "two", props{"redundancyType": "SINGLE_IP_INTERNALLY_REDUNDANT", "interfaces": []any{props{"id": 0, "ipAddress": "198.51.100.1"}}})
	g.refusesToMake(VPNTunnelType, tunnel(props{"peerExternalGateway": two.id, "peerExternalGatewayInterface": 1}), "has no such interface")
	face := func(more props) props {
		p := props{"router": "router", "vpnTunnel": "tunnel-1", "ipRange": "169.254.50.2/30"}
		maps.Copy(p, more)
		return p
	}
	g.refusesToMake(RouterInterfaceType, face(props{"vpnTunnel": "tunnel-0"}), "is already linked to the interface 'us-west2/router/if-0'")
	g.refusesToMake(RouterInterfaceType, face(props{"ipRange": "169.254.10.1/30"}), "overlaps with that of 'us-west2/router/if-0'")
	g.refusesToMake(RouterInterfaceType, face(props{"ipRange": "10.0.0.1/30"}), "want an address in 169.254.0.0/16")
	peer := func(more props) props {
		p := props{"router": "router", "interface": "if-0", "peerAsn": 64620, "peerIpAddress": "169.254.10.1"}
		maps.Copy(p, more)
		return p
	}
	g.refusesToMake(RouterPeerType, peer(props{"peerAsn": 64520}), "It is the ASN of 'projects/backend/regions/us-west2/routers/router' itself")
	g.refusesToMake(RouterPeerType, peer(props{"peerIpAddress": "169.254.11.1"}), "not in the range 169.254.10.0/30")
	g.refusesToMake(RouterPeerType, peer(props{"peerIpAddress": "here"}), "not a valid IPv4 address")
	g.refusesToMake(RouterPeerType, peer(props{"interface": "none-1"}), "was not found")
	g.refusesToMake(RouterPeerType, peer(props{"bfd": props{"sessionInitializationMode": "ACTIVE"}}), "no rules for this property")
	g.make(RouterPeerType, "peer", peer(nil))
	g.refusesToMake(RouterPeerType, peer(nil), "has the BGP peer")
}

// The peers of one router are made one after the other; those of different routers are not in each other's way.
func TestPeersQueue(t *testing.T) {
	l := linked(open(t), "", nil)
	if got := l.peerSeconds("create"); !slices.Equal(got, []float64{32, 64, 96, 128}) {
		t.Errorf("making the peers took %v", got)
	}
	l.gcp.configure(props{"project": "backend", "region": "us-west2"}) // another run
	for i := range 2 {
		l.things[fmt.Sprint("peer-", i)].delete()
	}
	if got := l.peerSeconds("delete"); !slices.Equal(got, []float64{8, 16}) {
		t.Errorf("deleting two took %v", got)
	}
}

func (l *span) peerSeconds(op string) []float64 {
	var list []float64
	for _, o := range l.operations() {
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
