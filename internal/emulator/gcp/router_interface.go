package gcp

import (
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RouterInterfaceType is the Pulumi type token of an interface of a Cloud Router, the end of one VPN tunnel.
const RouterInterfaceType = "gcp:compute/routerInterface:RouterInterface"

func routerInterfaceKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type:        RouterInterfaceType,
		Unsupported: []string{"interconnectAttachment", "privateIpAddress", "redundantInterface", "subnetwork"},
		ExactlyOne:  [][]string{{"vpnTunnel"}},
		References: []cloud.Reference{
			{Path: "router", To: []string{RouterType}, OnDelete: cloud.Cascade},
			{Path: "vpnTunnel", To: []string{VPNTunnelType}, OnDelete: cloud.Block},
		},
		ImportID: func(r *cloud.Record) string { return r.Text("project") + "/" + r.ID },
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			in.CheckSupported("ipVersion", "IPV4")
			if p, err := netip.ParsePrefix(in.Text("ipRange")); in.Has("ipRange") &&
				(err != nil || !cloud.LinkLocal.Contains(p.Addr()) || p.Bits() < 16) {
				in.Fail("ipRange", "%q: want an address in %s with its range's length, such as 169.254.10.2/30", in.Text("ipRange"), cloud.LinkLocal)
			}
			return in.Failures()
		},
		Create: createRouterInterface,
	}, func(in cloud.Scope, r *cloud.Record) string {
		return in.Region + "/" + lastSegment(r.Text("router")) + "/" + r.Text("name")
	})
}

// createRouterInterface refuses a tunnel's second interface and ranges of one router that overlap.
func createRouterInterface(c *cloud.Call) error {
	tunnel, router := c.Referenced("vpnTunnel", VPNTunnelType), c.Referenced("router", RouterType)
	if tunnel.Region != c.New.Region {
		return cloud.Refuse("googleapi: Error 400: Invalid value: tunnel '%s' is not in the router's region %s, invalid", tunnel.ID, c.New.Region)
	}
	own, _ := netip.ParsePrefix(c.New.Text("ipRange")) // absent ones overlap with nothing
	for _, other := range c.State.RecordsOf(RouterInterfaceType) {
		if linked := c.State.Referenced(other, "vpnTunnel", VPNTunnelType); linked != nil && linked.Key == tunnel.Key {
			return cloud.Refuse("googleapi: Error 400: VPN tunnel '%s' is already linked to the interface '%s', invalid", tunnel.ID, other.ID)
		}
		theirs, err := netip.ParsePrefix(other.Text("ipRange"))
		same := c.State.Referenced(other, "router", RouterType)
		if err == nil && own.IsValid() && same != nil && same.Key == router.Key && theirs.Overlaps(own) {
			return cloud.Refuse("googleapi: Error 400: Invalid value for field 'resource.interfaces.ipRange': '%s'. It overlaps with that of "+
				"'%s', invalid",
				own, other.ID)
		}
	}
	c.New.Outputs["ipVersion"] = "IPV4"
	return nil
}
