package emulator

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
)

func init() {
	lookups["aws:ebs/getVolume:getVolume"] = &lookup{volumeKind, getVolume}
	lookups["aws:ebs/getEbsVolumes:getEbsVolumes"] = &lookup{volumeKind, getVolumes}
	lookups["aws:ebs/getSnapshot:getSnapshot"] = &lookup{snapshotKind, getSnapshot}
	lookups["aws:ebs/getSnapshotIds:getSnapshotIds"] = &lookup{snapshotKind, getSnapshotIDs}
}

// getVolume finds one volume, the newest when several are allowed to match.
func getVolume(c *call, args map[string]any) (map[string]any, error) {
	list, err := c.matching(args, []string{volumeType}, c.st.volumeValues)
	if err != nil {
		return nil, err
	}
	r, err := single(newest(list, "created"), args)
	if err != nil {
		return nil, err
	}
	out := told(c.st.outputs(r), "arn", "availabilityZone", "encrypted", "iops", "kmsKeyId", "size", "snapshotId", "throughput")
	out["id"], out["volumeId"], out["volumeType"], out["tags"] = r.ID, r.ID, r.str("type"), obj(r.get("tags"))
	out["multiAttachEnabled"], out["outpostArn"] = false, ""
	return out, nil
}

// getVolumes lists the ids of volumes. Finding none is an error, as with the real provider.
func getVolumes(c *call, args map[string]any) (map[string]any, error) {
	list, err := c.matching(args, []string{volumeType}, c.st.volumeValues)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, refused("Your query returned no results. Please change your search criteria and try again.")
	}
	return map[string]any{"id": c.region, "ids": idsOf(list)}, nil
}

// volumeValues are what filters of DescribeVolumes compare.
func (s *State) volumeValues(r *record) map[string]string {
	out := map[string]string{
		"availability-zone": r.str("availabilityZone"), "encrypted": strconv.FormatBool(r.flag("encrypted")),
		"size": strconv.Itoa(r.num("size")), "snapshot-id": r.str("snapshotId"), "status": "available", "volume-id": r.ID,
		"volume-type": r.str("type"), "attachment.instance-id": "",
	}
	for _, u := range s.usersOf(r.key) {
		if u.Type == volumeAttachmentType {
			out["status"], out["attachment.instance-id"] = "in-use", u.str("instanceId")
		}
	}
	return out
}

// getSnapshot finds one snapshot or copy, the newest when several are allowed to match.
func getSnapshot(c *call, args map[string]any) (map[string]any, error) {
	list, err := c.snapshots(args)
	if err != nil {
		return nil, err
	}
	if ids := strs(args["snapshotIds"]); len(ids) > 0 {
		list = slices.DeleteFunc(list, func(r *record) bool { return !slices.Contains(ids, r.ID) })
	}
	r, err := single(list, args)
	if err != nil {
		return nil, err
	}
	out := told(c.st.outputs(r), "arn", "dataEncryptionKeyId", "description", "kmsKeyId", "ownerId", "storageTier", "volumeId", "volumeSize")
	out["id"], out["snapshotId"], out["tags"], out["encrypted"] = r.ID, r.ID, obj(r.get("tags")), isEncrypted(r)
	out["startTime"], out["state"], out["ownerAlias"], out["outpostArn"] = str(r.Extra["created"]), "completed", "", ""
	return out, nil
}

// getSnapshotIDs lists the ids of snapshots and copies, newest first. Finding none is no error.
func getSnapshotIDs(c *call, args map[string]any) (map[string]any, error) {
	list, err := c.snapshots(args)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": fmt.Sprint(crc32.ChecksumIEEE(fmt.Append(nil, args))), "ids": idsOf(list)}, nil
}

// snapshots lists what a look-up of snapshots matches, newest first. Snapshots of other owners, Amazon's among them, there are none.
func (c *call) snapshots(args map[string]any) ([]*record, error) {
	if len(strs(args["restorableByUserIds"])) > 0 {
		return nil, refused("restorableByUserIds: the emulator has no rules for this property")
	}
	list, err := c.matching(args, anySnapshot, snapshotValues)
	if err != nil {
		return nil, err
	}
	owners := strs(args["owners"])
	if len(owners) > 0 && !slices.Contains(owners, "self") && !slices.Contains(owners, c.account) {
		list = nil
	}
	return newest(list, "created"), nil
}

// snapshotValues are what filters of DescribeSnapshots compare.
func snapshotValues(r *record) map[string]string {
	return map[string]string{
		"description": r.str("description"), "encrypted": strconv.FormatBool(isEncrypted(r)), "owner-id": r.Account,
		"progress": "100%", "snapshot-id": r.ID, "start-time": str(r.Extra["created"]), "status": "completed",
		"storage-tier": "standard", "volume-id": r.str("volumeId"), "volume-size": strconv.Itoa(r.num("volumeSize")),
	}
}

func idsOf(list []*record) []any {
	ids := make([]any, len(list))
	for i, r := range list {
		ids[i] = r.ID
	}
	return ids
}

// told picks some outputs; those that are absent are empty.
func told(outputs map[string]any, names ...string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if out[name] = outputs[name]; out[name] == nil {
			out[name] = ""
		}
	}
	return out
}
