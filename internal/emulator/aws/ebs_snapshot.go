package aws

import (
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// SnapshotType is the Pulumi type token of an EBS snapshot of a volume.
const SnapshotType = "aws:ebs/snapshot:Snapshot"

// anySnapshot lists the types that a volume can be restored from. EC2 does not distinguish a snapshot from a copy.
var anySnapshot = []string{SnapshotType, SnapshotCopyType}

const noSnapshot = "InvalidSnapshot.NotFound: The snapshot '%s' does not exist."

var snapshotKind = &cloud.Kind{
	Type: SnapshotType, IDPrefix: "snap", ARN: "arn:aws:ec2:%s::snapshot/%[3]s",
	Missing:     noSnapshot,
	Unsupported: []string{"outpostArn", "permanentRestore", "storageTier", "temporaryRestoreDays"},
	References:  []cloud.Reference{{Path: "volumeId", To: []string{VolumeType}}}, // snapshots outlive their volumes
	Create: func(c *cloud.Call) error {
		storeSnapshotOutputs(c, c.New, c.Find(c.New.Text("volumeId"), VolumeType))
		return nil
	},
}

// storeSnapshotOutputs stores the values that a snapshot inherits from its volume.
func storeSnapshotOutputs(c *cloud.Call, r, volume *cloud.Record) {
	r.Outputs["volumeSize"] = volume.Get("size")
	r.Outputs["encrypted"] = volume.Bool("encrypted")
	r.Outputs["kmsKeyId"] = volume.Text("kmsKeyId")
	r.Outputs["storageTier"] = "standard"
	r.Extra["created"] = sortableTime(c.Now)
}

// newSnapshot returns a snapshot that no program requested, with the tags of its volume.
func newSnapshot(c *cloud.Call, volume *cloud.Record) *cloud.Record {
	r := c.NewRecord(SnapshotType, c.NewID("snap"), nil)
	storeSnapshotOutputs(c, r, volume)
	r.Outputs["volumeId"] = volume.ID
	r.Outputs["tags"] = cloud.Object(volume.Get("tags"))
	return r
}

// isEncrypted reports whether a snapshot or a copy is encrypted, by its own input or by its source.
func isEncrypted(r *cloud.Record) bool {
	return r.Bool("encrypted") || cloud.Bool(r.Extra["encrypted"])
}
