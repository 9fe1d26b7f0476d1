//go:build conformance

package conformance

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// end is one side of a tunnel as the other side must see it, everything as text.
type end struct {
	key, ike                     string
	awsOutside, gcpOutside       string
	awsInside, gcpInside, inside string
	awsASN, gcpASN               string
}

// awsEnds asks moto for every tunnel of every connection, by AWS's outside address.
func awsEnds(t testing.TB, cfg aws.Config) map[string]end {
	t.Helper()
	c := ec2.NewFromConfig(cfg)
	connections, err := c.DescribeVpnConnections(t.Context(), &ec2.DescribeVpnConnectionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]end{}
	for _, connection := range connections.VpnConnections {
		if connection.State == types.VpnStateDeleted {
			continue
		}
		customer, err := c.DescribeCustomerGateways(t.Context(),
			&ec2.DescribeCustomerGatewaysInput{CustomerGatewayIds: []string{*connection.CustomerGatewayId}})
		if err != nil {
			t.Fatal(err)
		}
		gateway, err := c.DescribeVpnGateways(t.Context(), &ec2.DescribeVpnGatewaysInput{VpnGatewayIds: []string{*connection.VpnGatewayId}})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range connection.Options.TunnelOptions {
			block := netip.MustParsePrefix(aws.ToString(o.TunnelInsideCidr))
			// AWS takes the first of the two addresses. Source: AWS Site-to-Site VPN User Guide, tunnel options.
			first := block.Addr().Next()
			var ike []string
			for _, v := range o.IkeVersions {
				ike = append(ike, aws.ToString(v.Value))
			}
			ends[aws.ToString(o.OutsideIpAddress)] = end{
				key: aws.ToString(o.PreSharedKey), ike: strings.Join(ike, " "), inside: block.String(),
				awsOutside: aws.ToString(o.OutsideIpAddress), gcpOutside: aws.ToString(customer.CustomerGateways[0].IpAddress),
				awsInside: first.String(), gcpInside: first.Next().String(), awsASN: fmt.Sprint(aws.ToInt64(gateway.VpnGateways[0].AmazonSideAsn)),
				gcpASN: aws.ToString(customer.CustomerGateways[0].BgpAsn),
			}
		}
	}
	return ends
}

// googleEnds gives every tunnel as the recorder received it, by AWS's outside address.
func googleEnds(t testing.TB, r *recorder) map[string]end {
	t.Helper()
	things := r.allObjects()
	at := func(link any) object { return things[strings.TrimPrefix(fmt.Sprint(link), links)] }
	ends := map[string]end{}
	for path, tunnel := range things {
		if !strings.Contains(path, "/vpnTunnels/") {
			continue
		}
		router := at(tunnel["router"])
		bgp, _ := router["bgp"].(object)
		e := end{
			key: r.postedValue(path, "sharedSecret"), ike: "ikev" + fmt.Sprint(tunnel["ikeVersion"]), gcpASN: formatWhole(bgp["asn"]),
			gcpOutside: interfaceAddress(at(tunnel["vpnGateway"]), "vpnInterfaces", tunnel["vpnGatewayInterface"]),
			awsOutside: interfaceAddress(at(tunnel["peerExternalGateway"]), "interfaces", tunnel["peerExternalGatewayInterface"]),
		}
		for _, i := range listObjects(router["interfaces"]) {
			if i["linkedVpnTunnel"] != links+path {
				continue
			}
			own := netip.MustParsePrefix(fmt.Sprint(i["ipRange"]))
			e.inside, e.gcpInside = own.Masked().String(), own.Addr().String()
			for _, peer := range listObjects(router["bgpPeers"]) {
				if peer["interfaceName"] == i["name"] {
					e.awsInside, e.awsASN = fmt.Sprint(peer["peerIpAddress"]), formatWhole(peer["peerAsn"])
					if peer["ipAddress"] != e.gcpInside {
						t.Errorf("%s: the session's address is %v and the interface's %s", path, peer["ipAddress"], e.gcpInside)
					}
				}
			}
		}
		ends[e.awsOutside] = e
	}
	return ends
}

// tunnelsAgree fails the test unless what GCP was told of every tunnel is what AWS holds.
func tunnelsAgree(t testing.TB, cfg aws.Config, r *recorder, want int) {
	t.Helper()
	there, here := awsEnds(t, cfg), googleEnds(t, r)
	if len(there) != want || len(here) != want {
		t.Errorf("AWS has %d tunnels and GCP %d; want %d", len(there), len(here), want)
	}
	for address, e := range there {
		if here[address] != e {
			t.Errorf("tunnel %s:\n  AWS %+v\n  GCP %+v", address, e, here[address])
		}
	}
}
