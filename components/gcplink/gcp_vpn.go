package gcplink

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/compute"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/beachhead-build/beachhead/components/kit"
)

// createGCPGateway creates GCP's gateway and router. The network is part of their names, since another network replaces them: so the new
// ones exist before the old ones are deleted, and connections can move to them with their keys.
func (b *builder) createGCPGateway() error {
	var err error
	if b.gateway, err = kit.Create(b.Component, compute.NewHaVpnGateway, b.ChildName("gateway", "gcp"), &compute.HaVpnGatewayArgs{
		Name: b.nameInGCP("gateway", b.args.Network), Network: pulumi.String(b.args.Network),
		Description: pulumi.String("Beachhead: the link's gateway"),
	}); err != nil {
		return err
	}
	// GCP advertises these ranges and no group of routes: all subnets one by one could be more routes than AWS accepts.
	var ranges compute.RouterBgpAdvertisedIpRangeArray
	for _, r := range b.args.Advertised {
		ranges = append(ranges, compute.RouterBgpAdvertisedIpRangeArgs{Range: pulumi.String(r.String())})
	}
	b.router, err = kit.Create(b.Component, compute.NewRouter, b.ChildName("router", "gcp"), &compute.RouterArgs{
		Name: b.nameInGCP("router", b.args.Network), Network: pulumi.String(b.args.Network),
		Description: pulumi.String("Beachhead: the link's BGP sessions"),
		Bgp: compute.RouterBgpArgs{
			Asn: pulumi.Int(int(b.args.GCPASN)), AdvertiseMode: pulumi.String("CUSTOM"), AdvertisedIpRanges: ranges,
		},
	})
	return err
}

// gatewayAddress returns the public address of one interface of GCP's gateway.
func (b *builder) gatewayAddress(side int) pulumi.StringOutput {
	return b.gateway.VpnInterfaces.ApplyT(func(all []compute.HaVpnGatewayVpnInterface) (string, error) {
		return findInterfaceAddress(all, side)
	}).(pulumi.StringOutput)
}

// findInterfaceAddress returns the address of the interface with a number. The SDK's Index, which selects by the position in the list,
// would rely on an order that GCP does not document, and panic if the interface is missing.
func findInterfaceAddress(all []compute.HaVpnGatewayVpnInterface, number int) (string, error) {
	for _, i := range all {
		if i.Id != nil && *i.Id == number && i.IpAddress != nil && *i.IpAddress != "" {
			return *i.IpAddress, nil
		}
	}
	return "", fmt.Errorf("GCP's gateway has no address at interface %d", number)
}

// createExternalGateway creates GCP's description of AWS: one gateway with four addresses. (Two gateways with two addresses each were
// refused: GCP promises 99.99 % only for one with four.)
func (b *builder) createExternalGateway() error {
	var interfaces compute.ExternalVpnGatewayInterfaceArray
	for i := range Tunnels {
		interfaces = append(interfaces, compute.ExternalVpnGatewayInterfaceArgs{
			Id: pulumi.Int(placeTunnel(i).external), IpAddress: b.outsideAddress(i),
		})
	}
	var err error
	name := b.ChildName("gateway", "external")
	b.external, err = kit.Create(b.Component, compute.NewExternalVpnGateway, name, &compute.ExternalVpnGatewayArgs{
		Name: b.nameInGCP("aws"), RedundancyType: pulumi.String("FOUR_IPS_REDUNDANCY"), Interfaces: interfaces,
		Description: pulumi.String("Beachhead: the link's four AWS addresses"),
	}, deleteFirst())
	return err
}

// createTunnels creates the four tunnels, each with GCP's end of its inside range and its BGP session.
func (b *builder) createTunnels() error {
	for i, inside := range b.args.Inside {
		tunnel, err := b.createTunnel(i)
		if err != nil {
			return err
		}
		b.tunnels[i] = tunnel
		if b.peers[i], err = b.createBGPSession(i, tunnel, inside); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) createTunnel(number int) (*compute.VPNTunnel, error) {
	key := strconv.Itoa(number)
	at := placeTunnel(number)
	return kit.Create(b.Component, compute.NewVPNTunnel, b.ChildName("tunnel", key), &compute.VPNTunnelArgs{
		Name: b.nameInGCP("tunnel", key), IkeVersion: pulumi.Int(2), SharedSecret: b.presharedKey(number), Router: b.router.ID(),
		VpnGateway: b.gateway.ID(), VpnGatewayInterface: pulumi.Int(at.side),
		PeerExternalGateway: b.external.ID(), PeerExternalGatewayInterface: pulumi.Int(at.external),
		Description: pulumi.String("Beachhead: tunnel " + key + " of the link"),
	},
		// The hash of a key is not the key, but with it an attacker can verify a guess.
		pulumi.AdditionalSecretOutputs([]string{"sharedSecretHash"}), deleteFirst(),
	)
}

func (b *builder) createBGPSession(number int, tunnel *compute.VPNTunnel, inside netip.Prefix) (*compute.RouterPeer, error) {
	key := strconv.Itoa(number)
	end := netip.PrefixFrom(gcpAddress(inside), inside.Bits())
	iface, err := kit.Create(b.Component, compute.NewRouterInterface, b.ChildName("interface", key), &compute.RouterInterfaceArgs{
		Name: b.nameInGCP("interface", key), Router: b.router.Name, VpnTunnel: tunnel.Name, IpRange: pulumi.String(end.String()),
	}, deleteFirst())
	if err != nil {
		return nil, err
	}
	return kit.Create(b.Component, compute.NewRouterPeer, b.ChildName("peer", key), &compute.RouterPeerArgs{
		Name: b.nameInGCP("peer", key), Router: b.router.Name, Interface: iface.Name, PeerAsn: pulumi.Int(int(b.args.AWSASN)),
		IpAddress: pulumi.String(gcpAddress(inside).String()), PeerIpAddress: pulumi.String(awsAddress(inside).String()),
	}, deleteFirst())
}

// deleteFirst is the option of resources with a fixed name in GCP: a replacement cannot exist while the resource that it replaces has the
// name.
func deleteFirst() pulumi.ResourceOption { return pulumi.DeleteBeforeReplace(true) }
