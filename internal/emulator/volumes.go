package emulator

import (
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const volumeType = "aws:ebs/volume:Volume"

func init() {
	define(volumeKind)
}

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

var volumeKind = &kind{
	typ: volumeType, prefix: "vol", arn: "arn:aws:ec2:%s:%s:volume/%s",
	missing:  "InvalidVolume.NotFound: The volume '%s' does not exist.",
	inUse:    "VolumeInUse: Volume %s is currently attached",
	defaults: map[string]any{"finalSnapshot": false},
	unread:   []string{"finalSnapshot"},
	oneOf:    [][]string{{"type"}}, // without one AWS makes gp2
	refuse:   []string{"multiAttachEnabled", "outpostArn"},
	// A snapshot may go while volumes made from it live.
	refs:  []ref{{path: "snapshotId", to: anySnapshot}},
	check: checkVolume,
	create: func(c *call) error {
		if zones := ec2types.ZoneNames(c.region); !slices.Contains(zones, c.rec.str("availabilityZone")) {
			return refused("InvalidZone.NotFound: The zone '%s' does not exist. (zones of %s: %s)",
				c.rec.str("availabilityZone"), c.region, strings.Join(zones, ", "))
		}
		c.rec.Outputs["iops"], c.rec.Outputs["throughput"] = float64(baseIOPS), float64(baseThroughput)
		c.rec.Outputs["encrypted"] = false
		c.rec.Outputs["createTime"] = c.now.Format(time.RFC3339)
		c.rec.Extra["created"] = instant(c.now)
		if err := c.restoreVolume(); err != nil {
			return err
		}
		return c.encryptVolume()
	},
	update: func(c *call) error {
		if was, is := c.old.num("size"), c.rec.num("size"); is < was {
			return refused("InvalidParameterValue: New size cannot be smaller than existing size. (%s has %d GiB, asked for are %d)", c.rec.ID, was, is)
		}
		return nil
	},
	remove: func(c *call) error {
		if !c.old.flag("finalSnapshot") {
			return nil
		}
		if err := c.checkUnused(c.old); err != nil {
			return err
		}
		c.set(c.snapshotOf(c.old))
		return nil
	},
}

// instant writes a time so that texts sort as times do.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

func checkVolume(m resource.PropertyMap) []catalog.Failure {
	l := lookAt(m)
	l.only("type", "gp3")
	l.number("size", 1, maxVolumeGiB)
	l.number("iops", baseIOPS, maxIOPS)
	l.number("throughput", baseThroughput, maxThroughput)
	if len(given(m, []string{"size", "snapshotId"})) == 0 {
		l.bad("size", "MissingParameter: The request must contain the parameter size/snapshot")
	}
	if v := catalog.Bare(m["encrypted"]); len(given(m, []string{"kmsKeyId"})) > 0 && (v.IsNull() || v.IsBool() && !v.BoolValue()) {
		l.bad("kmsKeyId", "InvalidParameterDependency: The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	checkGP3(l, m)
	return l.failures()
}

// checkGP3 holds a volume's performance against its size and itself. Sizes that come from a snapshot are not known here.
func checkGP3(l *look, m resource.PropertyMap) {
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
		l.bad("iops", "InvalidParameterCombination: Iops to volume size ratio is too high: %v IOPS on %v GiB; maximum is %d per GiB",
			iops, size.NumberValue(), maxIOPSPerGiB)
	}
	if throughput > iops*maxThroughputPerIOPS {
		l.bad("throughput", "InvalidParameterCombination: Throughput (MiBps) to iops ratio is too high: %v MiB/s at %v IOPS; maximum is %v per IOPS",
			throughput, iops, maxThroughputPerIOPS)
	}
}

// restoreVolume takes size and encryption from the volume's snapshot, and refuses a volume that is smaller than it.
func (c *call) restoreVolume() error {
	snapshot := c.find(c.rec.str("snapshotId"), anySnapshot...)
	if snapshot == nil {
		return nil
	}
	least := snapshot.num("volumeSize")
	c.rec.Outputs["size"] = float64(least)
	if size := c.rec.num("size"); size < least {
		return refused("InvalidParameterValue: Volume of %dGiB is smaller than snapshot '%s', expect size >= %dGiB", size, snapshot.ID, least)
	}
	if isEncrypted(snapshot) {
		if v, ok := c.rec.Inputs["encrypted"]; ok && !flag(v) {
			return refused("InvalidParameterDependency: a volume made from the encrypted snapshot %s is encrypted", snapshot.ID)
		}
		c.rec.Outputs["encrypted"] = true
		c.rec.Outputs["kmsKeyId"] = snapshot.str("kmsKeyId")
	}
	return nil
}

// encryptVolume checks the key, or takes that which AWS keeps for EBS.
func (c *call) encryptVolume() error {
	if c.rec.flag("encrypted") && c.rec.str("kmsKeyId") == "" {
		c.rec.Outputs["kmsKeyId"] = c.managedKey("ebs")
	}
	return c.checkKey("kmsKeyId")
}
