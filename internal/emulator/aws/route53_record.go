package aws

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// validRecordValues checks the values of a record, by type. Types without an entry accept any value.
var validRecordValues = map[string]func(string) bool{
	"A":     func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() },
	"AAAA":  func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() },
	"CNAME": func(s string) bool { return domainNamePattern.MatchString(strings.TrimSuffix(s, ".")) },
	"NS":    func(s string) bool { return domainNamePattern.MatchString(strings.TrimSuffix(s, ".")) },
	"PTR":   func(s string) bool { return domainNamePattern.MatchString(strings.TrimSuffix(s, ".")) },
	"TXT":   func(s string) bool { return len(s) <= 4000 },
}

var recordNamePattern = regexp.MustCompile(`^(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_-]{1,63}\.?$`)

var route53RecordKind = &cloud.Kind{
	Type: Route53RecordType, Global: true,
	Missing:    "InvalidChangeBatch: the record %s does not exist",
	Defaults:   map[string]any{"allowOverwrite": false},
	WriteOnly:  []string{"allowOverwrite"},
	ExactlyOne: [][]string{{"records"}, {"ttl"}},
	Unsupported: []string{"aliases", "cidrRoutingPolicy", "failoverRoutingPolicies", "geolocationRoutingPolicies", "geoproximityRoutingPolicy",
		"healthCheckId", "latencyRoutingPolicies", "multivalueAnswerRoutingPolicy", "setIdentifier", "weightedRoutingPolicies"},
	References: []cloud.Reference{{Path: "zoneId", To: []string{Route53ZoneType}, OnDelete: cloud.Block}},
	Check:      checkRecord,
	ImportID: func(r *cloud.Record) string {
		return r.Text("zoneId") + "_" + strings.TrimSuffix(r.Text("name"), ".") + "_" + r.Text("type")
	},
	Create: func(c *cloud.Call) error {
		if err := checkRecordName(c); err != nil {
			return err
		}
		c.New.ID = c.New.Text("zoneId") + "_" + c.New.Text("fqdn") + "_" + c.New.Text("type")
		if c.Find(c.New.ID, Route53RecordType) != nil { // its type has changed since: ids stay
			return cloud.Refuse("the emulator has no rules for a second record with the id %s", c.New.ID)
		}
		return nil
	},
	Update: checkRecordName,
}

func checkRecord(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckPattern("name", recordNamePattern)
	in.CheckChoice("type", "A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT")
	in.CheckRange("ttl", 0, math.MaxInt32)
	if cloud.Bool(in.Values["allowOverwrite"]) {
		in.Fail("allowOverwrite", "the emulator has no rules for records that another stack manages")
	}
	typ, records := in.Text("type"), cloud.Texts(in.Values["records"])
	for _, s := range records {
		if fits := validRecordValues[typ]; fits != nil && !fits(s) {
			in.Fail("records", "InvalidChangeBatch: %q is not a value of a record of type %s", s, typ)
		}
	}
	if typ == "CNAME" && len(records) > 1 {
		in.Fail("records", "InvalidChangeBatch: a CNAME has one value, not %d", len(records))
	}
	return in.Failures()
}

// checkRecordName refuses a name outside the zone and a name that exists. A CNAME stands alone, and never at the zone's apex.
func checkRecordName(c *cloud.Call) error {
	zone := c.Find(c.New.Text("zoneId"), Route53ZoneType)
	name, err := fullRecordName(zoneNameOf(zone), c.New.Text("name"))
	if err != nil {
		return err
	}
	c.New.Outputs["fqdn"] = name
	typ := c.New.Text("type")
	if name == zoneNameOf(zone) && (typ == "CNAME" || typ == "NS") {
		return cloud.Refuse("InvalidChangeBatch: RRSet of type %s with DNS name %s. is not permitted at apex in zone %s.", typ, name, name)
	}
	for _, other := range c.ListHere(Route53RecordType) {
		if other.ID == c.New.ID || other.Text("zoneId") != zone.ID || other.Text("fqdn") != name {
			continue
		}
		types := []string{typ, other.Text("type")}
		if slices.Contains(types, "CNAME") {
			return cloud.Refuse("InvalidChangeBatch: RRSet of type %s with DNS name %s. is not permitted as it conflicts with other records "+
				"with the same DNS name in zone %s. (%s)",
				typ, name, zoneNameOf(zone), other.ID)
		}
		if other.Text("type") == typ {
			return cloud.Refuse("InvalidChangeBatch: Tried to create resource record set [name='%s.', type='%s'] but it already exists (%s)", name,
				typ, other.ID)
		}
	}
	return nil
}

// fullRecordName returns a record's full name. A bare word is a name below the zone's.
func fullRecordName(zone, name string) (string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	switch {
	case name == zone || strings.HasSuffix(name, "."+zone):
		return name, nil
	case strings.Contains(name, "."): // the real provider would append the zone's name and make api.a.com.b.com of it
		return "", cloud.Refuse("InvalidChangeBatch: RRSet with DNS name %s. is not permitted in zone %s.", name, zone)
	}
	return name + "." + zone, nil
}

// Route53RecordType is the Pulumi type token of a Route 53 record set.
const Route53RecordType = "aws:route53/record:Record"
