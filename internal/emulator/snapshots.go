package emulator

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	snapshotType     = "aws:ebs/snapshot:Snapshot"
	snapshotCopyType = "aws:ebs/snapshotCopy:SnapshotCopy"
)

func init() {
	define(snapshotKind, snapshotCopyKind)
}

// anySnapshot lists what a volume can be made from. EC2 makes no difference between a snapshot and a copy.
var anySnapshot = []string{snapshotType, snapshotCopyType}

const (
	noSnapshot = "InvalidSnapshot.NotFound: The snapshot '%s' does not exist."
	// copiedVolume is what EC2 says a copy was made from.
	copiedVolume = "vol-ffffffff"
)

var snapshotKind = &kind{
	typ: snapshotType, prefix: "snap", arn: "arn:aws:ec2:%s::snapshot/%[3]s",
	missing: noSnapshot,
	refuse:  []string{"outpostArn", "permanentRestore", "storageTier", "temporaryRestoreDays"},
	refs:    []ref{{path: "volumeId", to: []string{volumeType}}}, // snapshots outlive their volumes
	create: func(c *call) error {
		c.fillSnapshot(c.rec, c.find(c.rec.str("volumeId"), volumeType))
		return nil
	},
}

// fillSnapshot notes what a snapshot has from its volume.
func (c *call) fillSnapshot(r, volume *record) {
	r.Outputs["volumeSize"] = volume.get("size")
	r.Outputs["encrypted"] = volume.flag("encrypted")
	r.Outputs["kmsKeyId"] = volume.str("kmsKeyId")
	r.Outputs["storageTier"] = "standard"
	r.Extra["created"] = instant(c.now)
}

// snapshotOf makes a snapshot that no program asked for. It has the tags of its volume.
func (c *call) snapshotOf(volume *record) *record {
	r := c.made(snapshotType, c.newID("snap"), nil)
	c.fillSnapshot(r, volume)
	r.Outputs["volumeId"] = volume.ID
	r.Outputs["tags"] = obj(volume.get("tags"))
	return r
}

var snapshotCopyKind = &kind{
	typ: snapshotCopyType, prefix: "snap", arn: snapshotKind.arn,
	missing: noSnapshot,
	refuse:  []string{"permanentRestore", "storageTier", "temporaryRestoreDays"},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		if region := l.str("sourceRegion"); region != "" && len(ec2types.ZoneNames(region)) == 0 {
			l.bad("sourceRegion", "invalid AWS Region: %s", region)
		}
		l.number("completionDurationMinutes", 15, 2880)
		if n, ok := l.in["completionDurationMinutes"].(float64); ok && int(n)%15 != 0 {
			l.bad("completionDurationMinutes", "must be a multiple of 15")
		}
		return l.failures()
	},
	create: func(c *call) error {
		id, from := c.rec.str("sourceSnapshotId"), c.rec.str("sourceRegion")
		if c.cloud.faults.silent(from) {
			return silence(from)
		}
		source := c.st.snapshotIn(c.account, from, id)
		if source == nil {
			return refused(noSnapshot+" (in %s)", id, from)
		}
		return c.fillCopy(source)
	},
}

// snapshotIn finds a snapshot in any region, or nil.
func (s *State) snapshotIn(account, region, id string) *record {
	for _, typ := range anySnapshot {
		if r := s.records[key{Type: typ, Account: account, Region: region, ID: id}]; r != nil {
			return r
		}
	}
	return nil
}

// fillCopy notes what a copy has from its source. A copy of something encrypted is encrypted, with a key of its own region.
func (c *call) fillCopy(source *record) error {
	c.rec.Outputs["volumeSize"] = source.get("volumeSize")
	c.rec.Outputs["volumeId"] = copiedVolume
	c.rec.Outputs["storageTier"] = "standard"
	c.rec.Extra["created"] = instant(c.now)
	if v, ok := c.rec.Inputs["encrypted"]; ok && !flag(v) && isEncrypted(source) {
		return refused("InvalidParameterDependency: a copy of the encrypted snapshot %s is encrypted", source.ID)
	}
	if c.rec.str("kmsKeyId") != "" && !c.rec.flag("encrypted") {
		return refused("InvalidParameterDependency: The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	c.rec.Extra["encrypted"] = c.rec.flag("encrypted") || isEncrypted(source)
	if flag(c.rec.Extra["encrypted"]) && c.rec.str("kmsKeyId") == "" {
		c.rec.Outputs["kmsKeyId"] = c.managedKey("ebs")
	}
	return c.checkKey("kmsKeyId")
}

// isEncrypted says whether a snapshot or a copy is encrypted, be it that it was asked for or that its source was.
func isEncrypted(r *record) bool { return r.flag("encrypted") || flag(r.Extra["encrypted"]) }
