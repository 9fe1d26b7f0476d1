package gcplink

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// The one proposal of both IKE phases. With several, a rekey offers all of them; the packet may then be larger than the path's MTU, and
// tunnels fail hours after they came up (Google lists it among Cloud VPN's known issues). The proposal is fixed on the AWS side because
// version 7 of GCP's provider cannot set it.
const (
	encryption = "AES256"
	integrity  = "SHA2-256"
	dhGroup    = 20
)

// deadPeerSeconds is the time of silence after which AWS treats a peer as dead. AWS accepts no less than 30.
const deadPeerSeconds = 30

// createAWSGateway creates the VPN gateway, detached. Its creation does not wait for the VPC, and neither do the connections.
func (b *builder) createAWSGateway() error {
	var err error
	name := b.ChildName("gateway", "aws")
	b.vpnGateway, err = kit.Create(b.Component, ec2.NewVpnGateway, name, &ec2.VpnGatewayArgs{
		AmazonSideAsn: pulumi.String(strconv.FormatInt(b.args.AWSASN, 10)), Tags: kit.NameTag(name),
	})
	return err
}

// createConnections creates, for each interface of GCP's gateway, a customer gateway and the VPN connection of two tunnels to it.
func (b *builder) createConnections() error {
	for side := range sides {
		customer, err := b.createCustomerGateway(side)
		if err != nil {
			return err
		}
		name := b.ChildName("connection", strconv.Itoa(side))
		args := b.connectionArgs(side)
		args.CustomerGatewayId, args.Tags = customer.ID(), kit.NameTag(name)
		// Inside ranges are unique in a gateway: the old connection must be deleted before the new one gets any of its ranges. A new connection
		// has new keys and outside addresses, so GCP's tunnels are replaced in either case.
		if b.connections[side], err = kit.Create(
			b.Component, ec2.NewVpnConnection, name, args, pulumi.DeleteBeforeReplace(true),
		); err != nil {
			return err
		}
	}
	return nil
}

// createCustomerGateway creates AWS's description of one interface of GCP's gateway. It is not deleted before a replacement: a connection
// moves from one to another in place and keeps its keys and addresses, and AWS deletes no customer gateway that a connection still has.
func (b *builder) createCustomerGateway(side int) (*ec2.CustomerGateway, error) {
	name := b.ChildName("customer", strconv.Itoa(side))
	args := &ec2.CustomerGatewayArgs{Type: pulumi.String("ipsec.1"), IpAddress: b.gatewayAddress(side), Tags: kit.NameTag(name)}
	// AWS has two properties for one number, by its size.
	asn := pulumi.String(strconv.FormatInt(b.args.GCPASN, 10))
	if b.args.GCPASN > math.MaxInt32 {
		args.BgpAsnExtended = asn
	} else {
		args.BgpAsn = asn
	}
	return kit.Create(b.Component, ec2.NewCustomerGateway, name, args)
}

// connectionArgs returns the arguments of a connection's two tunnels. They contain no keys: AWS creates the keys and returns them as
// secret outputs, so that a key is never an input.
func (b *builder) connectionArgs(side int) *ec2.VpnConnectionArgs {
	ike, start := pulumi.ToStringArray([]string{"ikev2"}), pulumi.String("start")
	restart, dead := pulumi.String("restart"), pulumi.Int(deadPeerSeconds)
	ciphers, hashes := pulumi.ToStringArray([]string{encryption}), pulumi.ToStringArray([]string{integrity})
	groups := pulumi.ToIntArray([]int{dhGroup})
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

// outsideAddress returns AWS's public address of a tunnel.
func (b *builder) outsideAddress(tunnel int) pulumi.StringOutput {
	at := placeTunnel(tunnel)
	if at.second {
		return b.connections[at.side].Tunnel2Address
	}
	return b.connections[at.side].Tunnel1Address
}

// presharedKey returns the key that AWS created for a tunnel. The SDK marks it secret as an output of the connection and as an input of
// GCP's tunnel.
func (b *builder) presharedKey(tunnel int) pulumi.StringOutput {
	at := placeTunnel(tunnel)
	if at.second {
		return b.connections[at.side].Tunnel2PresharedKey
	}
	return b.connections[at.side].Tunnel1PresharedKey
}

// propagateRoutes attaches AWS's gateway to the VPC and propagates the routes that it learns from GCP to the route tables.
func (b *builder) propagateRoutes() error {
	// AWS refuses to attach a gateway that has pending connections, and no property here refers to them. Connections that wait for the
	// attachment would work too, but they would put it and the VPC on the critical path; it is needed only when routes come, minutes later.
	name := b.ChildName("gateway", "attachment")
	attachment, err := kit.Create(b.Component, ec2.NewVpnGatewayAttachment, name, &ec2.VpnGatewayAttachmentArgs{
		VpcId: b.args.VPC, VpnGatewayId: b.vpnGateway.ID(),
	},
		pulumi.DependsOn([]pulumi.Resource{b.connections[0], b.connections[1]}),
		pulumi.DeleteBeforeReplace(true), // a VPC has one gateway at a time
	)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(b.args.RouteTables)) {
		// The gateway's id comes from the attachment: a gateway propagates routes to a table only while it is attached. DependsOn would give
		// that order too, but not its reverse: when another gateway replaces this one, the engine deletes the propagations of the old one
		// first only if their inputs contain the attachment's data.
		if _, err := kit.Create(b.Component, ec2.NewVpnGatewayRoutePropagation, b.ChildName("routes", key), &ec2.VpnGatewayRoutePropagationArgs{
			RouteTableId: b.args.RouteTables[key], VpnGatewayId: attachment.VpnGatewayId,
		}); err != nil {
			return err
		}
	}
	return nil
}
