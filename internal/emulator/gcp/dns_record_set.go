package gcp

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// RecordSetType is the Pulumi type token of a Cloud DNS record set.
const RecordSetType = "gcp:dns/recordSet:RecordSet"

func recordSetKind() *cloud.Kind {
	return newKind(&cloud.Kind{
		Type: RecordSetType, Global: true,
		Unsupported: []string{"routingPolicy"},
		ExactlyOne:  [][]string{{"rrdatas"}},
		References:  []cloud.Reference{{Path: "managedZone", To: []string{ManagedZoneType}, OnDelete: cloud.Cascade}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			in.CheckPattern("name", absoluteName)
			in.CheckRange("ttl", 0, 2147483647)
			in.CheckChoice("type", "A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT")
			for i, data := range cloud.Texts(in.Values["rrdatas"]) {
				if why := recordDataFault(in.Text("type"), data); why != "" {
					in.Fail(fmt.Sprintf("rrdatas[%d]", i), "%q %s", data, why)
				}
			}
			return in.Failures()
		},
		Create: checkRecordSet,
		Update: checkRecordSet,
	}, func(in cloud.Scope, r *cloud.Record) string {
		return fmt.Sprintf("projects/%s/managedZones/%s/rrsets/%s/%s", in.Account, lastSegment(r.Text("managedZone")), r.Text("name"),
			r.Text("type"))
	})
}

// recordDataFault returns why the data of a record is invalid for its type, or an empty string.
func recordDataFault(typ, data string) string {
	switch {
	case typ == "A" && !cloud.IsIPv4(data):
		return "is not a valid IPv4 address"
	case typ == "CNAME" && !absoluteName.MatchString(data):
		return "is not a domain name with its final dot"
	}
	return ""
}

// checkRecordSet refuses names outside the zone, and an alias beside other records or at the zone's own name.
func checkRecordSet(c *cloud.Call) error {
	zone := c.Referenced("managedZone", ManagedZoneType)
	name, apex := c.New.Text("name"), zone.Text("dnsName")
	if name != apex && !strings.HasSuffix(name, "."+apex) {
		return cloud.Refuse("googleapi: Error 400: Invalid value for 'entity.change.additions[0].name': '%s' is not in the zone %s, invalid",
			name, apex)
	}
	alias := c.New.Text("type") == "CNAME"
	if alias && name == apex {
		return cloud.Refuse("googleapi: Error 400: The zone's own name '%s' cannot be a CNAME, cnameResourceRecordSetConflict", name)
	}
	return checkSameName(c, zone, name, alias)
}

// checkSameName refuses a second record of a name and type, and an alias beside records of other types.
func checkSameName(c *cloud.Call, zone *cloud.Record, name string, alias bool) error {
	for _, other := range c.State.ReferrersOf(zone.Key) {
		if other.Type != RecordSetType || other.Key == c.New.Key || other.Text("name") != name {
			continue
		}
		if other.Text("type") == c.New.Text("type") {
			return cloud.Refuse("googleapi: Error 409: The resource 'entity.change.additions[0]' named '%s (%s)' already exists, alreadyExists",
				name, other.Text("type"))
		}
		if alias || other.Text("type") == "CNAME" {
			return cloud.Refuse("googleapi: Error 400: '%s' has a record of type %s; a CNAME stands alone, cnameResourceRecordSetConflict", name,
				other.Text("type"))
		}
	}
	return nil
}
