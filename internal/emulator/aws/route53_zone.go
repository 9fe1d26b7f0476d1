package aws

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// Route53ZoneType is the Pulumi type token of a Route 53 hosted zone.
const Route53ZoneType = "aws:route53/zone:Zone"

var domainNamePattern = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z0-9-]{1,63}$`)

// Zones belong to the account. The VPCs of a private zone may be in any region. A VPC can be deleted while a zone names it.
var route53ZoneKind = &cloud.Kind{
	Type: Route53ZoneType, Global: true,
	Missing:     "NoSuchHostedZone: No hosted zone found with ID: %s",
	InUse:       "HostedZoneNotEmpty: The specified hosted zone %s contains non-required resource record sets and so cannot be deleted.",
	Defaults:    map[string]any{"comment": "Managed by Pulumi", "forceDestroy": false},
	Sets:        []string{"vpcs"},
	WriteOnly:   []string{"forceDestroy"},
	ExactlyOne:  [][]string{{"name"}},
	Unsupported: []string{"delegationSetId"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckPattern("name", domainNamePattern)
		if len(in.Text("comment")) > 256 {
			in.Fail("comment", "must be at most 256 long")
		}
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		c.New.ID = fmt.Sprintf("Z%020X", c.NextNumber())
		c.New.Outputs["zoneId"] = c.New.ID
		c.New.Outputs["arn"] = "arn:aws:route53:::hostedzone/" + c.New.ID
		servers := []any{"ns-0.awsdns-00.com.", "ns-512.awsdns-00.net.", "ns-1024.awsdns-00.org.", "ns-1536.awsdns-00.co.uk."}
		c.New.Outputs["nameServers"], c.New.Outputs["primaryNameServer"] = servers, servers[0]
		return checkZoneVPCs(c)
	},
	Update: func(c *cloud.Call) error {
		switch was, is := cloud.Objects(c.Old.Get("vpcs")), cloud.Objects(c.New.Get("vpcs")); {
		case len(was) == 0 && len(is) > 0:
			return cloud.Refuse("PublicZoneVPCAssociation: You're trying to associate a VPC with a public hosted zone. (%s)", c.New.ID)
		case len(was) > 0 && len(is) == 0:
			return cloud.Refuse("LastVPCAssociation: The VPC that you're trying to disassociate from the private hosted zone is the last VPC "+
				"that is associated with %s.",
				c.New.ID)
		}
		return checkZoneVPCs(c)
	},
	Delete: func(c *cloud.Call) error {
		if c.Old.Bool("forceDestroy") {
			for _, u := range c.State.ReferrersOf(c.Old.Key) {
				c.Drop(u.Key)
			}
		}
		return nil
	},
	Derive: func(_ *cloud.State, r *cloud.Record) map[string]any {
		return map[string]any{"name": strings.TrimSuffix(r.Text("name"), ".")}
	},
}

// checkZoneVPCs refuses VPCs that do not exist, that do not resolve names, or that another zone of the same name is associated with.
func checkZoneVPCs(c *cloud.Call) error {
	for _, v := range cloud.Objects(c.New.Get("vpcs")) {
		id, region := cloud.Text(v["vpcId"]), cloud.Text(v["vpcRegion"])
		if region == "" {
			region = c.Region
		}
		vpc := c.State.RecordAt(cloud.Key{Type: VPCType, Account: c.Account, Region: region, ID: id})
		if vpc == nil {
			return cloud.Refuse("InvalidVPCId: The VPC ID '%s' does not exist in %s", id, region)
		}
		if !vpc.Bool("enableDnsSupport") || !vpc.Bool("enableDnsHostnames") {
			return cloud.Refuse("a private zone needs both enableDnsSupport and enableDnsHostnames of %s set to true", id)
		}
		for _, other := range c.ListHere(Route53ZoneType) {
			known := slices.ContainsFunc(cloud.Objects(other.Get("vpcs")), func(w map[string]any) bool { return cloud.Text(w["vpcId"]) == id })
			if known && other.ID != c.New.ID && zoneNameOf(other) == zoneNameOf(c.New) {
				return cloud.Refuse("ConflictingDomainExists: The VPC %s that you are trying to associate is already associated with another "+
					"hosted zone for %s (%s)",
					id, zoneNameOf(c.New), other.ID)
			}
		}
	}
	return nil
}

func zoneNameOf(r *cloud.Record) string {
	return strings.ToLower(strings.TrimSuffix(r.Text("name"), "."))
}
