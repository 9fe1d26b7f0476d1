package link

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

// hostAddress returns the address in an interface's range: 169.254.10.2 of 169.254.10.2/30.
func hostAddress(cidr string) string {
	host, _, _ := strings.Cut(cidr, "/")
	return host
}

// gcpEnd is the GCP end of a tunnel. Every field but tunnel may be nil.
type gcpEnd struct {
	tunnel, router, gateway, external, face, peer *cloud.Record
	local, remote                                 string // the outside addresses
	face4, peer4                                  netip.Addr
}

// awsEnd is the AWS end of a tunnel: one of the two tunnels of a connection.
type awsEnd struct {
	connection, customer, gateway *cloud.Record
	n                             int
	address, key                  string
	inside                        netip.Prefix
}

func (a *awsEnd) String() string { return fmt.Sprintf("%s tunnel %d", a.connection.ID, a.n) }

// field returns the name of one of the tunnel's properties, and str its value.
func (a *awsEnd) field(name string) string { return aws.TunnelProperty(a.n, name) }

func (a *awsEnd) str(name string) string { return a.connection.Text(a.field(name)) }

func gcpEnds(s *cloud.State) []*gcpEnd {
	list := []*gcpEnd{}
	for _, t := range s.RecordsOf(gcp.VPNTunnelType) {
		g := &gcpEnd{tunnel: t, router: s.Referenced(t, "router", gcp.RouterType), gateway: s.Referenced(t, "vpnGateway", gcp.HAVPNGatewayType),
			external: s.Referenced(t, "peerExternalGateway", gcp.ExternalVPNGatewayType)}
		g.local = gcp.InterfaceAddress(g.gateway, "vpnInterfaces", t.Number("vpnGatewayInterface"))
		g.remote = gcp.InterfaceAddress(g.external, "interfaces", t.Number("peerExternalGatewayInterface"))
		if g.face = s.FirstReferrer(t, gcp.RouterInterfaceType); g.face != nil {
			g.peer = s.FirstReferrer(g.face, gcp.RouterPeerType)
			g.face4, _ = netip.ParseAddr(hostAddress(g.face.Text("ipRange"))) // without one it is in no range
		}
		if g.peer != nil {
			g.peer4, _ = netip.ParseAddr(g.peer.Text("peerIpAddress"))
		}
		list = append(list, g)
	}
	return list
}

func awsEnds(s *cloud.State) []*awsEnd {
	list := []*awsEnd{}
	for _, r := range s.RecordsOf(aws.VPNConnectionType) {
		for n := 1; n <= 2; n++ {
			a := &awsEnd{connection: r, n: n, customer: s.RecordNear(r, aws.CustomerGatewayType, r.Text("customerGatewayId")),
				gateway: s.RecordNear(r, aws.VPNGatewayType, r.Text("vpnGatewayId"))}
			a.address, a.key = a.str("Address"), a.str("PresharedKey")
			a.inside, _ = netip.ParsePrefix(a.str("InsideCidr")) // checked at creation
			list = append(list, a)
		}
	}
	return list
}
