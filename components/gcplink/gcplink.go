// Package gcplink is the component for the link of a region to a network in GCP: an HA VPN of four tunnels with BGP, its routes and
// firewall rules, and the private DNS zones that lead names over it. A second component lets a region's runners in where they reach GCP
// over the internet.
package gcplink

import (
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// Type is the component's type token.
const Type = "beachhead:gcp:HAVPN"

// Link is a region's link to GCP. The keys of its maps are tunnel numbers, 0 to 3, or sides, 0 or 1. A side is an AWS connection and the
// interface of GCP's gateway at its other end.
type Link struct {
	pulumi.ResourceState

	// VPNGatewayID is the id of AWS's gateway. GatewayName and RouterName are the names of GCP's gateway and router.
	VPNGatewayID pulumi.StringOutput `pulumi:"vpnGatewayId"`
	GatewayName  pulumi.StringOutput `pulumi:"gatewayName"`
	RouterName   pulumi.StringOutput `pulumi:"routerName"`
	// ConnectionIDs are the ids of the AWS connections by side.
	ConnectionIDs pulumi.StringMap
	// GCPAddresses are the public addresses of GCP's gateway by side. AWSAddresses are those of AWS by tunnel.
	GCPAddresses pulumi.StringMapOutput `pulumi:"gcpAddresses"`
	AWSAddresses pulumi.StringMapOutput `pulumi:"awsAddresses"`
	// TunnelNames and PeerNames are the names of GCP's tunnels and BGP sessions by tunnel.
	TunnelNames pulumi.StringMapOutput `pulumi:"tunnelNames"`
	PeerNames   pulumi.StringMapOutput `pulumi:"peerNames"`
}

// sides is the number of AWS connections, and of interfaces of GCP's gateway.
const sides = 2

// builder creates a link's resources. Each of its steps fills in fields for later steps.
type builder struct {
	*kit.Component
	args *Args
	out  *Link

	gateway     *compute.HaVpnGateway
	router      *compute.Router
	vpnGateway  *ec2.VpnGateway
	connections [sides]*ec2.VpnConnection
	external    *compute.ExternalVpnGateway
	tunnels     [Tunnels]*compute.VPNTunnel
	peers       [Tunnels]*compute.RouterPeer
}

// New creates a link. It needs a provider for aws and one for gcp. It takes 451 seconds by the model durations: 235 of them are the AWS
// connections, and 128 the BGP sessions, which GCP creates one at a time.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Link, error) {
	l := &Link{}
	component, err := kit.Register(ctx, kit.Kind{Noun: "link", Token: Type}, name, l, args, opts...)
	if err != nil {
		return nil, err
	}
	b := &builder{Component: component, args: args, out: l}
	// The slowest resources come first: the gateways wait for nothing, not even for the VPC, and the connections for the gateways only.
	if err := b.RunSteps(
		b.createAWSGateway, b.createGCPGateway, b.createConnections, b.createExternalGateway, b.createTunnels, b.propagateRoutes,
		b.createFirewallRules, b.createDNSZones, b.publishOutputs,
	); err != nil {
		return nil, err
	}
	return l, nil
}

func (b *builder) publishOutputs() error {
	connections, gcpAddresses := pulumi.StringMap{}, pulumi.StringMap{}
	for side, connection := range b.connections {
		connections[strconv.Itoa(side)] = connection.ID()
		gcpAddresses[strconv.Itoa(side)] = b.gatewayAddress(side)
	}
	awsAddresses, tunnels, peers := pulumi.StringMap{}, pulumi.StringMap{}, pulumi.StringMap{}
	for i := range Tunnels {
		key := strconv.Itoa(i)
		awsAddresses[key], tunnels[key], peers[key] = b.outsideAddress(i), b.tunnels[i].Name, b.peers[i].Name
	}
	l := b.out
	l.VPNGatewayID = b.vpnGateway.ID().ToStringOutput()
	l.GatewayName, l.RouterName = b.gateway.Name, b.router.Name
	l.ConnectionIDs = connections
	l.GCPAddresses, l.AWSAddresses = gcpAddresses.ToStringMapOutput(), awsAddresses.ToStringMapOutput()
	l.TunnelNames, l.PeerNames = tunnels.ToStringMapOutput(), peers.ToStringMapOutput()
	return b.PublishOutputs(pulumi.Map{
		"vpnGatewayId": l.VPNGatewayID, "gatewayName": l.GatewayName, "routerName": l.RouterName, "connectionIds": l.ConnectionIDs,
		"gcpAddresses": l.GCPAddresses, "awsAddresses": l.AWSAddresses, "tunnelNames": l.TunnelNames, "peerNames": l.PeerNames,
	})
}
