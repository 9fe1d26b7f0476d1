package emulator

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Tunnel is one tunnel between the clouds, as both ends see it.
type Tunnel struct {
	// Name is that of Google's tunnel or, where none ends here, of AWS's: "vpn-… tunnel 1".
	Name string
	// GCP and AWS are the ids of the tunnel and of the connection; one is empty when nothing answers at the other end. Number
	// is which of the connection's two tunnels it is.
	GCP, AWS string
	Number   int
	// Up says that both ends agree. Why names every field that they do not agree on, with both values; of keys only that they differ.
	Up  bool
	Why []string
}

// Tunnels lists all tunnels between the clouds, by name. A tunnel is up if both ends agree on addresses, keys, versions, ranges and
// ASNs. Where they do not, that end is taken for the other one with which a tunnel agrees most.
func Tunnels(s *State) []Tunnel {
	list := []Tunnel{}
	for _, p := range pairEnds(s) {
		t := Tunnel{Why: p.differences(s)}
		if p.aws != nil {
			t.AWS, t.Number = p.aws.connection.ID, p.aws.n
			t.Name = p.aws.String()
		}
		if p.gcp != nil {
			t.GCP, t.Name = p.gcp.tunnel.ID, p.gcp.tunnel.Text("name")
		}
		t.Up = len(t.Why) == 0
		list = append(list, t)
	}
	slices.SortStableFunc(list, func(a, b Tunnel) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// gcpEnd is a tunnel as Google's side has it. Only the tunnel is sure to be there.
type gcpEnd struct {
	tunnel, router, gateway, external, face, peer *Record
	local, remote                                 string // the outside addresses
	face4, peer4                                  netip.Addr
}

// awsEnd is one of the two tunnels of a connection.
type awsEnd struct {
	connection, customer, gateway *Record
	n                             int
	address, key                  string
	inside                        netip.Prefix
}

func (a *awsEnd) String() string { return fmt.Sprintf("%s tunnel %d", a.connection.ID, a.n) }

// field names one of the tunnel's properties, and str reads it.
func (a *awsEnd) field(name string) string { return TunnelProperty(a.n, name) }
func (a *awsEnd) str(name string) string   { return a.connection.Text(a.field(name)) }

// endPair is a tunnel's two ends, of which one may be missing.
type endPair struct {
	gcp *gcpEnd
	aws *awsEnd
}

func gcpEnds(s *State) []*gcpEnd {
	list := []*gcpEnd{}
	for _, t := range s.RecordsOf(VPNTunnelType) {
		g := &gcpEnd{tunnel: t, router: s.Referenced(t, "router", RouterType), gateway: s.Referenced(t, "vpnGateway", HAVPNGatewayType),
			external: s.Referenced(t, "peerExternalGateway", ExternalVPNGatewayType)}
		g.local = InterfaceAddress(g.gateway, "vpnInterfaces", t.Number("vpnGatewayInterface"))
		g.remote = InterfaceAddress(g.external, "interfaces", t.Number("peerExternalGatewayInterface"))
		if g.face = s.FirstReferrer(t, RouterInterfaceType); g.face != nil {
			g.peer = s.FirstReferrer(g.face, RouterPeerType)
			g.face4, _ = netip.ParseAddr(hostAddress(g.face.Text("ipRange"))) // without one it is in no range
		}
		if g.peer != nil {
			g.peer4, _ = netip.ParseAddr(g.peer.Text("peerIpAddress"))
		}
		list = append(list, g)
	}
	return list
}

func awsEnds(s *State) []*awsEnd {
	list := []*awsEnd{}
	for _, r := range s.RecordsOf(VPNConnectionType) {
		for n := 1; n <= 2; n++ {
			a := &awsEnd{connection: r, n: n, customer: s.RecordNear(r, CustomerGatewayType, r.Text("customerGatewayId")),
				gateway: s.RecordNear(r, VPNGatewayType, r.Text("vpnGatewayId"))}
			a.address, a.key = a.str("Address"), a.str("PresharedKey")
			a.inside, _ = netip.ParsePrefix(a.str("InsideCidr")) // checked when it was made
			list = append(list, a)
		}
	}
	return list
}

// matchScore says how much speaks for two ends being meant for each other.
func matchScore(g *gcpEnd, a *awsEnd) int {
	points := 0
	for _, c := range []struct {
		agree  bool
		weight int
	}{
		{g.remote == a.address, 8},
		{g.tunnel.Text("sharedSecret") == a.key, 4},
		{a.inside.Contains(g.face4), 2},
		{a.inside.Contains(g.peer4), 2},
		{a.customer != nil && g.local == a.customer.Text("ipAddress"), 1},
	} {
		if c.agree {
			points += c.weight
		}
	}
	return points
}

// minMatchScore is what two ends must have in common to be compared: more than a customer gateway.
const minMatchScore = 2

// pairEnds brings the ends of all tunnels together, the closest first.
func pairEnds(s *State) []*endPair {
	type match struct {
		endPair
		points int
	}
	var matches []match
	googles, amazons := gcpEnds(s), awsEnds(s)
	for _, g := range googles {
		for _, a := range amazons {
			if points := matchScore(g, a); points >= minMatchScore {
				matches = append(matches, match{endPair{g, a}, points})
			}
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(b.points, a.points) })
	list := []*endPair{}
	gone, taken := map[*gcpEnd]bool{}, map[*awsEnd]bool{}
	for _, m := range matches {
		if !gone[m.gcp] && !taken[m.aws] {
			list = append(list, &endPair{m.gcp, m.aws})
			gone[m.gcp], taken[m.aws] = true, true
		}
	}
	for _, g := range googles {
		if !gone[g] {
			list = append(list, &endPair{gcp: g})
		}
	}
	for _, a := range amazons {
		if !taken[a] {
			list = append(list, &endPair{aws: a})
		}
	}
	return list
}
