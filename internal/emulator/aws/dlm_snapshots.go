package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// policyTag is the tag by which EC2 marks the policy of a snapshot.
const policyTag = "aws:dlm:lifecycle-policy-id"

// TakeSnapshots runs every enabled snapshot policy once, as if its time had come. Each schedule snapshots the volumes that have its
// tags, copies to other regions, and deletes the snapshots that its retention rule drops. The snapshots have the given time. Policies
// and copies of regions that do not answer are skipped. Each policy that runs is one operation of the journal.
func TakeSnapshots(ctx context.Context, c *cloud.Cloud, at time.Time) error {
	var policies []cloud.Key
	err := c.View(func(now *cloud.State) error {
		for _, r := range now.RecordsOf(LifecyclePolicyType) {
			if r.Text("state") == "ENABLED" && c.CheckReachable(r.Region) == nil {
				policies = append(policies, r.Key)
			}
		}
		return nil
	})
	for _, k := range policies {
		if err != nil {
			return err
		}
		_, err = c.Do(ctx, &cloud.Request{Scope: cloud.Scope{Account: k.Account, Region: k.Region}, Kind: lifecyclePolicyKind, Op: "update",
			ID:  k.ID,
			Run: func(call *cloud.Call) error { return runLifecyclePolicy(call, k.ID, at) }})
	}
	return err
}

// runLifecyclePolicy runs a policy's schedules. A policy without volumes changes nothing and is not an operation.
func runLifecyclePolicy(c *cloud.Call, id string, at time.Time) error {
	if c.Old = c.Find(id, LifecyclePolicyType); c.Old == nil {
		return nil // deleted since
	}
	asked := c.Now
	c.Now = at
	defer func() { c.Now = asked }()
	details := cloud.Object(c.Old.Get("policyDetails"))
	for _, volume := range c.ListHere(VolumeType) {
		if !hasAnyTag(volume, cloud.Object(details["targetTags"])) {
			continue
		}
		for _, s := range cloud.Objects(details["schedules"]) {
			runSnapshotSchedule(c, s, volume)
		}
	}
	return nil
}

// hasAnyTag reports whether a record has one of several tags. DLM requires one, not all.
func hasAnyTag(r *cloud.Record, want map[string]any) bool {
	tags := tagsOf(r)
	for name, v := range want {
		if got, ok := tags[name]; ok && got == cloud.Text(v) {
			return true
		}
	}
	return false
}

// runSnapshotSchedule snapshots one volume.
func runSnapshotSchedule(c *cloud.Call, schedule map[string]any, volume *cloud.Record) {
	tags := map[string]any{policyTag: c.Old.ID, "aws:dlm:lifecycle-schedule-name": schedule["name"], "dlm:managed": "true"}
	if cloud.Bool(schedule["copyTags"]) {
		maps.Copy(tags, cloud.Object(volume.Get("tags")))
	}
	maps.Copy(tags, cloud.Object(schedule["tagsToAdd"]))
	snapshot := newSnapshot(c, volume)
	snapshot.Outputs["tags"] = tags
	c.Store(snapshot)
	expireSnapshots(c, schedule, volume.Region, func(r *cloud.Record) bool { return r.Text("volumeId") == volume.ID })
	for _, rule := range cloud.Objects(schedule["crossRegionCopyRules"]) {
		if target := cloud.Text(rule["target"]); c.CheckReachable(target) == nil {
			copySnapshot(c, schedule, rule, snapshot, target)
		}
	}
}

// copySnapshot copies a snapshot to another region, as DLM does. It copies the tags when the rule sets copyTags.
func copySnapshot(c *cloud.Call, schedule, rule map[string]any, source *cloud.Record, target string) {
	r := c.NewRecord(SnapshotType, c.NewID("snap"), nil)
	r.Region = target
	maps.Copy(r.Outputs, source.Outputs)
	maps.Copy(r.Extra, source.Extra)
	r.Extra["copyOf"] = source.Text("volumeId")
	r.Outputs["volumeId"] = copiedVolume
	r.Outputs["encrypted"] = source.Bool("encrypted") || cloud.Bool(rule["encrypted"])
	r.Outputs["kmsKeyId"] = ""
	if r.Bool("encrypted") {
		r.Outputs["kmsKeyId"] = fmt.Sprintf("arn:aws:kms:%s:%s:alias/aws/ebs", target, c.Account)
		if key := cloud.Text(rule["cmkArn"]); key != "" {
			r.Outputs["kmsKeyId"] = key
		}
	}
	tags := map[string]any{policyTag: c.Old.ID, "aws:dlm:lifecycle-schedule-name": schedule["name"], "dlm:managed": "true"}
	if cloud.Bool(rule["copyTags"]) {
		tags = cloud.Object(source.Outputs["tags"])
	}
	r.Outputs["tags"] = tags
	c.Store(r)
	expireSnapshots(c, rule, target, func(other *cloud.Record) bool { return cloud.Text(other.Extra["copyOf"]) == source.Text("volumeId") })
}

// expireSnapshots deletes the snapshots and copies of a volume that a retention rule does not retain. With no rule it deletes none.
func expireSnapshots(c *cloud.Call, of map[string]any, region string, mine func(*cloud.Record) bool) {
	var list []*cloud.Record
	for _, r := range c.State.RecordsOf(SnapshotType) {
		if r.Account == c.Account && r.Region == region && tagsOf(r)[policyTag] == c.Old.ID && mine(r) {
			list = append(list, r)
		}
	}
	rule := cloud.Object(of["retainRule"])
	days := map[string]int{"DAYS": 1, "WEEKS": 7, "MONTHS": 30,
		"YEARS": 365}[cloud.Text(rule["intervalUnit"])] * cloud.Number(rule["interval"])
	oldest := sortableTime(c.Now.AddDate(0, 0, -days))
	for i, r := range slices.All(sortNewestFirst(list, "created")) {
		if n := cloud.Number(rule["count"]); n > 0 && i >= n || days > 0 && cloud.Text(r.Extra["created"]) < oldest {
			c.Drop(r.Key)
		}
	}
}
