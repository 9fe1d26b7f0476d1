package link

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

// differences names every field in which the two ends differ, with both values. It returns nothing when the tunnel is up.
func (p *endPair) differences(s *cloud.State) []string {
	switch g, a := p.gcp, p.aws; {
	case a == nil:
		return []string{fmt.Sprintf("peerExternalGatewayInterface: no AWS tunnel has the address %s (interface %d of %s)",
			g.remote, g.tunnel.Number("peerExternalGatewayInterface"), g.external.Text("name"))}
	case g == nil:
		return []string{fmt.Sprintf("%s: no GCP tunnel leads to %s", a.field("Address"), a.address)}
	}
	var list []string
	for _, compare := range comparisons {
		list = append(list, compare(s, p.gcp, p.aws)...)
	}
	return list
}

// comparisons are the properties on which the two ends of a tunnel must agree.
var comparisons = []func(*cloud.State, *gcpEnd, *awsEnd) []string{
	compareOutside, compareKeys, compareRouters, compareInside, compareASNs, compareSessions, compareRoutes,
}

func compareOutside(_ *cloud.State, g *gcpEnd, a *awsEnd) []string {
	var list []string
	if number := g.tunnel.Number("peerExternalGatewayInterface"); g.remote != a.address {
		list = append(list, fmt.Sprintf("peerExternalGatewayInterface: %d, whose interfaces[].ipAddress in %s is %s; %s of %s is %s",
			number, g.external.Text("name"), g.remote, a.field("Address"), a.connection.ID, a.address))
	}
	if ip := a.customer.Text("ipAddress"); g.local != ip {
		list = append(list, fmt.Sprintf("vpnGatewayInterface: %d, whose address in %s is %s; ipAddress of the customer gateway %s is %s",
			g.tunnel.Number("vpnGatewayInterface"), g.gateway.Text("name"), g.local, a.customer.ID, ip))
	}
	return list
}

func compareKeys(_ *cloud.State, g *gcpEnd, a *awsEnd) []string {
	var list []string
	if g.tunnel.Text("sharedSecret") != a.key {
		list = append(list, fmt.Sprintf("sharedSecret: it and %s of %s differ", a.field("PresharedKey"), a.connection.ID))
	}
	if v := g.tunnel.Number("ikeVersion"); v != 2 {
		list = append(list, fmt.Sprintf("ikeVersion: %d; the link requires 2", v))
	}
	if versions := a.connection.Texts(a.field("IkeVersions")); len(versions) > 0 && !slices.Contains(versions, "ikev2") {
		list = append(list, fmt.Sprintf("%s: %s of %s; the link requires ikev2", a.field("IkeVersions"), strings.Join(versions, ", "),
			a.connection.ID))
	}
	return list
}

// compareRouters requires one router for a tunnel, its interface and its peer.
func compareRouters(s *cloud.State, g *gcpEnd, a *awsEnd) []string {
	if g.face == nil {
		return []string{fmt.Sprintf("vpnTunnel: no router interface of %s is linked to the tunnel", g.router.Text("name"))}
	}
	if on := s.Referenced(g.face, "router", gcp.RouterType); on != nil && on.Key != g.router.Key {
		return []string{fmt.Sprintf("router: the tunnel's is %s, that of its interface %s is %s", g.router.Text("name"), g.face.Text("name"),
			on.Text("name"))}
	}
	if g.peer == nil {
		return []string{fmt.Sprintf("interface: no BGP peer of %s uses %s", g.router.Text("name"), g.face.Text("name"))}
	}
	if on := s.Referenced(g.peer, "router", gcp.RouterType); on != nil && on.Key != g.router.Key {
		return []string{fmt.Sprintf("router: the tunnel's is %s, that of its peer %s is %s", g.router.Text("name"), g.peer.Text("name"),
			on.Text("name"))}
	}
	return nil
}

// compareInside requires the inside addresses of one end to be those of the other, swapped.
func compareInside(_ *cloud.State, g *gcpEnd, a *awsEnd) []string {
	var list []string
	differs := func(field, google, name, amazon string) {
		list = append(list, fmt.Sprintf("%s: %s; %s of %s is %s", field, textOrNone(google), a.field(name), a.connection.ID, amazon))
	}
	if g.face != nil {
		host, bits, _ := strings.Cut(g.face.Text("ipRange"), "/")
		if host != a.str("CgwInsideAddress") {
			differs("ipRange", host, "CgwInsideAddress", a.str("CgwInsideAddress"))
		} else if _, inside, _ := strings.Cut(a.str("InsideCidr"), "/"); bits != inside {
			differs("ipRange", "/"+bits, "InsideCidr", a.str("InsideCidr"))
		}
	}
	if g.peer != nil {
		if ip := g.peer.Text("peerIpAddress"); ip != a.str("VgwInsideAddress") {
			differs("peerIpAddress", ip, "VgwInsideAddress", a.str("VgwInsideAddress"))
		}
		if ip := g.peer.Text("ipAddress"); g.face != nil && ip != hostAddress(g.face.Text("ipRange")) {
			differs("ipAddress", ip, "CgwInsideAddress", a.str("CgwInsideAddress"))
		}
	}
	return list
}

func textOrNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func compareASNs(_ *cloud.State, g *gcpEnd, a *awsEnd) []string {
	var list []string
	own := strconv.Itoa(cloud.Number(cloud.Object(g.router.Get("bgp"))["asn"]))
	if asn := aws.CustomerASN(a.customer); own != asn {
		list = append(list, fmt.Sprintf("bgpAsn: %s in the customer gateway %s; bgp.asn of the router %s is %s", asn, a.customer.ID,
			g.router.Text("name"), own))
	}
	if g.peer != nil {
		if asn, peer := a.gateway.Text("amazonSideAsn"), strconv.Itoa(g.peer.Number("peerAsn")); peer != asn {
			list = append(list, fmt.Sprintf("peerAsn: %s in %s; amazonSideAsn of %s is %s", peer, g.peer.Text("name"), a.gateway.ID, asn))
		}
	}
	return list
}

func compareSessions(_ *cloud.State, g *gcpEnd, a *awsEnd) []string {
	var list []string
	if a.connection.Bool("staticRoutesOnly") {
		list = append(list, fmt.Sprintf("staticRoutesOnly: true in %s; HA VPN speaks BGP", a.connection.ID))
	}
	if g.peer != nil && !g.peer.Bool("enable") {
		list = append(list, fmt.Sprintf("enable: false in the BGP peer %s", g.peer.Text("name")))
	}
	return list
}

// maxRoutesIn is the maximum number of routes that a connection accepts. With one more, its session ends (docs/facts.md, section 2).
const maxRoutesIn = 100

func compareRoutes(s *cloud.State, g *gcpEnd, a *awsEnd) []string {
	if n := len(advertisedRanges(s, g)); n > maxRoutesIn {
		return []string{fmt.Sprintf("advertisedIpRanges: %d routes; %s takes %d", n, a.connection.ID, maxRoutesIn)}
	}
	return nil
}
