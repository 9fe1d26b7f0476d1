package aws

import (
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// VPNGatewayType is the Pulumi type token of a virtual private gateway.
const VPNGatewayType = "aws:ec2/vpnGateway:VpnGateway"

// VPNGatewayAttachmentType is the Pulumi type token of the attachment of a virtual private gateway to a VPC.
const VPNGatewayAttachmentType = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"

const defaultAmazonSideASN = "64512"

func vpnGatewayKind() *cloud.Kind {
	return &cloud.Kind{
		Type: VPNGatewayType, IDPrefix: "vgw", ARN: "arn:aws:ec2:%s:%s:vpn-gateway/%s",
		Missing:    "InvalidVpnGatewayID.NotFound: The vpnGateway ID '%s' does not exist",
		InUse:      "IncorrectState: The vpnGateway '%s' is in use and cannot be deleted.",
		References: []cloud.Reference{{Path: "vpcId", To: []string{VPCType}, OnDelete: cloud.Block}},
		Check: func(m resource.PropertyMap) []catalog.Failure {
			in := cloud.ReadInputs(m)
			s, given := in.Values["amazonSideAsn"].(string)
			if n, err := strconv.ParseUint(s, 10, 64); given && (err != nil || !cloud.IsPrivateASN(float64(n))) {
				in.Fail("amazonSideAsn", "%q: want a private ASN, 64512 to 65534 or 4200000000 to 4294967294", s)
			}
			return in.Failures()
		},
		Create: func(c *cloud.Call) error {
			if len(c.ListHere(VPNGatewayType)) >= c.Quota(quotaVPNGateways) {
				return cloud.RefuseQuota("VpnGatewayLimitExceeded: The maximum number of virtual private gateways has been reached (%s).",
					quotaVPNGateways)
			}
			c.New.Outputs["amazonSideAsn"] = defaultAmazonSideASN
			return checkVPNAttachment(c, c.New.ID, c.New.Text("vpcId"))
		},
		Update: func(c *cloud.Call) error {
			if !c.HasChanged("vpcId") {
				return nil
			}
			return checkVPNAttachment(c, c.New.ID, c.New.Text("vpcId"))
		},
		Derive: func(s *cloud.State, r *cloud.Record) map[string]any {
			return map[string]any{"vpcId": VPCOfVPNGateway(s, r)}
		},
	}
}

// checkVPNAttachment refuses a second VPN gateway for a VPC, and a second VPC for a VPN gateway.
func checkVPNAttachment(c *cloud.Call, gateway, vpc string) error {
	if vpc == "" {
		return nil
	}
	for _, other := range c.ListHere(VPNGatewayType) {
		at := VPCOfVPNGateway(c.State, other)
		switch {
		case at == "":
		case other.ID != gateway && at == vpc:
			return cloud.Refuse("VpnGatewayAttachmentLimitExceeded: The network %s already has a virtual private gateway attached to it (%s)", vpc,
				other.ID)
		case other.ID == gateway && at != vpc && c.Old == nil:
			return cloud.Refuse("IncorrectState: The vpnGateway %s is attached to %s already", gateway, at)
		}
	}
	return nil
}

// VPCOfVPNGateway returns the VPC that a VPN gateway is attached to, by its own input or by an attachment, or an empty string.
func VPCOfVPNGateway(s *cloud.State, gateway *cloud.Record) string {
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

func vpnAttachmentKind() *cloud.Kind {
	return &cloud.Kind{
		Type:    VPNGatewayAttachmentType,
		Missing: "InvalidVpnGatewayAttachment.NotFound: The attachment '%s' does not exist",
		References: []cloud.Reference{
			{Path: "vpcId", To: []string{VPCType}, OnDelete: cloud.Block},
			{Path: "vpnGatewayId", To: []string{VPNGatewayType}, OnDelete: cloud.Block},
		},
		Create: func(c *cloud.Call) error {
			gateway, vpc := c.New.Text("vpnGatewayId"), c.New.Text("vpcId")
			c.New.ID = fmt.Sprintf("vpn-attachment-%x", crc32.ChecksumIEEE([]byte(vpc+"-"+gateway))) // as Terraform makes it
			if c.Find(c.New.ID, VPNGatewayAttachmentType) != nil {
				return cloud.Refuse("IncorrectState: The vpnGateway %s is attached to %s already", gateway, vpc)
			}
			return checkVPNAttachment(c, gateway, vpc)
		},
	}
}
