package aws

import (
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// VolumeType is the Pulumi type token of an EBS volume.
const VolumeType = "aws:ebs/volume:Volume"

// The limits of gp3 (docs/facts.md, section 5).
const (
	maxVolumeGiB         = 65536
	baseIOPS             = 3000 // at no extra price, whatever the size
	maxIOPS              = 80000
	maxIOPSPerGiB        = 500
	baseThroughput       = 125 // MiB/s
	maxThroughput        = 2000
	maxThroughputPerIOPS = 0.25
)

var volumeKind = &cloud.Kind{
	Type: VolumeType, IDPrefix: "vol", ARN: "arn:aws:ec2:%s:%s:volume/%s",
	Missing:     "InvalidVolume.NotFound: The volume '%s' does not exist.",
	InUse:       "VolumeInUse: Volume %s is currently attached",
	Defaults:    map[string]any{"finalSnapshot": false},
	WriteOnly:   []string{"finalSnapshot"},
	ExactlyOne:  [][]string{{"type"}}, // without one AWS makes gp2
	Unsupported: []string{"multiAttachEnabled", "outpostArn"},
	// A snapshot can be deleted while volumes restored from it exist.
	References: []cloud.Reference{{Path: "snapshotId", To: anySnapshot}},
	Check:      checkVolume,
	Create: func(c *cloud.Call) error {
		if zones := ec2types.ZoneNames(c.Region); !slices.Contains(zones, c.New.Text("availabilityZone")) {
			return cloud.Refuse("InvalidZone.NotFound: The zone '%s' does not exist. (zones of %s: %s)",
				c.New.Text("availabilityZone"), c.Region, strings.Join(zones, ", "))
		}
		c.New.Outputs["iops"], c.New.Outputs["throughput"] = float64(baseIOPS), float64(baseThroughput)
		c.New.Outputs["encrypted"] = false
		c.New.Outputs["createTime"] = c.Now.Format(time.RFC3339)
		c.New.Extra["created"] = sortableTime(c.Now)
		if err := applySnapshot(c); err != nil {
			return err
		}
		return applyEncryption(c)
	},
	Update: func(c *cloud.Call) error {
		if was, is := c.Old.Number("size"), c.New.Number("size"); is < was {
			return cloud.Refuse("InvalidParameterValue: New size cannot be smaller than existing size. (%s has %d GiB, asked for are %d)", c.New.ID,
				was, is)
		}
		return nil
	},
	Delete: func(c *cloud.Call) error {
		if !c.Old.Bool("finalSnapshot") {
			return nil
		}
		if err := c.CheckUnused(c.Old); err != nil {
			return err
		}
		c.Store(newSnapshot(c, c.Old))
		return nil
	},
}

// sortableTime formats a time so that texts sort as times do.
func sortableTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

func checkVolume(m resource.PropertyMap) []catalog.Failure {
	in := cloud.ReadInputs(m)
	in.CheckSupported("type", "gp3")
	in.CheckRange("size", 1, maxVolumeGiB)
	in.CheckRange("iops", baseIOPS, maxIOPS)
	in.CheckRange("throughput", baseThroughput, maxThroughput)
	if len(cloud.GivenInputs(m, []string{"size", "snapshotId"})) == 0 {
		in.Fail("size", "MissingParameter: The request must contain the parameter size/snapshot")
	}
	if v := catalog.Bare(m["encrypted"]); len(cloud.GivenInputs(m, []string{"kmsKeyId"})) > 0 && (v.IsNull() || v.IsBool() && !v.BoolValue()) {
		in.Fail("kmsKeyId", "InvalidParameterDependency: The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	checkGP3Limits(in, m)
	return in.Failures()
}

// checkGP3Limits checks a volume's performance against its size. It does not know a size that comes from a snapshot.
func checkGP3Limits(in *cloud.Inputs, m resource.PropertyMap) {
	iops, throughput := float64(baseIOPS), float64(baseThroughput)
	if v := catalog.Bare(m["iops"]); v.IsNumber() {
		iops = v.NumberValue()
	} else if !v.IsNull() {
		return
	}
	if v := catalog.Bare(m["throughput"]); v.IsNumber() {
		throughput = v.NumberValue()
	}
	if size := catalog.Bare(m["size"]); size.IsNumber() && iops > max(baseIOPS, size.NumberValue()*maxIOPSPerGiB) {
		in.Fail("iops", "InvalidParameterCombination: Iops to volume size ratio is too high: %v IOPS on %v GiB; maximum is %d per GiB",
			iops, size.NumberValue(), maxIOPSPerGiB)
	}
	if throughput > iops*maxThroughputPerIOPS {
		in.Fail("throughput",
			"InvalidParameterCombination: Throughput (MiBps) to iops ratio is too high: %v MiB/s at %v IOPS; maximum is %v per IOPS",
			throughput, iops, maxThroughputPerIOPS)
	}
}

// applySnapshot sets size and encryption from the volume's snapshot, and refuses a volume that is smaller than the snapshot.
func applySnapshot(c *cloud.Call) error {
	snapshot := c.Find(c.New.Text("snapshotId"), anySnapshot...)
	if snapshot == nil {
		return nil
	}
	least := snapshot.Number("volumeSize")
	c.New.Outputs["size"] = float64(least)
	if size := c.New.Number("size"); size < least {
		return cloud.Refuse("InvalidParameterValue: Volume of %dGiB is smaller than snapshot '%s', expect size >= %dGiB", size, snapshot.ID,
			least)
	}
	if isEncrypted(snapshot) {
		if v, ok := c.New.Inputs["encrypted"]; ok && !cloud.Bool(v) {
			return cloud.Refuse("InvalidParameterDependency: a volume made from the encrypted snapshot %s is encrypted", snapshot.ID)
		}
		c.New.Outputs["encrypted"] = true
		c.New.Outputs["kmsKeyId"] = snapshot.Text("kmsKeyId")
	}
	return nil
}

// applyEncryption checks the key, or sets the key that AWS manages for EBS.
func applyEncryption(c *cloud.Call) error {
	if c.New.Bool("encrypted") && c.New.Text("kmsKeyId") == "" {
		c.New.Outputs["kmsKeyId"] = awsManagedKey(c, "ebs")
	}
	return checkKMSKey(c, "kmsKeyId")
}
