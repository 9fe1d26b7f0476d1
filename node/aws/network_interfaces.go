package aws

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// NetworkInterface is a network interface.
type NetworkInterface struct {
	// ID looks like eni-0123456789abcdef0. MAC is in lower case with colons.
	ID, MAC string
	// Address is its primary private IPv4 address.
	Address netip.Addr
	// SubnetPrefix is the address range of its subnet. It is set only for an interface that is attached to this
	// machine, because it comes from the metadata: so the role needs no permission to describe subnets.
	SubnetPrefix netip.Prefix
	// AttachedTo is the instance to which the interface is attached, attaching or detaching. AttachmentID is the id of
	// the attachment. They are "" when the interface is free.
	AttachedTo, AttachmentID string
	// AttachmentState is attaching, attached or detaching; "" when the interface is free.
	AttachmentState string
}

// FindNetworkInterface returns the only network interface with these tags. It returns ErrNotFound when no interface has
// them, and an error that lists the interfaces when several have them.
func (c *Client) FindNetworkInterface(ctx context.Context, tags map[string]string) (NetworkInterface, error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	var found []NetworkInterface
	pages := ec2.NewDescribeNetworkInterfacesPaginator(c.ec2, &ec2.DescribeNetworkInterfacesInput{Filters: tagFilters(tags)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return NetworkInterface{}, wrapError("searching the network interface with "+formatTags(tags), err)
		}
		for _, n := range page.NetworkInterfaces {
			one, err := newNetworkInterface(n)
			if err != nil {
				return NetworkInterface{}, err
			}
			found = append(found, one)
		}
	}
	one, err := requireOne("network interface", tags, found, func(n NetworkInterface) string { return n.ID })
	if err != nil || one.AttachedTo == "" {
		return one, err
	}
	me, err := c.InstanceIdentity(ctx)
	if err != nil || me.InstanceID != one.AttachedTo {
		return one, err
	}
	one.SubnetPrefix, err = c.subnetPrefix(ctx, one.MAC)
	return one, err
}

func newNetworkInterface(n types.NetworkInterface) (NetworkInterface, error) {
	one := NetworkInterface{ID: aws.ToString(n.NetworkInterfaceId), MAC: aws.ToString(n.MacAddress)}
	address, err := netip.ParseAddr(aws.ToString(n.PrivateIpAddress))
	if err != nil {
		return one, fmt.Errorf("EC2 returned no valid address for %s: %w; see `aws ec2 describe-network-interfaces --network-interface-ids %s`",
			one.ID, err, one.ID)
	}
	one.Address = address
	if a := n.Attachment; a != nil && a.Status != types.AttachmentStatusDetached {
		one.AttachedTo, one.AttachmentID, one.AttachmentState = aws.ToString(a.InstanceId), aws.ToString(a.AttachmentId), string(a.Status)
	}
	return one, nil
}

// AttachNetworkInterface attaches a network interface to this machine at a device index; index 0 is the machine's first
// interface. It returns before the attachment is complete. It returns ErrBusy when the interface is attached to another
// machine.
func (c *Client) AttachNetworkInterface(ctx context.Context, id string, index int) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	me, err := c.InstanceIdentity(ctx)
	if err != nil {
		return err
	}
	_, err = c.ec2.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{
		NetworkInterfaceId: &id, InstanceId: &me.InstanceID, DeviceIndex: aws.Int32(int32(index)), //nolint:gosec // a handful at most
	})
	if err != nil {
		return wrapError(fmt.Sprintf("attaching %s to %s", id, me.InstanceID), err)
	}
	return nil
}

// DetachNetworkInterface ends an attachment. It returns before the interface is free. It returns ErrNotFound when the
// attachment no longer exists.
func (c *Client) DetachNetworkInterface(ctx context.Context, attachment string, force bool) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	if _, err := c.ec2.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: &attachment, Force: &force}); err != nil {
		return wrapError("detaching the network interface of "+attachment, err)
	}
	return nil
}
