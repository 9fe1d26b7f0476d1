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
	// ID is eni-0123456789abcdef0, and MAC is in lower case with colons.
	ID, MAC string
	// Address is its first private one.
	Address netip.Addr
	// SubnetPrefix is the range of its subnet. It is known of an interface that this machine has, and zero otherwise: the metadata tell it, so that the
	// role need not be allowed to see subnets.
	SubnetPrefix netip.Prefix
	// AttachedTo is the instance that has it, is getting it or letting it go, and Attachment is the id of that; both are "" when it is free.
	AttachedTo, AttachmentID string
	// AttachmentState is attaching, attached or detaching; "" when it is free.
	AttachmentState string
}

// FindNetworkInterface finds the one interface with these tags. None is an ErrNotFound; several are an error that names them.
func (c *Client) FindNetworkInterface(ctx context.Context, tags map[string]string) (NetworkInterface, error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	var found []NetworkInterface
	pages := ec2.NewDescribeNetworkInterfacesPaginator(c.ec2, &ec2.DescribeNetworkInterfacesInput{Filters: tagFilters(tags)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return NetworkInterface{}, wrapError("looking for the interface with "+formatTags(tags), err)
		}
		for _, n := range page.NetworkInterfaces {
			one, err := newNetworkInterface(n)
			if err != nil {
				return NetworkInterface{}, err
			}
			found = append(found, one)
		}
	}
	one, err := requireOne("interface", tags, found, func(n NetworkInterface) string { return n.ID })
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
		return one, fmt.Errorf("EC2 says of %s: %w; look at it with aws ec2 describe-network-interfaces", one.ID, err)
	}
	one.Address = address
	if a := n.Attachment; a != nil && a.Status != types.AttachmentStatusDetached {
		one.AttachedTo, one.AttachmentID, one.AttachmentState = aws.ToString(a.InstanceId), aws.ToString(a.AttachmentId), string(a.Status)
	}
	return one, nil
}

// AttachNetworkInterface attaches an interface to this machine, in a place counted from 0, which is the first interface's own. It returns before
// the interface is there. One that another machine has is an ErrBusy.
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

// DetachNetworkInterface ends an attachment. It returns before the interface is free. One that is over is an ErrNotFound.
func (c *Client) DetachNetworkInterface(ctx context.Context, attachment string, force bool) error {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	if _, err := c.ec2.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: &attachment, Force: &force}); err != nil {
		return wrapError("detaching the interface of "+attachment, err)
	}
	return nil
}

// InstanceState is pending, running, shutting-down, terminated, stopping or stopped; "" when AWS no longer knows the instance.
func (c *Client) InstanceState(ctx context.Context, id string) (string, error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	output, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		if ErrorCode(err) == "InvalidInstanceID.NotFound" {
			return "", nil
		}
		return "", wrapError("looking at "+id, err)
	}
	for _, reservation := range output.Reservations {
		for _, instance := range reservation.Instances {
			if instance.State != nil {
				return string(instance.State.Name), nil
			}
		}
	}
	return "", nil
}
