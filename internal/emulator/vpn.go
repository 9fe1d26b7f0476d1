package emulator

import (
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	CustomerGatewayType      = "aws:ec2/customerGateway:CustomerGateway"
	VPNGatewayType           = "aws:ec2/vpnGateway:VpnGateway"
	VPNGatewayAttachmentType = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"
	RoutePropagationType     = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
	defaultCustomerASN       = "65000"
	defaultAmazonSideASN     = "64512"
	quotaCustomerGateways    = "L-4FB7FF5D"
	quotaVPNGateways         = "L-7029FAB6"
	quotaVPNConnections      = "L-3E6EC3A3"
	quotaVPNsPerGateway      = "L-B91E5754"
)

func customerGatewayKind() *Kind {
	return &Kind{
		Type: CustomerGatewayType, IDPrefix: "cgw", ARN: "arn:aws:ec2:%s:%s:customer-gateway/%s",
		Missing:     "InvalidCustomerGatewayID.NotFound: The customerGateway ID '%s' does not exist",
		InUse:       "IncorrectState: The customer gateway '%s' is in use.",
		Unsupported: []string{"certificateArn"},
		ExactlyOne:  [][]string{{"ipAddress"}},
		AtMostOne:   [][]string{{"bgpAsn", "bgpAsnExtended"}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			l.CheckChoice("type", "ipsec.1")
			checkASN(l, "bgpAsn", 1, 2147483647)
			checkASN(l, "bgpAsnExtended", 2147483648, 4294967295)
			if s := l.Text("ipAddress"); l.Has("ipAddress") && !IsIPv4(s) {
				l.Fail("ipAddress", "expected ipAddress to contain a valid IPv4 address, got: %s", s)
			}
			return l.Failures()
		},
		Create: func(c *Call) error {
			here := c.ListHere(CustomerGatewayType)
			if len(here) >= c.Quota(quotaCustomerGateways) {
				return RefuseQuota("CustomerGatewayLimitExceeded: The maximum number of customer gateways has been reached (%s).", quotaCustomerGateways)
			}
			for _, other := range here {
				// The real API answers with the one that is there, and then two resources think that it is theirs.
				if other.Text("ipAddress") == c.New.Text("ipAddress") && CustomerASN(other) == CustomerASN(c.New) {
					return Refuse("InvalidCustomerGateway.DuplicateIpAddress: Conflict among chosen gateway IP addresses: %s has %s and ASN %s already",
						other.ID, other.Text("ipAddress"), CustomerASN(other))
				}
			}
			return nil
		},
	}
}

// checkASN wants an ASN, which AWS's types hold as text, between two.
func checkASN(l *Inputs, name string, least, most uint64) {
	s, given := l.Values[name].(string)
	if n, err := strconv.ParseUint(s, 10, 64); given && (err != nil || n < least || n > most) {
		l.Fail(name, "%q: want an ASN from %d to %d", s, least, most)
	}
}

func CustomerASN(r *Record) string {
	for _, name := range []string{"bgpAsn", "bgpAsnExtended"} {
		if s := r.Text(name); s != "" {
			return s
		}
	}
	return defaultCustomerASN
}

func vpnGatewayKind() *Kind {
	return &Kind{
		Type: VPNGatewayType, IDPrefix: "vgw", ARN: "arn:aws:ec2:%s:%s:vpn-gateway/%s",
		Missing:    "InvalidVpnGatewayID.NotFound: The vpnGateway ID '%s' does not exist",
		InUse:      "IncorrectState: The vpnGateway '%s' is in use and cannot be deleted.",
		References: []Reference{{Path: "vpcId", To: []string{VPCType}, OnDelete: Block}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			l := ReadInputs(m)
			s, given := l.Values["amazonSideAsn"].(string)
			if n, err := strconv.ParseUint(s, 10, 64); given && (err != nil || !IsPrivateASN(float64(n))) {
				l.Fail("amazonSideAsn", "%q: want a private ASN, 64512 to 65534 or 4200000000 to 4294967294", s)
			}
			return l.Failures()
		},
		Create: func(c *Call) error {
			if len(c.ListHere(VPNGatewayType)) >= c.Quota(quotaVPNGateways) {
				return RefuseQuota("VpnGatewayLimitExceeded: The maximum number of virtual private gateways has been reached (%s).", quotaVPNGateways)
			}
			c.New.Outputs["amazonSideAsn"] = defaultAmazonSideASN
			return checkVPNAttachment(c, c.New.ID, c.New.Text("vpcId"))
		},
		Update: func(c *Call) error {
			if !c.HasChanged("vpcId") {
				return nil
			}
			return checkVPNAttachment(c, c.New.ID, c.New.Text("vpcId"))
		},
		Derive: func(s *State, r *Record) map[string]any { return map[string]any{"vpcId": VPCOfVPNGateway(s, r)} },
	}
}

