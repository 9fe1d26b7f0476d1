package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Volume is an EBS volume.
type Volume struct {
	// ID is vol-0123456789abcdef0, and State creating, available, in-use or error.
	ID, State string
	SizeGiB   int
	// FromSnapshot says that the volume was made with something on it.
	FromSnapshot bool
	// AttachedTo is the instance that has it or is getting it or letting it go; "" when it is free.
	AttachedTo string
	// AttachmentState is attaching, attached, detaching or busy; "" when it is free. Busy is a detached volume that is still mounted.
	AttachmentState string
}

// FindVolume finds the one volume with these tags. None is an ErrNotFound; several are an error that names them.
func (c *Client) FindVolume(ctx context.Context, tags map[string]string) (Volume, error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	var found []Volume
	pages := ec2.NewDescribeVolumesPaginator(c.ec2, &ec2.DescribeVolumesInput{Filters: tagFilters(tags)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Volume{}, wrapError("looking for the volume with "+formatTags(tags), err)
		}
		for _, v := range page.Volumes {
			// One that is being deleted is listed for a while.
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

func tagFilters(tags map[string]string) []types.Filter {
	var all []types.Filter
	for key, value := range tags {
		all = append(all, types.Filter{Name: aws.String("tag:" + key), Values: []string{value}})
	}
	return all
}

// formatTags writes tags in their order.
func formatTags(tags map[string]string) string {
	var all []string
	for key, value := range tags {
		all = append(all, key+"="+value)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// requireOne gives the only one that was found.
func requireOne[T any](what string, tags map[string]string, found []T, id func(T) string) (T, error) {
	var none T
	switch len(found) {
	case 0:
		return none, fmt.Errorf("no %s has the tags %s: %w", what, formatTags(tags), ErrNotFound)
	case 1:
		return found[0], nil
	}
	ids := make([]string, len(found))
	for i, one := range found {
		ids[i] = id(one)
	}
	slices.Sort(ids)
	return none, fmt.Errorf("want one %s with the tags %s, have %d: %s; take the Name tag from those that the stack does not know (beachhead outputs)",
		what, formatTags(tags), len(ids), strings.Join(ids, ", "))
}

// AttachVolume attaches a volume to this machine, under a name such as /dev/sdf. It returns before the volume is there. A volume that
// another machine has is an ErrBusy.
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

// DetachVolume takes a volume from an instance. It returns before the volume is free. One that the instance does not have is an ErrNotFound or
// an ErrBusy, as EC2 finds.
func (c *Client) DetachVolume(ctx context.Context, id, instance string, force bool) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	if _, err := c.ec2.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: &id, InstanceId: &instance, Force: &force}); err != nil {
		return wrapError(fmt.Sprintf("detaching %s from %s", id, instance), err)
	}
	return nil
}
