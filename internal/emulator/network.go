package emulator

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	vpcType             = "aws:ec2/vpc:Vpc"
	subnetType          = "aws:ec2/subnet:Subnet"
	internetGatewayType = "aws:ec2/internetGateway:InternetGateway"
)

func init() {
	define(vpcKind, subnetKind, internetGatewayKind)
}

var vpcKind = &kind{
	typ: vpcType, prefix: "vpc", arn: "arn:aws:ec2:%s:%s:vpc/%s",
	missing:  "InvalidVpcID.NotFound: The vpc ID '%s' does not exist",
	inUse:    "DependencyViolation: The vpc '%s' has dependencies and cannot be deleted.",
	defaults: map[string]any{"enableDnsSupport": true, "instanceTenancy": "default"},
	refuse: []string{"assignGeneratedIpv6CidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength", "ipv6CidrBlock",
		"ipv6CidrBlockNetworkBorderGroup", "ipv6IpamPoolId", "ipv6NetmaskLength"},
	oneOf:  [][]string{{"cidrBlock"}},
	check:  func(m resource.PropertyMap) []catalog.Failure { return checkRange(m, "cidrBlock") },
	create: createVPC,
}

// checkRange refuses address ranges that AWS takes for no VPC and no subnet.
func checkRange(m resource.PropertyMap, name string) []catalog.Failure {
	s, known := text(m, name)
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

func createVPC(c *call) error {
	if len(c.here(vpcType)) >= c.quota(quotaVPCs) {
		return exceeded("VpcLimitExceeded: The maximum number of VPCs has been reached.")
	}
	if _, err := netip.ParsePrefix(c.rec.str("cidrBlock")); err != nil {
		return refused("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
			c.rec.str("cidrBlock"))
	}
	group := c.made(defaultSecurityGroupType, c.newID("sg"), c.rec)
	group.Outputs = map[string]any{"vpcId": c.rec.ID, "name": "default", "description": "default VPC security group"}
	table := c.made(routeTableType, c.newID("rtb"), c.rec)
	table.Outputs = map[string]any{"vpcId": c.rec.ID}
	c.rec.Outputs["defaultSecurityGroupId"] = group.ID
	c.rec.Outputs["defaultRouteTableId"] = table.ID
	c.rec.Outputs["mainRouteTableId"] = table.ID
	c.rec.Outputs["defaultNetworkAclId"] = c.newID("acl")
	c.rec.Outputs["dhcpOptionsId"] = c.newID("dopt")
	c.set(c.rec)
	c.set(group)
	c.set(table)
	return nil
}

var subnetKind = &kind{
	typ: subnetType, prefix: "subnet", arn: "arn:aws:ec2:%s:%s:subnet/%s",
	missing: "InvalidSubnetID.NotFound: The subnet ID '%s' does not exist",
	inUse:   "DependencyViolation: The subnet '%s' has dependencies and cannot be deleted.",
	defaults: map[string]any{"assignIpv6AddressOnCreation": false, "enableDns64": false,
		"enableResourceNameDnsARecordOnLaunch": false, "enableResourceNameDnsAaaaRecordOnLaunch": false, "ipv6Native": false,
		"mapPublicIpOnLaunch": false},
	refuse: []string{"customerOwnedIpv4Pool", "enableLniAtDeviceIndex", "ipv6CidrBlock", "mapCustomerOwnedIpOnLaunch", "outpostArn",
		"availabilityZoneId"},
	oneOf: [][]string{{"cidrBlock"}},
	refs:  []ref{{path: "vpcId", to: []string{vpcType}, when: holds}},
	check: func(m resource.PropertyMap) []catalog.Failure { return checkRange(m, "cidrBlock") },
	seconds: func(r *record) float64 {
		if r.flag("mapPublicIpOnLaunch") {
			return 12 // docs/facts.md, section 1: a second call sets the attribute, and the provider waits for it
		}
		return 2
	},
	create: createSubnet,
}

func createSubnet(c *call) error {
	if err := c.placeSubnet(); err != nil {
		return err
	}
	zones := ec2types.ZoneNames(c.region)
	zone := c.rec.str("availabilityZone")
	if zone == "" {
		zone = zones[0]
	}
	index := slices.Index(zones, zone)
	if index < 0 {
		return refused("InvalidParameterValue: Value (%s) for parameter availabilityZone is invalid. "+
			"Subnets can currently only be created in the following availability zones: %s.", zone, strings.Join(zones, ", "))
	}
	c.rec.Outputs["availabilityZone"] = zone
	c.rec.Outputs["availabilityZoneId"] = fmt.Sprintf("%s-az%d", regionCode(c.region), index+1)
	c.rec.Outputs["privateDnsHostnameTypeOnLaunch"] = "ip-name"
	return nil
}

// placeSubnet refuses a range outside the VPC's or over another subnet's.
func (c *call) placeSubnet() error {
	vpc := c.find(c.rec.str("vpcId"), vpcType)
	cidr := c.rec.str("cidrBlock")
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return refused("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", cidr)
	}
	whole, err := netip.ParsePrefix(vpc.str("cidrBlock"))
	if err != nil {
		return fmt.Errorf("range of %s: %w", vpc.ID, err)
	}
	if !whole.Contains(p.Addr()) || p.Bits() < whole.Bits() {
		return refused("InvalidSubnet.Range: The CIDR '%s' is invalid. (%s has %s)", cidr, vpc.ID, whole)
	}
	for _, other := range c.here(subnetType) {
		q, err := netip.ParsePrefix(other.str("cidrBlock"))
		if err == nil && other.str("vpcId") == vpc.ID && q.Overlaps(p) {
			return refused("InvalidSubnet.Conflict: The CIDR '%s' conflicts with another subnet (%s has %s)", cidr, other.ID, q)
		}
	}
	return nil
}

