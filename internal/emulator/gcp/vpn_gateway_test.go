package gcp_test

import (
	"fmt"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
	"github.com/beachhead-build/beachhead/internal/emulator/gcp"
)

func TestGatewayInterfaces(t *testing.T) {
	g := emulatortest.Start(t).GCP()
	interfaces := func(ids ...int) props {
		var list []any
		for i, id := range ids {
			list = append(list, props{"id": id, "ipAddress": fmt.Sprintf("198.51.100.%d", i)})
		}
		return props{"redundancyType": "FOUR_IPS_REDUNDANCY", "interfaces": list}
	}
	g.Create(gcp.ExternalVPNGatewayType, "four", interfaces(0, 1, 2, 3))
	g.RequireCreateRefusal(gcp.ExternalVPNGatewayType, interfaces(0, 1), "FOUR_IPS_REDUNDANCY requires exactly 4 interfaces, got 2")
	g.RequireCreateRefusal(gcp.ExternalVPNGatewayType, interfaces(0, 1, 2, 2), "interfaces[3].id: 2: want each of 0 to 3 once")
	g.RequireCreateRefusal(gcp.ExternalVPNGatewayType, interfaces(1, 2, 3, 4), "interfaces[3].id: 4")
	twice := interfaces(0, 1, 2, 3)
	twice["interfaces"].([]any)[1].(props)["ipAddress"] = "198.51.100.0"
	g.RequireCreateRefusal(gcp.ExternalVPNGatewayType, twice, "an IPv4 address of its own")
	ha := g.Create(gcp.HAVPNGatewayType, "ha", props{"network": "default"})
	if one, two := emulatortest.AddressOf(ha, "vpnInterfaces", 0), emulatortest.AddressOf(ha, "vpnInterfaces", 1); one == two ||
		!cloud.IsIPv4(one) || !cloud.IsIPv4(two) {
		t.Errorf("addresses %q and %q", one, two)
	}
}
