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

// gcpCollections are the paths below a project in which things lie, as their ids have them. * stands for the region.
// What lies below another thing (an interface of a router) is not here: its name alone does not place it.
var gcpCollections = map[string]string{
	gcpNetworkType: "global/networks", firewallType: "global/firewalls", externalVPNGatewayType: "global/externalVpnGateways",
	securityPolicyType: "global/securityPolicies", managedZoneType: "managedZones",
	haVPNGatewayType: "regions/*/vpnGateways", routerType: "regions/*/routers", vpnTunnelType: "regions/*/vpnTunnels",
}

// inGoogle completes the table entry of one of Google's kinds with what they have in common: where things lie and what they are
// called, links, labels, and the words for what is missing or in use. Its create function runs once that is done.
func inGoogle(k *kind, id func(in scope, r *record) string) *kind {
	what := k.typ[strings.LastIndexByte(k.typ, ':')+1:]
	k.missing = "googleapi: Error 404: The resource '%s' was not found, notFound (" + what + ")"
	k.inUse = "googleapi: Error 400: The " + what + " resource '%s' is already being used, resourceInUseByAnotherResource"
	if _, named := k.spec().Inputs["name"]; named && k.typ != recordSetType {
		k.autoName = 63
	}
	if _, labelled := k.spec().Inputs["labels"]; labelled {
		k.volatile = append(k.volatile, "pulumiLabels", "effectiveLabels")
	}
	create, update, check := k.create, k.update, k.check
	k.create = func(c *call) error {
		if err := c.settle(id); err != nil {
			return err
		}
		c.label()
		return then(create, c)
	}
	k.update = func(c *call) error {
		c.label()
		return then(update, c)
	}
	k.check = func(m resource.PropertyMap) []catalog.Failure {
		failures := checkGoogleName(k, m)
		if check != nil {
			failures = append(failures, check(m)...)
		}
		return failures
	}
	return k
}

func then(f func(*call) error, c *call) error {
	if f == nil {
		return nil
	}
	return f(c)
}

// inCollection is where a thing lies that has a collection of its own.
func inCollection(in scope, r *record) string {
	return "projects/" + in.account + "/" + strings.Replace(gcpCollections[r.Type], "*", in.region, 1) + "/" + r.str("name")
}

// googleName is RFC 1035's label, as Google's error messages give it.
var googleName = regexp.MustCompile(`^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$`)

func checkGoogleName(k *kind, m resource.PropertyMap) []catalog.Failure {
	name, known := text(m, "name")
	if !known || k.autoName == 0 || googleName.MatchString(name) {
		return nil
	}
	return []catalog.Failure{{Property: "name", Reason: fmt.Sprintf(
		"%q doesn't match regexp %q: small letters, digits and hyphens, a letter first, at most 63", name, googleName)}}
}

// settle gives a new thing its project, region, id and links, and refuses a name that is taken.
func (c *call) settle(id func(in scope, r *record) string) error {
	in := homeOf(c.rec, c.scope)
	if in.account == "" {
		return refused("project: required field is not set")
	}
	c.rec.Outputs["project"] = in.account
	if !c.kind.global {
		if !gcpRegion.MatchString(in.region) {
			return refused("region %q: set one of Google's in this resource, or the provider's region or zone", in.region)
		}
		c.rec.Outputs["region"] = in.region
	}
	c.rec.key = c.key(c.kind.typ, id(in, c.rec))
	if c.st.at(c.rec.key) != nil {
		return refused("googleapi: Error 409: The resource '%s' already exists, alreadyExists", c.rec.ID)
	}
	computed := append(slices.Clone(c.kind.spec().Computed), c.kind.spec().AlwaysSet...)
	for name, v := range map[string]string{"selfLink": googleLink(c.rec.ID), "creationTimestamp": c.now.Format(time.RFC3339)} {
		if slices.Contains(computed, name) {
			c.rec.Outputs[name] = v
		}
	}
	return nil
}

// label tells all labels of a thing, the provider's default ones under its own.
func (c *call) label() {
	if _, labelled := c.kind.spec().Inputs["labels"]; !labelled {
		return
	}
	all := copied(c.tags)
	for name, v := range obj(c.rec.get("labels")) {
		all[name] = v
	}
	c.rec.Outputs["pulumiLabels"], c.rec.Outputs["effectiveLabels"] = all, all
	c.rec.Outputs["labelFingerprint"] = fingerprint(all)
}

const computeRoot = "https://www.googleapis.com/compute/v1/"

func googleLink(id string) string { return computeRoot + id }

// homeOf is the project and region in which a record's names are meant: its own, or else where its provider works.
func homeOf(r *record, in scope) scope {
	if project := r.str("project"); project != "" {
		in.account = project
	}
	if region := r.str("region"); region != "" {
		in.region = region
	}
	return in
}

// gcpKey places an id as Google takes it: a path, a link, or a bare name in the given project and region.
func gcpKey(in scope, typ, id string) key {
	path := gcpPath(in, typ, id)
	k := key{Type: typ, Account: in.account, Region: in.region, ID: path}
	steps := strings.Split(path, "/")
	switch {
	case steps[0] == "projects" && len(steps) > 1:
		k.Account = steps[1]
		if len(steps) > 3 && steps[2] == "regions" {
			k.Region = steps[3]
		}
	case typ == routerInterfaceType && len(steps) == 3: // region/router/name
		k.Region = steps[0]
	}
	if kindOf(typ).global {
		k.Region = ""
	}
	return k
}

func gcpPath(in scope, typ, id string) string {
	path := id
	for _, root := range []string{computeRoot, "https://compute.googleapis.com/compute/v1/", "https://dns.googleapis.com/dns/v1/"} {
		path = strings.TrimPrefix(path, root)
	}
	collection := strings.Replace(gcpCollections[typ], "*", in.region, 1)
	switch {
	case path == "" || collection == "" || strings.HasPrefix(path, "projects/"):
		return path
	case strings.HasPrefix(path, "global/") || strings.HasPrefix(path, "regions/"):
		return "projects/" + in.account + "/" + path
	case !strings.Contains(path, "/"):
		return "projects/" + in.account + "/" + collection + "/" + path
	}
	return path
}

// gcpTarget finds what a reference of a record to one of Google's things means.
func (s *State) gcpTarget(r *record, _ *ref, typ, id string) *record {
	in := homeOf(r, scope{account: r.Account, region: r.Region})
	if typ == routerInterfaceType && !strings.Contains(id, "/") {
		id = in.region + "/" + lastStep(r.str("router")) + "/" + id
	}
	return s.at(gcpKey(in, typ, id))
}

// lastStep is the name at the end of a path.
func lastStep(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
