package emulator_test

import (
	"context"
	"testing"
	"time"

	"github.com/beachhead-build/beachhead/internal/emulator"
	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestSnapshots(t *testing.T) {
	d := emulatortest.Start(t)
	d.RequireCreateRefusal(aws.SnapshotType, props{"volumeId": "vol-none"}, "InvalidVolume.NotFound")
	v := d.Create(aws.VolumeType, "v", emulatortest.GP3(props{"encrypted": true}))
	s := d.Create(aws.SnapshotType, "s", props{"volumeId": v.ID})
	if s.Output("volumeSize") != 100.0 || s.Output("encrypted") != true || s.Output("arn") != "arn:aws:ec2:us-west-1::snapshot/"+s.ID {
		t.Errorf("%v GiB, encrypted %v, %v", s.Output("volumeSize"), s.Output("encrypted"), s.Output("arn"))
	}
	v.Delete() // its snapshots stay
	d.RequireCreateRefusal(aws.VolumeType, emulatortest.GP3(props{"snapshotId": s.ID, "size": 99}), "smaller than snapshot",
		"expect size >= 100GiB")
	d.RequireCreateRefusal(aws.VolumeType, emulatortest.GP3(props{"snapshotId": s.ID, "encrypted": false}), "is encrypted")
	again := d.Create(aws.VolumeType, "again", emulatortest.GP3(props{"snapshotId": s.ID, "size": nil}))
	if again.Output("size") != 100.0 || again.Output("encrypted") != true {
		t.Errorf("restored: %v GiB, encrypted %v", again.Output("size"), again.Output("encrypted"))
	}
	s.Delete() // a volume does not hold its snapshot
	if diff := again.Diff(emulatortest.GP3(props{"snapshotId": "snap-newer", "size": nil})).GetReplaces(); len(diff) != 1 {
		t.Errorf("a newer snapshot replaces for %v", diff)
	}
}

func TestSnapshotCopies(t *testing.T) {
	d := emulatortest.Start(t)
	s := d.Create(aws.SnapshotType, "s", props{"volumeId": d.Create(aws.VolumeType, "v", emulatortest.GP3(props{"encrypted": true})).ID})
	east := d.Elsewhere(props{"region": "us-east-2"})
	from := props{"sourceSnapshotId": s.ID, "sourceRegion": "us-west-1"}
	d.RequireCreateRefusal(aws.SnapshotCopyType, props{"sourceSnapshotId": s.ID, "sourceRegion": "us-east-2"}, "InvalidSnapshot.NotFound",
		"(in us-east-2)")
	d.RequireCreateRefusal(aws.SnapshotCopyType, props{"sourceSnapshotId": s.ID, "sourceRegion": "mars-1"}, "invalid AWS Region: mars-1")
	d.RequireCreateRefusal(aws.SnapshotCopyType, props{"sourceSnapshotId": s.ID, "sourceRegion": "us-west-1", "encrypted": false},
		"is encrypted")
	d.RequireCreateRefusal(aws.SnapshotCopyType, props{"sourceSnapshotId": s.ID, "sourceRegion": "us-west-1",
		"completionDurationMinutes": 20}, "multiple of 15")
	east.RequireCreateRefusal(aws.VolumeType, emulatortest.GP3(props{"availabilityZone": "us-east-2a", "snapshotId": s.ID}),
		"InvalidSnapshot.NotFound", "it is in us-west-1")
	copied := east.Create(aws.SnapshotCopyType, "c", from)
	v := east.Create(aws.VolumeType, "v", emulatortest.GP3(props{"availabilityZone": "us-east-2a", "snapshotId": copied.ID}))
	if v.Output("kmsKeyId") != "arn:aws:kms:us-east-2:123456789012:alias/aws/ebs" || copied.Output("volumeId") != "vol-ffffffff" {
		t.Errorf("key %v, copy of %v", v.Output("kmsKeyId"), copied.Output("volumeId"))
	}
	other := d.Elsewhere(props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}})
	other.RequireCreateRefusal(aws.SnapshotCopyType, from, "InvalidSnapshot.NotFound")
}

func TestSnapshotPolicyRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	role := d.Create(aws.RoleType, "r", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	with := func(change func(details, schedule props)) props {
		details := emulatortest.DailySnapshots("us-east-2")
		schedule := details["schedules"].([]any)[0].(props)
		change(details, schedule)
		return props{"description": "daily", "executionRoleArn": role.Output("arn"), "policyDetails": details}
	}
	for want, change := range map[string]func(details, schedule props){
		"policyType":            func(d, _ props) { d["policyType"] = "IMAGE_MANAGEMENT" },
		"rules for VOLUME only": func(d, _ props) { d["resourceTypes"] = []any{"INSTANCE"} },
		"targetTags":            func(d, _ props) { d["targetTags"] = props{} },
		"between 1 and 4":       func(d, _ props) { d["schedules"] = []any{} },
		"eventSource": func(d, _ props) {
			d["eventSource"] = props{"type": "x", "parameters": props{"descriptionRegex": "", "eventType": "", "snapshotOwners": []any{}}}
		},
		"one of 1, 2, 3, 4, 6, 8, 12, 24": func(_, s props) { s["createRule"] = props{"interval": 5} },
		"createRule.times":                func(_, s props) { s["createRule"] = props{"interval": 24, "times": "25:00"} },
		"together with cronExpression": func(_, s props) {
			s["createRule"] = props{"interval": 24,
				"cronExpression": "cron(0 3 * * ? *)"}
		},
		"retainRule.count: must be between": func(_, s props) { s["retainRule"] = props{"count": 1001} },
		"count or interval must be set":     func(_, s props) { s["retainRule"] = props{} },
		"together with interval":            func(_, s props) { s["retainRule"] = props{"count": 1, "interval": 1} },
		"invalid AWS Region: mars-1": func(_, s props) {
			s["crossRegionCopyRules"] = []any{props{"target": "mars-1",
				"encrypted": true}}
		},
		"must be another region": func(_, s props) {
			s["crossRegionCopyRules"] = []any{props{"target": "us-west-1",
				"encrypted": true}}
		},
		"shareRule: the emulator has no rule": func(_, s props) { s["shareRule"] = props{"targetAccounts": []any{"1"}} },
	} {
		d.RequireCreateRefusal(aws.LifecyclePolicyType, with(change), want)
	}
	p := with(func(_, _ props) {})
	p["executionRoleArn"] = "arn:aws:iam::123456789012:role/none"
	d.RequireCreateRefusal(aws.LifecyclePolicyType, p, "NoSuchEntity")
}

