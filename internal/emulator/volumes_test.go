package emulator

import (
	"maps"
	"testing"
)

func gp3(more props) props {
	p := props{"availabilityZone": "us-west-1a", "type": "gp3", "size": 100}
	for name, v := range more {
		if p[name] = v; v == nil {
			delete(p, name)
		}
	}
	return p
}

func TestVolumeRefusals(t *testing.T) {
	d := open(t)
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
		d.refusesToMake(VolumeType, gp3(more), want)
	}
	d.make(VolumeType, "small", gp3(props{"size": 1, "iops": 3000, "throughput": 750}))
	d.make(VolumeType, "fast", gp3(props{"size": 160, "iops": 80000, "throughput": 2000}))
	off := d.make(KMSKeyType, "off", props{"isEnabled": false})
	d.refusesToMake(VolumeType, gp3(props{"kmsKeyId": off.out("arn"), "encrypted": true}), "is disabled")
}

// A volume grows in place and never shrinks; what it is made of makes it another one.
func TestVolumeChanges(t *testing.T) {
	d := open(t)
	v := d.make(VolumeType, "v", gp3(props{"encrypted": true}))
	if v.out("iops") != 3000.0 || v.out("throughput") != 125.0 || v.out("kmsKeyId") != "arn:aws:kms:us-west-1:123456789012:alias/aws/ebs" {
		t.Errorf("%v IOPS, %v MiB/s, key %v", v.out("iops"), v.out("throughput"), v.out("kmsKeyId"))
	}
	v.update(gp3(props{"encrypted": true, "size": 200, "iops": 6000}))
	refuses(t, v.tryUpdate(gp3(props{"encrypted": true, "size": 100, "iops": 6000})), "New size cannot be smaller than existing size", "200 GiB")
	for name, change := range map[string]any{"availabilityZone": "us-west-1b", "encrypted": false, "kmsKeyId": "alias/cache", "snapshotId": "snap-1"} {
		p := gp3(props{"encrypted": true, "size": 200, "iops": 6000, name: change})
		if name == "encrypted" {
			p["kmsKeyId"] = nil
			delete(p, "kmsKeyId")
		}
		if got := v.diff(p).GetReplaces(); len(got) != 1 || got[0] != name {
			t.Errorf("another %s replaces for %v", name, got)
		}
	}
	if ops := d.operations(); ops[0].ModelSeconds != 10 {
		t.Errorf("took %v model seconds", ops[0].ModelSeconds)
	}
}

func TestVolumeAttachment(t *testing.T) {
	f := fleets(open(t))
	f.make(AutoScalingGroupType, "g", f.group(2, 2, 2, nil))
	zones := map[any]string{}
	for _, m := range f.machines() {
		zones[m.Outputs["availabilityZone"]] = m.ID
	}
	v := f.make(VolumeType, "v", gp3(nil))
	p := props{"volumeId": v.id, "instanceId": zones["us-west-1a"], "deviceName": "/dev/sdf"}
	with := func(name string, value any) props {
		q := maps.Clone(p)
		q[name] = value
		return q
	}
	f.refusesToMake(VolumeAttachmentType, with("instanceId", zones["us-west-1b"]), "InvalidVolume.ZoneMismatch")
	f.refusesToMake(VolumeAttachmentType, with("instanceId", "i-none"), "InvalidInstanceID.NotFound")
	f.refusesToMake(VolumeAttachmentType, with("deviceName", "/dev/sda1"), "deviceName")
	a := f.make(VolumeAttachmentType, "a", p)
	f.refusesToMake(VolumeAttachmentType, with("deviceName", "/dev/sdg"), "VolumeInUse: "+v.id+" is already attached")
	f.refusesToMake(VolumeAttachmentType, with("volumeId", f.make(VolumeType, "w", gp3(nil)).id), "Attachment point /dev/sdf is already in use")
	refuses(t, v.tryDelete(), "VolumeInUse: Volume "+v.id+" is currently attached")
	if ops := f.operations(); ops[len(ops)-2].ModelSeconds != 25 {
		t.Errorf("attaching took %v model seconds", ops[len(ops)-2].ModelSeconds)
	}
	a.delete()
	v.delete()
}

func TestFinalSnapshot(t *testing.T) {
	d := open(t)
	v := d.make(VolumeType, "v", gp3(props{"finalSnapshot": true, "tags": props{"shard": "0"}}))
	v.delete()
	list := d.resources()
	if len(list) != 1 || list[0].Type != SnapshotType || list[0].Tags["shard"] != "0" || list[0].Managed {
		t.Errorf("left is %v", list)
	}
}
