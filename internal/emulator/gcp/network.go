package gcp

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// getNetwork looks a network up by its name.
func getNetwork(c *cloud.Call, args map[string]any) (map[string]any, error) {
	in := c.Scope
	if project := cloud.Text(args["project"]); project != "" {
		in.Account = project
	}
	if in.Account == "" {
		return nil, cloud.Refuse("project: required field is not set")
	}
	r := c.State.RecordAt(c.State.KeyIn(in, NetworkType, cloud.Text(args["name"])))
	if r == nil {
		return nil, cloud.RefuseNotFound("projects/%s/global/networks/%s not found", in.Account, cloud.Text(args["name"]))
	}
	all := c.State.OutputsOf(r)
	out := map[string]any{"subnetworksSelfLinks": cloud.AnyList(subnetworksOf(r))}
	for _, property := range []string{"description", "gatewayIpv4", "id", "internalIpv6Range", "name", "project", "selfLink"} {
		out[property] = cloud.Text(all[property])
	}
	return out, nil
}

// NetworkType is the Pulumi type token of a VPC network of GCP.
const NetworkType = "gcp:compute/network:Network"

// defaultNetwork is the name of the network that every new project has. The backend runs in it. Programs can look it up, refer to it
// and import it; they cannot delete it.
const defaultNetwork = "default"

// implicitNetwork returns the network that every project begins with, when a key names it.
func implicitNetwork(k cloud.Key) *cloud.Record {
	if k.Account == "" || !strings.HasSuffix(k.ID, "/networks/"+defaultNetwork) {
		return nil
	}
	return &cloud.Record{Key: k, Inputs: map[string]any{"name": defaultNetwork, "autoCreateSubnetworks": true, "project": k.Account},
		Outputs: map[string]any{"selfLink": selfLink(k.ID), "mtu": 1460.0, "numericId": numericID(k.ID), "routingMode": "REGIONAL",
			"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL", "description": "Default network for the project"},
		Extra: map[string]any{"given": true}}
}

func networkKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type: NetworkType, Global: true, Implicit: implicitNetwork,
		Defaults: map[string]any{"autoCreateSubnetworks": true, "deleteDefaultRoutesOnCreate": false,
			"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL"},
		Unsupported: []string{"enableUlaInternalIpv6", "internalIpv6Range"},
		WriteOnly:   []string{"deleteDefaultRoutesOnCreate"},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			in.CheckChoice("routingMode", "REGIONAL", "GLOBAL")
			in.CheckRange("mtu", 1300, 8896)
			return in.Failures()
		},
		Create: func(c *cloud.Call) error {
			c.New.Outputs["mtu"], c.New.Outputs["routingMode"] = 1460.0, "REGIONAL"
			c.New.Outputs["numericId"] = numericID(c.New.ID)
			return nil
		},
		Delete: func(c *cloud.Call) error {
			if cloud.Bool(c.Old.Extra["given"]) {
				return cloud.RefuseInUse(c.Kind.InUse+" (the backend lives in it)", c.Old.ID)
			}
			return nil
		},
	}, collectionID)
}

// AutoRanges are the subnets that GCP creates in networks of auto mode, by region, as its documentation lists them. Other regions have
// no subnets in the emulator.
var AutoRanges = map[string]string{
	"asia-northeast1": "10.146.0.0/20", "asia-southeast1": "10.148.0.0/20", "europe-west1": "10.132.0.0/20",
	"europe-west2": "10.154.0.0/20", "europe-west3": "10.156.0.0/20", "us-central1": "10.128.0.0/20", "us-east1": "10.142.0.0/20",
	"us-east4": "10.150.0.0/20", "us-west1": "10.138.0.0/20", "us-west2": "10.168.0.0/20", "us-west3": "10.180.0.0/20",
	"us-west4": "10.182.0.0/20",
}

// subnetworksOf lists the links of the subnets that GCP created in a network.
func subnetworksOf(network *cloud.Record) []string {
	links := []string{}
	if network.Bool("autoCreateSubnetworks") {
		for _, region := range slices.Sorted(maps.Keys(AutoRanges)) {
			links = append(links, selfLink(fmt.Sprintf("projects/%s/regions/%s/subnetworks/%s", network.Account, region, network.Text("name"))))
		}
	}
	return links
}
