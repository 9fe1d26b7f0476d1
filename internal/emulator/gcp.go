package emulator

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
)

// gcpPackage is the provider of Google's types. A constant, since the platform itself leads back to what asks for it.
const gcpPackage = "gcp"

// gcpPlatform presents pulumi-gcp v7.
var gcpPlatform = &platform{
	pkg: gcpPackage,
	settings: map[string]bool{
		"accessToken": false, "addPulumiAttributionLabel": true, "batching": true, "billingProject": false, "credentials": false,
		"defaultLabels": true, "disableGooglePartnerName": true, "googlePartnerName": false, "impersonateServiceAccount": false,
		"impersonateServiceAccountDelegates": true, "project": false, "region": false, "requestReason": false,
		"requestTimeout": false, "scopes": true, "terraformAttributionLabelAdditionStrategy": false, "universeDomain": false,
		"userProjectOverride": true, "zone": false, "version": false, "pluginDownloadURL": false,
	},
	// The real provider does not replace itself: it replaces, one by one, what took its project or region from it. That is the same.
	replacing:   []string{"project", "region"},
	locate:      locateGCP,
	defaultTags: func(settings map[string]any) map[string]any { return obj(settings["defaultLabels"]) },
}

var gcpRegion = regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]+$`)

// locateGCP takes the project for the account. Neither it nor the region must be set as long as every resource has its own.
func locateGCP(c *Cloud, settings map[string]any) (scope, error) {
	in := scope{account: str(settings["project"]), region: str(settings["region"])}
	if zone := str(settings["zone"]); in.region == "" && zone != "" {
		in.region = zone[:max(0, strings.LastIndexByte(zone, '-'))]
	}
	if in.region != "" && !gcpRegion.MatchString(in.region) {
		return scope{}, refused("invalid region %q: want one of Google's, such as us-west2", in.region)
	}
	if in.region != "" && c.faults.silent(in.region) {
		return scope{}, silence(in.region)
	}
	return in, nil
}

// getNetwork looks a network up by its name.
func getNetwork(c *call, args map[string]any) (map[string]any, error) {
	in := c.scope
	if project := str(args["project"]); project != "" {
		in.account = project
	}
	if in.account == "" {
		return nil, refused("project: required field is not set")
	}
	r := c.st.at(gcpKey(in, gcpNetworkType, str(args["name"])))
	if r == nil {
		return nil, &refusal{code: codes.NotFound, text: fmt.Sprintf("projects/%s/global/networks/%s not found", in.account, str(args["name"]))}
	}
	all := c.st.outputs(r)
	out := map[string]any{"subnetworksSelfLinks": anys(subnetworksOf(r))}
	for _, property := range []string{"description", "gatewayIpv4", "id", "internalIpv6Range", "name", "project", "selfLink"} {
		out[property] = str(all[property])
	}
	return out, nil
}
