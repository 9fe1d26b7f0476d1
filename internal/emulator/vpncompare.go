package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// hostOf is the address of an interface's range: 169.254.10.2 of 169.254.10.2/30.
func hostOf(cidr string) string {
	host, _, _ := strings.Cut(cidr, "/")
	return host
}

// why names every field that two ends disagree on, with both values; nothing when the tunnel is up.
func (p *pair) why(s *State) []string {
	switch g, a := p.google, p.amazon; {
	case a == nil:
		return []string{fmt.Sprintf("peerExternalGatewayInterface: nothing of AWS's answers at %s (interface %d of %s)",
			g.remote, g.tunnel.num("peerExternalGatewayInterface"), g.external.str("name"))}
	case g == nil:
		return []string{fmt.Sprintf("%s: no tunnel of Google's leads to %s", a.field("Address"), a.address)}
	}
	var list []string
	for _, compare := range comparisons {
		list = append(list, compare(s, p.google, p.amazon)...)
	}
	return list
}

// comparisons are what the two ends of a tunnel must agree on.
var comparisons = []func(*State, *googleEnd, *amazonEnd) []string{
	compareOutside, compareKeys, compareRouters, compareInside, compareASNs, compareSessions, compareRoutes,
}

func compareOutside(_ *State, g *googleEnd, a *amazonEnd) []string {
	var list []string
	if number := g.tunnel.num("peerExternalGatewayInterface"); g.remote != a.address {
		list = append(list, fmt.Sprintf("peerExternalGatewayInterface: %d, whose interfaces[].ipAddress in %s is %s; %s of %s is %s",
			number, g.external.str("name"), g.remote, a.field("Address"), a.connection.ID, a.address))
	}
	if ip := a.customer.str("ipAddress"); g.local != ip {
		list = append(list, fmt.Sprintf("vpnGatewayInterface: %d, whose address in %s is %s; ipAddress of the customer gateway %s is %s",
			g.tunnel.num("vpnGatewayInterface"), g.gateway.str("name"), g.local, a.customer.ID, ip))
	}
	return list
}

func compareKeys(_ *State, g *googleEnd, a *amazonEnd) []string {
	var list []string
	if g.tunnel.str("sharedSecret") != a.key {
		list = append(list, fmt.Sprintf("sharedSecret: it and %s of %s differ", a.field("PresharedKey"), a.connection.ID))
	}
	if v := g.tunnel.num("ikeVersion"); v != 2 {
		list = append(list, fmt.Sprintf("ikeVersion: %d; the link wants 2", v))
	}
	if versions := a.connection.strs(a.field("IkeVersions")); len(versions) > 0 && !slices.Contains(versions, "ikev2") {
		list = append(list, fmt.Sprintf("%s: %s of %s; the link wants ikev2", a.field("IkeVersions"), strings.Join(versions, ", "), a.connection.ID))
	}
	return list
}

// compareRouters wants one router behind a tunnel, its interface and its peer.
func compareRouters(s *State, g *googleEnd, a *amazonEnd) []string {
	if g.face == nil {
		return []string{fmt.Sprintf("vpnTunnel: no router interface of %s is linked to the tunnel", g.router.str("name"))}
	}
	if on := s.targetOf(g.face, "router", routerType); on != nil && on.key != g.router.key {
		return []string{fmt.Sprintf("router: the tunnel's is %s, that of its interface %s is %s", g.router.str("name"), g.face.str("name"), on.str("name"))}
	}
	if g.peer == nil {
		return []string{fmt.Sprintf("interface: no BGP peer of %s uses %s", g.router.str("name"), g.face.str("name"))}
	}
	if on := s.targetOf(g.peer, "router", routerType); on != nil && on.key != g.router.key {
		return []string{fmt.Sprintf("router: the tunnel's is %s, that of its peer %s is %s", g.router.str("name"), g.peer.str("name"), on.str("name"))}
	}
	return nil
}

// compareInside wants the inside addresses of one end to be those of the other, swapped.
func compareInside(_ *State, g *googleEnd, a *amazonEnd) []string {
	var list []string
	differs := func(field, google, name, amazon string) {
		list = append(list, fmt.Sprintf("%s: %s; %s of %s is %s", field, orNone(google), a.field(name), a.connection.ID, amazon))
	}
	if g.face != nil {
		host, bits, _ := strings.Cut(g.face.str("ipRange"), "/")
		if host != a.str("CgwInsideAddress") {
			differs("ipRange", host, "CgwInsideAddress", a.str("CgwInsideAddress"))
		} else if _, inside, _ := strings.Cut(a.str("InsideCidr"), "/"); bits != inside {
			differs("ipRange", "/"+bits, "InsideCidr", a.str("InsideCidr"))
		}
	}
	if g.peer != nil {
		if ip := g.peer.str("peerIpAddress"); ip != a.str("VgwInsideAddress") {
			differs("peerIpAddress", ip, "VgwInsideAddress", a.str("VgwInsideAddress"))
		}
		if ip := g.peer.str("ipAddress"); g.face != nil && ip != hostOf(g.face.str("ipRange")) {
			differs("ipAddress", ip, "CgwInsideAddress", a.str("CgwInsideAddress"))
		}
	}
	return list
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func compareASNs(_ *State, g *googleEnd, a *amazonEnd) []string {
	var list []string
	own := strconv.Itoa(num(obj(g.router.get("bgp"))["asn"]))
	if asn := customerASN(a.customer); own != asn {
		list = append(list, fmt.Sprintf("bgpAsn: %s in the customer gateway %s; bgp.asn of the router %s is %s", asn, a.customer.ID, g.router.str("name"), own))
	}
	if g.peer != nil {
		if asn, peer := a.gateway.str("amazonSideAsn"), strconv.Itoa(g.peer.num("peerAsn")); peer != asn {
			list = append(list, fmt.Sprintf("peerAsn: %s in %s; amazonSideAsn of %s is %s", peer, g.peer.str("name"), a.gateway.ID, asn))
		}
	}
	return list
}

func compareSessions(_ *State, g *googleEnd, a *amazonEnd) []string {
	var list []string
	if a.connection.flag("staticRoutesOnly") {
		list = append(list, fmt.Sprintf("staticRoutesOnly: true in %s; HA VPN speaks BGP", a.connection.ID))
	}
	if g.peer != nil && !g.peer.flag("enable") {
		list = append(list, fmt.Sprintf("enable: false in the BGP peer %s", g.peer.str("name")))
	}
	return list
}

// maxRoutesIn is how many routes a connection takes; with one more its session ends (docs/facts.md, section 2).
const maxRoutesIn = 100

func compareRoutes(s *State, g *googleEnd, a *amazonEnd) []string {
	if n := len(s.advertised(g)); n > maxRoutesIn {
		return []string{fmt.Sprintf("advertisedIpRanges: %d routes; %s takes %d", n, a.connection.ID, maxRoutesIn)}
	}
	return nil
}