// checkVPNAttachment refuses a second VPN gateway for a VPC, and a second VPC for a VPN gateway.
func checkVPNAttachment(c *Call, gateway, vpc string) error {
	if vpc == "" {
		return nil
	}
	for _, other := range c.ListHere(VPNGatewayType) {
		at := VPCOfVPNGateway(c.State, other)
		switch {
		case at == "":
		case other.ID != gateway && at == vpc:
			return Refuse("VpnGatewayAttachmentLimitExceeded: The network %s already has a virtual private gateway attached to it (%s)", vpc, other.ID)
		case other.ID == gateway && at != vpc && c.Old == nil:
			return Refuse("IncorrectState: The vpnGateway %s is attached to %s already", gateway, at)
		}
	}
	return nil
}

// VPCOfVPNGateway is where a VPN gateway is attached, by its own input or by an attachment; empty when nowhere.
func VPCOfVPNGateway(s *State, gateway *Record) string {
	if id := gateway.Text("vpcId"); id != "" {
		return id
	}
	for _, u := range s.ReferrersOf(gateway.Key) {
		if u.Type == VPNGatewayAttachmentType {
			return u.Text("vpcId")
		}
	}
	return ""
}

func vpnAttachmentKind() *Kind {
	return &Kind{
		Type:    VPNGatewayAttachmentType,
		Missing: "InvalidVpnGatewayAttachment.NotFound: The attachment '%s' does not exist",
		References: []Reference{
			{Path: "vpcId", To: []string{VPCType}, OnDelete: Block},
			{Path: "vpnGatewayId", To: []string{VPNGatewayType}, OnDelete: Block},
		},
		Create: func(c *Call) error {
			gateway, vpc := c.New.Text("vpnGatewayId"), c.New.Text("vpcId")
			c.New.ID = fmt.Sprintf("vpn-attachment-%x", crc32.ChecksumIEEE([]byte(vpc+"-"+gateway))) // as Terraform makes it
			if c.Find(c.New.ID, VPNGatewayAttachmentType) != nil {
				return Refuse("IncorrectState: The vpnGateway %s is attached to %s already", gateway, vpc)
			}
			return checkVPNAttachment(c, gateway, vpc)
		},
	}
}

func routePropagationKind() *Kind {
	return &Kind{
		Type:    RoutePropagationType,
		Missing: "InvalidPropagation.NotFound: The propagation '%s' does not exist",
		References: []Reference{
			{Path: "routeTableId", To: []string{RouteTableType}, OnDelete: Cascade},
			{Path: "vpnGatewayId", To: []string{VPNGatewayType}, OnDelete: Cascade},
		},
		Create: func(c *Call) error {
			gateway, table := c.New.Text("vpnGatewayId"), c.New.Text("routeTableId")
			c.New.ID = gateway + "_" + table // as Terraform makes it
			if c.Find(c.New.ID, RoutePropagationType) != nil {
				return Refuse("RouteTable.PropagationExists: %s propagates the routes of %s already", table, gateway)
			}
			vpc := c.State.NetworkOf(c.Find(table, RouteTableType))
			if at := VPCOfVPNGateway(c.State, c.Find(gateway, VPNGatewayType)); at != vpc {
				return Refuse("Gateway.NotAttached: The gateway %s is not attached to the VPC %s of %s", gateway, vpc, table)
			}
			return nil
		},
	}
}
