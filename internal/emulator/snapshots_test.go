package emulator

import (
	"context"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func TestSnapshots(t *testing.T) {
	d := open(t)
	d.refusesToMake(SnapshotType, props{"volumeId": "vol-none"}, "InvalidVolume.NotFound")
	v := d.make(VolumeType, "v", gp3(props{"encrypted": true}))
	s := d.make(SnapshotType, "s", props{"volumeId": v.id})
	if s.out("volumeSize") != 100.0 || s.out("encrypted") != true || s.out("arn") != "arn:aws:ec2:us-west-1::snapshot/"+s.id {
		t.Errorf("%v GiB, encrypted %v, %v", s.out("volumeSize"), s.out("encrypted"), s.out("arn"))
	}
	v.delete() // its snapshots stay
	d.refusesToMake(VolumeType, gp3(props{"snapshotId": s.id, "size": 99}), "smaller than snapshot", "expect size >= 100GiB")
	d.refusesToMake(VolumeType, gp3(props{"snapshotId": s.id, "encrypted": false}), "is encrypted")
	again := d.make(VolumeType, "again", gp3(props{"snapshotId": s.id, "size": nil}))
	if again.out("size") != 100.0 || again.out("encrypted") != true {
		t.Errorf("restored: %v GiB, encrypted %v", again.out("size"), again.out("encrypted"))
	}
	s.delete() // a volume does not hold its snapshot
	if diff := again.diff(gp3(props{"snapshotId": "snap-newer", "size": nil})).GetReplaces(); len(diff) != 1 {
		t.Errorf("a newer snapshot replaces for %v", diff)
	}
}

func TestSnapshotCopies(t *testing.T) {
	d := open(t)
	s := d.make(SnapshotType, "s", props{"volumeId": d.make(VolumeType, "v", gp3(props{"encrypted": true})).id})
	east := d.elsewhere(props{"region": "us-east-2"})
	from := props{"sourceSnapshotId": s.id, "sourceRegion": "us-west-1"}
	d.refusesToMake(SnapshotCopyType, props{"sourceSnapshotId": s.id, "sourceRegion": "us-east-2"}, "InvalidSnapshot.NotFound", "(in us-east-2)")
	d.refusesToMake(SnapshotCopyType, props{"sourceSnapshotId": s.id, "sourceRegion": "mars-1"}, "invalid AWS Region: mars-1")
	d.refusesToMake(SnapshotCopyType, props{"sourceSnapshotId": s.id, "sourceRegion": "us-west-1", "encrypted": false}, "is encrypted")
	d.refusesToMake(SnapshotCopyType, props{"sourceSnapshotId": s.id, "sourceRegion": "us-west-1", "completionDurationMinutes": 20}, "multiple of 15")
	east.refusesToMake(VolumeType, gp3(props{"availabilityZone": "us-east-2a", "snapshotId": s.id}), "InvalidSnapshot.NotFound", "it is in us-west-1")
	copied := east.make(SnapshotCopyType, "c", from)
	v := east.make(VolumeType, "v", gp3(props{"availabilityZone": "us-east-2a", "snapshotId": copied.id}))
	if v.out("kmsKeyId") != "arn:aws:kms:us-east-2:123456789012:alias/aws/ebs" || copied.out("volumeId") != copiedVolume {
		t.Errorf("key %v, copy of %v", v.out("kmsKeyId"), copied.out("volumeId"))
	}
	other := d.elsewhere(props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}})
	other.refusesToMake(SnapshotCopyType, from, "InvalidSnapshot.NotFound")
}

