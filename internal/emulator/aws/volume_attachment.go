package aws

import (
	"fmt"
	"hash/crc32"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// VolumeAttachmentType is the Pulumi type token of the attachment of an EBS volume to an instance.
const VolumeAttachmentType = "aws:ec2/volumeAttachment:VolumeAttachment"

// deviceName is the pattern of the device names that AWS recommends for data volumes; /dev/sda1 and /dev/xvda are root devices.
var deviceName = regexp.MustCompile(`^/dev/(sd[b-z]|xvd[b-z][a-z]?)$`)

var volumeAttachmentKind = &cloud.Kind{
	Type:        VolumeAttachmentType,
	Missing:     "InvalidAttachment.NotFound: the attachment %s does not exist",
	WriteOnly:   []string{"forceDetach", "skipDestroy"},
	Unsupported: []string{"stopInstanceBeforeDetaching"},
	References: []cloud.Reference{
		{Path: "volumeId", To: []string{VolumeType}, OnDelete: cloud.Block},
		{Path: "instanceId", To: []string{InstanceType}, OnDelete: cloud.Cascade},
	},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckPattern("deviceName", deviceName)
		return in.Failures()
	},
	ImportID: func(r *cloud.Record) string {
		return r.Text("deviceName") + ":" + r.Text("volumeId") + ":" + r.Text("instanceId")
	},
	Create: func(c *cloud.Call) error {
		device := c.New.Text("deviceName")
		c.New.ID = fmt.Sprintf("vai-%d", crc32.ChecksumIEEE([]byte(c.Kind.ImportID(c.New))))
		volume, machine := c.Find(c.New.Text("volumeId"), VolumeType), c.Find(c.New.Text("instanceId"), InstanceType)
		if volume.Text("availabilityZone") != machine.Text("availabilityZone") {
			return cloud.Refuse("InvalidVolume.ZoneMismatch: The volume '%s' is not in the same availability zone as instance '%s' (%s and %s)",
				volume.ID, machine.ID, volume.Text("availabilityZone"), machine.Text("availabilityZone"))
		}
		for _, other := range c.ListHere(VolumeAttachmentType) {
			switch {
			case other.Text("volumeId") == volume.ID:
				return cloud.Refuse("VolumeInUse: %s is already attached to an instance (%s)", volume.ID, other.Text("instanceId"))
			case other.Text("instanceId") == machine.ID && other.Text("deviceName") == device:
				return cloud.Refuse("InvalidParameterValue: Invalid value '%s' for unixDevice. Attachment point %s is already in use (%s)",
					device, device, other.Text("volumeId"))
			}
		}
		return nil
	},
	Retain: func(r *cloud.Record) bool { return r.Bool("skipDestroy") },
}
