package gcp

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// ManagedZoneType is the Pulumi type token of a Cloud DNS managed zone.
const ManagedZoneType = "gcp:dns/managedZone:ManagedZone"

// absoluteName is a domain name with its final dot, perhaps a wildcard.
var absoluteName = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?\.)+$`)

func managedZoneKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type: ManagedZoneType, Global: true,
		Defaults:    map[string]any{"description": "Managed by Pulumi", "forceDestroy": false, "visibility": "public"},
		Unsupported: []string{"dnssecConfig", "forwardingConfig", "peeringConfig", "reverseLookup", "serviceDirectoryConfig"},
		WriteOnly:   []string{"forceDestroy"},
		References:  []cloud.Reference{{Path: "privateVisibilityConfig.networks[].networkUrl", To: []string{NetworkType}}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			in.CheckChoice("visibility", "private", "public")
			in.CheckPattern("dnsName", absoluteName)
			if in.Has("privateVisibilityConfig") && in.Text("visibility") == "public" {
				in.Fail("privateVisibilityConfig", "is for private zones only")
			}
			in.Nested("privateVisibilityConfig").RefuseUnsupported("gkeClusters")
			return in.Failures()
		},
		Create: func(c *cloud.Call) error {
			c.New.Outputs["creationTime"] = c.Now.Format("2006-01-02T15:04:05.000Z")
			c.New.Outputs["managedZoneId"] = numericID(c.New.ID)
			c.New.Outputs["cloudLoggingConfig"] = map[string]any{"enableLogging": false}
			servers := []any{"ns-gcp-private.googledomains.com."}
			if c.New.Text("visibility") == "public" {
				servers = servers[:0]
				for i := range 4 {
					servers = append(servers, fmt.Sprintf("ns-cloud-a%d.googledomains.com.", i+1))
				}
			}
			c.New.Outputs["nameServers"] = servers
			return checkZoneVisibility(c)
		},
		Update: checkZoneVisibility,
		Delete: checkZoneEmpty,
	}, collectionID)
}

// checkZoneVisibility refuses a network that another private zone of the same name is visible to.
func checkZoneVisibility(c *cloud.Call) error {
	see := func(zone *cloud.Record) map[cloud.Key]bool {
		seen := map[cloud.Key]bool{}
		for _, url := range cloud.ValuesAt(zone.Inputs, "privateVisibilityConfig.networks[].networkUrl") {
			seen[c.State.KeyIn(scopeOf(zone, cloud.Scope{Account: zone.Account}), NetworkType, url)] = true
		}
		return seen
	}
	own := see(c.New)
	for _, other := range c.State.RecordsOf(ManagedZoneType) {
		if other.Key == c.New.Key || other.Text("dnsName") != c.New.Text("dnsName") {
			continue
		}
		for network := range see(other) {
			if own[network] {
				return cloud.Refuse("googleapi: Error 400: The network '%s' sees the zone '%s' for %s already, networkVisibilityConflict",
					network.ID, other.ID, c.New.Text("dnsName"))
			}
		}
	}
	return nil
}

// checkZoneEmpty refuses to delete a zone that contains records, unless forceDestroy is set.
func checkZoneEmpty(c *cloud.Call) error {
	for _, u := range c.State.ReferrersOf(c.Old.Key) {
		if u.Type == RecordSetType && !c.Old.Bool("forceDestroy") {
			return cloud.RefuseInUse("googleapi: Error 400: The resource '%s' is not empty, containerNotEmpty (%s)", c.Old.ID, u.ID)
		}
	}
	return nil
}
