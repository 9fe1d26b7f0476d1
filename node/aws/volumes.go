package aws

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Volume is an EBS volume.
type Volume struct {
	// ID looks like vol-0123456789abcdef0. State is creating, available, in-use or error.
	ID, State string
	SizeGiB   int
	// FromSnapshot reports whether the volume was created from a snapshot and so contains data.
	FromSnapshot bool
	// AttachedTo is the instance to which the volume is attached, attaching or detaching; "" when the volume is free.
	AttachedTo string
	// AttachmentState is attaching, attached, detaching or busy; "" when the volume is free. Busy means detached but
	// still mounted.
	AttachmentState string
}

// FindVolume returns the only volume with these tags. It returns ErrNotFound when no volume has them, and an error that
// lists the volumes when several have them.
func (c *Client) FindVolume(ctx context.Context, tags map[string]string) (Volume, error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	var found []Volume
	pages := ec2.NewDescribeVolumesPaginator(c.ec2, &ec2.DescribeVolumesInput{Filters: tagFilters(tags)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Volume{}, wrapError("searching the volume with "+formatTags(tags), err)
		}
		for _, v := range page.Volumes {
			// EC2 lists a volume for a while after its deletion.
			if v.State != types.VolumeStateDeleting && v.State != types.VolumeStateDeleted {
				found = append(found, newVolume(v))
			}
		}
	}
	return requireOne("volume", tags, found, func(v Volume) string { return v.ID })
}

func newVolume(v types.Volume) Volume {
	volume := Volume{
		ID: aws.ToString(v.VolumeId), State: string(v.State), SizeGiB: int(aws.ToInt32(v.Size)), FromSnapshot: aws.ToString(v.SnapshotId) != "",
	}
	for _, a := range v.Attachments {
		if a.State != types.VolumeAttachmentStateDetached {
			volume.AttachedTo, volume.AttachmentState = aws.ToString(a.InstanceId), string(a.State)
		}
	}
	return volume
}

// AttachVolume attaches a volume to this machine, under a device name such as /dev/sdf. It returns before the
// attachment is complete. It returns ErrBusy when the volume is attached to another machine.
func (c *Client) AttachVolume(ctx context.Context, id, device string) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	me, err := c.InstanceIdentity(ctx)
	if err != nil {
		return err
	}
	if _, err := c.ec2.AttachVolume(ctx, &ec2.AttachVolumeInput{VolumeId: &id, InstanceId: &me.InstanceID, Device: &device}); err != nil {
		return wrapError(fmt.Sprintf("attaching %s to %s", id, me.InstanceID), err)
	}
	return nil
}

// DetachVolume detaches a volume from an instance. It returns before the volume is free. When the volume is not
// attached to that instance, it returns ErrNotFound or ErrBusy, as EC2 reports.
func (c *Client) DetachVolume(ctx context.Context, id, instance string, force bool) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	if _, err := c.ec2.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: &id, InstanceId: &instance, Force: &force}); err != nil {
		return wrapError(fmt.Sprintf("detaching %s from %s", id, instance), err)
	}
	return nil
}
