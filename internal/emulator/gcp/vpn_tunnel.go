package gcp

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// VPNTunnelType is the Pulumi type token of one tunnel of an HA VPN gateway.
const VPNTunnelType = "gcp:compute/vPNTunnel:VPNTunnel"

func vpnTunnelKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type:     VPNTunnelType,
		Defaults: map[string]any{"ikeVersion": 2},
		// The link uses neither Classic VPN nor a VPN between two GCP networks.
		Unsupported: []string{"targetVpnGateway", "peerIp", "peerGcpGateway", "localTrafficSelectors", "remoteTrafficSelectors"},
		ExactlyOne:  [][]string{{"vpnGateway"}, {"peerExternalGateway"}, {"router"}},
		WriteOnly:   []string{"sharedSecret"},
		Volatile:    []string{"detailedStatus"},
		References: []cloud.Reference{
			{Path: "vpnGateway", To: []string{HAVPNGatewayType}, OnDelete: cloud.Block},
			{Path: "peerExternalGateway", To: []string{ExternalVPNGatewayType}, OnDelete: cloud.Block},
			{Path: "router", To: []string{RouterType}, OnDelete: cloud.Block},
		},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			in.CheckRange("ikeVersion", 1, 2)
			in.CheckRange("vpnGatewayInterface", 0, 1)
			in.CheckRange("peerExternalGatewayInterface", 0, 3)
			if s := m["sharedSecret"]; in.Has("sharedSecret") && s.IsString() && in.Text("sharedSecret") == "" {
				in.Fail("sharedSecret", "must not be empty")
			}
			return in.Failures()
		},
		Create: createTunnel,
	}, collectionID)
}

func createTunnel(c *cloud.Call) error {
	gateway := c.Referenced("vpnGateway", HAVPNGatewayType)
	external := c.Referenced("peerExternalGateway", ExternalVPNGatewayType)
	router := c.Referenced("router", RouterType)
	for _, near := range []*cloud.Record{gateway, router} {
		if near.Region != c.New.Region || near.Account != c.New.Account {
			return cloud.Refuse("googleapi: Error 400: Invalid value: '%s' is not in the tunnel's region %s, invalid", near.ID, c.New.Region)
		}
	}
	if gateway.Text("network") != "" && !inSameNetwork(c.State, gateway, router) {
		return cloud.Refuse("googleapi: Error 400: The router '%s' and the VPN gateway '%s' must be in the same network, invalid", router.ID,
			gateway.ID)
	}
	peer := InterfaceAddress(external, "interfaces", c.New.Number("peerExternalGatewayInterface"))
	if peer == "" {
		return cloud.Refuse("googleapi: Error 400: Invalid value for field 'resource.peerExternalGatewayInterface': '%d'. '%s' has no such "+
			"interface, invalid",
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

// inSameNetwork reports whether two GCP records belong to one network.
func inSameNetwork(s *cloud.State, a, b *cloud.Record) bool {
	m, n := s.Referenced(a, "network", NetworkType), s.Referenced(b, "network", NetworkType)
	return m != nil && n != nil && m.Key == n.Key
}
