package emulator

import (
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const snapshotPolicyType = "aws:dlm/lifecyclePolicy:LifecyclePolicy"

func init() {
	define(snapshotPolicyKind)
}

var (
	policyWords  = regexp.MustCompile(`^[0-9A-Za-z _-]{1,500}$`)
	scheduleName = regexp.MustCompile(`^[0-9A-Za-z _.-]{1,120}$`)
	timeOfDay    = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
	cron         = regexp.MustCompile(`^cron\([^)]{11,100}\)$`)
)

// Policies take no snapshots here by themselves: no days pass. Cloud.TakeSnapshots has them act.
var snapshotPolicyKind = &kind{
	typ: snapshotPolicyType, prefix: "policy", arn: "arn:aws:dlm:%s:%s:policy/%s",
	missing:  "ResourceNotFoundException: Policy %s does not exist",
	defaults: map[string]any{"state": "ENABLED"},
	refs:     []ref{{path: "executionRoleArn", to: []string{roleType}}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.pattern("description", policyWords)
		l.choice("state", "ENABLED", "DISABLED")
		details := l.under("policyDetails")
		if len(details.in) == 0 {
			return l.failures() // not known yet
		}
		details.noRules("action", "eventSource", "parameters", "resourceLocations")
		details.only("policyType", "EBS_SNAPSHOT_MANAGEMENT")
		for _, typ := range strs(details.in["resourceTypes"]) {
			if typ != "VOLUME" {
				details.bad("resourceTypes", "the emulator has rules for VOLUME only, not for %q", typ)
			}
		}
		if details.in["resourceTypes"] == nil {
			details.bad("resourceTypes", "InvalidRequestException: must be given")
		}
		if v := catalog.Bare(objectAt(m, "policyDetails")["targetTags"]); v.IsNull() || v.IsObject() && len(v.ObjectValue()) == 0 {
			details.bad("targetTags", "InvalidRequestException: must be given")
		}
		schedules := details.each("schedules")
		if len(schedules) < 1 || len(schedules) > 4 {
			details.bad("schedules", "InvalidRequestException: between 1 and 4 must be given, there are %d", len(schedules))
		}
		for _, s := range schedules {
			checkSchedule(s)
		}
		return l.failures()
	},
	create: (*call).checkCopyTargets,
	update: (*call).checkCopyTargets,
}

// objectAt is a nested object of some inputs, empty when it is absent or not known yet.
func objectAt(m resource.PropertyMap, name string) resource.PropertyMap {
	if v := catalog.Bare(m[resource.PropertyKey(name)]); v.IsObject() {
		return v.ObjectValue()
	}
	return resource.PropertyMap{}
}

func checkSchedule(l *look) {
	l.pattern("name", scheduleName)
	l.noRules("deprecateRule", "fastRestoreRule", "shareRule", "variableTags")
	when := l.under("createRule")
	when.noRules("location")
	when.pattern("times", timeOfDay)
	when.pattern("cronExpression", cron)
	when.choice("intervalUnit", "HOURS")
	switch n, every := when.in["interval"].(float64); {
	case every && when.has("cronExpression"):
		when.bad("interval", "InvalidRequestException: cannot be given together with cronExpression")
	case every && !slices.Contains([]float64{1, 2, 3, 4, 6, 8, 12, 24}, n):
		when.bad("interval", "InvalidRequestException: must be one of 1, 2, 3, 4, 6, 8, 12, 24, is %v", n)
	}
	checkRetention(l.under("retainRule"), true)
	copies := l.each("crossRegionCopyRules")
	if len(copies) > 3 {
		l.bad("crossRegionCopyRules", "InvalidRequestException: at most 3 may be given, there are %d", len(copies))
	}
	for _, c := range copies {
		c.noRules("deprecateRule")
		checkRetention(c.under("retainRule"), false)
		if target := c.str("target"); target != "" && len(ec2types.ZoneNames(target)) == 0 {
			c.bad("target", "InvalidRequestException: invalid AWS Region: %s", target)
		}
		if c.has("cmkArn") && c.in["encrypted"] == false {
			c.bad("cmkArn", "InvalidRequestException: a key needs encrypted")
		}
	}
}

// checkRetention: so many snapshots, or so long. Copies know ages only.
func checkRetention(l *look, counts bool) {
	l.number("count", 1, 1000)
	l.number("interval", 1, 36500)
	l.choice("intervalUnit", "DAYS", "WEEKS", "MONTHS", "YEARS")
	switch {
	case l.has("count") && l.has("interval"):
		l.bad("count", "InvalidRequestException: cannot be given together with interval")
	case counts && !l.has("count") && !l.has("interval"):
		l.bad("count", "InvalidRequestException: count or interval must be given")
	}
}

// checkCopyTargets refuses copies into the policy's own region.
func (c *call) checkCopyTargets() error {
	for _, s := range objs(obj(c.rec.get("policyDetails"))["schedules"]) {
		for _, copied := range objs(s["crossRegionCopyRules"]) {
			if str(copied["target"]) == c.region {
				return refused("InvalidRequestException: the target of a cross-region copy must be another region than %s", c.region)
			}
		}
	}
	return nil
}
