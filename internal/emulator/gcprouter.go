package emulator

import (
	"net/netip"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	RouterType          = "gcp:compute/router:Router"
	RouterInterfaceType = "gcp:compute/routerInterface:RouterInterface"
	RouterPeerType      = "gcp:compute/routerPeer:RouterPeer"
)

func routerKind() *Kind {
	return newKind(&Kind{
		Type:        RouterType,
		Unsupported: []string{"encryptedInterconnectRouter"},
		References:  []Reference{{Path: "network", To: []string{NetworkType}, OnDelete: Block}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			bgp := l.Nested("bgp")
			if asn, ok := bgp.Values["asn"].(float64); ok && !IsPrivateASN(asn) {
				bgp.Fail("asn", "%.0f: want a private ASN, 64512 to 65534 or 4200000000 to 4294967294 (RFC 6996)", asn)
			}
			bgp.CheckRange("keepaliveInterval", 20, 60)
			checkAdvertisement(bgp, "ALL_SUBNETS")
			return l.Failures()
		},
	}, collectionID)
}

// checkAdvertisement wants groups and ranges with the mode CUSTOM only, and valid ones.
func checkAdvertisement(l *Inputs, groups ...string) {
	l.CheckChoice("advertiseMode", "DEFAULT", "CUSTOM")
	custom := l.Text("advertiseMode") == "CUSTOM"
	for _, name := range []string{"advertisedGroups", "advertisedIpRanges"} {
		if list, _ := l.Values[name].([]any); len(list) > 0 && !custom {
			l.Fail(name, "is for advertiseMode CUSTOM only")
		}
	}
	for _, g := range Texts(l.Values["advertisedGroups"]) {
		if !slices.Contains(groups, g) {
			l.Fail("advertisedGroups", "%q must be one of %q", g, groups)
		}
	}
	for _, r := range l.Items("advertisedIpRanges") {
		if p, err := netip.ParsePrefix(r.Text("range")); r.Has("range") && (err != nil || p.Masked() != p) {
			r.Fail("range", "%q is not a valid network range", r.Text("range"))
		}
	}
}

func routerInterfaceKind() *Kind {
	return newKind(&Kind{
		Type:        RouterInterfaceType,
		Unsupported: []string{"interconnectAttachment", "privateIpAddress", "redundantInterface", "subnetwork"},
		ExactlyOne:  [][]string{{"vpnTunnel"}},
		References: []Reference{
			{Path: "router", To: []string{RouterType}, OnDelete: Cascade},
			{Path: "vpnTunnel", To: []string{VPNTunnelType}, OnDelete: Block},
		},
		ImportID: func(r *Record) string { return r.Text("project") + "/" + r.ID },
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			l.CheckSupported("ipVersion", "IPV4")
			if p, err := netip.ParsePrefix(l.Text("ipRange")); l.Has("ipRange") && (err != nil || !LinkLocal.Contains(p.Addr()) || p.Bits() < 16) {
				l.Fail("ipRange", "%q: want an address in %s with its range's length, such as 169.254.10.2/30", l.Text("ipRange"), LinkLocal)
			}
			return l.Failures()
		},
		Create: createRouterInterface,
	}, func(in Scope, r *Record) string {
		return in.Region + "/" + lastSegment(r.Text("router")) + "/" + r.Text("name")
	})
}

// createRouterInterface refuses a tunnel's second interface and ranges of one router that overlap.
func createRouterInterface(c *Call) error {
	tunnel, router := c.Referenced("vpnTunnel", VPNTunnelType), c.Referenced("router", RouterType)
	if tunnel.Region != c.New.Region {
		return Refuse("googleapi: Error 400: Invalid value: tunnel '%s' is not in the router's region %s, invalid", tunnel.ID, c.New.Region)
	}
	own, _ := netip.ParsePrefix(c.New.Text("ipRange")) // absent ones overlap with nothing
	for _, other := range c.State.RecordsOf(RouterInterfaceType) {
		if linked := c.State.Referenced(other, "vpnTunnel", VPNTunnelType); linked != nil && linked.Key == tunnel.Key {
			return Refuse("googleapi: Error 400: VPN tunnel '%s' is already linked to the interface '%s', invalid", tunnel.ID, other.ID)
		}
		theirs, err := netip.ParsePrefix(other.Text("ipRange"))
		same := c.State.Referenced(other, "router", RouterType)
		if err == nil && own.IsValid() && same != nil && same.Key == router.Key && theirs.Overlaps(own) {
			return Refuse("googleapi: Error 400: Invalid value for field 'resource.interfaces.ipRange': '%s'. It overlaps with that of '%s', invalid",
				own, other.ID)
		}
	}
	c.New.Outputs["ipVersion"] = "IPV4"
	return nil
}

