package gcp

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// labelsOf returns all labels of a record, the provider's default ones among them.
func labelsOf(r *cloud.Record) map[string]string {
	labels := map[string]string{}
	for name, v := range cloud.Object(r.Get("effectiveLabels")) {
		labels[name] = cloud.Text(v)
	}
	return labels
}

// collections are the paths below a project, as ids contain them. The * stands for the region. A resource below another one (an
// interface of a router) has no entry, because its name alone does not locate it.
var collections = map[string]string{
	NetworkType: "global/networks", FirewallType: "global/firewalls", ExternalVPNGatewayType: "global/externalVpnGateways",
	SecurityPolicyType: "global/securityPolicies", ManagedZoneType: "managedZones",
	HAVPNGatewayType: "regions/*/vpnGateways", RouterType: "regions/*/routers", VPNTunnelType: "regions/*/vpnTunnels",
}

// collectionID returns the id of a resource that has a collection of its own.
func collectionID(in cloud.Scope, r *cloud.Record) string {
	return "projects/" + in.Account + "/" + strings.Replace(collections[r.Type], "*", in.Region, 1) + "/" + r.Text("name")
}

const computeRoot = "https://www.googleapis.com/compute/v1/"

func selfLink(id string) string { return computeRoot + id }

// scopeOf returns the project and region that a record's names refer to: its own or, when it has none, its provider's.
func scopeOf(r *cloud.Record, in cloud.Scope) cloud.Scope {
	if project := r.Text("project"); project != "" {
		in.Account = project
	}
	if region := r.Text("region"); region != "" {
		in.Region = region
	}
	return in
}

// keyIn returns the key of an id in any form that GCP accepts: a path, a link, or a bare name in the given project and region.
func keyIn(in cloud.Scope, kind *cloud.Kind, id string) cloud.Key {
	typ := kind.Type
	path := resourcePath(in, typ, id)
	k := cloud.Key{Type: typ, Account: in.Account, Region: in.Region, ID: path}
	steps := strings.Split(path, "/")
	switch {
	case steps[0] == "projects" && len(steps) > 1:
		k.Account = steps[1]
		if len(steps) > 3 && steps[2] == "regions" {
			k.Region = steps[3]
		}
	case typ == RouterInterfaceType && len(steps) == 3: // region/router/name
		k.Region = steps[0]
	}
	return k
}

func resourcePath(in cloud.Scope, typ, id string) string {
	path := id
	for _, root := range []string{computeRoot, "https://compute.googleapis.com/compute/v1/", "https://dns.googleapis.com/dns/v1/"} {
		path = strings.TrimPrefix(path, root)
	}
	collection := strings.Replace(collections[typ], "*", in.Region, 1)
	switch {
	case path == "" || collection == "" || strings.HasPrefix(path, "projects/"):
		return path
	case strings.HasPrefix(path, "global/") || strings.HasPrefix(path, "regions/"):
		return "projects/" + in.Account + "/" + path
	case !strings.Contains(path, "/"):
		return "projects/" + in.Account + "/" + collection + "/" + path
	}
	return path
}

// findTarget returns the GCP record that a reference of a record names, or nil.
func findTarget(s *cloud.State, r *cloud.Record, _ *cloud.Reference, typ, id string) *cloud.Record {
	in := scopeOf(r, cloud.Scope{Account: r.Account, Region: r.Region})
	if typ == RouterInterfaceType && !strings.Contains(id, "/") {
		id = in.Region + "/" + lastSegment(r.Text("router")) + "/" + id
	}
	return s.RecordAt(s.KeyIn(in, typ, id))
}

// lastSegment returns the name at the end of a path.
func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// numericID stands in for the numeric ids that GCP assigns in addition to names.
func numericID(id string) string { return strconv.Itoa(1e9 + int(crc32.ChecksumIEEE([]byte(id)))) }

// fingerprintOf stands in for the hashes by which GCP detects concurrent changes.
func fingerprintOf(v any) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(fmt.Append(nil, v)))
}
