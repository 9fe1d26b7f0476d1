package gcp

import (
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RouterPeerType is the Pulumi type token of a BGP peer of a Cloud Router.
const RouterPeerType = "gcp:compute/routerPeer:RouterPeer"

func routerPeerKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type:     RouterPeerType,
		Defaults: map[string]any{"advertiseMode": "DEFAULT", "enable": true, "enableIpv6": false},
		// The AWS end of a tunnel supports neither BFD nor BGP keys.
		Unsupported: []string{"bfd", "customLearnedIpRanges", "customLearnedRoutePriority", "exportPolicies", "importPolicies",
			"ipv4NexthopAddress",
			"ipv6NexthopAddress", "md5AuthenticationKey", "peerIpv4NexthopAddress", "peerIpv6NexthopAddress", "routerApplianceInstance"},
		References: []cloud.Reference{
			{Path: "router", To: []string{RouterType}, OnDelete: cloud.Cascade},
			{Path: "interface", To: []string{RouterInterfaceType}, OnDelete: cloud.Block},
		},
		Check:  checkRouterPeer,
		Create: createRouterPeer,
		Update: func(c *cloud.Call) error {
			if err := checkPeerASN(c); err != nil {
				return err
			}
			c.WaitTurn(c.Referenced("router", RouterType).Key)
			return nil
		},
		Delete: func(c *cloud.Call) error {
			if router := c.State.Referenced(c.Old, "router", RouterType); router != nil {
				c.WaitTurn(router.Key)
			}
			return nil
		},
	}, func(in cloud.Scope, r *cloud.Record) string {
		return "projects/" + in.Account + "/regions/" + in.Region + "/routers/" + lastSegment(r.Text("router")) + "/" + r.Text("name")
	})
}

func checkRouterPeer(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckRange("peerAsn", 1, 4294967295)
	checkAdvertisement(in, "ALL_SUBNETS", "ALL_VPC_SUBNETS", "ALL_PEER_VPC_SUBNETS")
	for _, name := range []string{"ipAddress", "peerIpAddress"} {
		if s := in.Text(name); s != "" && !cloud.IsIPv4(s) {
			in.Fail(name, "%q is not a valid IPv4 address", s)
		}
	}
	if in.Values["enableIpv6"] == true {
		in.Fail("enableIpv6", "the emulator has no rules for this property")
	}
	return in.Failures()
}

func createRouterPeer(c *cloud.Call) error {
	if err := checkPeerASN(c); err != nil {
		return err
	}
	face := c.Referenced("interface", RouterInterfaceType)
	for _, other := range c.State.RecordsOf(RouterPeerType) {
		if on := c.State.Referenced(other, "interface", RouterInterfaceType); on != nil && on.Key == face.Key {
			return cloud.Refuse("googleapi: Error 400: Interface '%s' has the BGP peer '%s' already, invalid", face.ID, other.ID)
		}
	}
	own, err := netip.ParsePrefix(face.Text("ipRange"))
	if err == nil {
		c.New.Outputs["ipAddress"] = own.Addr().String()
	}
	for _, name := range []string{"ipAddress", "peerIpAddress"} {
		if a, wrong := netip.ParseAddr(c.New.Text(name)); wrong == nil && err == nil && !own.Contains(a) {
			return cloud.Refuse("googleapi: Error 400: Invalid value for field 'resource.bgpPeers.%s': '%s'. It is not in the range %s of "+
				"interface '%s', invalid",
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
func checkPeerASN(c *cloud.Call) error {
	router := c.Referenced("router", RouterType)
	switch asn := cloud.Number(cloud.Object(router.Get("bgp"))["asn"]); asn {
	case 0:
		return cloud.Refuse("googleapi: Error 400: Router '%s' has no BGP configuration, invalid", router.ID)
	case c.New.Number("peerAsn"):
		return cloud.Refuse("googleapi: Error 400: Invalid value for field 'resource.bgpPeers.peerAsn': '%d'. It is the ASN of '%s' itself, "+
			"invalid", asn, router.ID)
	}
	return nil
}
