package emulator

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	haVPNGatewayType       = "gcp:compute/haVpnGateway:HaVpnGateway"
	externalVPNGatewayType = "gcp:compute/externalVpnGateway:ExternalVpnGateway"
	vpnTunnelType          = "gcp:compute/vPNTunnel:VPNTunnel"
)

func init() {
	define(haVPNGatewayKind(), externalVPNGatewayKind(), vpnTunnelKind())
}

func haVPNGatewayKind() *kind {
	return inGoogle(&kind{
		typ:      haVPNGatewayType,
		defaults: map[string]any{"gatewayIpVersion": "IPV4", "stackType": "IPV4_ONLY"},
		refuse:   []string{"vpnInterfaces"}, // for VPN over interconnects
		refs:     []ref{{path: "network", to: []string{gcpNetworkType}, when: holds}},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			l.only("gatewayIpVersion", "IPV4")
			l.only("stackType", "IPV4_ONLY")
			return l.failures()
		},
		create: func(c *call) error {
			var list []any
			for i := range 2 { // interfaces with addresses of Google's
				list = append(list, map[string]any{"id": float64(i), "ipAddress": c.newAddress()})
			}
			c.rec.Outputs["vpnInterfaces"] = list
			return nil
		},
	}, inCollection)
}

// redundancies are how many interfaces an external gateway has with each type of redundancy.
var redundancies = map[string]int{"SINGLE_IP_INTERNALLY_REDUNDANT": 1, "TWO_IPS_REDUNDANCY": 2, "FOUR_IPS_REDUNDANCY": 4}

func externalVPNGatewayKind() *kind {
	return inGoogle(&kind{
		typ: externalVPNGatewayType, global: true,
		sets:   []string{"interfaces"},
		check:  checkExternalGateway,
		create: func(c *call) error { return checkInterfaceAddresses(c.rec) },
	}, inCollection)
}

func checkExternalGateway(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.choice("redundancyType", "FOUR_IPS_REDUNDANCY", "SINGLE_IP_INTERNALLY_REDUNDANT", "TWO_IPS_REDUNDANCY")
	want, known := redundancies[l.str("redundancyType")]
	if list := objs(l.in["interfaces"]); known && l.has("interfaces") && len(list) != want {
		l.bad("interfaces", "%s wants exactly %d interfaces, got %d", l.str("redundancyType"), want, len(list))
	}
	if !known {
		want = 4
	}
	l.numbered("interfaces", want)
	return l.failures()
}

// numbered wants interfaces with numbers from 0, each once, and with addresses.
func (l *look) numbered(name string, n int) {
	seen := map[int]bool{}
	for _, i := range l.each(name) {
		id := num(i.in["id"])
		if i.has("id") && (id < 0 || id >= n || seen[id]) {
			i.bad("id", "%d: want each of 0 to %d once", id, n-1)
		}
		seen[id] = true
		if s := i.str("ipAddress"); s != "" && !isIPv4(s) {
			i.bad("ipAddress", "%q is not a valid IPv4 address", s)
		}
	}
}

func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// checkInterfaceAddresses refuses an interface without an address and an address twice.
func checkInterfaceAddresses(r *record) error {
	seen := map[string]bool{}
	for _, i := range objs(r.get("interfaces")) {
		ip := str(i["ipAddress"])
		if !isIPv4(ip) || seen[ip] {
			return refused("googleapi: Error 400: Invalid value for field 'resource.interfaces[%d].ipAddress': '%s'. "+
				"Every interface wants an IPv4 address of its own, invalid", num(i["id"]), ip)
		}
		seen[ip] = true
	}
	return nil
}

// interfaceAddress is the address of a gateway's interface; empty when it has no such interface. Interfaces without a number
// bear that of their place.
func interfaceAddress(gateway *record, list string, number int) string {
	if gateway == nil {
		return ""
	}
	for i, e := range objs(gateway.get(list)) {
		id, given := e["id"]
		if given && num(id) == number || !given && i == number {
			return str(e["ipAddress"])
		}
	}
	return ""
}

