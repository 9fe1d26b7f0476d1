package gcp

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// HAVPNGatewayType is the Pulumi type token of an HA VPN gateway, which has two interfaces.
const HAVPNGatewayType = "gcp:compute/haVpnGateway:HaVpnGateway"

func haVPNGatewayKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type:        HAVPNGatewayType,
		Defaults:    map[string]any{"gatewayIpVersion": "IPV4", "stackType": "IPV4_ONLY"},
		Unsupported: []string{"vpnInterfaces"}, // for VPN over interconnects
		References:  []cloud.Reference{{Path: "network", To: []string{NetworkType}, OnDelete: cloud.Block}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			in.CheckSupported("gatewayIpVersion", "IPV4")
			in.CheckSupported("stackType", "IPV4_ONLY")
			return in.Failures()
		},
		Create: func(c *cloud.Call) error {
			var list []any
			for i := range 2 { // interfaces with addresses of Google's
				list = append(list, map[string]any{"id": float64(i), "ipAddress": c.NewAddress()})
			}
			c.New.Outputs["vpnInterfaces"] = list
			return nil
		},
	}, collectionID)
}