// regionCode is how zone ids abbreviate a region: usw1 for us-west-1.
func regionCode(region string) string {
	short := strings.NewReplacer("north", "n", "south", "s", "east", "e", "west", "w", "central", "c", "-", "")
	return short.Replace(region)
}

var internetGatewayKind = &kind{
	typ: internetGatewayType, prefix: "igw", arn: "arn:aws:ec2:%s:%s:internet-gateway/%s",
	missing: "InvalidGatewayID.NotFound: The gateway ID '%s' does not exist",
	inUse:   "DependencyViolation: The internetGateway '%s' has dependencies and cannot be deleted.",
	refs:    []ref{{path: "vpcId", to: []string{vpcType}, when: holds}},
	create: func(c *call) error {
		if len(c.here(internetGatewayType)) >= c.quota(quotaInternetGateways) {
			return exceeded("InternetGatewayLimitExceeded: The maximum number of internet gateways has been reached.")
		}
		return c.attachGateway()
	},
	update: func(c *call) error {
		if !c.changed("vpcId") {
			return nil
		}
		if err := c.detachGateway(); err != nil {
			return err
		}
		return c.attachGateway()
	},
	remove: (*call).detachGateway,
}

// attachGateway refuses a second internet gateway for a VPC.
func (c *call) attachGateway() error {
	vpc := c.rec.str("vpcId")
	if other := c.st.gatewayOf(c.scope, vpc); vpc != "" && other != nil {
		return refused("InvalidParameterValue: Network %s already has an internet gateway attached (%s)", vpc, other.ID)
	}
	return nil
}

// detachGateway refuses to take a gateway from a VPC in which something has a public address.
func (c *call) detachGateway() error {
	vpc := c.old.str("vpcId")
	if vpc == "" {
		return nil
	}
	var mapped []string
	for _, eni := range c.here(networkInterfaceType) {
		if c.st.vpcOf(eni) == vpc && c.st.publicAddress(eni) != "" {
			mapped = append(mapped, c.st.face(eni).ID)
		}
	}
	if len(mapped) > 0 {
		return inUse("DependencyViolation: Network %s has some mapped public address(es). "+
			"Please unmap those public address(es) before detaching the gateway. (%s)", vpc, strings.Join(slices.Compact(mapped), ", "))
	}
	return nil
}

// gatewayOf finds the internet gateway attached to a VPC, or nil.
func (s *State) gatewayOf(in scope, vpc string) *record {
	for _, igw := range s.of(internetGatewayType) {
		if igw.Account == in.account && igw.Region == in.region && igw.str("vpcId") == vpc {
			return igw
		}
	}
	return nil
}
