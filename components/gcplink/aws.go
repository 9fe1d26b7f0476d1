package gcplink

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The one proposal of both phases. With several, a rekey offers all of them, and the packet grows past what a path may carry in one
// piece, so that tunnels die hours after they came up (Google lists it among Cloud VPN's known issues). It is fixed on this side because
// version 7 of GCP's provider cannot say what a tunnel offers.
const (
	encryption = "AES256"
	integrity  = "SHA2-256"
	dhGroup    = 20
)

// deadAfter is how many seconds of silence are a dead peer: AWS takes no less than 30.
const deadAfter = 30

// makeAWSGateway makes the VPN gateway, detached: making it does not wait for the VPC, and neither do the connections.
func (b *builder) makeAWSGateway() error {
	var err error
	name := b.child("gateway", "aws")
	b.vpnGateway, err = ec2.NewVpnGateway(b.ctx, name, &ec2.VpnGatewayArgs{
		AmazonSideAsn: pulumi.String(strconv.FormatInt(b.args.AWSASN, 10)), Tags: tag(name),
	}, b.opts...)
	return err
}

// makeConnections makes, for each interface of GCP's gateway, AWS's picture of it and the connection of two tunnels to it.
func (b *builder) makeConnections() error {
	for side := range sides {
		customer, err := b.makeCustomerGateway(side)
		if err != nil {
			return err
		}
		name := b.child("connection", strconv.Itoa(side))
		args := b.connectionArgs(side)
		args.CustomerGatewayId, args.Tags = customer.ID(), tag(name)
		// Inside ranges are unique in a gateway: the old connection must be gone before the new one takes any of its ranges. Keys and
		// outside addresses are new with a connection, so GCP's tunnels are made anew either way.
		if b.connections[side], err = ec2.NewVpnConnection(b.ctx, name, args, b.with(pulumi.DeleteBeforeReplace(true))...); err != nil {
			return err
		}
	}
	return nil
}

// makeCustomerGateway is not deleted before a replacement: a connection moves from one to another in place and keeps its keys and
// addresses, and AWS deletes none that a connection still has.
func (b *builder) makeCustomerGateway(side int) (*ec2.CustomerGateway, error) {
	name := b.child("customer", strconv.Itoa(side))
	args := &ec2.CustomerGatewayArgs{Type: pulumi.String("ipsec.1"), IpAddress: b.gatewayAddress(side), Tags: tag(name)}
	// AWS has two properties for one number, by its size.
	asn := pulumi.String(strconv.FormatInt(b.args.GCPASN, 10))
	if b.args.GCPASN > math.MaxInt32 {
		args.BgpAsnExtended = asn
	} else {
		args.BgpAsn = asn
	}
	return ec2.NewCustomerGateway(b.ctx, name, args, b.opts...)
}

// connectionArgs are those of a connection's two tunnels. No keys are among them: AWS makes them, so that no key ever is an input, and
// hands them out as secret outputs.
func (b *builder) connectionArgs(side int) *ec2.VpnConnectionArgs {
	ike, start, restart, dead := pulumi.ToStringArray([]string{"ikev2"}), pulumi.String("start"), pulumi.String("restart"), pulumi.Int(deadAfter)
	ciphers, hashes, groups := pulumi.ToStringArray([]string{encryption}), pulumi.ToStringArray([]string{integrity}), pulumi.ToIntArray([]int{dhGroup})
	inside := func(second int) pulumi.String { return pulumi.String(b.args.Inside[2*side+second].String()) }
	return &ec2.VpnConnectionArgs{
		Type: pulumi.String("ipsec.1"), VpnGatewayId: b.vpnGateway.ID(), StaticRoutesOnly: pulumi.Bool(false),

		Tunnel1InsideCidr: inside(0), Tunnel1IkeVersions: ike, Tunnel1StartupAction: start,
		Tunnel1DpdTimeoutAction: restart, Tunnel1DpdTimeoutSeconds: dead,
		Tunnel1Phase1EncryptionAlgorithms: ciphers, Tunnel1Phase1IntegrityAlgorithms: hashes, Tunnel1Phase1DhGroupNumbers: groups,
		Tunnel1Phase2EncryptionAlgorithms: ciphers, Tunnel1Phase2IntegrityAlgorithms: hashes, Tunnel1Phase2DhGroupNumbers: groups,

		Tunnel2InsideCidr: inside(1), Tunnel2IkeVersions: ike, Tunnel2StartupAction: start,
		Tunnel2DpdTimeoutAction: restart, Tunnel2DpdTimeoutSeconds: dead,
		Tunnel2Phase1EncryptionAlgorithms: ciphers, Tunnel2Phase1IntegrityAlgorithms: hashes, Tunnel2Phase1DhGroupNumbers: groups,
		Tunnel2Phase2EncryptionAlgorithms: ciphers, Tunnel2Phase2IntegrityAlgorithms: hashes, Tunnel2Phase2DhGroupNumbers: groups,
	}
}

// outsideAddress is AWS's public address of a tunnel.
func (b *builder) outsideAddress(tunnel int) pulumi.StringOutput {
	at := placeOf(tunnel)
	if at.second {
		return b.connections[at.side].Tunnel2Address
	}
	return b.connections[at.side].Tunnel1Address
}

// key is what AWS made for a tunnel. The SDK marks it secret on the way out of the connection and on the way into GCP's tunnel.
func (b *builder) key(tunnel int) pulumi.StringOutput {
	at := placeOf(tunnel)
	if at.second {
		return b.connections[at.side].Tunnel2PresharedKey
	}
	return b.connections[at.side].Tunnel1PresharedKey
}

// makeRoutes attaches AWS's gateway to the VPC and has it tell the route tables what it learns from GCP.
func (b *builder) makeRoutes() error {
	// AWS refuses to attach a gateway while it has pending connections, which nothing here names. Connections waiting for the attachment
	// would work as well, and put it and the VPC on the longest path; it is needed only when routes come, minutes later.
	attachment, err := ec2.NewVpnGatewayAttachment(b.ctx, b.child("gateway", "attachment"), &ec2.VpnGatewayAttachmentArgs{
		VpcId: b.args.VPC, VpnGatewayId: b.vpnGateway.ID(),
	}, b.with(
		pulumi.DependsOn([]pulumi.Resource{b.connections[0], b.connections[1]}),
		pulumi.DeleteBeforeReplace(true), // a VPC has one gateway at a time
	)...)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(b.args.RouteTables)) {
		// The gateway's id comes from the attachment: its routes can be told to a table only while it is attached. DependsOn would make
		// that order too, but not its reverse: where another gateway is attached, the engine ends the propagations of the old one first
		// only if it sees that they have the attachment's data.
		if _, err := ec2.NewVpnGatewayRoutePropagation(b.ctx, b.child("routes", key), &ec2.VpnGatewayRoutePropagationArgs{
			RouteTableId: b.args.RouteTables[key], VpnGatewayId: attachment.VpnGatewayId,
		}, b.opts...); err != nil {
			return err
		}
	}
	return nil
}
