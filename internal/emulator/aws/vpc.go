package aws

import (
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// VPCType is the Pulumi type token of a VPC.
const VPCType = "aws:ec2/vpc:Vpc"

var vpcKind = &cloud.Kind{
	Type: VPCType, IDPrefix: "vpc", ARN: "arn:aws:ec2:%s:%s:vpc/%s",
	Missing:  "InvalidVpcID.NotFound: The vpc ID '%s' does not exist",
	InUse:    "DependencyViolation: The vpc '%s' has dependencies and cannot be deleted.",
	Defaults: map[string]any{"enableDnsSupport": true, "instanceTenancy": "default"},
	Unsupported: []string{"assignGeneratedIpv6CidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength", "ipv6CidrBlock",
		"ipv6CidrBlockNetworkBorderGroup", "ipv6IpamPoolId", "ipv6NetmaskLength"},
	ExactlyOne: [][]string{{"cidrBlock"}},
	Check:      func(m resource.PropertyMap) []catalog.Failure { return checkCIDR(m, "cidrBlock") },
	Create:     createVPC,
}

// checkCIDR refuses address ranges that AWS accepts neither for a VPC nor for a subnet.
func checkCIDR(m resource.PropertyMap, name string) []catalog.Failure {
	s, known := cloud.KnownText(m, name)
	if !known {
		return nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || !p.Addr().Is4():
		return []catalog.Failure{{Property: name, Reason: fmt.Sprintf("%q is not a valid IPv4 CIDR block", s)}}
	case p.Masked() != p:
		return []catalog.Failure{{Property: name, Reason: fmt.Sprintf("%q must be a network address, such as %s", s, p.Masked())}}
	case p.Bits() < 16 || p.Bits() > 28:
		return []catalog.Failure{{Property: name, Reason: fmt.Sprintf("%q must be between /16 and /28", s)}}
	}
	return nil
}

func createVPC(c *cloud.Call) error {
	if len(c.ListHere(VPCType)) >= c.Quota(quotaVPCs) {
		return cloud.RefuseQuota("VpcLimitExceeded: The maximum number of VPCs has been reached.")
	}
	if _, err := netip.ParsePrefix(c.New.Text("cidrBlock")); err != nil {
		return cloud.Refuse("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
			c.New.Text("cidrBlock"))
	}
	group := c.NewRecord(DefaultSecurityGroupType, c.NewID("sg"), c.New)
	group.Outputs = map[string]any{"vpcId": c.New.ID, "name": "default", "description": "default VPC security group"}
	table := c.NewRecord(RouteTableType, c.NewID("rtb"), c.New)
	table.Outputs = map[string]any{"vpcId": c.New.ID}
	c.New.Outputs["defaultSecurityGroupId"] = group.ID
	c.New.Outputs["defaultRouteTableId"] = table.ID
	c.New.Outputs["mainRouteTableId"] = table.ID
	c.New.Outputs["defaultNetworkAclId"] = c.NewID("acl")
	c.New.Outputs["dhcpOptionsId"] = c.NewID("dopt")
	c.Store(c.New)
	c.Store(group)
	c.Store(table)
	return nil
}
