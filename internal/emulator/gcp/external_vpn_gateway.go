package gcp

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// ExternalVPNGatewayType is the Pulumi type token of an external VPN gateway, GCP's record of the far end of a VPN.
const ExternalVPNGatewayType = "gcp:compute/externalVpnGateway:ExternalVpnGateway"

// redundancies is the number of interfaces of an external gateway, by type of redundancy.
var redundancies = map[string]int{"SINGLE_IP_INTERNALLY_REDUNDANT": 1, "TWO_IPS_REDUNDANCY": 2, "FOUR_IPS_REDUNDANCY": 4}

func externalVPNGatewayKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type: ExternalVPNGatewayType, Global: true,
		Sets:   []string{"interfaces"},
		Check:  checkExternalGateway,
		Create: func(c *cloud.Call) error { return checkInterfaceAddresses(c.New) },
	}, collectionID)
}

func checkExternalGateway(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckChoice("redundancyType", "FOUR_IPS_REDUNDANCY", "SINGLE_IP_INTERNALLY_REDUNDANT", "TWO_IPS_REDUNDANCY")
	want, known := redundancies[in.Text("redundancyType")]
	if list := cloud.Objects(in.Values["interfaces"]); known && in.Has("interfaces") && len(list) != want {
		in.Fail("interfaces", "%s requires exactly %d interfaces, got %d", in.Text("redundancyType"), want, len(list))
	}
	if !known {
		want = 4
	}
	checkInterfaceNumbers(in, "interfaces", want)
	return in.Failures()
}

// checkInterfaceNumbers requires interfaces with the numbers from 0, each once, and with addresses.
func checkInterfaceNumbers(in *cloud.Inputs, name string, n int) {
	seen := map[int]bool{}
	for _, i := range in.Items(name) {
		id := cloud.Number(i.Values["id"])
		if i.Has("id") && (id < 0 || id >= n || seen[id]) {
			i.Fail("id", "%d: want each of 0 to %d once", id, n-1)
		}
		seen[id] = true
		if s := i.Text("ipAddress"); s != "" && !cloud.IsIPv4(s) {
			i.Fail("ipAddress", "%q is not a valid IPv4 address", s)
		}
	}
}

// checkInterfaceAddresses refuses an interface without an address and an address twice.
func checkInterfaceAddresses(r *cloud.Record) error {
	seen := map[string]bool{}
	for _, i := range cloud.Objects(r.Get("interfaces")) {
		ip := cloud.Text(i["ipAddress"])
		if !cloud.IsIPv4(ip) || seen[ip] {
			return cloud.Refuse("googleapi: Error 400: Invalid value for field 'resource.interfaces[%d].ipAddress': '%s'. "+
				"Every interface wants an IPv4 address of its own, invalid", cloud.Number(i["id"]), ip)
		}
		seen[ip] = true
	}
	return nil
}

// InterfaceAddress returns the address of a gateway's interface, or an empty string when the interface does not exist. An interface
// without a number has the number of its position.
func InterfaceAddress(gateway *cloud.Record, list string, number int) string {
	if gateway == nil {
		return ""
	}
	for i, e := range cloud.Objects(gateway.Get(list)) {
		id, given := e["id"]
		if given && cloud.Number(id) == number || !given && i == number {
			return cloud.Text(e["ipAddress"])
		}
	}
	return ""
}
