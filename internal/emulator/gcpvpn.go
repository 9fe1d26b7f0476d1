package emulator

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	HAVPNGatewayType       = "gcp:compute/haVpnGateway:HaVpnGateway"
	ExternalVPNGatewayType = "gcp:compute/externalVpnGateway:ExternalVpnGateway"
	VPNTunnelType          = "gcp:compute/vPNTunnel:VPNTunnel"
)

func haVPNGatewayKind() *Kind {
	return newKind(&Kind{
		Type:        HAVPNGatewayType,
		Defaults:    map[string]any{"gatewayIpVersion": "IPV4", "stackType": "IPV4_ONLY"},
		Unsupported: []string{"vpnInterfaces"}, // for VPN over interconnects
		References:  []Reference{{Path: "network", To: []string{NetworkType}, OnDelete: Block}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			l.CheckSupported("gatewayIpVersion", "IPV4")
			l.CheckSupported("stackType", "IPV4_ONLY")
			return l.Failures()
		},
		Create: func(c *Call) error {
			var list []any
			for i := range 2 { // interfaces with addresses of Google's
				list = append(list, map[string]any{"id": float64(i), "ipAddress": c.NewAddress()})
			}
			c.New.Outputs["vpnInterfaces"] = list
			return nil
		},
	}, collectionID)
}

// redundancies are how many interfaces an external gateway has with each type of redundancy.
var redundancies = map[string]int{"SINGLE_IP_INTERNALLY_REDUNDANT": 1, "TWO_IPS_REDUNDANCY": 2, "FOUR_IPS_REDUNDANCY": 4}

func externalVPNGatewayKind() *Kind {
	return newKind(&Kind{
		Type: ExternalVPNGatewayType, Global: true,
		Sets:   []string{"interfaces"},
		Check:  checkExternalGateway,
		Create: func(c *Call) error { return checkInterfaceAddresses(c.New) },
	}, collectionID)
}

func checkExternalGateway(m resource.PropertyMap) []catalog.Failure {
	l := ReadInputs(m)
	l.CheckChoice("redundancyType", "FOUR_IPS_REDUNDANCY", "SINGLE_IP_INTERNALLY_REDUNDANT", "TWO_IPS_REDUNDANCY")
	want, known := redundancies[l.Text("redundancyType")]
	if list := Objects(l.Values["interfaces"]); known && l.Has("interfaces") && len(list) != want {
		l.Fail("interfaces", "%s wants exactly %d interfaces, got %d", l.Text("redundancyType"), want, len(list))
	}
	if !known {
		want = 4
	}
	checkInterfaceNumbers(l, "interfaces", want)
	return l.Failures()
}

// checkInterfaceNumbers wants interfaces with numbers from 0, each once, and with addresses.
func checkInterfaceNumbers(l *Inputs, name string, n int) {
	seen := map[int]bool{}
	for _, i := range l.Items(name) {
		id := Number(i.Values["id"])
		if i.Has("id") && (id < 0 || id >= n || seen[id]) {
			i.Fail("id", "%d: want each of 0 to %d once", id, n-1)
		}
		seen[id] = true
		if s := i.Text("ipAddress"); s != "" && !IsIPv4(s) {
			i.Fail("ipAddress", "%q is not a valid IPv4 address", s)
		}
	}
}

// checkInterfaceAddresses refuses an interface without an address and an address twice.
func checkInterfaceAddresses(r *Record) error {
	seen := map[string]bool{}
	for _, i := range Objects(r.Get("interfaces")) {
		ip := Text(i["ipAddress"])
		if !IsIPv4(ip) || seen[ip] {
			return Refuse("googleapi: Error 400: Invalid value for field 'resource.interfaces[%d].ipAddress': '%s'. "+
				"Every interface wants an IPv4 address of its own, invalid", Number(i["id"]), ip)
		}
		seen[ip] = true
	}
	return nil
}

// InterfaceAddress is the address of a gateway's interface; empty when it has no such interface. Interfaces without a number
// bear that of their place.
func InterfaceAddress(gateway *Record, list string, number int) string {
	if gateway == nil {
		return ""
	}
	for i, e := range Objects(gateway.Get(list)) {
		id, given := e["id"]
		if given && Number(id) == number || !given && i == number {
			return Text(e["ipAddress"])
		}
	}
	return ""
}

func vpnTunnelKind() *Kind {
	return newKind(&Kind{
		Type:     VPNTunnelType,
		Defaults: map[string]any{"ikeVersion": 2},
		// Classic VPN and VPN between two of Google's networks are other topologies than the link's.
		Unsupported: []string{"targetVpnGateway", "peerIp", "peerGcpGateway", "localTrafficSelectors", "remoteTrafficSelectors"},
		ExactlyOne:  [][]string{{"vpnGateway"}, {"peerExternalGateway"}, {"router"}},
		WriteOnly:   []string{"sharedSecret"},
		Volatile:    []string{"detailedStatus"},
		References: []Reference{
			{Path: "vpnGateway", To: []string{HAVPNGatewayType}, OnDelete: Block},
			{Path: "peerExternalGateway", To: []string{ExternalVPNGatewayType}, OnDelete: Block},
			{Path: "router", To: []string{RouterType}, OnDelete: Block},
		},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			l.CheckRange("ikeVersion", 1, 2)
			l.CheckRange("vpnGatewayInterface", 0, 1)
			l.CheckRange("peerExternalGatewayInterface", 0, 3)
			if s := m["sharedSecret"]; l.Has("sharedSecret") && s.IsString() && l.Text("sharedSecret") == "" {
				l.Fail("sharedSecret", "must not be empty")
			}
			return l.Failures()
		},
		Create: createTunnel,
	}, collectionID)
}

func createTunnel(c *Call) error {
	gateway := c.Referenced("vpnGateway", HAVPNGatewayType)
	external := c.Referenced("peerExternalGateway", ExternalVPNGatewayType)
	router := c.Referenced("router", RouterType)
	for _, near := range []*Record{gateway, router} {
		if near.Region != c.New.Region || near.Account != c.New.Account {
			return Refuse("googleapi: Error 400: Invalid value: '%s' is not in the tunnel's region %s, invalid", near.ID, c.New.Region)
		}
	}
	if gateway.Text("network") != "" && !inSameNetwork(c.State, gateway, router) {
		return Refuse("googleapi: Error 400: The router '%s' and the VPN gateway '%s' must be in the same network, invalid", router.ID, gateway.ID)
	}
	peer := InterfaceAddress(external, "interfaces", c.New.Number("peerExternalGatewayInterface"))
	if peer == "" {
		return Refuse("googleapi: Error 400: Invalid value for field 'resource.peerExternalGatewayInterface': '%d'. '%s' has no such interface, invalid",
			c.New.Number("peerExternalGatewayInterface"), external.ID)
	}
	c.New.Outputs["peerIp"] = peer
	c.New.Outputs["tunnelId"] = numericID(c.New.ID)
	c.New.Outputs["sharedSecretHash"] = fingerprintOf(c.New.Text("sharedSecret"))
	for _, name := range []string{"localTrafficSelectors", "remoteTrafficSelectors"} {
		c.New.Outputs[name] = []any{"0.0.0.0/0"}
	}
	return nil
}

// inSameNetwork says whether two of Google's things lie in one network.
func inSameNetwork(s *State, a, b *Record) bool {
	m, n := s.Referenced(a, "network", NetworkType), s.Referenced(b, "network", NetworkType)
	return m != nil && n != nil && m.Key == n.Key
}
