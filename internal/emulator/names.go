package emulator

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

// values that a record of a type may have; types without an entry take any.
var recordValues = map[string]func(string) bool{
	"A":     func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() },
	"AAAA":  func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() },
	"CNAME": func(s string) bool { return domainName.MatchString(strings.TrimSuffix(s, ".")) },
	"NS":    func(s string) bool { return domainName.MatchString(strings.TrimSuffix(s, ".")) },
	"PTR":   func(s string) bool { return domainName.MatchString(strings.TrimSuffix(s, ".")) },
	"TXT":   func(s string) bool { return len(s) <= 4000 },
}

var recordName = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_-]{1,63}\.?$`)

var recordKind = &kind{
	typ: recordType, global: true,
	missing:  "InvalidChangeBatch: the record %s does not exist",
	defaults: map[string]any{"allowOverwrite": false},
	unread:   []string{"allowOverwrite"},
	oneOf:    [][]string{{"records"}, {"ttl"}},
	refuse: []string{"aliases", "cidrRoutingPolicy", "failoverRoutingPolicies", "geolocationRoutingPolicies", "geoproximityRoutingPolicy",
		"healthCheckId", "latencyRoutingPolicies", "multivalueAnswerRoutingPolicy", "setIdentifier", "weightedRoutingPolicies"},
	refs:  []ref{{path: "zoneId", to: []string{zoneType}, when: holds}},
	check: checkRecord,
	importID: func(r *record) string {
		return r.str("zoneId") + "_" + strings.TrimSuffix(r.str("name"), ".") + "_" + r.str("type")
	},
	create: func(c *call) error {
		if err := c.placeRecord(); err != nil {
			return err
		}
		c.rec.ID = c.rec.str("zoneId") + "_" + c.rec.str("fqdn") + "_" + c.rec.str("type")
		if c.find(c.rec.ID, recordType) != nil { // its type has changed since: ids stay
			return refused("the emulator has no rules for a second record with the id %s", c.rec.ID)
		}
		return nil
	},
	update: (*call).placeRecord,
}

func checkRecord(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.pattern("name", recordName)
	l.choice("type", "A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT")
	l.number("ttl", 0, math.MaxInt32)
	if flag(l.in["allowOverwrite"]) {
		l.bad("allowOverwrite", "the emulator has no rules for records of others")
	}
	typ, records := l.str("type"), strs(l.in["records"])
	for _, s := range records {
		if fits := recordValues[typ]; fits != nil && !fits(s) {
			l.bad("records", "InvalidChangeBatch: %q is no value of a record of type %s", s, typ)
		}
	}
	if typ == "CNAME" && len(records) > 1 {
		l.bad("records", "InvalidChangeBatch: a CNAME has one value, not %d", len(records))
	}
	return l.failures()
}

// placeRecord refuses a name outside the zone and one that is taken. A CNAME stands alone, and never at the zone's apex.
func (c *call) placeRecord() error {
	zone := c.find(c.rec.str("zoneId"), zoneType)
	name, err := recordIn(zoneName(zone), c.rec.str("name"))
	if err != nil {
		return err
	}
	c.rec.Outputs["fqdn"] = name
	typ := c.rec.str("type")
	if name == zoneName(zone) && (typ == "CNAME" || typ == "NS") {
		return refused("InvalidChangeBatch: RRSet of type %s with DNS name %s. is not permitted at apex in zone %s.", typ, name, name)
	}
	for _, other := range c.here(recordType) {
		if other.ID == c.rec.ID || other.str("zoneId") != zone.ID || other.str("fqdn") != name {
			continue
		}
		types := []string{typ, other.str("type")}
		if slices.Contains(types, "CNAME") {
			return refused("InvalidChangeBatch: RRSet of type %s with DNS name %s. is not permitted as it conflicts with other records with the same DNS name in zone %s. (%s)",
				typ, name, zoneName(zone), other.ID)
		}
		if other.str("type") == typ {
			return refused("InvalidChangeBatch: Tried to create resource record set [name='%s.', type='%s'] but it already exists (%s)", name, typ, other.ID)
		}
	}
	return nil
}

// recordIn is a record's full name. A bare word is one below the zone's.
func recordIn(zone, name string) (string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	switch {
	case name == zone || strings.HasSuffix(name, "."+zone):
		return name, nil
	case strings.Contains(name, "."): // the real provider would append the zone's name and make api.a.com.b.com of it
		return "", refused("InvalidChangeBatch: RRSet with DNS name %s. is not permitted in zone %s.", name, zone)
	}
	return name + "." + zone, nil
}