func routerPeerKind() *Kind {
	return newKind(&Kind{
		Type:     RouterPeerType,
		Defaults: map[string]any{"advertiseMode": "DEFAULT", "enable": true, "enableIpv6": false},
		// AWS's side of a tunnel has neither BFD nor keys for BGP.
		Unsupported: []string{"bfd", "customLearnedIpRanges", "customLearnedRoutePriority", "exportPolicies", "importPolicies", "ipv4NexthopAddress",
			"ipv6NexthopAddress", "md5AuthenticationKey", "peerIpv4NexthopAddress", "peerIpv6NexthopAddress", "routerApplianceInstance"},
		References: []Reference{
			{Path: "router", To: []string{RouterType}, OnDelete: Cascade},
			{Path: "interface", To: []string{RouterInterfaceType}, OnDelete: Block},
		},
		Check:  checkRouterPeer,
		Create: createRouterPeer,
		Update: func(c *Call) error {
			if err := checkPeerASN(c); err != nil {
				return err
			}
			c.WaitTurn(c.Referenced("router", RouterType).Key)
			return nil
		},
		Delete: func(c *Call) error {
			if router := c.State.Referenced(c.Old, "router", RouterType); router != nil {
				c.WaitTurn(router.Key)
			}
			return nil
		},
	}, func(in Scope, r *Record) string {
		return "projects/" + in.Account + "/regions/" + in.Region + "/routers/" + lastSegment(r.Text("router")) + "/" + r.Text("name")
	})
}

func checkRouterPeer(m resource.PropertyMap) []catalog.Failure {
	l := ReadInputs(m)
	l.CheckRange("peerAsn", 1, 4294967295)
	checkAdvertisement(l, "ALL_SUBNETS", "ALL_VPC_SUBNETS", "ALL_PEER_VPC_SUBNETS")
	for _, name := range []string{"ipAddress", "peerIpAddress"} {
		if s := l.Text(name); s != "" && !IsIPv4(s) {
			l.Fail(name, "%q is not a valid IPv4 address", s)
		}
	}
	if l.Values["enableIpv6"] == true {
		l.Fail("enableIpv6", "the emulator has no rules for this property")
	}
	return l.Failures()
}

func createRouterPeer(c *Call) error {
	if err := checkPeerASN(c); err != nil {
		return err
	}
	face := c.Referenced("interface", RouterInterfaceType)
	for _, other := range c.State.RecordsOf(RouterPeerType) {
		if on := c.State.Referenced(other, "interface", RouterInterfaceType); on != nil && on.Key == face.Key {
			return Refuse("googleapi: Error 400: Interface '%s' has the BGP peer '%s' already, invalid", face.ID, other.ID)
		}
	}
	own, err := netip.ParsePrefix(face.Text("ipRange"))
	if err == nil {
		c.New.Outputs["ipAddress"] = own.Addr().String()
	}
	for _, name := range []string{"ipAddress", "peerIpAddress"} {
		if a, wrong := netip.ParseAddr(c.New.Text(name)); wrong == nil && err == nil && !own.Contains(a) {
			return Refuse("googleapi: Error 400: Invalid value for field 'resource.bgpPeers.%s': '%s'. It is not in the range %s of interface '%s', invalid",
				name, a, own.Masked(), face.ID)
		}
	}
	c.New.Outputs["enableIpv4"], c.New.Outputs["managementType"] = true, "MANAGED_BY_USER"
	c.New.Outputs["bfd"] = map[string]any{"sessionInitializationMode": "DISABLED", "minReceiveInterval": 1000.0,
		"minTransmitInterval": 1000.0, "multiplier": 5.0}
	c.WaitTurn(c.Referenced("router", RouterType).Key)
	return nil
}

// checkPeerASN refuses a peer on a router without BGP, and one with the router's own number.
func checkPeerASN(c *Call) error {
	router := c.Referenced("router", RouterType)
	switch asn := Number(Object(router.Get("bgp"))["asn"]); asn {
	case 0:
		return Refuse("googleapi: Error 400: Router '%s' has no BGP configuration, invalid", router.ID)
	case c.New.Number("peerAsn"):
		return Refuse("googleapi: Error 400: Invalid value for field 'resource.bgpPeers.peerAsn': '%d'. It is the ASN of '%s' itself, invalid", asn, router.ID)
	}
	return nil
}
