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
func (s *State) Tunnels() []Tunnel {
	list := []Tunnel{}
	for _, p := range s.pairs() {
		t := Tunnel{Why: p.why(s)}
		if p.amazon != nil {
			t.AWS, t.Number = p.amazon.connection.ID, p.amazon.n
			t.Name = p.amazon.String()
		}
		if p.google != nil {
			t.GCP, t.Name = p.google.tunnel.ID, p.google.tunnel.str("name")
		}
		t.Up = len(t.Why) == 0
		list = append(list, t)
	}
	slices.SortStableFunc(list, func(a, b Tunnel) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// googleEnd is a tunnel as Google's side has it. Only the tunnel is sure to be there.
type googleEnd struct {
	tunnel, router, gateway, external, face, peer *record
	local, remote                                 string // the outside addresses
	face4, peer4                                  netip.Addr
}

// amazonEnd is one of the two tunnels of a connection.
type amazonEnd struct {
	connection, customer, gateway *record
	n                             int
	address, key                  string
	inside                        netip.Prefix
}

func (a *amazonEnd) String() string { return fmt.Sprintf("%s tunnel %d", a.connection.ID, a.n) }

// field names one of the tunnel's properties, and str reads it.
func (a *amazonEnd) field(name string) string { return tunnelField(a.n, name) }
func (a *amazonEnd) str(name string) string   { return a.connection.str(a.field(name)) }

// pair is a tunnel's two ends, of which one may be missing.
type pair struct {
	google *googleEnd
	amazon *amazonEnd
}

func (s *State) googleEnds() []*googleEnd {
	list := []*googleEnd{}
	for _, t := range s.of(vpnTunnelType) {
		g := &googleEnd{tunnel: t, router: s.targetOf(t, "router", routerType), gateway: s.targetOf(t, "vpnGateway", haVPNGatewayType),
			external: s.targetOf(t, "peerExternalGateway", externalVPNGatewayType)}
		g.local = interfaceAddress(g.gateway, "vpnInterfaces", t.num("vpnGatewayInterface"))
		g.remote = interfaceAddress(g.external, "interfaces", t.num("peerExternalGatewayInterface"))
		if g.face = s.user(t, routerInterfaceType); g.face != nil {
			g.peer = s.user(g.face, routerPeerType)
			g.face4, _ = netip.ParseAddr(hostOf(g.face.str("ipRange"))) // without one it is in no range
		}
		if g.peer != nil {
			g.peer4, _ = netip.ParseAddr(g.peer.str("peerIpAddress"))
		}
		list = append(list, g)
	}
	return list
}

// user is the first thing of a type that refers to a record, or nil.
func (s *State) user(r *record, typ string) *record {
	for _, u := range s.usersOf(r.key) {
		if u.Type == typ {
			return u
		}
	}
	return nil
}

func (s *State) amazonEnds() []*amazonEnd {
	list := []*amazonEnd{}
	for _, r := range s.of(vpnConnectionType) {
		for n := 1; n <= 2; n++ {
			a := &amazonEnd{connection: r, n: n, customer: s.near(r, customerGatewayType, r.str("customerGatewayId")),
				gateway: s.near(r, vpnGatewayType, r.str("vpnGatewayId"))}
			a.address, a.key = a.str("Address"), a.str("PresharedKey")
			a.inside, _ = netip.ParsePrefix(a.str("InsideCidr")) // checked when it was made
			list = append(list, a)
		}
	}
	return list
}

// kinship says how much speaks for two ends being meant for each other.
func kinship(g *googleEnd, a *amazonEnd) int {
	points := 0
	for _, c := range []struct {
		agree  bool
		weight int
	}{
		{g.remote == a.address, 8},
		{g.tunnel.str("sharedSecret") == a.key, 4},
		{a.inside.Contains(g.face4), 2},
		{a.inside.Contains(g.peer4), 2},
		{a.customer != nil && g.local == a.customer.str("ipAddress"), 1},
	} {
		if c.agree {
			points += c.weight
		}
	}
	return points
}

// leastKinship is what two ends must have in common to be compared: more than a customer gateway.
const leastKinship = 2

// pairs brings the ends of all tunnels together, the closest first.
func (s *State) pairs() []*pair {
	type match struct {
		pair
		points int
	}
	var matches []match
	googles, amazons := s.googleEnds(), s.amazonEnds()
	for _, g := range googles {
		for _, a := range amazons {
			if points := kinship(g, a); points >= leastKinship {
				matches = append(matches, match{pair{g, a}, points})
			}
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(b.points, a.points) })
	list := []*pair{}
	gone, taken := map[*googleEnd]bool{}, map[*amazonEnd]bool{}
	for _, m := range matches {
		if !gone[m.google] && !taken[m.amazon] {
			list = append(list, &pair{m.google, m.amazon})
			gone[m.google], taken[m.amazon] = true, true
		}
	}
	for _, g := range googles {
		if !gone[g] {
			list = append(list, &pair{google: g})
		}
	}
	for _, a := range amazons {
		if !taken[a] {
			list = append(list, &pair{amazon: a})
		}
	}
	return list
}
