package emulator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	zoneType   = "aws:route53/zone:Zone"
	recordType = "aws:route53/record:Record"
)

func init() {
	define(zoneKind, recordKind)
}

var domainName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z0-9-]{1,63}$`)

// Zones belong to the account; the VPCs of a private one may be in any region. A VPC may go while a zone knows it.
var zoneKind = &kind{
	typ: zoneType, global: true,
	missing:  "NoSuchHostedZone: No hosted zone found with ID: %s",
	inUse:    "HostedZoneNotEmpty: The specified hosted zone %s contains non-required resource record sets and so cannot be deleted.",
	defaults: map[string]any{"comment": "Managed by Pulumi", "forceDestroy": false},
	sets:     []string{"vpcs"},
	unread:   []string{"forceDestroy"},
	oneOf:    [][]string{{"name"}},
	refuse:   []string{"delegationSetId"},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.pattern("name", domainName)
		if len(l.str("comment")) > 256 {
			l.bad("comment", "must be at most 256 long")
		}
		return l.failures()
	},
	create: func(c *call) error {
		c.st.ids++
		c.rec.ID = fmt.Sprintf("Z%020X", c.st.ids)
		c.rec.Outputs["zoneId"] = c.rec.ID
		c.rec.Outputs["arn"] = "arn:aws:route53:::hostedzone/" + c.rec.ID
		servers := []any{"ns-0.awsdns-00.com.", "ns-512.awsdns-00.net.", "ns-1024.awsdns-00.org.", "ns-1536.awsdns-00.co.uk."}
		c.rec.Outputs["nameServers"], c.rec.Outputs["primaryNameServer"] = servers, servers[0]
		return c.checkZoneVPCs()
	},
	update: func(c *call) error {
		switch was, is := objs(c.old.get("vpcs")), objs(c.rec.get("vpcs")); {
		case len(was) == 0 && len(is) > 0:
			return refused("PublicZoneVPCAssociation: You're trying to associate a VPC with a public hosted zone. (%s)", c.rec.ID)
		case len(was) > 0 && len(is) == 0:
			return refused("LastVPCAssociation: The VPC that you're trying to disassociate from the private hosted zone is the last VPC that is associated with %s.",
				c.rec.ID)
		}
		return c.checkZoneVPCs()
	},
	remove: func(c *call) error {
		if c.old.flag("forceDestroy") {
			for _, u := range c.st.usersOf(c.old.key) {
				c.drop(u.key)
			}
		}
		return nil
	},
	live: func(_ *State, r *record) map[string]any {
		return map[string]any{"name": strings.TrimSuffix(r.str("name"), ".")}
	},
}

// checkZoneVPCs refuses VPCs that are not there, that do not resolve names, or that know another zone of the same name.
func (c *call) checkZoneVPCs() error {
	for _, v := range objs(c.rec.get("vpcs")) {
		id, region := str(v["vpcId"]), str(v["vpcRegion"])
		if region == "" {
			region = c.region
		}
		vpc := c.st.records[key{Type: vpcType, Account: c.account, Region: region, ID: id}]
		if vpc == nil {
			return refused("InvalidVPCId: The VPC ID '%s' does not exist in %s", id, region)
		}
		if !vpc.flag("enableDnsSupport") || !vpc.flag("enableDnsHostnames") {
			return refused("a private zone needs both enableDnsSupport and enableDnsHostnames of %s set to true", id)
		}
		for _, other := range c.here(zoneType) {
			known := slices.ContainsFunc(objs(other.get("vpcs")), func(w map[string]any) bool { return str(w["vpcId"]) == id })
			if known && other.ID != c.rec.ID && zoneName(other) == zoneName(c.rec) {
				return refused("ConflictingDomainExists: The VPC %s that you are trying to associate is already associated with another hosted zone for %s (%s)",
					id, zoneName(c.rec), other.ID)
			}
		}
	}
	return nil
}

func zoneName(r *record) string { return strings.ToLower(strings.TrimSuffix(r.str("name"), ".")) }
