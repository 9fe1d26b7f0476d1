package emulator

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/regions/ec2types"
)

const (
	VPCType             = "aws:ec2/vpc:Vpc"
	SubnetType          = "aws:ec2/subnet:Subnet"
	InternetGatewayType = "aws:ec2/internetGateway:InternetGateway"
)

var vpcKind = &Kind{
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

// checkCIDR refuses address ranges that AWS takes for no VPC and no subnet.
func checkCIDR(m resource.PropertyMap, name string) []catalog.Failure {
	s, known := KnownText(m, name)
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

func createVPC(c *Call) error {
	if len(c.ListHere(VPCType)) >= c.Quota(quotaVPCs) {
		return RefuseQuota("VpcLimitExceeded: The maximum number of VPCs has been reached.")
	}
	if _, err := netip.ParsePrefix(c.New.Text("cidrBlock")); err != nil {
		return Refuse("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
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

var subnetKind = &Kind{
	Type: SubnetType, IDPrefix: "subnet", ARN: "arn:aws:ec2:%s:%s:subnet/%s",
	Missing: "InvalidSubnetID.NotFound: The subnet ID '%s' does not exist",
	InUse:   "DependencyViolation: The subnet '%s' has dependencies and cannot be deleted.",
	Defaults: map[string]any{"assignIpv6AddressOnCreation": false, "enableDns64": false,
		"enableResourceNameDnsARecordOnLaunch": false, "enableResourceNameDnsAaaaRecordOnLaunch": false, "ipv6Native": false,
		"mapPublicIpOnLaunch": false},
	Unsupported: []string{"customerOwnedIpv4Pool", "enableLniAtDeviceIndex", "ipv6CidrBlock", "mapCustomerOwnedIpOnLaunch", "outpostArn",
		"availabilityZoneId"},
	ExactlyOne: [][]string{{"cidrBlock"}},
	References: []Reference{{Path: "vpcId", To: []string{VPCType}, OnDelete: Block}},
	Check:      func(m resource.PropertyMap) []catalog.Failure { return checkCIDR(m, "cidrBlock") },
	Seconds: func(r *Record) float64 {
		if r.Bool("mapPublicIpOnLaunch") {
			return 12 // docs/facts.md, section 1: a second call sets the attribute, and the provider waits for it
		}
		return 2
	},
	Create: createSubnet,
}

func createSubnet(c *Call) error {
	if err := checkSubnetRange(c); err != nil {
		return err
	}
	zones := ec2types.Zones(c.Region)
	zone := c.New.Text("availabilityZone")
	if zone == "" {
		zone = zones[0]
	}
	index := slices.Index(zones, zone)
	if index < 0 {
		return Refuse("InvalidParameterValue: Value (%s) for parameter availabilityZone is invalid. "+
			"Subnets can currently only be created in the following availability zones: %s.", zone, strings.Join(zones, ", "))
	}
	c.New.Outputs["availabilityZone"] = zone
	c.New.Outputs["availabilityZoneId"] = fmt.Sprintf("%s-az%d", regionCode(c.Region), index+1)
	c.New.Outputs["privateDnsHostnameTypeOnLaunch"] = "ip-name"
	return nil
}

// checkSubnetRange refuses a range outside the VPC's or over another subnet's.
func checkSubnetRange(c *Call) error {
	vpc := c.Find(c.New.Text("vpcId"), VPCType)
	cidr := c.New.Text("cidrBlock")
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return Refuse("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", cidr)
	}
	whole, err := netip.ParsePrefix(vpc.Text("cidrBlock"))
	if err != nil {
		return fmt.Errorf("range of %s: %w", vpc.ID, err)
	}
	if !whole.Contains(p.Addr()) || p.Bits() < whole.Bits() {
		return Refuse("InvalidSubnet.Range: The CIDR '%s' is invalid. (%s has %s)", cidr, vpc.ID, whole)
	}
	for _, other := range c.ListHere(SubnetType) {
		q, err := netip.ParsePrefix(other.Text("cidrBlock"))
		if err == nil && other.Text("vpcId") == vpc.ID && q.Overlaps(p) {
			return Refuse("InvalidSubnet.Conflict: The CIDR '%s' conflicts with another subnet (%s has %s)", cidr, other.ID, q)
		}
	}
	return nil
}

// regionCode is how zone ids abbreviate a region: usw1 for us-west-1.
func regionCode(region string) string {
	short := strings.NewReplacer("north", "n", "south", "s", "east", "e", "west", "w", "central", "c", "-", "")
	return short.Replace(region)
}

var internetGatewayKind = &Kind{
	Type: InternetGatewayType, IDPrefix: "igw", ARN: "arn:aws:ec2:%s:%s:internet-gateway/%s",
	Missing:    "InvalidGatewayID.NotFound: The gateway ID '%s' does not exist",
	InUse:      "DependencyViolation: The internetGateway '%s' has dependencies and cannot be deleted.",
	References: []Reference{{Path: "vpcId", To: []string{VPCType}, OnDelete: Block}},
	Create: func(c *Call) error {
		if len(c.ListHere(InternetGatewayType)) >= c.Quota(quotaInternetGateways) {
			return RefuseQuota("InternetGatewayLimitExceeded: The maximum number of internet gateways has been reached.")
		}
		return checkOneGateway(c)
	},
	Update: func(c *Call) error {
		if !c.HasChanged("vpcId") {
			return nil
		}
		if err := checkNoPublicAddresses(c); err != nil {
			return err
		}
		return checkOneGateway(c)
	},
	Delete: checkNoPublicAddresses,
}

// checkOneGateway refuses a second internet gateway for a VPC.
func checkOneGateway(c *Call) error {
	vpc := c.New.Text("vpcId")
	if other := attachedGateway(c.State, c.Scope, vpc); vpc != "" && other != nil {
		return Refuse("InvalidParameterValue: Network %s already has an internet gateway attached (%s)", vpc, other.ID)
	}
	return nil
}

// checkNoPublicAddresses refuses to take a gateway from a VPC in which something has a public address.
func checkNoPublicAddresses(c *Call) error {
	vpc := c.Old.Text("vpcId")
	if vpc == "" {
		return nil
	}
	var mapped []string
	for _, eni := range c.ListHere(NetworkInterfaceType) {
		if c.State.NetworkOf(eni) == vpc && publicAddressOf(c.State, eni) != "" {
			mapped = append(mapped, c.State.VisibleRecord(eni).ID)
		}
	}
	if len(mapped) > 0 {
		return RefuseInUse("DependencyViolation: Network %s has some mapped public address(es). "+
			"Please unmap those public address(es) before detaching the gateway. (%s)", vpc, strings.Join(slices.Compact(mapped), ", "))
	}
	return nil
}

// attachedGateway finds the internet gateway attached to a VPC, or nil.
func attachedGateway(s *State, in Scope, vpc string) *Record {
	for _, igw := range s.RecordsOf(InternetGatewayType) {
		if igw.Account == in.Account && igw.Region == in.Region && igw.Text("vpcId") == vpc {
			return igw
		}
	}
	return nil
}