func vpnTunnelKind() *kind {
	return inGoogle(&kind{
		typ:      vpnTunnelType,
		defaults: map[string]any{"ikeVersion": 2},
		// Classic VPN and VPN between two of Google's networks are other topologies than the link's.
		refuse:   []string{"targetVpnGateway", "peerIp", "peerGcpGateway", "localTrafficSelectors", "remoteTrafficSelectors"},
		oneOf:    [][]string{{"vpnGateway"}, {"peerExternalGateway"}, {"router"}},
		unread:   []string{"sharedSecret"},
		volatile: []string{"detailedStatus"},
		refs: []ref{
			{path: "vpnGateway", to: []string{haVPNGatewayType}, when: holds},
			{path: "peerExternalGateway", to: []string{externalVPNGatewayType}, when: holds},
			{path: "router", to: []string{routerType}, when: holds},
		},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			l.number("ikeVersion", 1, 2)
			l.number("vpnGatewayInterface", 0, 1)
			l.number("peerExternalGatewayInterface", 0, 3)
			if s := m["sharedSecret"]; l.has("sharedSecret") && s.IsString() && l.str("sharedSecret") == "" {
				l.bad("sharedSecret", "must not be empty")
			}
			return l.failures()
		},
		create: createTunnel,
		live: func(s *State, r *record) map[string]any {
			return map[string]any{"detailedStatus": s.detailedStatus(r)}
		},
	}, inCollection)
}

func createTunnel(c *call) error {
	gateway := c.target("vpnGateway", haVPNGatewayType)
	external := c.target("peerExternalGateway", externalVPNGatewayType)
	router := c.target("router", routerType)
	for _, near := range []*record{gateway, router} {
		if near.Region != c.rec.Region || near.Account != c.rec.Account {
			return refused("googleapi: Error 400: Invalid value: '%s' is not in the tunnel's region %s, invalid", near.ID, c.rec.Region)
		}
	}
	if gateway.str("network") != "" && !c.st.sameNetwork(gateway, router) {
		return refused("googleapi: Error 400: The router '%s' and the VPN gateway '%s' must be in the same network, invalid", router.ID, gateway.ID)
	}
	peer := interfaceAddress(external, "interfaces", c.rec.num("peerExternalGatewayInterface"))
	if peer == "" {
		return refused("googleapi: Error 400: Invalid value for field 'resource.peerExternalGatewayInterface': '%d'. '%s' has no such interface, invalid",
			c.rec.num("peerExternalGatewayInterface"), external.ID)
	}
	c.rec.Outputs["peerIp"] = peer
	c.rec.Outputs["tunnelId"] = numericID(c.rec.ID)
	c.rec.Outputs["sharedSecretHash"] = fingerprint(c.rec.str("sharedSecret"))
	for _, name := range []string{"localTrafficSelectors", "remoteTrafficSelectors"} {
		c.rec.Outputs[name] = []any{"0.0.0.0/0"}
	}
	return nil
}

// target is what one reference of the call's record means; checkRefs has seen that it is there.
func (c *call) target(path, typ string) *record { return c.st.targetOf(c.rec, path, typ) }

func (s *State) targetOf(r *record, path, typ string) *record {
	if r == nil || r.str(path) == "" {
		return nil
	}
	return s.target(r, &ref{to: []string{typ}}, r.str(path))
}

// sameNetwork says whether two of Google's things lie in one network.
func (s *State) sameNetwork(a, b *record) bool {
	m, n := s.targetOf(a, "network", gcpNetworkType), s.targetOf(b, "network", gcpNetworkType)
	return m != nil && n != nil && m.key == n.key
}

// detailedStatus tells of a tunnel what Google's console does, and why it is down.
func (s *State) detailedStatus(r *record) string {
	for _, t := range s.Tunnels() {
		if t.GCP == r.ID {
			if t.Up {
				return "Tunnel is up and running."
			}
			return fmt.Sprintf("No incoming packets from peer (%s)", t.Why[0])
		}
	}
	return "No incoming packets from peer"
}
