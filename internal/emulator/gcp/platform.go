// Package gcp holds the rules of GCP: one file for each kind of resource, named as GCP names the resource. Platform lists them all.
//
// Error texts are those of the GCP APIs. Tests rely on them.
package gcp

import (
	"regexp"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// Platform returns the rules of GCP, as pulumi-gcp v7 presents it.
func Platform() *cloud.Platform {
	return &cloud.Platform{
		Package: "gcp",
		Settings: map[string]bool{
			"accessToken": false, "addPulumiAttributionLabel": true, "batching": true, "billingProject": false, "credentials": false,
			"defaultLabels": true, "disableGooglePartnerName": true, "googlePartnerName": false, "impersonateServiceAccount": false,
			"impersonateServiceAccountDelegates": true, "project": false, "region": false, "requestReason": false,
			"requestTimeout": false, "scopes": true, "terraformAttributionLabelAdditionStrategy": false, "universeDomain": false,
			"userProjectOverride": true, "zone": false, "version": false, "pluginDownloadURL": false,
		},
		// The real provider does not replace itself. It replaces, one by one, the resources that took their project or region from it,
		// with the same effect.
		Replacing:   []string{"project", "region"},
		Locate:      locateProject,
		DefaultTags: func(settings map[string]any) map[string]any { return cloud.Object(settings["defaultLabels"]) },
		Kinds:       kinds(),
		Lookups:     map[string]*cloud.Lookup{"gcp:compute/getNetwork:getNetwork": {Type: NetworkType, Answer: getNetwork}},
		Key:         keyIn,
		FindTarget:  findTarget,
		Tags:        labelsOf,
		Name:        func(r *cloud.Record, _ map[string]string) string { return r.Text("name") },
	}
}

// kinds lists the resource types of GCP with rules. A new kind goes here.
func kinds() []*cloud.Kind {
	return []*cloud.Kind{
		securityPolicyKind(),
		securityPolicyRuleKind(),
		managedZoneKind(),
		recordSetKind(),
		networkKind(),
		firewallKind(),
		routerKind(),
		routerInterfaceKind(),
		routerPeerKind(),
		haVPNGatewayKind(),
		externalVPNGatewayKind(),
		vpnTunnelKind(),
	}
}

var regionPattern = regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]+$`)

// locateProject returns the project as the account. Project and region may be absent when every resource sets its own.
func locateProject(c *cloud.Cloud, settings map[string]any) (cloud.Scope, error) {
	in := cloud.Scope{Account: cloud.Text(settings["project"]), Region: cloud.Text(settings["region"])}
	if zone := cloud.Text(settings["zone"]); in.Region == "" && zone != "" {
		in.Region = zone[:max(0, strings.LastIndexByte(zone, '-'))]
	}
	if in.Region != "" && !regionPattern.MatchString(in.Region) {
		return cloud.Scope{}, cloud.Refuse("invalid region %q: want a GCP region, such as us-west2", in.Region)
	}
	if in.Region != "" {
		if err := c.CheckReachable(in.Region); err != nil {
			return cloud.Scope{}, err
		}
	}
	return in, nil
}
