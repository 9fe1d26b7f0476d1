package aws

import (
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// LifecyclePolicyType is the Pulumi type token of a Data Lifecycle Manager policy, which takes snapshots on a schedule.
const LifecyclePolicyType = "aws:dlm/lifecyclePolicy:LifecyclePolicy"

var (
	policyWords  = regexp.MustCompile(`^[0-9A-Za-z _-]{1,500}$`)
	scheduleName = regexp.MustCompile(`^[0-9A-Za-z _.-]{1,120}$`)
	timeOfDay    = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
	cron         = regexp.MustCompile(`^cron\([^)]{11,100}\)$`)
)

// Policies take no snapshots by themselves in the emulator, because no days pass. TakeSnapshots runs them.
var lifecyclePolicyKind = &cloud.Kind{
	Type: LifecyclePolicyType, IDPrefix: "policy", ARN: "arn:aws:dlm:%s:%s:policy/%s",
	Missing:    "ResourceNotFoundException: Policy %s does not exist",
	Defaults:   map[string]any{"state": "ENABLED"},
	References: []cloud.Reference{{Path: "executionRoleArn", To: []string{RoleType}}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckPattern("description", policyWords)
		in.CheckChoice("state", "ENABLED", "DISABLED")
		details := in.Nested("policyDetails")
		if len(details.Values) == 0 {
			return in.Failures() // not known yet
		}
		details.RefuseUnsupported("action", "eventSource", "parameters", "resourceLocations")
		details.CheckSupported("policyType", "EBS_SNAPSHOT_MANAGEMENT")
		for _, typ := range cloud.Texts(details.Values["resourceTypes"]) {
			if typ != "VOLUME" {
				details.Fail("resourceTypes", "the emulator has rules for VOLUME only, not for %q", typ)
			}
		}
		if details.Values["resourceTypes"] == nil {
			details.Fail("resourceTypes", "InvalidRequestException: must be set")
		}
		if v := catalog.Bare(nestedObject(m, "policyDetails")["targetTags"]); v.IsNull() || v.IsObject() && len(v.ObjectValue()) == 0 {
			details.Fail("targetTags", "InvalidRequestException: must be set")
		}
		schedules := details.Items("schedules")
		if len(schedules) < 1 || len(schedules) > 4 {
			details.Fail("schedules", "InvalidRequestException: between 1 and 4 must be set, there are %d", len(schedules))
		}
		for _, s := range schedules {
			checkSchedule(s)
		}
		return in.Failures()
	},
	Create: checkCopyTargets,
	Update: checkCopyTargets,
}

// nestedObject returns a nested object of some inputs, empty when it is absent or not known yet.
func nestedObject(m resource.PropertyMap, name string) resource.PropertyMap {
	if v := catalog.Bare(m[resource.PropertyKey(name)]); v.IsObject() {
		return v.ObjectValue()
	}
	return resource.PropertyMap{}
}

func checkSchedule(in *cloud.Inputs) {
	in.CheckPattern("name", scheduleName)
	in.RefuseUnsupported("deprecateRule", "fastRestoreRule", "shareRule", "variableTags")
	when := in.Nested("createRule")
	when.RefuseUnsupported("location")
	when.CheckPattern("times", timeOfDay)
	when.CheckPattern("cronExpression", cron)
	when.CheckChoice("intervalUnit", "HOURS")
	switch n, every := when.Values["interval"].(float64); {
	case every && when.Has("cronExpression"):
		when.Fail("interval", "InvalidRequestException: cannot be set together with cronExpression")
	case every && !slices.Contains([]float64{1, 2, 3, 4, 6, 8, 12, 24}, n):
		when.Fail("interval", "InvalidRequestException: must be one of 1, 2, 3, 4, 6, 8, 12, 24, is %v", n)
	}
	checkRetention(in.Nested("retainRule"), true)
	copies := in.Items("crossRegionCopyRules")
	if len(copies) > 3 {
		in.Fail("crossRegionCopyRules", "InvalidRequestException: at most 3 may be set, got %d", len(copies))
	}
	for _, c := range copies {
		c.RefuseUnsupported("deprecateRule")
		checkRetention(c.Nested("retainRule"), false)
		if target := c.Text("target"); target != "" && len(ec2types.ZoneNames(target)) == 0 {
			c.Fail("target", "InvalidRequestException: invalid AWS Region: %s", target)
		}
		if c.Has("cmkArn") && c.Values["encrypted"] == false {
			c.Fail("cmkArn", "InvalidRequestException: a key needs encrypted")
		}
	}
}

// checkRetention requires a count or an age. Copies support ages only.
func checkRetention(in *cloud.Inputs, counts bool) {
	in.CheckRange("count", 1, 1000)
	in.CheckRange("interval", 1, 36500)
	in.CheckChoice("intervalUnit", "DAYS", "WEEKS", "MONTHS", "YEARS")
	switch {
	case in.Has("count") && in.Has("interval"):
		in.Fail("count", "InvalidRequestException: cannot be set together with interval")
	case counts && !in.Has("count") && !in.Has("interval"):
		in.Fail("count", "InvalidRequestException: count or interval must be set")
	}
}

// checkCopyTargets refuses copies into the policy's own region.
func checkCopyTargets(c *cloud.Call) error {
	for _, s := range cloud.Objects(cloud.Object(c.New.Get("policyDetails"))["schedules"]) {
		for _, copied := range cloud.Objects(s["crossRegionCopyRules"]) {
			if cloud.Text(copied["target"]) == c.Region {
				return cloud.Refuse("InvalidRequestException: the target of a cross-region copy must be another region than %s", c.Region)
			}
		}
	}
	return nil
}
