package aws

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Interface is a network interface.
type Interface struct {
	// ID is eni-0123456789abcdef0, and MAC is in lower case with colons.
	ID, MAC string
	// Address is its first private one.
	Address netip.Addr
	// Prefix is the range of its subnet. It is known of an interface that this machine has, and zero otherwise: the metadata tell it, so that the
	// role need not be allowed to see subnets.
	Prefix netip.Prefix
	// Holder is the instance that has it, is getting it or letting it go, and Attachment is the id of that; both are "" when it is free.
	Holder, Attachment string
	// State is attaching, attached or detaching; "" when it is free.
	State string
}

// Interface finds the one interface with these tags. None is an ErrNotFound; several are an error that names them.
func (c *Cloud) Interface(ctx context.Context, tags map[string]string) (Interface, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	var found []Interface
	pages := ec2.NewDescribeNetworkInterfacesPaginator(c.ec2, &ec2.DescribeNetworkInterfacesInput{Filters: filters(tags)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return Interface{}, fault("looking for the interface with "+said(tags), err)
		}
		for _, n := range page.NetworkInterfaces {
			one, err := interfaceOf(n)
			if err != nil {
				return Interface{}, err
			}
			found = append(found, one)
		}
	}
	one, err := single("interface", tags, found, func(n Interface) string { return n.ID })
	if err != nil || one.Holder == "" {
		return one, err
	}
	me, err := c.Identity(ctx)
	if err != nil || me.InstanceID != one.Holder {
		return one, err
	}
	one.Prefix, err = c.subnet(ctx, one.MAC)
	return one, err
}

func interfaceOf(n types.NetworkInterface) (Interface, error) {
	one := Interface{ID: aws.ToString(n.NetworkInterfaceId), MAC: aws.ToString(n.MacAddress)}
	address, err := netip.ParseAddr(aws.ToString(n.PrivateIpAddress))
	if err != nil {
		return one, fmt.Errorf("EC2 says of %s: %w; look at it with aws ec2 describe-network-interfaces", one.ID, err)
	}
	one.Address = address
	if a := n.Attachment; a != nil && a.Status != types.AttachmentStatusDetached {
		one.Holder, one.Attachment, one.State = aws.ToString(a.InstanceId), aws.ToString(a.AttachmentId), string(a.Status)
	}
	return one, nil
}

// AttachInterface attaches an interface to this machine, in a place counted from 0, which is the first interface's own. It returns before
// the interface is there. One that another machine has is an ErrBusy.
func (c *Cloud) AttachInterface(ctx context.Context, id string, index int) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	me, err := c.Identity(ctx)
	if err != nil {
		return err
	}
	_, err = c.ec2.AttachNetworkInterface(ctx, &ec2.AttachNetworkInterfaceInput{
		NetworkInterfaceId: &id, InstanceId: &me.InstanceID, DeviceIndex: aws.Int32(int32(index)), //nolint:gosec // a handful at most
	})
	if err != nil {
		return fault(fmt.Sprintf("attaching %s to %s", id, me.InstanceID), err)
	}
	return nil
}

// DetachInterface ends an attachment. It returns before the interface is free. One that is over is an ErrNotFound.
func (c *Cloud) DetachInterface(ctx context.Context, attachment string, force bool) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	if _, err := c.ec2.DetachNetworkInterface(ctx, &ec2.DetachNetworkInterfaceInput{AttachmentId: &attachment, Force: &force}); err != nil {
		return fault("detaching the interface of "+attachment, err)
	}
	return nil
}

// InstanceState is pending, running, shutting-down, terminated, stopping or stopped; "" when AWS no longer knows the instance.
func (c *Cloud) InstanceState(ctx context.Context, id string) (string, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	output, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		if Code(err) == "InvalidInstanceID.NotFound" {
			return "", nil
		}
		return "", fault("looking at "+id, err)
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
