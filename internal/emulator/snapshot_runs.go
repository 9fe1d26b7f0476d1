package emulator

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// policyTag is how EC2 tells which policy made a snapshot.
const policyTag = "aws:dlm:lifecycle-policy-id"

// TakeSnapshots has every enabled snapshot policy act once, as if its time had come: each of its schedules snapshots the volumes
// that have its tags, copies to other regions, and drops what it keeps no longer. The snapshots are as old as the moment that is
// given. Policies and copies of regions that do not answer are left out. Each policy that acts is one operation of the journal.
func (c *Cloud) TakeSnapshots(ctx context.Context, at time.Time) error {
	var policies []key
	err := c.locked(func() error {
		for _, r := range c.state.of(snapshotPolicyType) {
			if r.str("state") == "ENABLED" && !c.faults.silent(r.Region) {
				policies = append(policies, r.key)
			}
		}
		return nil
	})
	for _, k := range policies {
		if err != nil {
			return err
		}
		_, err = c.do(ctx, &request{scope: scope{account: k.Account, region: k.Region}, kind: snapshotPolicyKind, op: "update", id: k.ID,
			run: func(call *call) error { return call.runPolicy(k.ID, at) }})
	}
	return err
}

// runPolicy does what a policy's schedules say. A policy without volumes changes nothing and is no operation.
func (c *call) runPolicy(id string, at time.Time) error {
	if c.old = c.find(id, snapshotPolicyType); c.old == nil {
		return nil // deleted since
	}
	asked := c.now
	c.now = at
	defer func() { c.now = asked }()
	details := obj(c.old.get("policyDetails"))
	for _, volume := range c.here(volumeType) {
		if !hasAny(volume, obj(details["targetTags"])) {
			continue
		}
		for _, s := range objs(details["schedules"]) {
			c.runSchedule(s, volume)
		}
	}
	return nil
}

// hasAny says whether something has one of several tags: DLM wants one, not all.
func hasAny(r *record, want map[string]any) bool {
	tags := tagsOf(r)
	for name, v := range want {
		if got, ok := tags[name]; ok && got == str(v) {
			return true
		}
	}
	return false
}

// runSchedule snapshots one volume.
func (c *call) runSchedule(schedule map[string]any, volume *record) {
	tags := map[string]any{policyTag: c.old.ID, "aws:dlm:lifecycle-schedule-name": schedule["name"], "dlm:managed": "true"}
	if flag(schedule["copyTags"]) {
		maps.Copy(tags, obj(volume.get("tags")))
	}
	maps.Copy(tags, obj(schedule["tagsToAdd"]))
	snapshot := c.snapshotOf(volume)
	snapshot.Outputs["tags"] = tags
	c.set(snapshot)
	c.expire(schedule, volume.Region, func(r *record) bool { return r.str("volumeId") == volume.ID })
	for _, rule := range objs(schedule["crossRegionCopyRules"]) {
		if target := str(rule["target"]); !c.cloud.faults.silent(target) {
			c.copyAcross(schedule, rule, snapshot, target)
		}
	}
}

// copyAcross copies a snapshot to another region, as DLM does: with the source's tags when the rule says so.
func (c *call) copyAcross(schedule, rule map[string]any, source *record, target string) {
	r := c.made(snapshotType, c.newID("snap"), nil)
	r.Region = target
	maps.Copy(r.Outputs, source.Outputs)
	maps.Copy(r.Extra, source.Extra)
	r.Extra["copyOf"] = source.str("volumeId")
	r.Outputs["volumeId"] = copiedVolume
	r.Outputs["encrypted"] = source.flag("encrypted") || flag(rule["encrypted"])
	r.Outputs["kmsKeyId"] = ""
	if r.flag("encrypted") {
		r.Outputs["kmsKeyId"] = fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/ebs", target, c.account)
		if key := str(rule["cmkArn"]); key != "" {
			r.Outputs["kmsKeyId"] = key
		}
	}
	tags := map[string]any{policyTag: c.old.ID, "aws:dlm:lifecycle-schedule-name": schedule["name"], "dlm:managed": "true"}
	if flag(rule["copyTags"]) {
		tags = obj(source.Outputs["tags"])
	}
	r.Outputs["tags"] = tags
	c.set(r)
	c.expire(rule, target, func(other *record) bool { return str(other.Extra["copyOf"]) == source.str("volumeId") })
}

// expire drops the snapshots of a volume, or copies of them, that a retention rule keeps no longer. Without a rule all are kept.
func (c *call) expire(of map[string]any, region string, mine func(*record) bool) {
	var list []*record
	for _, r := range c.st.of(snapshotType) {
		if r.Account == c.account && r.Region == region && tagsOf(r)[policyTag] == c.old.ID && mine(r) {
			list = append(list, r)
		}
	}
	rule := obj(of["retainRule"])
	days := map[string]int{"DAYS": 1, "WEEKS": 7, "MONTHS": 30, "YEARS": 365}[str(rule["intervalUnit"])] * num(rule["interval"])
	oldest := instant(c.now.AddDate(0, 0, -days))
	for i, r := range slices.All(newest(list, "created")) {
		if n := num(rule["count"]); n > 0 && i >= n || days > 0 && str(r.Extra["created"]) < oldest {
			c.drop(r.key)
		}
	}
}
