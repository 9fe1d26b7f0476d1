package emulator

import (
	"context"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func TestSnapshots(t *testing.T) {
	d := Start(t)
	d.RequireCreateRefusal(SnapshotType, Props{"volumeId": "vol-none"}, "InvalidVolume.NotFound")
	v := d.Create(VolumeType, "v", GP3(Props{"encrypted": true}))
	s := d.Create(SnapshotType, "s", Props{"volumeId": v.ID})
	if s.Output("volumeSize") != 100.0 || s.Output("encrypted") != true || s.Output("arn") != "arn:aws:ec2:us-west-1::snapshot/"+s.ID {
		t.Errorf("%v GiB, encrypted %v, %v", s.Output("volumeSize"), s.Output("encrypted"), s.Output("arn"))
	}
	v.Delete() // its snapshots stay
	d.RequireCreateRefusal(VolumeType, GP3(Props{"snapshotId": s.ID, "size": 99}), "smaller than snapshot", "expect size >= 100GiB")
	d.RequireCreateRefusal(VolumeType, GP3(Props{"snapshotId": s.ID, "encrypted": false}), "is encrypted")
	again := d.Create(VolumeType, "again", GP3(Props{"snapshotId": s.ID, "size": nil}))
	if again.Output("size") != 100.0 || again.Output("encrypted") != true {
		t.Errorf("restored: %v GiB, encrypted %v", again.Output("size"), again.Output("encrypted"))
	}
	s.Delete() // a volume does not hold its snapshot
	if diff := again.Diff(GP3(Props{"snapshotId": "snap-newer", "size": nil})).GetReplaces(); len(diff) != 1 {
		t.Errorf("a newer snapshot replaces for %v", diff)
	}
}

func TestSnapshotCopies(t *testing.T) {
	d := Start(t)
	s := d.Create(SnapshotType, "s", Props{"volumeId": d.Create(VolumeType, "v", GP3(Props{"encrypted": true})).ID})
	east := d.Elsewhere(Props{"region": "us-east-2"})
	from := Props{"sourceSnapshotId": s.ID, "sourceRegion": "us-west-1"}
	d.RequireCreateRefusal(SnapshotCopyType, Props{"sourceSnapshotId": s.ID, "sourceRegion": "us-east-2"}, "InvalidSnapshot.NotFound", "(in us-east-2)")
	d.RequireCreateRefusal(SnapshotCopyType, Props{"sourceSnapshotId": s.ID, "sourceRegion": "mars-1"}, "invalid AWS Region: mars-1")
	d.RequireCreateRefusal(SnapshotCopyType, Props{"sourceSnapshotId": s.ID, "sourceRegion": "us-west-1", "encrypted": false}, "is encrypted")
	d.RequireCreateRefusal(SnapshotCopyType, Props{"sourceSnapshotId": s.ID, "sourceRegion": "us-west-1", "completionDurationMinutes": 20}, "multiple of 15")
	east.RequireCreateRefusal(VolumeType, GP3(Props{"availabilityZone": "us-east-2a", "snapshotId": s.ID}), "InvalidSnapshot.NotFound", "it is in us-west-1")
	copied := east.Create(SnapshotCopyType, "c", from)
	v := east.Create(VolumeType, "v", GP3(Props{"availabilityZone": "us-east-2a", "snapshotId": copied.ID}))
	if v.Output("kmsKeyId") != "arn:aws:kms:us-east-2:123456789012:alias/aws/ebs" || copied.Output("volumeId") != "vol-ffffffff" {
		t.Errorf("key %v, copy of %v", v.Output("kmsKeyId"), copied.Output("volumeId"))
	}
	other := d.Elsewhere(Props{"region": "us-east-2", "allowedAccountIds": []any{"210987654321"}})
	other.RequireCreateRefusal(SnapshotCopyType, from, "InvalidSnapshot.NotFound")
}

func TestSnapshotPolicyRefusals(t *testing.T) {
	d := Start(t)
	role := d.Create(RoleType, "r", Props{"assumeRolePolicy": TrustPolicy})
	with := func(change func(details, schedule Props)) Props {
		details := DailySnapshots("us-east-2")
		schedule := details["schedules"].([]any)[0].(Props)
		change(details, schedule)
		return Props{"description": "daily", "executionRoleArn": role.Output("arn"), "policyDetails": details}
	}
	for want, change := range map[string]func(details, schedule Props){
		"policyType":            func(d, _ Props) { d["policyType"] = "IMAGE_MANAGEMENT" },
		"rules for VOLUME only": func(d, _ Props) { d["resourceTypes"] = []any{"INSTANCE"} },
		"targetTags":            func(d, _ Props) { d["targetTags"] = Props{} },
		"between 1 and 4":       func(d, _ Props) { d["schedules"] = []any{} },
		"eventSource": func(d, _ Props) {
			d["eventSource"] = Props{"type": "x", "parameters": Props{"descriptionRegex": "", "eventType": "", "snapshotOwners": []any{}}}
		},
		"one of 1, 2, 3, 4, 6, 8, 12, 24":     func(_, s Props) { s["createRule"] = Props{"interval": 5} },
		"createRule.times":                    func(_, s Props) { s["createRule"] = Props{"interval": 24, "times": "25:00"} },
		"together with cronExpression":        func(_, s Props) { s["createRule"] = Props{"interval": 24, "cronExpression": "cron(0 3 * * ? *)"} },
		"retainRule.count: must be between":   func(_, s Props) { s["retainRule"] = Props{"count": 1001} },
		"count or interval must be given":     func(_, s Props) { s["retainRule"] = Props{} },
		"together with interval":              func(_, s Props) { s["retainRule"] = Props{"count": 1, "interval": 1} },
		"invalid AWS Region: mars-1":          func(_, s Props) { s["crossRegionCopyRules"] = []any{Props{"target": "mars-1", "encrypted": true}} },
		"must be another region":              func(_, s Props) { s["crossRegionCopyRules"] = []any{Props{"target": "us-west-1", "encrypted": true}} },
		"shareRule: the emulator has no rule": func(_, s Props) { s["shareRule"] = Props{"targetAccounts": []any{"1"}} },
	} {
		d.RequireCreateRefusal(LifecyclePolicyType, with(change), want)
	}
	p := with(func(_, _ Props) {})
	p["executionRoleArn"] = "arn:aws:iam::123456789012:role/none"
	d.RequireCreateRefusal(LifecyclePolicyType, p, "NoSuchEntity")
}

// Policies act when they are told to: snapshots, copies, and only so many of them.
func TestTakeSnapshots(t *testing.T) {
	d := Start(t)
	role := d.Create(RoleType, "r", Props{"assumeRolePolicy": TrustPolicy})
	v := d.Create(VolumeType, "v", GP3(Props{"encrypted": true, "tags": Props{"Name": "one", "shard": "0"}}))
	d.Create(VolumeType, "other", GP3(nil))
	details := DailySnapshots("us-east-2")
	details["targetTags"] = Props{"Name": "one", "tier": "any of these will do"}
	policy := d.Create(LifecyclePolicyType, "p", Props{"description": "daily", "executionRoleArn": role.Output("arn"), "policyDetails": details})
	monday := time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)
	for day := range 5 {
		if err := TakeSnapshots(d.Cloud, context.Background(), monday.AddDate(0, 0, day)); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[string]int{}
	for _, r := range d.Resources() {
		if r.Type == SnapshotType {
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
	east := d.Elsewhere(Props{"region": "us-east-2"})
	got := east.Invoke("aws:ebs/getSnapshot:getSnapshot", Props{"mostRecent": true, "owners": []any{"self"}, "tags": Props{"shard": "0"}})
	if got["startTime"] != "2026-03-06T03:00:00.000000000Z" {
		t.Errorf("the newest copy is of %v", got["startTime"])
	}
	east.Create(VolumeType, "seeded", GP3(Props{"availabilityZone": "us-east-2a", "snapshotId": got["id"], "size": 200}))
	v.Delete()
	n := len(d.Operations())
	if err := TakeSnapshots(d.Cloud, context.Background(), monday); err != nil || len(d.Operations()) != n {
		t.Errorf("without volumes: %d operations more, %v", len(d.Operations())-n, err)
	}
}

func (d *Driver) TryInvoke(tok string, args Props) (map[string]any, error) {
	d.T.Helper()
	out, err := d.Client.Invoke(context.Background(), &pulumirpc.InvokeRequest{Tok: tok, Args: d.Pack(args)})
	if err != nil {
		return nil, err
	}
	for _, f := range out.GetFailures() {
		return nil, Refuse("%s: %s", f.GetProperty(), f.GetReason())
	}
	return d.Unpack(out.GetReturn()), nil
}

func (d *Driver) Invoke(tok string, args Props) map[string]any {
	d.T.Helper()
	out, err := d.TryInvoke(tok, args)
	if err != nil {
		d.T.Fatal(err)
	}
	return out
}

func TestStorageLookups(t *testing.T) {
	d := Start(t)
	volume := func(name, shard string) *Handle {
		return d.Create(VolumeType, name, GP3(Props{"tags": Props{"shard": shard}}))
	}
	one, two := volume("one", "0"), volume("two", "1")
	first := d.Create(SnapshotType, "first", Props{"volumeId": one.ID, "tags": Props{"shard": "0"}})
	second := d.Create(SnapshotType, "second", Props{"volumeId": one.ID, "tags": Props{"shard": "0"}})
	by := func(name string, values ...any) Props {
		return Props{"filters": []any{Props{"name": name, "values": values}}}
	}
	for _, c := range []struct {
		tok  string
		args Props
		want string
	}{
		{"getVolume:getVolume", Props{"tags": Props{"shard": "1"}}, two.ID},
		{"getVolume:getVolume", by("tag:shard", "0"), one.ID},
		{"getVolume:getVolume", by("volume-id", two.ID), two.ID},
		{"getVolume:getVolume", Props{"mostRecent": true}, two.ID},
		{"getSnapshot:getSnapshot", Props{"mostRecent": true}, second.ID},
		{"getSnapshot:getSnapshot", Props{"mostRecent": true, "owners": []any{"self"}, "filters": by("volume-id", one.ID)["filters"]}, second.ID},
		{"getSnapshot:getSnapshot", Props{"snapshotIds": []any{first.ID}}, first.ID},
	} {
		if got := d.Invoke("aws:ebs/"+c.tok, c.args); got["id"] != c.want || len(Object(got["tags"])) != 1 {
			t.Errorf("%s %v found %v, want %s", c.tok, c.args, got, c.want)
		}
	}
	if got := d.Invoke("aws:ebs/getSnapshotIds:getSnapshotIds", by("tag:shard", "?"))["ids"].([]any); len(got) != 2 || got[0] != second.ID {
		t.Errorf("snapshots: %v", got)
	}
	if got := d.Invoke("aws:ebs/getEbsVolumes:getEbsVolumes", by("tag-key", "sh*"))["ids"].([]any); len(got) != 2 {
		t.Errorf("volumes: %v", got)
	}
	if got := d.Invoke("aws:ebs/getSnapshotIds:getSnapshotIds", Props{"owners": []any{"amazon"}})["ids"].([]any); len(got) != 0 {
		t.Errorf("Amazon's snapshots: %v", got)
	}
	for tok, c := range map[string]struct {
		args Props
		want string
	}{
		"getVolume:getVolume":         {by("status", "in-use"), "Your query returned no results"},
		"getSnapshot:getSnapshot":     {Props{}, "returned more than one result"},
		"getEbsVolumes:getEbsVolumes": {by("mood", "good"), "The filter 'mood' is invalid"},
	} {
		_, err := d.TryInvoke("aws:ebs/"+tok, c.args)
		RequireRefusal(t, err, c.want)
	}
	_, err := d.TryInvoke("aws:ebs/getVolume:getVolume", Props{"tag": Props{}})
	RequireRefusal(t, err, "tag: unknown property; did you mean tags?")
	_, err = lookUpInSilence(Start(t, "silent-region=us-east-2"))
	RequireRefusal(t, err, "does not answer")
}

// lookUpInSilence looks something up in a region that answers nothing, with a provider that was configured before it fell silent.
func lookUpInSilence(d *Driver) (map[string]any, error) {
	return d.Cloud.LookUp(context.Background(), Scope{Account: "123456789012", Region: "us-east-2"}, AWSPlatform().Lookups["aws:ebs/getVolume:getVolume"], nil)
}

// Regions that answer nothing get no copies, and their own policies do not act.
func TestTakeSnapshotsInSilence(t *testing.T) {
	dir := t.TempDir()
	d := StartAt(t, dir)
	role := d.Create(RoleType, "r", Props{"assumeRolePolicy": TrustPolicy})
	d.Create(VolumeType, "v", GP3(Props{"tags": Props{"Name": "one"}}))
	d.Create(LifecyclePolicyType, "p", Props{"description": "daily", "executionRoleArn": role.Output("arn"), "policyDetails": DailySnapshots("us-east-2")})
	for silent, want := range map[string]int{"us-west-1": 0, "us-east-2": 1} {
		cloud, err := Open(Options{Dir: dir, Faults: ParseFaults(t, "silent-region="+silent)})
		if err != nil {
			t.Fatal(err)
		}
		before := len(d.Resources())
		if err := TakeSnapshots(cloud, context.Background(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := len(d.Resources()) - before; got != want {
			t.Errorf("with %s silent there are %d snapshots more, want %d", silent, got, want)
		}
		_ = cloud.Close()
	}
}