func TestSnapshotPolicyRefusals(t *testing.T) {
	d := open(t)
	role := d.make(RoleType, "r", props{"assumeRolePolicy": trust})
	with := func(change func(details, schedule props)) props {
		details := daily("us-east-2")
		schedule := details["schedules"].([]any)[0].(props)
		change(details, schedule)
		return props{"description": "daily", "executionRoleArn": role.out("arn"), "policyDetails": details}
	}
	for want, change := range map[string]func(details, schedule props){
		"policyType":            func(d, _ props) { d["policyType"] = "IMAGE_MANAGEMENT" },
		"rules for VOLUME only": func(d, _ props) { d["resourceTypes"] = []any{"INSTANCE"} },
		"targetTags":            func(d, _ props) { d["targetTags"] = props{} },
		"between 1 and 4":       func(d, _ props) { d["schedules"] = []any{} },
		"eventSource": func(d, _ props) {
			d["eventSource"] = props{"type": "x", "parameters": props{"descriptionRegex": "", "eventType": "", "snapshotOwners": []any{}}}
		},
		"one of 1, 2, 3, 4, 6, 8, 12, 24":     func(_, s props) { s["createRule"] = props{"interval": 5} },
		"createRule.times":                    func(_, s props) { s["createRule"] = props{"interval": 24, "times": "25:00"} },
		"together with cronExpression":        func(_, s props) { s["createRule"] = props{"interval": 24, "cronExpression": "cron(0 3 * * ? *)"} },
		"retainRule.count: must be between":   func(_, s props) { s["retainRule"] = props{"count": 1001} },
		"count or interval must be given":     func(_, s props) { s["retainRule"] = props{} },
		"together with interval":              func(_, s props) { s["retainRule"] = props{"count": 1, "interval": 1} },
		"invalid AWS Region: mars-1":          func(_, s props) { s["crossRegionCopyRules"] = []any{props{"target": "mars-1", "encrypted": true}} },
		"must be another region":              func(_, s props) { s["crossRegionCopyRules"] = []any{props{"target": "us-west-1", "encrypted": true}} },
		"shareRule: the emulator has no rule": func(_, s props) { s["shareRule"] = props{"targetAccounts": []any{"1"}} },
	} {
		d.refusesToMake(LifecyclePolicyType, with(change), want)
	}
	p := with(func(_, _ props) {})
	p["executionRoleArn"] = "arn:aws:iam::123456789012:role/none"
	d.refusesToMake(LifecyclePolicyType, p, "NoSuchEntity")
}

