package aws

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// lookups are the functions of AWS's provider with rules, by token.
var lookups = map[string]*cloud.Lookup{
	"aws:ebs/getVolume:getVolume":           {Type: VolumeType, Answer: getVolume},
	"aws:ebs/getEbsVolumes:getEbsVolumes":   {Type: VolumeType, Answer: getVolumes},
	"aws:ebs/getSnapshot:getSnapshot":       {Type: SnapshotType, Answer: getSnapshot},
	"aws:ebs/getSnapshotIds:getSnapshotIds": {Type: SnapshotType, Answer: getSnapshotIDs},
}

// getVolume returns one volume: the newest when several may match.
func getVolume(c *cloud.Call, args map[string]any) (map[string]any, error) {
	list, err := matchRecords(c, args, []string{VolumeType}, func(r *cloud.Record) map[string]string { return volumeFilterValues(c.State, r) })
	if err != nil {
		return nil, err
	}
	r, err := requireSingle(sortNewestFirst(list, "created"), args)
	if err != nil {
		return nil, err
	}
	out := pickOutputs(c.State.OutputsOf(r), "arn", "availabilityZone", "encrypted", "iops", "kmsKeyId", "size", "snapshotId", "throughput")
	out["id"], out["volumeId"], out["volumeType"], out["tags"] = r.ID, r.ID, r.Text("type"), cloud.Object(r.Get("tags"))
	out["multiAttachEnabled"], out["outpostArn"] = false, ""
	return out, nil
}

// getVolumes lists the ids of volumes. No match is an error, as with the real provider.
func getVolumes(c *cloud.Call, args map[string]any) (map[string]any, error) {
	list, err := matchRecords(c, args, []string{VolumeType}, func(r *cloud.Record) map[string]string { return volumeFilterValues(c.State, r) })
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, cloud.Refuse("Your query returned no results. Please change your search criteria and try again.")
	}
	return map[string]any{"id": c.Region, "ids": idsOf(list)}, nil
}

// volumeFilterValues returns the values that filters of DescribeVolumes compare.
func volumeFilterValues(s *cloud.State, r *cloud.Record) map[string]string {
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

// getSnapshot returns one snapshot or copy: the newest when several may match.
func getSnapshot(c *cloud.Call, args map[string]any) (map[string]any, error) {
	list, err := listSnapshots(c, args)
	if err != nil {
		return nil, err
	}
	if ids := cloud.Texts(args["snapshotIds"]); len(ids) > 0 {
		list = slices.DeleteFunc(list, func(r *cloud.Record) bool { return !slices.Contains(ids, r.ID) })
	}
	r, err := requireSingle(list, args)
	if err != nil {
		return nil, err
	}
	out := pickOutputs(c.State.OutputsOf(r), "arn", "dataEncryptionKeyId", "description", "kmsKeyId", "ownerId", "storageTier", "volumeId",
		"volumeSize")
	out["id"], out["snapshotId"], out["tags"], out["encrypted"] = r.ID, r.ID, cloud.Object(r.Get("tags")), isEncrypted(r)
	out["startTime"], out["state"], out["ownerAlias"], out["outpostArn"] = cloud.Text(r.Extra["created"]), "completed", "", ""
	return out, nil
}

// getSnapshotIDs lists the ids of snapshots and copies, newest first. No match is not an error.
func getSnapshotIDs(c *cloud.Call, args map[string]any) (map[string]any, error) {
	list, err := listSnapshots(c, args)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": fmt.Sprint(crc32.ChecksumIEEE(fmt.Append(nil, args))), "ids": idsOf(list)}, nil
}

// listSnapshots lists the matches of a look-up of snapshots, newest first. Other owners, such as Amazon, have no snapshots in the
// emulator.
func listSnapshots(c *cloud.Call, args map[string]any) ([]*cloud.Record, error) {
	if len(cloud.Texts(args["restorableByUserIds"])) > 0 {
		return nil, cloud.Refuse("restorableByUserIds: the emulator has no rules for this property")
	}
	list, err := matchRecords(c, args, anySnapshot, snapshotValues)
	if err != nil {
		return nil, err
	}
	owners := cloud.Texts(args["owners"])
	if len(owners) > 0 && !slices.Contains(owners, "self") && !slices.Contains(owners, c.Account) {
		list = nil
	}
	return sortNewestFirst(list, "created"), nil
}

// snapshotValues returns the values that filters of DescribeSnapshots compare.
func snapshotValues(r *cloud.Record) map[string]string {
	return map[string]string{
		"description": r.Text("description"), "encrypted": strconv.FormatBool(isEncrypted(r)), "owner-id": r.Account,
		"progress": "100%", "snapshot-id": r.ID, "start-time": cloud.Text(r.Extra["created"]), "status": "completed",
		"storage-tier": "standard", "volume-id": r.Text("volumeId"), "volume-size": strconv.Itoa(r.Number("volumeSize")),
	}
}

func idsOf(list []*cloud.Record) []any {
	ids := make([]any, len(list))
	for i, r := range list {
		ids[i] = r.ID
	}
	return ids
}

// pickOutputs returns some outputs. Absent ones are empty.
func pickOutputs(outputs map[string]any, names ...string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if out[name] = outputs[name]; out[name] == nil {
			out[name] = ""
		}
	}
	return out
}
