package emulator

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
)

const vpnConnectionType = "aws:ec2/vpnConnection:VpnConnection"

func init() {
	define(vpnConnectionKind())
}

func vpnConnectionKind() *kind {
	return &kind{
		typ: vpnConnectionType, prefix: "vpn", arn: "arn:aws:ec2:%s:%s:vpn-connection/%s",
		missing: "InvalidVpnConnectionID.NotFound: The vpnConnection ID '%s' does not exist",
		oneOf:   [][]string{{"vpnGatewayId"}},
		refuse: []string{"enableAcceleration", "localIpv6NetworkCidr", "presharedKeyStorage", "remoteIpv6NetworkCidr", "transitGatewayId",
			"transportTransitGatewayAttachmentId", "tunnel1InsideIpv6Cidr", "tunnel2InsideIpv6Cidr", "tunnel1LogOptions", "tunnel2LogOptions"},
		refs: []ref{
			{path: "customerGatewayId", to: []string{customerGatewayType}, when: holds},
			{path: "vpnGatewayId", to: []string{vpnGatewayType}, when: holds},
		},
		volatile: []string{"vgwTelemetries", "tunnel1BgpAsn", "tunnel2BgpAsn"},
		check:    checkConnection,
		create:   createConnection,
		update: func(c *call) error {
			if !c.changed("vpnGatewayId") {
				return nil
			}
			return c.checkInside()
		},
		live: liveConnection,
	}
}

func createConnection(c *call) error {
	here := c.here(vpnConnectionType)
	if len(here) >= c.quota(quotaVPNConnections) {
		return exceeded("VpnConnectionLimitExceeded: The maximum number of VPN connections has been reached (%s).", quotaVPNConnections)
	}
	ofGateway := 0
	for _, other := range here {
		if other.str("vpnGatewayId") == c.rec.str("vpnGatewayId") {
			ofGateway++
		}
	}
	if ofGateway >= c.quota(quotaVPNsPerGateway) {
		return exceeded("VpnConnectionLimitExceeded: The maximum number of VPN connections of %s has been reached (%s).",
			c.rec.str("vpnGatewayId"), quotaVPNsPerGateway)
	}
	out := map[string]any{"enableAcceleration": false, "localIpv4NetworkCidr": "0.0.0.0/0", "remoteIpv4NetworkCidr": "0.0.0.0/0",
		"outsideIpAddressType": "PublicIpv4", "routes": []any{}, "staticRoutesOnly": false, "tunnelInsideIpVersion": "ipv4",
		"customerGatewayConfiguration": fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><vpn_connection id=%q/>`, c.rec.ID)}
	for n := 1; n <= 2; n++ {
		out[tunnelField(n, "Address")] = c.newAddress()
		out[tunnelField(n, "BgpHoldtime")] = 30.0
		out[tunnelField(n, "LogOptions")] = map[string]any{}
		out[tunnelField(n, "PresharedKey")] = keyOf(c.rec.ID, n)
	}
	c.rec.Outputs = out
	c.chooseInside()
	if err := c.checkInside(); err != nil {
		return err
	}
	for n := 1; n <= 2; n++ {
		inside, err := netip.ParsePrefix(c.rec.str(tunnelField(n, "InsideCidr")))
		if err != nil {
			return fmt.Errorf("inside range of tunnel %d: %w", n, err) // checked before
		}
		amazon := inside.Addr().Next() // the first host is AWS's, the second the customer's
		out[tunnelField(n, "VgwInsideAddress")] = amazon.String()
		out[tunnelField(n, "CgwInsideAddress")] = amazon.Next().String()
	}
	return nil
}

// tunnelField is the name of a property of one of a connection's two tunnels.
func tunnelField(n int, name string) string { return fmt.Sprintf("tunnel%d%s", n, name) }

// keyOf is the key that AWS makes when none is given: here the same in every run of the same calls.
func keyOf(id string, n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz123456789_."
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", id, n))
	key := make([]byte, len(sum))
	for i, b := range sum {
		key[i] = letters[int(b)%len(letters)]
	}
	return string(key)
}

// insideTaken tells which connection of the same gateway has an inside range.
func (c *call) insideTaken() map[string]string {
	taken := map[string]string{}
	for _, other := range c.here(vpnConnectionType) {
		if other.ID != c.rec.ID && other.str("vpnGatewayId") == c.rec.str("vpnGatewayId") {
			taken[other.str("tunnel1InsideCidr")], taken[other.str("tunnel2InsideCidr")] = other.ID, other.ID
		}
	}
	return taken
}

// chooseInside gives tunnels without an inside range the first that is free.
func (c *call) chooseInside() {
	taken := c.insideTaken()
	for n := 1; n <= 2; n++ {
		taken[c.rec.str(tunnelField(n, "InsideCidr"))] = c.rec.ID
	}
	next := netip.MustParseAddr("169.254.6.0")
	for n := 1; n <= 2; n++ {
		name := tunnelField(n, "InsideCidr")
		for c.rec.str(name) == "" {
			if cidr := netip.PrefixFrom(next, 30).String(); taken[cidr] == "" && badInside(cidr) == "" {
				c.rec.Outputs[name] = cidr
				taken[cidr] = c.rec.ID
			}
			for range 4 {
				next = next.Next()
			}
		}
	}
}

// checkInside refuses inside ranges that another tunnel of the same gateway has.
func (c *call) checkInside() error {
	taken := c.insideTaken()
	for n := 1; n <= 2; n++ {
		cidr := c.rec.str(tunnelField(n, "InsideCidr"))
		if why := badInside(cidr); why != "" {
			return refused("InvalidParameterValue: %s '%s' %s", tunnelField(n, "InsideCidr"), cidr, why)
		}
		if other := taken[cidr]; other != "" {
			return refused("InvalidParameterCombination: %s '%s' is in use by %s of the same gateway", tunnelField(n, "InsideCidr"), cidr, other)
		}
		taken[cidr] = c.rec.ID
	}
	return nil
}

func liveConnection(s *State, r *record) map[string]any {
	asn := ""
	if gateway := s.near(r, vpnGatewayType, r.str("vpnGatewayId")); gateway != nil {
		asn = gateway.str("amazonSideAsn")
	}
	var list []any
	pairs := s.pairs()
	for n := 1; n <= 2; n++ {
		address := r.str(tunnelField(n, "Address"))
		told := map[string]any{"acceptedRouteCount": 0.0, "certificateArn": "", "lastStatusChange": "", "outsideIpAddress": address,
			"status": "DOWN", "statusMessage": "IPSEC IS DOWN"}
		for _, p := range pairs {
			if p.amazon != nil && p.amazon.connection.key == r.key && p.amazon.n == n && len(p.why(s)) == 0 {
				routes := len(s.advertised(p.google))
				told["acceptedRouteCount"], told["status"] = float64(routes), "UP"
				told["statusMessage"] = fmt.Sprintf("%d BGP ROUTES", routes)
			}
		}
		list = append(list, told)
	}
	return map[string]any{"vgwTelemetries": list, "tunnel1BgpAsn": asn, "tunnel2BgpAsn": asn}
}
