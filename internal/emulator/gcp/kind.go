package gcp

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// newKind adds to a GCP kind the rules that all GCP kinds share: ids, names, links, labels, and the words for a missing resource and
// for one in use. The kind's own create function runs after these rules.
func newKind(k *cloud.Kind, id func(in cloud.Scope, r *cloud.Record) string) *cloud.Kind {
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
	k.Create = func(c *cloud.Call) error {
		if err := placeResource(c, id); err != nil {
			return err
		}
		storeLabels(c)
		return runIfSet(create, c)
	}
	k.Update = func(c *cloud.Call) error {
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

func runIfSet(f func(*cloud.Call) error, c *cloud.Call) error {
	if f == nil {
		return nil
	}
	return f(c)
}

// namePattern is RFC 1035's label, as GCP's error messages state it.
var namePattern = regexp.MustCompile(`^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$`)

func checkName(k *cloud.Kind, m resource.PropertyMap) []catalog.Failure {
	name, known := cloud.KnownText(m, "name")
	if !known || k.AutoNameLength == 0 || namePattern.MatchString(name) {
		return nil
	}
	return []catalog.Failure{{Property: "name", Reason: fmt.Sprintf(
		"%q doesn't match regexp %q: small letters, digits and hyphens, a letter first, at most 63", name, namePattern)}}
}

// placeResource sets the project, region, id and links of a new record, and refuses a name that exists.
func placeResource(c *cloud.Call, id func(in cloud.Scope, r *cloud.Record) string) error {
	in := scopeOf(c.New, c.Scope)
	if in.Account == "" {
		return cloud.Refuse("project: required field is not set")
	}
	c.New.Outputs["project"] = in.Account
	if !c.Kind.Global {
		if !regionPattern.MatchString(in.Region) {
			return cloud.Refuse("region %q: set a GCP region in this resource, or the provider's region or zone", in.Region)
		}
		c.New.Outputs["region"] = in.Region
	}
	c.New.Key = c.KeyOf(c.Kind.Type, id(in, c.New))
	if c.State.RecordAt(c.New.Key) != nil {
		return cloud.Refuse("googleapi: Error 409: The resource '%s' already exists, alreadyExists", c.New.ID)
	}
	computed := append(slices.Clone(c.Kind.Properties().Computed), c.Kind.Properties().AlwaysSet...)
	for name, v := range map[string]string{"selfLink": selfLink(c.New.ID), "creationTimestamp": c.Now.Format(time.RFC3339)} {
		if slices.Contains(computed, name) {
			c.New.Outputs[name] = v
		}
	}
	return nil
}

// storeLabels stores all labels of a record: the provider's default labels, then its own.
func storeLabels(c *cloud.Call) {
	if _, labelled := c.Kind.Properties().Inputs["labels"]; !labelled {
		return
	}
	all := cloud.CopyMap(c.Tags)
	for name, v := range cloud.Object(c.New.Get("labels")) {
		all[name] = v
	}
	c.New.Outputs["pulumiLabels"], c.New.Outputs["effectiveLabels"] = all, all
	c.New.Outputs["labelFingerprint"] = fingerprintOf(all)
}
