package emulator

import (
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	customerGatewayType   = "aws:ec2/customerGateway:CustomerGateway"
	vpnGatewayType        = "aws:ec2/vpnGateway:VpnGateway"
	vpnAttachmentType     = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"
	routePropagationType  = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
	defaultCustomerASN    = "65000"
	defaultAmazonSideASN  = "64512"
	quotaCustomerGateways = "L-4FB7FF5D"
	quotaVPNGateways      = "L-7029FAB6"
	quotaVPNConnections   = "L-3E6EC3A3"
	quotaVPNsPerGateway   = "L-B91E5754"
)

func init() {
	define(customerGatewayKind(), vpnGatewayKind(), vpnAttachmentKind(), routePropagationKind())
	quotas[quotaCustomerGateways], quotas[quotaVPNGateways] = 50, 5
	quotas[quotaVPNConnections], quotas[quotaVPNsPerGateway] = 50, 10
}

func customerGatewayKind() *kind {
	return &kind{
		typ: customerGatewayType, prefix: "cgw", arn: "arn:aws:ec2:%s:%s:customer-gateway/%s",
		missing: "InvalidCustomerGatewayID.NotFound: The customerGateway ID '%s' does not exist",
		inUse:   "IncorrectState: The customer gateway '%s' is in use.",
		refuse:  []string{"certificateArn"},
		oneOf:   [][]string{{"ipAddress"}},
		notBoth: [][]string{{"bgpAsn", "bgpAsnExtended"}},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			l.choice("type", "ipsec.1")
			l.asn("bgpAsn", 1, 2147483647)
			l.asn("bgpAsnExtended", 2147483648, 4294967295)
			if s := l.str("ipAddress"); l.has("ipAddress") && !isIPv4(s) {
				l.bad("ipAddress", "expected ipAddress to contain a valid IPv4 address, got: %s", s)
			}
			return l.failures()
		},
		create: func(c *call) error {
			here := c.here(customerGatewayType)
			if len(here) >= c.quota(quotaCustomerGateways) {
				return exceeded("CustomerGatewayLimitExceeded: The maximum number of customer gateways has been reached (%s).", quotaCustomerGateways)
			}
			for _, other := range here {
				// The real API answers with the one that is there, and then two resources think that it is theirs.
				if other.str("ipAddress") == c.rec.str("ipAddress") && customerASN(other) == customerASN(c.rec) {
					return refused("InvalidCustomerGateway.DuplicateIpAddress: Conflict among chosen gateway IP addresses: %s has %s and ASN %s already",
						other.ID, other.str("ipAddress"), customerASN(other))
				}
			}
			return nil
		},
	}
}

// asn wants an ASN, which AWS's types hold as text, between two.
func (l *look) asn(name string, least, most uint64) {
	s, given := l.in[name].(string)
	if n, err := strconv.ParseUint(s, 10, 64); given && (err != nil || n < least || n > most) {
		l.bad(name, "%q: want an ASN from %d to %d", s, least, most)
	}
}

func customerASN(r *record) string {
	for _, name := range []string{"bgpAsn", "bgpAsnExtended"} {
		if s := r.str(name); s != "" {
			return s
		}
	}
	return defaultCustomerASN
}

