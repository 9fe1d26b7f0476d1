package gcplink

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// gcpName is the fixed name of one of the link's things in GCP.
func (b *builder) gcpName(role string, key ...string) pulumi.String {
	return pulumi.String(gcpName(append([]string{b.args.Names, role}, key...)...))
}

// makeGateways makes what the link starts with in either cloud. Gateway and router have the network in their names, since they are
// made anew for another one: so the new ones are there before the old ones go, and connections can change over with their keys.
func (b *builder) makeGateways() error {
	if err := b.makeAWSGateway(); err != nil {
		return err
	}
	var err error
	if b.gateway, err = compute.NewHaVpnGateway(b.ctx, b.child("gateway", "gcp"), &compute.HaVpnGatewayArgs{
		Name: b.gcpName("gateway", b.args.Network), Network: pulumi.String(b.args.Network),
		Description: pulumi.String("Beachhead: the link's gateway"),
	}, b.opts...); err != nil {
		return err
	}
	// No group of routes is advertised beside the ranges: all subnets one by one could be more routes than AWS takes.
	var ranges compute.RouterBgpAdvertisedIpRangeArray
	for _, r := range b.args.Advertised {
		ranges = append(ranges, compute.RouterBgpAdvertisedIpRangeArgs{Range: pulumi.String(r.String())})
	}
	b.router, err = compute.NewRouter(b.ctx, b.child("router", "gcp"), &compute.RouterArgs{
		Name: b.gcpName("router", b.args.Network), Network: pulumi.String(b.args.Network),
		Description: pulumi.String("Beachhead: the link's BGP sessions"),
		Bgp: compute.RouterBgpArgs{
			Asn: pulumi.Int(int(b.args.GCPASN)), AdvertiseMode: pulumi.String("CUSTOM"), AdvertisedIpRanges: ranges,
		},
	}, b.opts...)
	return err
}

// gatewayAddress is the public address of one interface of GCP's gateway.
func (b *builder) gatewayAddress(side int) pulumi.StringOutput {
	return b.gateway.VpnInterfaces.ApplyT(func(all []compute.HaVpnGatewayVpnInterface) (string, error) {
		return interfaceAddress(all, side)
	}).(pulumi.StringOutput)
}

// interfaceAddress looks for an interface by its number. Taking it by its place in the list, as the SDK's Index does, would trust an
// order that nobody promises, and panic where the interface is missing.
func interfaceAddress(all []compute.HaVpnGatewayVpnInterface, number int) (string, error) {
	for _, i := range all {
		if i.Id != nil && *i.Id == number && i.IpAddress != nil && *i.IpAddress != "" {
			return *i.IpAddress, nil
		}
	}
	return "", fmt.Errorf("GCP's gateway has no address at interface %d", number)
}

// makeExternalGateway makes GCP's picture of AWS: one gateway of four addresses. Two gateways of two were refused: GCP promises
// 99.99 % only for one with four.
func (b *builder) makeExternalGateway() error {
	var interfaces compute.ExternalVpnGatewayInterfaceArray
	for i := range Tunnels {
		interfaces = append(interfaces, compute.ExternalVpnGatewayInterfaceArgs{
			Id: pulumi.Int(placeOf(i).external), IpAddress: b.outsideAddress(i),
		})
	}
	var err error
	b.external, err = compute.NewExternalVpnGateway(b.ctx, b.child("gateway", "external"), &compute.ExternalVpnGatewayArgs{
		Name: b.gcpName("aws"), RedundancyType: pulumi.String("FOUR_IPS_REDUNDANCY"), Interfaces: interfaces,
		Description: pulumi.String("Beachhead: the link's four AWS addresses"),
	}, b.named()...)
	return err
}

// makeTunnels makes the four tunnels, GCP's end of the addresses in them, and the BGP sessions over them.
func (b *builder) makeTunnels() error {
	for i, inside := range b.args.Inside {
		key := strconv.Itoa(i)
		at := placeOf(i)
		// The hash of a key is no key, but it would tell who guesses one whether he is right.
		tunnel, err := compute.NewVPNTunnel(b.ctx, b.child("tunnel", key), &compute.VPNTunnelArgs{
			Name: b.gcpName("tunnel", key), IkeVersion: pulumi.Int(2), SharedSecret: b.key(i), Router: b.router.ID(),
			VpnGateway: b.gateway.ID(), VpnGatewayInterface: pulumi.Int(at.side),
			PeerExternalGateway: b.external.ID(), PeerExternalGatewayInterface: pulumi.Int(at.external),
			Description: pulumi.String("Beachhead: tunnel " + key + " of the link"),
		}, b.named(pulumi.AdditionalSecretOutputs([]string{"sharedSecretHash"}))...)
		if err != nil {
			return err
		}
		b.tunnels[i] = tunnel
		end := netip.PrefixFrom(gcpAddress(inside), inside.Bits())
		iface, err := compute.NewRouterInterface(b.ctx, b.child("interface", key), &compute.RouterInterfaceArgs{
			Name: b.gcpName("interface", key), Router: b.router.Name, VpnTunnel: tunnel.Name, IpRange: pulumi.String(end.String()),
		}, b.named()...)
		if err != nil {
			return err
		}
		if b.peers[i], err = compute.NewRouterPeer(b.ctx, b.child("peer", key), &compute.RouterPeerArgs{
			Name: b.gcpName("peer", key), Router: b.router.Name, Interface: iface.Name, PeerAsn: pulumi.Int(int(b.args.AWSASN)),
			IpAddress: pulumi.String(gcpAddress(inside).String()), PeerIpAddress: pulumi.String(awsAddress(inside).String()),
		}, b.named()...); err != nil {
			return err
		}
	}
	return nil
}

// makeFirewall lets the runners in to each service's ports at its address. A rule for each service, since one rule for all would open
// every service's ports at every address. The address is the destination and there are no targets: tags or service accounts would have
// to be on machines that are not ours, and a rule with neither targets nor destination would open the ports on every machine of the
// network. (GCP takes sources and destinations in one rule, and its provider does from 4.49 on: cloud-foundation-fabric, issue 1303.
// Proxy load balancers answer at their address without asking the firewall; for those a rule is needless and harmless.)
func (b *builder) makeFirewall() error {
	var sources pulumi.StringArray
	for _, r := range b.args.Sources {
		sources = append(sources, pulumi.String(r.String()))
	}
	for _, s := range b.args.Services {
		var ports pulumi.StringArray
		for _, p := range s.Ports {
			ports = append(ports, pulumi.String(strconv.Itoa(p)))
		}
		address := netip.PrefixFrom(s.Address, s.Address.BitLen())
		if _, err := compute.NewFirewall(b.ctx, b.child("service", s.Name), &compute.FirewallArgs{
			Name: b.gcpName("service", s.Name), Network: pulumi.String(b.args.Network), Direction: pulumi.String("INGRESS"),
			SourceRanges: sources, DestinationRanges: pulumi.StringArray{pulumi.String(address.String())},
			Allows:      compute.FirewallAllowArray{compute.FirewallAllowArgs{Protocol: pulumi.String("tcp"), Ports: ports}},
			Description: pulumi.String("Beachhead: runners to the service " + s.Name),
		}, b.named()...); err != nil {
			return err
		}
	}
	return nil
}
