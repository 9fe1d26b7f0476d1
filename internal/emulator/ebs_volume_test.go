package emulator_test

import (
	"maps"
	"testing"

	"github.com/beachhead-build/beachhead/internal/emulator/aws"
	"github.com/beachhead-build/beachhead/internal/emulator/emulatortest"
)

func TestVolumeRefusals(t *testing.T) {
	d := emulatortest.Start(t)
	for want, more := range map[string]props{
		"rules for gp3 only":                               {"type": "io2"},
		"type: exactly one of type":                        {"type": nil},
		"size: must be between 1 and 65536":                {"size": 65537},
		"iops: must be between 3000 and 80000":             {"iops": 2999},
		"maximum is 500 per GiB":                           {"iops": 50001},
		"throughput: must be between 125 and 2000":         {"throughput": 2001, "iops": 16000},
		"maximum is 0.25 per IOPS":                         {"throughput": 751},
		"must contain the parameter size/snapshot":         {"size": nil},
		"KmsKeyId requires the parameter Encrypted":        {"kmsKeyId": "alias/aws/ebs"},
		"Key 'none' does not exist":                        {"kmsKeyId": "none", "encrypted": true},
		"InvalidZone.NotFound: The zone 'us-east-2a'":      {"availabilityZone": "us-east-2a"},
		"InvalidSnapshot.NotFound: The snapshot 'snap-no'": {"snapshotId": "snap-no"},
		"multiAttachEnabled: the emulator has no rules":    {"multiAttachEnabled": true},
	} {
		d.RequireCreateRefusal(aws.VolumeType, emulatortest.GP3(more), want)
	}
	d.Create(aws.VolumeType, "small", emulatortest.GP3(props{"size": 1, "iops": 3000, "throughput": 750}))
	d.Create(aws.VolumeType, "fast", emulatortest.GP3(props{"size": 160, "iops": 80000, "throughput": 2000}))
	off := d.Create(aws.KMSKeyType, "off", props{"isEnabled": false})
	d.RequireCreateRefusal(aws.VolumeType, emulatortest.GP3(props{"kmsKeyId": off.Output("arn"), "encrypted": true}), "is disabled")
}

// A volume grows in place and never shrinks; what it is made of makes it another one.
func TestVolumeChanges(t *testing.T) {
	d := emulatortest.Start(t)
	v := d.Create(aws.VolumeType, "v", emulatortest.GP3(props{"encrypted": true}))
	if v.Output("iops") != 3000.0 || v.Output("throughput") != 125.0 ||
		v.Output("kmsKeyId") != "arn:aws:kms:us-west-1:123456789012:alias/aws/ebs" {
		t.Errorf("%v IOPS, %v MiB/s, key %v", v.Output("iops"), v.Output("throughput"), v.Output("kmsKeyId"))
	}
	v.Update(emulatortest.GP3(props{"encrypted": true, "size": 200, "iops": 6000}))
	emulatortest.RequireRefusal(t, v.TryUpdate(emulatortest.GP3(props{"encrypted": true, "size": 100, "iops": 6000})),
		"New size cannot be smaller than existing size", "200 GiB")
	for name, change := range map[string]any{"availabilityZone": "us-west-1b", "encrypted": false, "kmsKeyId": "alias/cache",
		"snapshotId": "snap-1"} {
		p := emulatortest.GP3(props{"encrypted": true, "size": 200, "iops": 6000, name: change})
		if name == "encrypted" {
			p["kmsKeyId"] = nil
			delete(p, "kmsKeyId")
		}
		if got := v.Diff(p).GetReplaces(); len(got) != 1 || got[0] != name {
			t.Errorf("another %s replaces for %v", name, got)
		}
	}
	if ops := d.Operations(); ops[0].ModelSeconds != 10 {
		t.Errorf("took %v model seconds", ops[0].ModelSeconds)
	}
}

func TestVolumeAttachment(t *testing.T) {
	f := newFleets(emulatortest.Start(t))
	f.Create(aws.AutoScalingGroupType, "g", f.group(2, 2, 2, nil))
	zones := map[any]string{}
	for _, m := range f.Machines() {
		zones[m.Outputs["availabilityZone"]] = m.ID
	}
	v := f.Create(aws.VolumeType, "v", emulatortest.GP3(nil))
	p := props{"volumeId": v.ID, "instanceId": zones["us-west-1a"], "deviceName": "/dev/sdf"}
	with := func(name string, value any) props {
		q := maps.Clone(p)
		q[name] = value
		return q
	}
	f.RequireCreateRefusal(aws.VolumeAttachmentType, with("instanceId", zones["us-west-1b"]), "InvalidVolume.ZoneMismatch")
	f.RequireCreateRefusal(aws.VolumeAttachmentType, with("instanceId", "i-none"), "InvalidInstanceID.NotFound")
	f.RequireCreateRefusal(aws.VolumeAttachmentType, with("deviceName", "/dev/sda1"), "deviceName")
	a := f.Create(aws.VolumeAttachmentType, "a", p)
	f.RequireCreateRefusal(aws.VolumeAttachmentType, with("deviceName", "/dev/sdg"), "VolumeInUse: "+v.ID+" is already attached")
	f.RequireCreateRefusal(aws.VolumeAttachmentType, with("volumeId", f.Create(aws.VolumeType, "w", emulatortest.GP3(nil)).ID),
		"Attachment point /dev/sdf is already in use")
	emulatortest.RequireRefusal(t, v.TryDelete(), "VolumeInUse: Volume "+v.ID+" is currently attached")
	if ops := f.Operations(); ops[len(ops)-2].ModelSeconds != 25 {
		t.Errorf("attaching took %v model seconds", ops[len(ops)-2].ModelSeconds)
	}
	a.Delete()
	v.Delete()
}

func TestFinalSnapshot(t *testing.T) {
	d := emulatortest.Start(t)
	v := d.Create(aws.VolumeType, "v", emulatortest.GP3(props{"finalSnapshot": true, "tags": props{"shard": "0"}}))
	v.Delete()
	list := d.Resources()
	if len(list) != 1 || list[0].Type != aws.SnapshotType || list[0].Tags["shard"] != "0" || list[0].Managed {
		t.Errorf("left is %v", list)
	}
}
