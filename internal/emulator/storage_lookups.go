package emulator

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
)

// awsLookups are the functions of AWS's provider with rules, by token.
var awsLookups = map[string]*Lookup{
	"aws:ebs/getVolume:getVolume":           {VolumeType, getVolume},
	"aws:ebs/getEbsVolumes:getEbsVolumes":   {VolumeType, getVolumes},
	"aws:ebs/getSnapshot:getSnapshot":       {SnapshotType, getSnapshot},
	"aws:ebs/getSnapshotIds:getSnapshotIds": {SnapshotType, getSnapshotIDs},
}

// getVolume finds one volume, the newest when several are allowed to match.
func getVolume(c *Call, args map[string]any) (map[string]any, error) {
	list, err := matchRecords(c, args, []string{VolumeType}, func(r *Record) map[string]string { return volumeFilterValues(c.State, r) })
	if err != nil {
		return nil, err
	}
	r, err := requireSingle(sortNewestFirst(list, "created"), args)
	if err != nil {
		return nil, err
	}
	out := pickOutputs(c.State.OutputsOf(r), "arn", "availabilityZone", "encrypted", "iops", "kmsKeyId", "size", "snapshotId", "throughput")
	out["id"], out["volumeId"], out["volumeType"], out["tags"] = r.ID, r.ID, r.Text("type"), Object(r.Get("tags"))
	out["multiAttachEnabled"], out["outpostArn"] = false, ""
	return out, nil
}

// getVolumes lists the ids of volumes. Finding none is an error, as with the real provider.
func getVolumes(c *Call, args map[string]any) (map[string]any, error) {
	list, err := matchRecords(c, args, []string{VolumeType}, func(r *Record) map[string]string { return volumeFilterValues(c.State, r) })
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, Refuse("Your query returned no results. Please change your search criteria and try again.")
	}
	return map[string]any{"id": c.Region, "ids": idsOf(list)}, nil
}

// volumeFilterValues are what filters of DescribeVolumes compare.
func volumeFilterValues(s *State, r *Record) map[string]string {
	out := map[string]string{
		"availability-zone": r.Text("availabilityZone"), "encrypted": strconv.FormatBool(r.Bool("encrypted")),
		"size": strconv.Itoa(r.Number("size")), "snapshot-id": r.Text("snapshotId"), "status": "available", "volume-id": r.ID,
		"volume-type": r.Text("type"), "attachment.instance-id": "",
	}
	for _, u := range s.ReferrersOf(r.Key) {
		if u.Type == VolumeAttachmentType {
			out["status"], out["attachment.instance-id"] = "in-use", u.Text("instanceId")
		}
	}
	return out
}

// getSnapshot finds one snapshot or copy, the newest when several are allowed to match.
func getSnapshot(c *Call, args map[string]any) (map[string]any, error) {
	list, err := listSnapshots(c, args)
	if err != nil {
		return nil, err
	}
	if ids := Texts(args["snapshotIds"]); len(ids) > 0 {
		list = slices.DeleteFunc(list, func(r *Record) bool { return !slices.Contains(ids, r.ID) })
	}
	r, err := requireSingle(list, args)
	if err != nil {
		return nil, err
	}
	out := pickOutputs(c.State.OutputsOf(r), "arn", "dataEncryptionKeyId", "description", "kmsKeyId", "ownerId", "storageTier", "volumeId", "volumeSize")
	out["id"], out["snapshotId"], out["tags"], out["encrypted"] = r.ID, r.ID, Object(r.Get("tags")), isEncrypted(r)
	out["startTime"], out["state"], out["ownerAlias"], out["outpostArn"] = Text(r.Extra["created"]), "completed", "", ""
	return out, nil
}

// getSnapshotIDs lists the ids of snapshots and copies, newest first. Finding none is no error.
func getSnapshotIDs(c *Call, args map[string]any) (map[string]any, error) {
	list, err := listSnapshots(c, args)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": fmt.Sprint(crc32.ChecksumIEEE(fmt.Append(nil, args))), "ids": idsOf(list)}, nil
}

// listSnapshots lists what a look-up of snapshots matches, newest first. Snapshots of other owners, Amazon's among them, there are none.
func listSnapshots(c *Call, args map[string]any) ([]*Record, error) {
	if len(Texts(args["restorableByUserIds"])) > 0 {
		return nil, Refuse("restorableByUserIds: the emulator has no rules for this property")
	}
	list, err := matchRecords(c, args, anySnapshot, snapshotValues)
	if err != nil {
		return nil, err
	}
	owners := Texts(args["owners"])
	if len(owners) > 0 && !slices.Contains(owners, "self") && !slices.Contains(owners, c.Account) {
		list = nil
	}
	return sortNewestFirst(list, "created"), nil
}

// snapshotValues are what filters of DescribeSnapshots compare.
func snapshotValues(r *Record) map[string]string {
	return map[string]string{
		"description": r.Text("description"), "encrypted": strconv.FormatBool(isEncrypted(r)), "owner-id": r.Account,
		"progress": "100%", "snapshot-id": r.ID, "start-time": Text(r.Extra["created"]), "status": "completed",
		"storage-tier": "standard", "volume-id": r.Text("volumeId"), "volume-size": strconv.Itoa(r.Number("volumeSize")),
	}
}

func idsOf(list []*Record) []any {
	ids := make([]any, len(list))
	for i, r := range list {
		ids[i] = r.ID
	}
	return ids
}

// pickOutputs picks some outputs; those that are absent are empty.
func pickOutputs(outputs map[string]any, names ...string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if out[name] = outputs[name]; out[name] == nil {
			out[name] = ""
		}
	}
	return out
}
