package emulator

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	managedZoneType = "gcp:dns/managedZone:ManagedZone"
	recordSetType   = "gcp:dns/recordSet:RecordSet"
)

func init() {
	define(managedZoneKind(), recordSetKind())
}

// absoluteName is a domain name with its final dot, perhaps a wildcard.
var absoluteName = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?\.)+$`)

func managedZoneKind() *kind {
	return inGoogle(&kind{
		typ: managedZoneType, global: true,
		defaults: map[string]any{"description": "Managed by Pulumi", "forceDestroy": false, "visibility": "public"},
		refuse:   []string{"dnssecConfig", "forwardingConfig", "peeringConfig", "reverseLookup", "serviceDirectoryConfig"},
		unread:   []string{"forceDestroy"},
		refs:     []ref{{path: "privateVisibilityConfig.networks[].networkUrl", to: []string{gcpNetworkType}}},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			l.choice("visibility", "private", "public")
			l.pattern("dnsName", absoluteName)
			if l.has("privateVisibilityConfig") && l.str("visibility") == "public" {
				l.bad("privateVisibilityConfig", "is for private zones only")
			}
			l.under("privateVisibilityConfig").noRules("gkeClusters")
			return l.failures()
		},
		create: func(c *call) error {
			c.rec.Outputs["creationTime"] = c.now.Format("2006-01-02T15:04:05.000Z")
			c.rec.Outputs["managedZoneId"] = numericID(c.rec.ID)
			c.rec.Outputs["cloudLoggingConfig"] = map[string]any{"enableLogging": false}
			servers := []any{"ns-gcp-private.googledomains.com."}
			if c.rec.str("visibility") == "public" {
				servers = servers[:0]
				for i := range 4 {
					servers = append(servers, fmt.Sprintf("ns-cloud-a%d.googledomains.com.", i+1))
				}
			}
			c.rec.Outputs["nameServers"] = servers
			return c.checkVisibility()
		},
		update: (*call).checkVisibility,
		remove: removeZone,
	}, inCollection)
}

// checkVisibility refuses a network that sees another private zone of the same name.
func (c *call) checkVisibility() error {
	see := func(zone *record) map[key]bool {
		seen := map[key]bool{}
		for _, url := range values(zone.Inputs, "privateVisibilityConfig.networks[].networkUrl") {
			seen[gcpKey(homeOf(zone, scope{account: zone.Account}), gcpNetworkType, url)] = true
		}
		return seen
	}
	own := see(c.rec)
	for _, other := range c.st.of(managedZoneType) {
		if other.key == c.rec.key || other.str("dnsName") != c.rec.str("dnsName") {
			continue
		}
		for network := range see(other) {
			if own[network] {
				return refused("googleapi: Error 400: The network '%s' sees the zone '%s' for %s already, networkVisibilityConflict",
					network.ID, other.ID, c.rec.str("dnsName"))
			}
		}
	}
	return nil
}

// removeZone refuses to delete a zone with records in it, unless the program said to.
func removeZone(c *call) error {
	for _, u := range c.st.usersOf(c.old.key) {
		if u.Type == recordSetType && !c.old.flag("forceDestroy") {
			return inUse("googleapi: Error 400: The resource '%s' is not empty, containerNotEmpty (%s)", c.old.ID, u.ID)
		}
	}
	return nil
}

func recordSetKind() *kind {
	return inGoogle(&kind{
		typ: recordSetType, global: true,
		refuse: []string{"routingPolicy"},
		oneOf:  [][]string{{"rrdatas"}},
		refs:   []ref{{path: "managedZone", to: []string{managedZoneType}, when: fades}},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			l.pattern("name", absoluteName)
			l.number("ttl", 0, 2147483647)
			l.choice("type", "A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")
			for i, data := range strs(l.in["rrdatas"]) {
				if why := badData(l.str("type"), data); why != "" {
					l.bad(fmt.Sprintf("rrdatas[%d]", i), "%q %s", data, why)
				}
			}
			return l.failures()
		},
		create: (*call).checkRecordSet,
		update: (*call).checkRecordSet,
	}, func(in scope, r *record) string {
		return fmt.Sprintf("projects/%s/managedZones/%s/rrsets/%s/%s", in.account, lastStep(r.str("managedZone")), r.str("name"), r.str("type"))
	})
}

// badData says what is wrong with the data of a record of a type.
func badData(typ, data string) string {
	switch {
	case typ == "A" && !isIPv4(data):
		return "is not a valid IPv4 address"
	case typ == "CNAME" && !absoluteName.MatchString(data):
		return "is not a domain name with its final dot"
	}
	return ""
}

// checkRecordSet refuses names outside the zone, and an alias beside other records or at the zone's own name.
func (c *call) checkRecordSet() error {
	zone := c.target("managedZone", managedZoneType)
	name, apex := c.rec.str("name"), zone.str("dnsName")
	if name != apex && !strings.HasSuffix(name, "."+apex) {
		return refused("googleapi: Error 400: Invalid value for 'entity.change.additions[0].name': '%s' is not in the zone %s, invalid", name, apex)
	}
	alias := c.rec.str("type") == "CNAME"
	if alias && name == apex {
		return refused("googleapi: Error 400: The zone's own name '%s' cannot be a CNAME, cnameResourceRecordSetConflict", name)
	}
	return c.checkNeighbours(zone, name, alias)
}

// checkNeighbours refuses a second record of a name and type, and an alias beside records of other types.
func (c *call) checkNeighbours(zone *record, name string, alias bool) error {
	for _, other := range c.st.usersOf(zone.key) {
		if other.Type != recordSetType || other.key == c.rec.key || other.str("name") != name {
			continue
		}
		if other.str("type") == c.rec.str("type") {
			return refused("googleapi: Error 409: The resource 'entity.change.additions[0]' named '%s (%s)' already exists, alreadyExists", name, other.str("type"))
		}
		if alias || other.str("type") == "CNAME" {
			return refused("googleapi: Error 400: '%s' has a record of type %s; a CNAME stands alone, cnameResourceRecordSetConflict", name, other.str("type"))
		}
	}
	return nil
}
