package emulator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// collections are the paths below a project in which things lie, as their ids have them. * stands for the region.
// What lies below another thing (an interface of a router) is not here: its name alone does not place it.
var collections = map[string]string{
	NetworkType: "global/networks", FirewallType: "global/firewalls", ExternalVPNGatewayType: "global/externalVpnGateways",
	SecurityPolicyType: "global/securityPolicies", ManagedZoneType: "managedZones",
	HAVPNGatewayType: "regions/*/vpnGateways", RouterType: "regions/*/routers", VPNTunnelType: "regions/*/vpnTunnels",
}

// newKind completes the table entry of one of Google's kinds with what they have in common: where things lie and what they are
// called, links, labels, and the words for what is missing or in use. Its create function runs once that is done.
func newKind(k *Kind, id func(in Scope, r *Record) string) *Kind {
	what := k.Type[strings.LastIndexByte(k.Type, ':')+1:]
	k.Missing = "googleapi: Error 404: The resource '%s' was not found, notFound (" + what + ")"
	k.InUse = "googleapi: Error 400: The " + what + " resource '%s' is already being used, resourceInUseByAnotherResource"
	if _, named := k.Properties().Inputs["name"]; named && k.Type != RecordSetType {
		k.AutoNameLength = 63
	}
	if _, labelled := k.Properties().Inputs["labels"]; labelled {
		k.Volatile = append(k.Volatile, "pulumiLabels", "effectiveLabels")
	}
	create, update, check := k.Create, k.Update, k.Check
	k.Create = func(c *Call) error {
		if err := placeResource(c, id); err != nil {
			return err
		}
		storeLabels(c)
		return runIfSet(create, c)
	}
	k.Update = func(c *Call) error {
		storeLabels(c)
		return runIfSet(update, c)
	}
	k.Check = func(m resource.PropertyMap) []catalog.Failure {
		failures := checkName(k, m)
		if check != nil {
			failures = append(failures, check(m)...)
		}
		return failures
	}
	return k
}

func runIfSet(f func(*Call) error, c *Call) error {
	if f == nil {
		return nil
	}
	return f(c)
}

// collectionID is where a thing lies that has a collection of its own.
func collectionID(in Scope, r *Record) string {
	return "projects/" + in.Account + "/" + strings.Replace(collections[r.Type], "*", in.Region, 1) + "/" + r.Text("name")
}

// namePattern is RFC 1035's label, as Google's error messages give it.
var namePattern = regexp.MustCompile(`^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$`)

func checkName(k *Kind, m resource.PropertyMap) []catalog.Failure {
	name, known := KnownText(m, "name")
	if !known || k.AutoNameLength == 0 || namePattern.MatchString(name) {
		return nil
	}
	return []catalog.Failure{{Property: "name", Reason: fmt.Sprintf(
		"%q doesn't match regexp %q: small letters, digits and hyphens, a letter first, at most 63", name, namePattern)}}
}

// placeResource gives a new thing its project, region, id and links, and refuses a name that is taken.
func placeResource(c *Call, id func(in Scope, r *Record) string) error {
	in := scopeOf(c.New, c.Scope)
	if in.Account == "" {
		return Refuse("project: required field is not set")
	}
	c.New.Outputs["project"] = in.Account
	if !c.Kind.Global {
		if !regionPattern.MatchString(in.Region) {
			return Refuse("region %q: set one of Google's in this resource, or the provider's region or zone", in.Region)
		}
		c.New.Outputs["region"] = in.Region
	}
	c.New.Key = c.KeyOf(c.Kind.Type, id(in, c.New))
	if c.State.RecordAt(c.New.Key) != nil {
		return Refuse("googleapi: Error 409: The resource '%s' already exists, alreadyExists", c.New.ID)
	}
	computed := append(slices.Clone(c.Kind.Properties().Computed), c.Kind.Properties().AlwaysSet...)
	for name, v := range map[string]string{"selfLink": selfLink(c.New.ID), "creationTimestamp": c.Now.Format(time.RFC3339)} {
		if slices.Contains(computed, name) {
			c.New.Outputs[name] = v
		}
	}
	return nil
}

// storeLabels tells all labels of a thing, the provider's default ones under its own.
func storeLabels(c *Call) {
	if _, labelled := c.Kind.Properties().Inputs["labels"]; !labelled {
		return
	}
	all := CopyMap(c.Tags)
	for name, v := range Object(c.New.Get("labels")) {
		all[name] = v
	}
	c.New.Outputs["pulumiLabels"], c.New.Outputs["effectiveLabels"] = all, all
	c.New.Outputs["labelFingerprint"] = fingerprintOf(all)
}

const computeRoot = "https://www.googleapis.com/compute/v1/"

func selfLink(id string) string { return computeRoot + id }

// scopeOf is the project and region in which a record's names are meant: its own, or else where its provider works.
func scopeOf(r *Record, in Scope) Scope {
	if project := r.Text("project"); project != "" {
		in.Account = project
	}
	if region := r.Text("region"); region != "" {
		in.Region = region
	}
	return in
}

// keyIn places an id as Google takes it: a path, a link, or a bare name in the given project and region.
func keyIn(in Scope, kind *Kind, id string) Key {
	typ := kind.Type
	path := resourcePath(in, typ, id)
	k := Key{Type: typ, Account: in.Account, Region: in.Region, ID: path}
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

func resourcePath(in Scope, typ, id string) string {
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

// findGCPTarget finds what a reference of a record to one of Google's things means.
func findGCPTarget(s *State, r *Record, _ *Reference, typ, id string) *Record {
	in := scopeOf(r, Scope{Account: r.Account, Region: r.Region})
	if typ == RouterInterfaceType && !strings.Contains(id, "/") {
		id = in.Region + "/" + lastSegment(r.Text("router")) + "/" + id
	}
	return s.RecordAt(s.KeyIn(in, typ, id))
}

// lastSegment is the name at the end of a path.
func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
