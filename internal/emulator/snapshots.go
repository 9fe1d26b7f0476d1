package emulator

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/regions/ec2types"
)

const (
	SnapshotType     = "aws:ebs/snapshot:Snapshot"
	SnapshotCopyType = "aws:ebs/snapshotCopy:SnapshotCopy"
)

// anySnapshot lists what a volume can be made from. EC2 makes no difference between a snapshot and a copy.
var anySnapshot = []string{SnapshotType, SnapshotCopyType}

const (
	noSnapshot = "InvalidSnapshot.NotFound: The snapshot '%s' does not exist."
	// copiedVolume is what EC2 says a copy was made from.
	copiedVolume = "vol-ffffffff"
)

var snapshotKind = &Kind{
	Type: SnapshotType, IDPrefix: "snap", ARN: "arn:aws:ec2:%s::snapshot/%[3]s",
	Missing:     noSnapshot,
	Unsupported: []string{"outpostArn", "permanentRestore", "storageTier", "temporaryRestoreDays"},
	References:  []Reference{{Path: "volumeId", To: []string{VolumeType}}}, // snapshots outlive their volumes
	Create: func(c *Call) error {
		storeSnapshotOutputs(c, c.New, c.Find(c.New.Text("volumeId"), VolumeType))
		return nil
	},
}

// storeSnapshotOutputs notes what a snapshot has from its volume.
func storeSnapshotOutputs(c *Call, r, volume *Record) {
	r.Outputs["volumeSize"] = volume.Get("size")
	r.Outputs["encrypted"] = volume.Bool("encrypted")
	r.Outputs["kmsKeyId"] = volume.Text("kmsKeyId")
	r.Outputs["storageTier"] = "standard"
	r.Extra["created"] = sortableTime(c.Now)
}

// newSnapshot makes a snapshot that no program asked for. It has the tags of its volume.
func newSnapshot(c *Call, volume *Record) *Record {
	r := c.NewRecord(SnapshotType, c.NewID("snap"), nil)
	storeSnapshotOutputs(c, r, volume)
	r.Outputs["volumeId"] = volume.ID
	r.Outputs["tags"] = Object(volume.Get("tags"))
	return r
}

var snapshotCopyKind = &Kind{
	Type: SnapshotCopyType, IDPrefix: "snap", ARN: snapshotKind.ARN,
	Missing:     noSnapshot,
	Unsupported: []string{"permanentRestore", "storageTier", "temporaryRestoreDays"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := ReadInputs(m)
		if region := l.Text("sourceRegion"); region != "" && len(ec2types.Zones(region)) == 0 {
			l.Fail("sourceRegion", "invalid AWS Region: %s", region)
		}
		l.CheckRange("completionDurationMinutes", 15, 2880)
		if n, ok := l.Values["completionDurationMinutes"].(float64); ok && int(n)%15 != 0 {
			l.Fail("completionDurationMinutes", "must be a multiple of 15")
		}
		return l.Failures()
	},
	Create: func(c *Call) error {
		id, from := c.New.Text("sourceSnapshotId"), c.New.Text("sourceRegion")
		if err := c.CheckReachable(from); err != nil {
			return err
		}
		source := findSnapshot(c.State, c.Account, from, id)
		if source == nil {
			return Refuse(noSnapshot+" (in %s)", id, from)
		}
		return storeCopyOutputs(c, source)
	},
}

// findSnapshot finds a snapshot in any region, or nil.
func findSnapshot(s *State, account, region, id string) *Record {
	for _, typ := range anySnapshot {
		if r := s.RecordAt(Key{Type: typ, Account: account, Region: region, ID: id}); r != nil {
			return r
		}
	}
	return nil
}

// storeCopyOutputs notes what a copy has from its source. A copy of something encrypted is encrypted, with a key of its own region.
func storeCopyOutputs(c *Call, source *Record) error {
	c.New.Outputs["volumeSize"] = source.Get("volumeSize")
	c.New.Outputs["volumeId"] = copiedVolume
	c.New.Outputs["storageTier"] = "standard"
	c.New.Extra["created"] = sortableTime(c.Now)
	if v, ok := c.New.Inputs["encrypted"]; ok && !Bool(v) && isEncrypted(source) {
		return Refuse("InvalidParameterDependency: a copy of the encrypted snapshot %s is encrypted", source.ID)
	}
	if c.New.Text("kmsKeyId") != "" && !c.New.Bool("encrypted") {
		return Refuse("InvalidParameterDependency: The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	c.New.Extra["encrypted"] = c.New.Bool("encrypted") || isEncrypted(source)
	if Bool(c.New.Extra["encrypted"]) && c.New.Text("kmsKeyId") == "" {
		c.New.Outputs["kmsKeyId"] = awsManagedKey(c, "ebs")
	}
	return checkKMSKey(c, "kmsKeyId")
}

// isEncrypted says whether a snapshot or a copy is encrypted, be it that it was asked for or that its source was.
func isEncrypted(r *Record) bool { return r.Bool("encrypted") || Bool(r.Extra["encrypted"]) }