func vpnGatewayKind() *kind {
	return &kind{
		typ: vpnGatewayType, prefix: "vgw", arn: "arn:aws:ec2:%s:%s:vpn-gateway/%s",
		missing: "InvalidVpnGatewayID.NotFound: The vpnGateway ID '%s' does not exist",
		inUse:   "IncorrectState: The vpnGateway '%s' is in use and cannot be deleted.",
		refs:    []ref{{path: "vpcId", to: []string{vpcType}, when: holds}},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			s, given := l.in["amazonSideAsn"].(string)
			if n, err := strconv.ParseUint(s, 10, 64); given && (err != nil || !isPrivateASN(float64(n))) {
				l.bad("amazonSideAsn", "%q: want a private ASN, 64512 to 65534 or 4200000000 to 4294967294", s)
			}
			return l.failures()
		},
		create: func(c *call) error {
			if len(c.here(vpnGatewayType)) >= c.quota(quotaVPNGateways) {
				return exceeded("VpnGatewayLimitExceeded: The maximum number of virtual private gateways has been reached (%s).", quotaVPNGateways)
			}
			c.rec.Outputs["amazonSideAsn"] = defaultAmazonSideASN
			return c.attachVPN(c.rec.ID, c.rec.str("vpcId"))
		},
		update: func(c *call) error {
			if !c.changed("vpcId") {
				return nil
			}
			return c.attachVPN(c.rec.ID, c.rec.str("vpcId"))
		},
		live: func(s *State, r *record) map[string]any { return map[string]any{"vpcId": s.vpcOfVPN(r)} },
	}
}

// attachVPN refuses a second VPN gateway for a VPC, and a second VPC for a VPN gateway.
func (c *call) attachVPN(gateway, vpc string) error {
	if vpc == "" {
		return nil
	}
	for _, other := range c.here(vpnGatewayType) {
		at := c.st.vpcOfVPN(other)
		switch {
		case at == "":
		case other.ID != gateway && at == vpc:
			return refused("VpnGatewayAttachmentLimitExceeded: The network %s already has a virtual private gateway attached to it (%s)", vpc, other.ID)
		case other.ID == gateway && at != vpc && c.old == nil:
			return refused("IncorrectState: The vpnGateway %s is attached to %s already", gateway, at)
		}
	}
	return nil
}

// vpcOfVPN is where a VPN gateway is attached, by its own input or by an attachment; empty when nowhere.
func (s *State) vpcOfVPN(gateway *record) string {
	if id := gateway.str("vpcId"); id != "" {
		return id
	}
	for _, u := range s.usersOf(gateway.key) {
		if u.Type == vpnAttachmentType {
			return u.str("vpcId")
		}
	}
	return ""
}

func vpnAttachmentKind() *kind {
	return &kind{
		typ:     vpnAttachmentType,
		missing: "InvalidVpnGatewayAttachment.NotFound: The attachment '%s' does not exist",
		refs: []ref{
			{path: "vpcId", to: []string{vpcType}, when: holds},
			{path: "vpnGatewayId", to: []string{vpnGatewayType}, when: holds},
		},
		create: func(c *call) error {
			gateway, vpc := c.rec.str("vpnGatewayId"), c.rec.str("vpcId")
			c.rec.ID = fmt.Sprintf("vpn-attachment-%x", crc32.ChecksumIEEE([]byte(vpc+"-"+gateway))) // as Terraform makes it
			if c.find(c.rec.ID, vpnAttachmentType) != nil {
				return refused("IncorrectState: The vpnGateway %s is attached to %s already", gateway, vpc)
			}
			return c.attachVPN(gateway, vpc)
		},
	}
}

func routePropagationKind() *kind {
	return &kind{
		typ:     routePropagationType,
		missing: "InvalidPropagation.NotFound: The propagation '%s' does not exist",
		refs: []ref{
			{path: "routeTableId", to: []string{routeTableType}, when: fades},
			{path: "vpnGatewayId", to: []string{vpnGatewayType}, when: fades},
		},
		create: func(c *call) error {
			gateway, table := c.rec.str("vpnGatewayId"), c.rec.str("routeTableId")
			c.rec.ID = gateway + "_" + table // as Terraform makes it
			if c.find(c.rec.ID, routePropagationType) != nil {
				return refused("RouteTable.PropagationExists: %s propagates the routes of %s already", table, gateway)
			}
			vpc := c.st.vpcOf(c.find(table, routeTableType))
			if at := c.st.vpcOfVPN(c.find(gateway, vpnGatewayType)); at != vpc {
				return refused("Gateway.NotAttached: The gateway %s is not attached to the VPC %s of %s", gateway, vpc, table)
			}
			return nil
		},
	}
}
