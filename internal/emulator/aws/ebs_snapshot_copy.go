package aws

import (
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// SnapshotCopyType is the Pulumi type token of a copy of an EBS snapshot, possibly from another region.
const SnapshotCopyType = "aws:ebs/snapshotCopy:SnapshotCopy"

// copiedVolume is the volume that EC2 reports for a copy.
const copiedVolume = "vol-ffffffff"

var snapshotCopyKind = &cloud.Kind{
	Type: SnapshotCopyType, IDPrefix: "snap", ARN: snapshotKind.ARN,
	Missing:     noSnapshot,
	Unsupported: []string{"permanentRestore", "storageTier", "temporaryRestoreDays"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		if region := in.Text("sourceRegion"); region != "" && len(ec2types.ZoneNames(region)) == 0 {
			in.Fail("sourceRegion", "invalid AWS Region: %s", region)
		}
		in.CheckRange("completionDurationMinutes", 15, 2880)
		if n, ok := in.Values["completionDurationMinutes"].(float64); ok && int(n)%15 != 0 {
			in.Fail("completionDurationMinutes", "must be a multiple of 15")
		}
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		id, from := c.New.Text("sourceSnapshotId"), c.New.Text("sourceRegion")
		if err := c.CheckReachable(from); err != nil {
			return err
		}
		source := findSnapshot(c.State, c.Account, from, id)
		if source == nil {
			return cloud.Refuse(noSnapshot+" (in %s)", id, from)
		}
		return storeCopyOutputs(c, source)
	},
}

// findSnapshot returns a snapshot of any region, or nil.
func findSnapshot(s *cloud.State, account, region, id string) *cloud.Record {
	for _, typ := range anySnapshot {
		if r := s.RecordAt(cloud.Key{Type: typ, Account: account, Region: region, ID: id}); r != nil {
			return r
		}
	}
	return nil
}

// storeCopyOutputs stores the values that a copy inherits from its source. A copy of an encrypted snapshot is encrypted, with a key of
// its own region.
func storeCopyOutputs(c *cloud.Call, source *cloud.Record) error {
	c.New.Outputs["volumeSize"] = source.Get("volumeSize")
	c.New.Outputs["volumeId"] = copiedVolume
	c.New.Outputs["storageTier"] = "standard"
	c.New.Extra["created"] = sortableTime(c.Now)
	if v, ok := c.New.Inputs["encrypted"]; ok && !cloud.Bool(v) && isEncrypted(source) {
		return cloud.Refuse("InvalidParameterDependency: a copy of the encrypted snapshot %s is encrypted", source.ID)
	}
	if c.New.Text("kmsKeyId") != "" && !c.New.Bool("encrypted") {
		return cloud.Refuse("InvalidParameterDependency: The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	c.New.Extra["encrypted"] = c.New.Bool("encrypted") || isEncrypted(source)
	if cloud.Bool(c.New.Extra["encrypted"]) && c.New.Text("kmsKeyId") == "" {
		c.New.Outputs["kmsKeyId"] = awsManagedKey(c, "ebs")
	}
	return checkKMSKey(c, "kmsKeyId")
}
