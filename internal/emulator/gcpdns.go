package emulator

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	ManagedZoneType = "gcp:dns/managedZone:ManagedZone"
	RecordSetType   = "gcp:dns/recordSet:RecordSet"
)

// absoluteName is a domain name with its final dot, perhaps a wildcard.
var absoluteName = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?\.)+$`)

func managedZoneKind() *Kind {
	return newKind(&Kind{
		Type: ManagedZoneType, Global: true,
		Defaults:    map[string]any{"description": "Managed by Pulumi", "forceDestroy": false, "visibility": "public"},
		Unsupported: []string{"dnssecConfig", "forwardingConfig", "peeringConfig", "reverseLookup", "serviceDirectoryConfig"},
		WriteOnly:   []string{"forceDestroy"},
		References:  []Reference{{Path: "privateVisibilityConfig.networks[].networkUrl", To: []string{NetworkType}}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			l.CheckChoice("visibility", "private", "public")
			l.CheckPattern("dnsName", absoluteName)
			if l.Has("privateVisibilityConfig") && l.Text("visibility") == "public" {
				l.Fail("privateVisibilityConfig", "is for private zones only")
			}
			l.Nested("privateVisibilityConfig").RefuseUnsupported("gkeClusters")
			return l.Failures()
		},
		Create: func(c *Call) error {
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

// checkZoneVisibility refuses a network that sees another private zone of the same name.
func checkZoneVisibility(c *Call) error {
	see := func(zone *Record) map[Key]bool {
		seen := map[Key]bool{}
		for _, url := range ValuesAt(zone.Inputs, "privateVisibilityConfig.networks[].networkUrl") {
			seen[c.State.KeyIn(scopeOf(zone, Scope{Account: zone.Account}), NetworkType, url)] = true
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
				return Refuse("googleapi: Error 400: The network '%s' sees the zone '%s' for %s already, networkVisibilityConflict",
					network.ID, other.ID, c.New.Text("dnsName"))
			}
		}
	}
	return nil
}

// checkZoneEmpty refuses to delete a zone with records in it, unless the program said to.
func checkZoneEmpty(c *Call) error {
	for _, u := range c.State.ReferrersOf(c.Old.Key) {
		if u.Type == RecordSetType && !c.Old.Bool("forceDestroy") {
			return RefuseInUse("googleapi: Error 400: The resource '%s' is not empty, containerNotEmpty (%s)", c.Old.ID, u.ID)
		}
	}
	return nil
}

func recordSetKind() *Kind {
	return newKind(&Kind{
		Type: RecordSetType, Global: true,
		Unsupported: []string{"routingPolicy"},
		ExactlyOne:  [][]string{{"rrdatas"}},
		References:  []Reference{{Path: "managedZone", To: []string{ManagedZoneType}, OnDelete: Cascade}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			l.CheckPattern("name", absoluteName)
			l.CheckRange("ttl", 0, 2147483647)
			l.CheckChoice("type", "A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")
			for i, data := range Texts(l.Values["rrdatas"]) {
				if why := recordDataFault(l.Text("type"), data); why != "" {
					l.Fail(fmt.Sprintf("rrdatas[%d]", i), "%q %s", data, why)
				}
			}
			return l.Failures()
		},
		Create: checkRecordSet,
		Update: checkRecordSet,
	}, func(in Scope, r *Record) string {
		return fmt.Sprintf("projects/%s/managedZones/%s/rrsets/%s/%s", in.Account, lastSegment(r.Text("managedZone")), r.Text("name"), r.Text("type"))
	})
}

// recordDataFault says what is wrong with the data of a record of a type.
func recordDataFault(typ, data string) string {
	switch {
	case typ == "A" && !IsIPv4(data):
		return "is not a valid IPv4 address"
	case typ == "CNAME" && !absoluteName.MatchString(data):
		return "is not a domain name with its final dot"
	}
	return ""
}

// checkRecordSet refuses names outside the zone, and an alias beside other records or at the zone's own name.
func checkRecordSet(c *Call) error {
	zone := c.Referenced("managedZone", ManagedZoneType)
	name, apex := c.New.Text("name"), zone.Text("dnsName")
	if name != apex && !strings.HasSuffix(name, "."+apex) {
		return Refuse("googleapi: Error 400: Invalid value for 'entity.change.additions[0].name': '%s' is not in the zone %s, invalid", name, apex)
	}
	alias := c.New.Text("type") == "CNAME"
	if alias && name == apex {
		return Refuse("googleapi: Error 400: The zone's own name '%s' cannot be a CNAME, cnameResourceRecordSetConflict", name)
	}
	return checkSameName(c, zone, name, alias)
}

// checkSameName refuses a second record of a name and type, and an alias beside records of other types.
func checkSameName(c *Call, zone *Record, name string, alias bool) error {
	for _, other := range c.State.ReferrersOf(zone.Key) {
		if other.Type != RecordSetType || other.Key == c.New.Key || other.Text("name") != name {
			continue
		}
		if other.Text("type") == c.New.Text("type") {
			return Refuse("googleapi: Error 409: The resource 'entity.change.additions[0]' named '%s (%s)' already exists, alreadyExists", name, other.Text("type"))
		}
		if alias || other.Text("type") == "CNAME" {
			return Refuse("googleapi: Error 400: '%s' has a record of type %s; a CNAME stands alone, cnameResourceRecordSetConflict", name, other.Text("type"))
		}
	}
	return nil
}