// Policies act when they are told to: snapshots, copies, and only so many of them.
func TestTakeSnapshots(t *testing.T) {
	d := emulatortest.Start(t)
	role := d.Create(aws.RoleType, "r", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	v := d.Create(aws.VolumeType, "v", emulatortest.GP3(props{"encrypted": true, "tags": props{"Name": "one", "shard": "0"}}))
	d.Create(aws.VolumeType, "other", emulatortest.GP3(nil))
	details := emulatortest.DailySnapshots("us-east-2")
	details["targetTags"] = props{"Name": "one", "tier": "any of these will do"}
	policy := d.Create(aws.LifecyclePolicyType, "p", props{"description": "daily", "executionRoleArn": role.Output("arn"),
		"policyDetails": details})
	monday := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	for day := range 5 {
		if err := aws.TakeSnapshots(context.Background(), d.Cloud, monday.AddDate(0, 0, day)); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[string]int{}
	for _, r := range d.Resources() {
		if r.Type == aws.SnapshotType {
			counts[r.Region]++
			if r.Managed || r.Tags["shard"] != "0" || r.Tags["aws:dlm:lifecycle-policy-id"] != policy.ID || r.Outputs["encrypted"] != true {
				t.Errorf("%s in %s: %v", r.ID, r.Region, r.Tags)
			}
		}
	}
	if counts["us-west-1"] != 2 || counts["us-east-2"] != 3 {
		t.Errorf("snapshots by region: %v; want the last 2, and the copies of 2 days", counts)
	}
	if op := d.Operations(); op[len(op)-1].ID != policy.ID || op[len(op)-1].URN != "" {
		t.Errorf("the last operation is %v", op[len(op)-1])
	}
	east := d.Elsewhere(props{"region": "us-east-2"})
	got := east.Invoke("aws:ebs/getSnapshot:getSnapshot", props{"mostRecent": true, "owners": []any{"self"}, "tags": props{"shard": "0"}})
	if got["startTime"] != "2026-03-06T03:00:00.000000000Z" {
		t.Errorf("the newest copy is of %v", got["startTime"])
	}
	east.Create(aws.VolumeType, "seeded", emulatortest.GP3(props{"availabilityZone": "us-east-2a", "snapshotId": got["id"], "size": 200}))
	v.Delete()
	n := len(d.Operations())
	if err := aws.TakeSnapshots(context.Background(), d.Cloud, monday); err != nil || len(d.Operations()) != n {
		t.Errorf("without volumes: %d operations more, %v", len(d.Operations())-n, err)
	}
}

func TestStorageLookups(t *testing.T) {
	d := emulatortest.Start(t)
	volume := func(name, shard string) *handle {
		return d.Create(aws.VolumeType, name, emulatortest.GP3(props{"tags": props{"shard": shard}}))
	}
	one, two := volume("one", "0"), volume("two", "1")
	first := d.Create(aws.SnapshotType, "first", props{"volumeId": one.ID, "tags": props{"shard": "0"}})
	second := d.Create(aws.SnapshotType, "second", props{"volumeId": one.ID, "tags": props{"shard": "0"}})
	by := func(name string, values ...any) props {
		return props{"filters": []any{props{"name": name, "values": values}}}
	}
	for _, c := range []struct {
		tok  string
		args props
		want string
	}{
		{"getVolume:getVolume", props{"tags": props{"shard": "1"}}, two.ID},
		{"getVolume:getVolume", by("tag:shard", "0"), one.ID},
		{"getVolume:getVolume", by("volume-id", two.ID), two.ID},
		{"getVolume:getVolume", props{"mostRecent": true}, two.ID},
		{"getSnapshot:getSnapshot", props{"mostRecent": true}, second.ID},
		{"getSnapshot:getSnapshot", props{"mostRecent": true, "owners": []any{"self"}, "filters": by("volume-id", one.ID)["filters"]}, second.ID},
		{"getSnapshot:getSnapshot", props{"snapshotIds": []any{first.ID}}, first.ID},
	} {
		if got := d.Invoke("aws:ebs/"+c.tok, c.args); got["id"] != c.want || len(cloud.Object(got["tags"])) != 1 {
			t.Errorf("%s %v found %v, want %s", c.tok, c.args, got, c.want)
		}
	}
	if got := d.Invoke("aws:ebs/getSnapshotIds:getSnapshotIds", by("tag:shard", "?"))["ids"].([]any); len(got) != 2 || got[0] != second.ID {
		t.Errorf("snapshots: %v", got)
	}
	if got := d.Invoke("aws:ebs/getEbsVolumes:getEbsVolumes", by("tag-key", "sh*"))["ids"].([]any); len(got) != 2 {
		t.Errorf("volumes: %v", got)
	}
	if got := d.Invoke("aws:ebs/getSnapshotIds:getSnapshotIds", props{"owners": []any{"amazon"}})["ids"].([]any); len(got) != 0 {
		t.Errorf("Amazon's snapshots: %v", got)
	}
	for tok, c := range map[string]struct {
		args props
		want string
	}{
		"getVolume:getVolume":         {by("status", "in-use"), "Your query returned no results"},
		"getSnapshot:getSnapshot":     {props{}, "returned more than one result"},
		"getEbsVolumes:getEbsVolumes": {by("mood", "good"), "The filter 'mood' is invalid"},
	} {
		_, err := d.TryInvoke("aws:ebs/"+tok, c.args)
		emulatortest.RequireRefusal(t, err, c.want)
	}
	_, err := d.TryInvoke("aws:ebs/getVolume:getVolume", props{"tag": props{}})
	emulatortest.RequireRefusal(t, err, "tag: unknown property; did you mean tags?")
	_, err = lookUpInSilence(emulatortest.Start(t, "silent-region=us-east-2"))
	emulatortest.RequireRefusal(t, err, "does not answer")
}

// lookUpInSilence looks something up in a region that answers nothing, with a provider that was configured before it fell silent.
func lookUpInSilence(d *driver) (map[string]any, error) {
	return d.Cloud.LookUp(context.Background(), cloud.Scope{Account: "123456789012", Region: "us-east-2"},
		aws.Platform().Lookups["aws:ebs/getVolume:getVolume"], nil)
}

// Regions that answer nothing get no copies, and their own policies do not act.
func TestTakeSnapshotsInSilence(t *testing.T) {
	dir := t.TempDir()
	d := emulatortest.StartAt(t, dir)
	role := d.Create(aws.RoleType, "r", props{"assumeRolePolicy": emulatortest.TrustPolicy})
	d.Create(aws.VolumeType, "v", emulatortest.GP3(props{"tags": props{"Name": "one"}}))
	d.Create(aws.LifecyclePolicyType, "p", props{"description": "daily", "executionRoleArn": role.Output("arn"),
		"policyDetails": emulatortest.DailySnapshots("us-east-2")})
	for silent, want := range map[string]int{"us-west-1": 0, "us-east-2": 1} {
		cloud, err := emulator.Open(cloud.Options{Dir: dir, Faults: emulatortest.ParseFaults(t, "silent-region="+silent)})
		if err != nil {
			t.Fatal(err)
		}
		before := len(d.Resources())
		if err := aws.TakeSnapshots(context.Background(), cloud, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := len(d.Resources()) - before; got != want {
			t.Errorf("with %s silent there are %d snapshots more, want %d", silent, got, want)
		}
		_ = cloud.Close()
	}
}
