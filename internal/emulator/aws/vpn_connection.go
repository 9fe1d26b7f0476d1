package aws

import (
	"crypto/sha256"
	"fmt"
	"net/netip"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// VPNConnectionType is the Pulumi type token of a site-to-site VPN connection, which has two tunnels.
const VPNConnectionType = "aws:ec2/vpnConnection:VpnConnection"

func vpnConnectionKind() *cloud.Kind {
	return &cloud.Kind{
		Type: VPNConnectionType, IDPrefix: "vpn", ARN: "arn:aws:ec2:%s:%s:vpn-connection/%s",
		Missing:    "InvalidVpnConnectionID.NotFound: The vpnConnection ID '%s' does not exist",
		ExactlyOne: [][]string{{"vpnGatewayId"}},
		Unsupported: []string{"enableAcceleration", "localIpv6NetworkCidr", "presharedKeyStorage", "remoteIpv6NetworkCidr", "transitGatewayId",
			"transportTransitGatewayAttachmentId", "tunnel1InsideIpv6Cidr", "tunnel2InsideIpv6Cidr", "tunnel1LogOptions", "tunnel2LogOptions"},
		References: []cloud.Reference{
			{Path: "customerGatewayId", To: []string{CustomerGatewayType}, OnDelete: cloud.Block},
			{Path: "vpnGatewayId", To: []string{VPNGatewayType}, OnDelete: cloud.Block},
		},
		Volatile: []string{"vgwTelemetries", "tunnel1BgpAsn", "tunnel2BgpAsn"},
		Check:    checkConnection,
		Create:   createConnection,
		Update: func(c *cloud.Call) error {
			if !c.HasChanged("vpnGatewayId") {
				return nil
			}
			return checkInsideRanges(c)
		},
	}
}

func createConnection(c *cloud.Call) error {
	here := c.ListHere(VPNConnectionType)
	if len(here) >= c.Quota(quotaVPNConnections) {
		return cloud.RefuseQuota("VpnConnectionLimitExceeded: The maximum number of VPN connections has been reached (%s).", quotaVPNConnections)
	}
	ofGateway := 0
	for _, other := range here {
		if other.Text("vpnGatewayId") == c.New.Text("vpnGatewayId") {
			ofGateway++
		}
	}
	if ofGateway >= c.Quota(quotaVPNsPerGateway) {
		return cloud.RefuseQuota("VpnConnectionLimitExceeded: The maximum number of VPN connections of %s has been reached (%s).",
			c.New.Text("vpnGatewayId"), quotaVPNsPerGateway)
	}
	out := map[string]any{"enableAcceleration": false, "localIpv4NetworkCidr": "0.0.0.0/0", "remoteIpv4NetworkCidr": "0.0.0.0/0",
		"outsideIpAddressType": "PublicIpv4", "routes": []any{}, "staticRoutesOnly": false, "tunnelInsideIpVersion": "ipv4",
		"customerGatewayConfiguration": fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><vpn_connection id=%q/>`, c.New.ID)}
	for n := 1; n <= 2; n++ {
		out[TunnelProperty(n, "Address")] = c.NewAddress()
		out[TunnelProperty(n, "BgpHoldtime")] = 30.0
		out[TunnelProperty(n, "LogOptions")] = map[string]any{}
		out[TunnelProperty(n, "PresharedKey")] = generateKey(c.New.ID, n)
	}
	c.New.Outputs = out
	assignInsideRanges(c)
	if err := checkInsideRanges(c); err != nil {
		return err
	}
	for n := 1; n <= 2; n++ {
		inside, err := netip.ParsePrefix(c.New.Text(TunnelProperty(n, "InsideCidr")))
		if err != nil {
			return fmt.Errorf("inside range of tunnel %d: %w", n, err) // checked before
		}
		amazon := inside.Addr().Next() // the first host is AWS's, the second the customer's
		out[TunnelProperty(n, "VgwInsideAddress")] = amazon.String()
		out[TunnelProperty(n, "CgwInsideAddress")] = amazon.Next().String()
	}
	return nil
}

// TunnelProperty returns the name of a property of one of a connection's two tunnels.
func TunnelProperty(n int, name string) string { return fmt.Sprintf("tunnel%d%s", n, name) }

// generateKey returns the key that AWS generates when the program sets none. It is the same in every run of the same calls.
func generateKey(id string, n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz123456789_."
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", id, n))
	key := make([]byte, len(sum))
	for i, b := range sum {
		key[i] = letters[int(b)%len(letters)]
	}
	return string(key)
}

// takenInsideRanges returns the inside ranges of the same gateway's other connections, with their ids.
func takenInsideRanges(c *cloud.Call) map[string]string {
	taken := map[string]string{}
	for _, other := range c.ListHere(VPNConnectionType) {
		if other.ID != c.New.ID && other.Text("vpnGatewayId") == c.New.Text("vpnGatewayId") {
			taken[other.Text("tunnel1InsideCidr")], taken[other.Text("tunnel2InsideCidr")] = other.ID, other.ID
		}
	}
	return taken
}

// assignInsideRanges assigns the first free inside range to tunnels without one.
func assignInsideRanges(c *cloud.Call) {
	taken := takenInsideRanges(c)
	for n := 1; n <= 2; n++ {
		taken[c.New.Text(TunnelProperty(n, "InsideCidr"))] = c.New.ID
	}
	next := netip.MustParseAddr("169.254.6.0")
	for n := 1; n <= 2; n++ {
		name := TunnelProperty(n, "InsideCidr")
		for c.New.Text(name) == "" {
			if cidr := netip.PrefixFrom(next, 30).String(); taken[cidr] == "" && insideRangeFault(cidr) == "" {
				c.New.Outputs[name] = cidr
				taken[cidr] = c.New.ID
			}
			for range 4 {
				next = next.Next()
			}
		}
	}
}

// checkInsideRanges refuses inside ranges that another tunnel of the same gateway has.
func checkInsideRanges(c *cloud.Call) error {
	taken := takenInsideRanges(c)
	for n := 1; n <= 2; n++ {
		cidr := c.New.Text(TunnelProperty(n, "InsideCidr"))
		if why := insideRangeFault(cidr); why != "" {
			return cloud.Refuse("InvalidParameterValue: %s '%s' %s", TunnelProperty(n, "InsideCidr"), cidr, why)
		}
		if other := taken[cidr]; other != "" {
			return cloud.Refuse("InvalidParameterCombination: %s '%s' is in use by %s of the same gateway", TunnelProperty(n, "InsideCidr"), cidr,
				other)
		}
		taken[cidr] = c.New.ID
	}
	return nil
}
