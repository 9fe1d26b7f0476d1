package emulator

import (
	"regexp"
	"strings"
)

// GCPPlatform returns the rules of GCP, as pulumi-gcp v7 presents it.
func GCPPlatform() *Platform {
	return &Platform{
		Package: "gcp",
		Settings: map[string]bool{
			"accessToken": false, "addPulumiAttributionLabel": true, "batching": true, "billingProject": false, "credentials": false,
			"defaultLabels": true, "disableGooglePartnerName": true, "googlePartnerName": false, "impersonateServiceAccount": false,
			"impersonateServiceAccountDelegates": true, "project": false, "region": false, "requestReason": false,
			"requestTimeout": false, "scopes": true, "terraformAttributionLabelAdditionStrategy": false, "universeDomain": false,
			"userProjectOverride": true, "zone": false, "version": false, "pluginDownloadURL": false,
		},
		// The real provider does not replace itself: it replaces, one by one, what took its project or region from it. That is the same.
		Replacing:   []string{"project", "region"},
		Locate:      locateProject,
		DefaultTags: func(settings map[string]any) map[string]any { return Object(settings["defaultLabels"]) },
		Kinds:       gcpKinds(),
		Lookups:     map[string]*Lookup{"gcp:compute/getNetwork:getNetwork": {Type: NetworkType, Answer: getNetwork}},
		Key:         keyIn,
		FindTarget:  findGCPTarget,
		Tags:        labelsOf,
		Name:        func(r *Record, _ map[string]string) string { return r.Text("name") },
	}
}

// gcpKinds lists the resource types of GCP with rules. A new kind goes here.
func gcpKinds() []*Kind {
	return []*Kind{
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

// labelsOf returns all labels of a record, the provider's default ones among them.
func labelsOf(r *Record) map[string]string {
	labels := map[string]string{}
	for name, v := range Object(r.Get("effectiveLabels")) {
		labels[name] = Text(v)
	}
	return labels
}

var regionPattern = regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]+$`)

// locateProject takes the project for the account. Neither it nor the region must be set as long as every resource has its own.
func locateProject(c *Cloud, settings map[string]any) (Scope, error) {
	in := Scope{Account: Text(settings["project"]), Region: Text(settings["region"])}
	if zone := Text(settings["zone"]); in.Region == "" && zone != "" {
		in.Region = zone[:max(0, strings.LastIndexByte(zone, '-'))]
	}
	if in.Region != "" && !regionPattern.MatchString(in.Region) {
		return Scope{}, Refuse("invalid region %q: want one of Google's, such as us-west2", in.Region)
	}
	if in.Region != "" {
		if err := c.CheckReachable(in.Region); err != nil {
			return Scope{}, err
		}
	}
	return in, nil
}

// getNetwork looks a network up by its name.
func getNetwork(c *Call, args map[string]any) (map[string]any, error) {
	in := c.Scope
	if project := Text(args["project"]); project != "" {
		in.Account = project
	}
	if in.Account == "" {
		return nil, Refuse("project: required field is not set")
	}
	r := c.State.RecordAt(c.State.KeyIn(in, NetworkType, Text(args["name"])))
	if r == nil {
		return nil, RefuseNotFound("projects/%s/global/networks/%s not found", in.Account, Text(args["name"]))
	}
	all := c.State.OutputsOf(r)
	out := map[string]any{"subnetworksSelfLinks": AnyList(subnetworksOf(r))}
	for _, property := range []string{"description", "gatewayIpv4", "id", "internalIpv6Range", "name", "project", "selfLink"} {
		out[property] = Text(all[property])
	}
	return out, nil
}
