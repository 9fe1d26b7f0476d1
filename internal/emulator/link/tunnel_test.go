package link_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

func TestTunnelRefusals(t *testing.T) {
	l := newSpan(emulatortest.Start(t), "peer-0 peer-1 if-1 if-2 peer-2 if-3 peer-3", nil)
	tunnel := func(more props) props {
		p := props{"vpnGateway": l.things["ha"].ID, "vpnGatewayInterface": 0, "peerExternalGateway": l.things["external"].ID,
			"peerExternalGatewayInterface": 0, "router": "router", "sharedSecret": "secret-to-both"}
		maps.Copy(p, more)
		return p
	}
	g := l.gcp
	g.RequireCreateRefusal(gcp.VPNTunnelType, tunnel(props{"vpnGatewayInterface": 2}), "vpnGatewayInterface: must be between 0 and 1")
	g.RequireCreateRefusal(gcp.VPNTunnelType, tunnel(props{"ikeVersion": 3}), "ikeVersion: must be between 1 and 2")
	g.RequireCreateRefusal(gcp.VPNTunnelType, tunnel(props{"peerIp": "198.51.100.1"}), "no rules for this property")
	g.RequireCreateRefusal(gcp.VPNTunnelType, tunnel(props{"router": ""}), "exactly one of router")
	g.RequireCreateRefusal(gcp.VPNTunnelType, tunnel(props{"region": "us-west1", "router": l.things["router"].ID}),
		"is not in the tunnel's region us-west1")
	n := g.Create(gcp.NetworkType, "n", props{"name": "n"})
	g.Create(gcp.RouterType, "far", props{"name": "far", "network": "n", "bgp": props{"asn": 64520}})
	g.RequireCreateRefusal(gcp.VPNTunnelType, tunnel(props{"router": "far"}), "must be in the same network")
	emulatortest.RequireRefusal(t, n.TryDelete(), "routers/far")
	two := g.Create(gcp.ExternalVPNGatewayType, "two", props{"redundancyType": "SINGLE_IP_INTERNALLY_REDUNDANT",
		"interfaces": []any{props{"id": 0, "ipAddress": "198.51.100.1"}}})
	g.RequireCreateRefusal(gcp.VPNTunnelType, tunnel(props{"peerExternalGateway": two.ID, "peerExternalGatewayInterface": 1}),
		"has no such interface")
	face := func(more props) props {
		p := props{"router": "router", "vpnTunnel": "tunnel-1", "ipRange": "169.254.50.2/30"}
		maps.Copy(p, more)
		return p
	}
	g.RequireCreateRefusal(gcp.RouterInterfaceType, face(props{"vpnTunnel": "tunnel-0"}),
		"is already linked to the interface 'us-west2/router/if-0'")
	g.RequireCreateRefusal(gcp.RouterInterfaceType, face(props{"ipRange": "169.254.10.1/30"}), "overlaps with that of 'us-west2/router/if-0'")
	g.RequireCreateRefusal(gcp.RouterInterfaceType, face(props{"ipRange": "10.0.0.1/30"}), "want an address in 169.254.0.0/16")
	peer := func(more props) props {
		p := props{"router": "router", "interface": "if-0", "peerAsn": 64620, "peerIpAddress": "169.254.10.1"}
		maps.Copy(p, more)
		return p
	}
	g.RequireCreateRefusal(gcp.RouterPeerType, peer(props{"peerAsn": 64520}),
		"It is the ASN of 'projects/backend/regions/us-west2/routers/router' itself")
	g.RequireCreateRefusal(gcp.RouterPeerType, peer(props{"peerIpAddress": "169.254.11.1"}), "not in the range 169.254.10.0/30")
	g.RequireCreateRefusal(gcp.RouterPeerType, peer(props{"peerIpAddress": "here"}), "not a valid IPv4 address")
	g.RequireCreateRefusal(gcp.RouterPeerType, peer(props{"interface": "none-1"}), "was not found")
	g.RequireCreateRefusal(gcp.RouterPeerType, peer(props{"bfd": props{"sessionInitializationMode": "ACTIVE"}}), "no rules for this property")
	g.Create(gcp.RouterPeerType, "peer", peer(nil))
	g.RequireCreateRefusal(gcp.RouterPeerType, peer(nil), "has the BGP peer")
}

// The peers of one router are made one after the other; those of different routers are not in each other's way.
func TestPeersQueue(t *testing.T) {
	l := newSpan(emulatortest.Start(t), "", nil)
	if got := l.peerSeconds("create"); !slices.Equal(got, []float64{32, 64, 96, 128}) {
		t.Errorf("making the peers took %v", got)
	}
	l.gcp.Configure(props{"project": "backend", "region": "us-west2"}) // another run
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
		if o.Type == gcp.RouterPeerType && o.Op == op {
			list = append(list, o.ModelSeconds)
		}
	}
	return list
}
