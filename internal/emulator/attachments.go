package emulator

import (
	"fmt"
	"hash/crc32"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const volumeAttachmentType = "aws:ec2/volumeAttachment:VolumeAttachment"

func init() {
	define(volumeAttachmentKind)
}

// deviceName is what AWS recommends for data volumes; /dev/sda1 and /dev/xvda are the root's.
var deviceName = regexp.MustCompile(`^/dev/(sd[b-z]|xvd[b-z][a-z]?)$`)

var volumeAttachmentKind = &kind{
	typ:     volumeAttachmentType,
	missing: "InvalidAttachment.NotFound: the attachment %s does not exist",
	unread:  []string{"forceDetach", "skipDestroy"},
	refuse:  []string{"stopInstanceBeforeDetaching"},
	refs: []ref{
		{path: "volumeId", to: []string{volumeType}, when: holds},
		{path: "instanceId", to: []string{instanceType}, when: fades},
	},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.pattern("deviceName", deviceName)
		return l.failures()
	},
	importID: func(r *record) string {
		return r.str("deviceName") + ":" + r.str("volumeId") + ":" + r.str("instanceId")
	},
	create: func(c *call) error {
		device := c.rec.str("deviceName")
		c.rec.ID = fmt.Sprintf("vai-%d", crc32.ChecksumIEEE([]byte(c.kind.importID(c.rec))))
		volume, machine := c.find(c.rec.str("volumeId"), volumeType), c.find(c.rec.str("instanceId"), instanceType)
		if volume.str("availabilityZone") != machine.str("availabilityZone") {
			return refused("InvalidVolume.ZoneMismatch: The volume '%s' is not in the same availability zone as instance '%s' (%s and %s)",
				volume.ID, machine.ID, volume.str("availabilityZone"), machine.str("availabilityZone"))
		}
		for _, other := range c.here(volumeAttachmentType) {
			switch {
			case other.str("volumeId") == volume.ID:
				return refused("VolumeInUse: %s is already attached to an instance (%s)", volume.ID, other.str("instanceId"))
			case other.str("instanceId") == machine.ID && other.str("deviceName") == device:
				return refused("InvalidParameterValue: Invalid value '%s' for unixDevice. Attachment point %s is already in use (%s)",
					device, device, other.str("volumeId"))
			}
		}
		return nil
	},
	stays: func(r *record) bool { return r.flag("skipDestroy") },
}
