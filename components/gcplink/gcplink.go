// Package gcplink is the component that joins a build region to a network in GCP: an HA VPN of four tunnels with BGP, the routes and
// firewall rules that it takes, and the private names that lead over it.
package gcplink

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ec2"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Type is the component's type token.
const Type = "beachhead:gcp:HAVPN"

// Link is a build region's way to GCP. Everything in it is keyed by tunnel number, 0 to 3, or by side, 0 or 1: an AWS connection and the
// interface of GCP's gateway at its other end.
type Link struct {
	pulumi.ResourceState

	// VPNGatewayID is the id of AWS's gateway, and GatewayName and RouterName are the names of GCP's.
	VPNGatewayID pulumi.StringOutput `pulumi:"vpnGatewayId"`
	GatewayName  pulumi.StringOutput `pulumi:"gatewayName"`
	RouterName   pulumi.StringOutput `pulumi:"routerName"`
	// ConnectionIDs are those of the AWS connections by side.
	ConnectionIDs pulumi.StringMap
	// GCPAddresses are the public addresses of GCP's gateway by side, and AWSAddresses those of AWS by tunnel.
	GCPAddresses pulumi.StringMapOutput `pulumi:"gcpAddresses"`
	AWSAddresses pulumi.StringMapOutput `pulumi:"awsAddresses"`
	// TunnelNames and PeerNames are those of GCP's tunnels and BGP sessions by tunnel.
	TunnelNames pulumi.StringMapOutput `pulumi:"tunnelNames"`
	PeerNames   pulumi.StringMapOutput `pulumi:"peerNames"`
}

// sides are the AWS connections and the interfaces of GCP's gateway.
const sides = 2

// builder holds what is made on the way.
type builder struct {
	ctx  *pulumi.Context
	name string
	args *Args
	opts []pulumi.ResourceOption
	out  *Link

	gateway     *compute.HaVpnGateway
	router      *compute.Router
	vpnGateway  *ec2.VpnGateway
	connections [sides]*ec2.VpnConnection
	external    *compute.ExternalVpnGateway
	tunnels     [Tunnels]*compute.VPNTunnel
	peers       [Tunnels]*compute.RouterPeer
}

// New makes a link; its providers map must have one for aws and one for gcp. Seconds to ready, by the model durations: 451, of which
// 235 are the AWS connections and 128 the BGP sessions, which GCP makes one at a time.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Link, error) {
	if err := args.validate(); err != nil {
		return nil, fmt.Errorf("link %q: %w", name, err)
	}
	l := &Link{}
	if err := ctx.RegisterComponentResource(Type, name, l, opts...); err != nil {
		return nil, fmt.Errorf("registering link %q: %w", name, err)
	}
	b := &builder{ctx: ctx, name: name, args: args, opts: []pulumi.ResourceOption{pulumi.Parent(l)}, out: l}
	// What takes longest comes first: the gateways wait for nothing, not even for the VPC, and the connections for them alone.
	for _, step := range []func() error{
		b.makeGateways, b.makeConnections, b.makeExternalGateway, b.makeTunnels, b.makeRoutes, b.makeFirewall, b.makeZones,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("link %q: %w", name, err)
		}
	}
	return l, b.publish()
}

func (b *builder) publish() error {
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
	return b.ctx.RegisterResourceOutputs(l, pulumi.Map{
		"vpnGatewayId": l.VPNGatewayID, "gatewayName": l.GatewayName, "routerName": l.RouterName, "connectionIds": l.ConnectionIDs,
		"gcpAddresses": l.GCPAddresses, "awsAddresses": l.AWSAddresses, "tunnelNames": l.TunnelNames, "peerNames": l.PeerNames,
	})
}

// child is the name of one of the component's resources, keyed by what does not move: its role and its number, zone or host.
func (b *builder) child(role, key string) string { return b.name + "-" + role + "-" + key }

// tag gives the Name tag. It is more than a label: a resource that a killed run made and could not record is found again by it.
func tag(name string) pulumi.StringMap { return pulumi.StringMap{"Name": pulumi.String(name)} }

func (b *builder) with(more ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append(append([]pulumi.ResourceOption{}, b.opts...), more...)
}

// named are the options of what has a fixed name in GCP: a replacement cannot be there while what it replaces has the name.
func (b *builder) named(more ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return b.with(append(more, pulumi.DeleteBeforeReplace(true))...)
}