// Policies act when they are told to: snapshots, copies, and only so many of them.
func TestTakeSnapshots(t *testing.T) {
	d := open(t)
	role := d.make(RoleType, "r", props{"assumeRolePolicy": trust})
	v := d.make(VolumeType, "v", gp3(props{"encrypted": true, "tags": props{"Name": "one", "shard": "0"}}))
	d.make(VolumeType, "other", gp3(nil))
	details := daily("us-east-2")
	details["targetTags"] = props{"Name": "one", "tier": "any of these will do"}
	policy := d.make(LifecyclePolicyType, "p", props{"description": "daily", "executionRoleArn": role.out("arn"), "policyDetails": details})
	monday := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	for day := range 5 {
		if err := TakeSnapshots(d.cloud, context.Background(), monday.AddDate(0, 0, day)); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[string]int{}
	for _, r := range d.resources() {
		if r.Type == SnapshotType {
			counts[r.Region]++
			if r.Managed || r.Tags["shard"] != "0" || r.Tags[policyTag] != policy.id || r.Outputs["encrypted"] != true {
				t.Errorf("%s in %s: %v", r.ID, r.Region, r.Tags)
			}
		}
	}
	if counts["us-west-1"] != 2 || counts["us-east-2"] != 3 {
		t.Errorf("snapshots by region: %v; want the last 2, and the copies of 2 days", counts)
	}
	if op := d.operations(); op[len(op)-1].ID != policy.id || op[len(op)-1].URN != "" {
		t.Errorf("the last operation is %v", op[len(op)-1])
	}
	east := d.elsewhere(props{"region": "us-east-2"})
	got := east.invoke("aws:ebs/getSnapshot:getSnapshot", props{"mostRecent": true, "owners": []any{"self"}, "tags": props{"shard": "0"}})
	if got["startTime"] != "2026-03-06T03:00:00.000000000Z" {
		t.Errorf("the newest copy is of %v", got["startTime"])
	}
	east.make(VolumeType, "seeded", gp3(props{"availabilityZone": "us-east-2a", "snapshotId": got["id"], "size": 200}))
	v.delete()
	n := len(d.operations())
	if err := TakeSnapshots(d.cloud, context.Background(), monday); err != nil || len(d.operations()) != n {
		t.Errorf("without volumes: %d operations more, %v", len(d.operations())-n, err)
	}
}

func (d *driver) tryInvoke(tok string, args props) (map[string]any, error) {
	d.t.Helper()
	out, err := d.client.Invoke(context.Background(), &pulumirpc.InvokeRequest{Tok: tok, Args: d.pack(args)})
	if err != nil {
		return nil, err
	}
	for _, f := range out.GetFailures() {
		return nil, Refuse("%s: %s", f.GetProperty(), f.GetReason())
	}
	return d.unpack(out.GetReturn()), nil
}

func (d *driver) invoke(tok string, args props) map[string]any {
	d.t.Helper()
	out, err := d.tryInvoke(tok, args)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func TestStorageLookups(t *testing.T) {
	d := open(t)
	volume := func(name, shard string) *thing {
		return d.make(VolumeType, name, gp3(props{"tags": props{"shard": shard}}))
	}
	one, two := volume("one", "0"), volume("two", "1")
	first := d.make(SnapshotType, "first", props{"volumeId": one.id, "tags": props{"shard": "0"}})
	second := d.make(SnapshotType, "second", props{"volumeId": one.id, "tags": props{"shard": "0"}})
	by := func(name string, values ...any) props {
		return props{"filters": []any{props{"name": name, "values": values}}}
	}
	for _, c := range []struct {
		tok  string
		args props
		want string
	}{
		{"getVolume:getVolume", props{"tags": props{"shard": "1"}}, two.id},
		{"getVolume:getVolume", by("tag:shard", "0"), one.id},
		{"getVolume:getVolume", by("volume-id", two.id), two.id},
		{"getVolume:getVolume", props{"mostRecent": true}, two.id},
		{"getSnapshot:getSnapshot", props{"mostRecent": true}, second.id},
		{"getSnapshot:getSnapshot", props{"mostRecent": true, "owners": []any{"self"}, "filters": by("volume-id", one.id)["filters"]}, second.id},
		{"getSnapshot:getSnapshot", props{"snapshotIds": []any{first.id}}, first.id},
	} {
		if got := d.invoke("aws:ebs/"+c.tok, c.args); got["id"] != c.want || len(Object(got["tags"])) != 1 {
			t.Errorf("%s %v found %v, want %s", c.tok, c.args, got, c.want)
		}
	}
	if got := d.invoke("aws:ebs/getSnapshotIds:getSnapshotIds", by("tag:shard", "?"))["ids"].([]any); len(got) != 2 || got[0] != second.id {
		t.Errorf("snapshots: %v", got)
	}
	if got := d.invoke("aws:ebs/getEbsVolumes:getEbsVolumes", by("tag-key", "sh*"))["ids"].([]any); len(got) != 2 {
		t.Errorf("volumes: %v", got)
	}
	if got := d.invoke("aws:ebs/getSnapshotIds:getSnapshotIds", props{"owners": []any{"amazon"}})["ids"].([]any); len(got) != 0 {
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
		_, err := d.tryInvoke("aws:ebs/"+tok, c.args)
		refuses(t, err, c.want)
	}
	_, err := d.tryInvoke("aws:ebs/getVolume:getVolume", props{"tag": props{}})
	refuses(t, err, "tag: unknown property; did you mean tags?")
	_, err = open(t, "silent-region=us-east-2").elsewhereSilent()
	refuses(t, err, "does not answer")
}

// elsewhereSilent looks something up in a region that answers nothing, with a provider that was configured before it fell silent.
func (d *driver) elsewhereSilent() (map[string]any, error) {
	return d.cloud.LookUp(context.Background(), Scope{Account: exampleAccount, Region: "us-east-2"}, awsLookups["aws:ebs/getVolume:getVolume"], nil)
}

// Regions that answer nothing get no copies, and their own policies do not act.
func TestTakeSnapshotsInSilence(t *testing.T) {
	dir := t.TempDir()
	d := openAt(t, dir)
	role := d.make(RoleType, "r", props{"assumeRolePolicy": trust})
	d.make(VolumeType, "v", gp3(props{"tags": props{"Name": "one"}}))
	d.make(LifecyclePolicyType, "p", props{"description": "daily", "executionRoleArn": role.out("arn"), "policyDetails": daily("us-east-2")})
	for silent, want := range map[string]int{"us-west-1": 0, "us-east-2": 1} {
		cloud, err := Open(Options{Dir: dir, Faults: parsed(t, "silent-region="+silent)})
		if err != nil {
			t.Fatal(err)
		}
		before := len(d.resources())
		if err := TakeSnapshots(cloud, context.Background(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := len(d.resources()) - before; got != want {
			t.Errorf("with %s silent there are %d snapshots more, want %d", silent, got, want)
		}
		_ = cloud.Close()
	}
}
