package aws

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// SubnetType is the Pulumi type token of a VPC subnet.
const SubnetType = "aws:ec2/subnet:Subnet"

var subnetKind = &cloud.Kind{
	Type: SubnetType, IDPrefix: "subnet", ARN: "arn:aws:ec2:%s:%s:subnet/%s",
	Missing: "InvalidSubnetID.NotFound: The subnet ID '%s' does not exist",
	InUse:   "DependencyViolation: The subnet '%s' has dependencies and cannot be deleted.",
	Defaults: map[string]any{"assignIpv6AddressOnCreation": false, "enableDns64": false,
		"enableResourceNameDnsARecordOnLaunch": false, "enableResourceNameDnsAaaaRecordOnLaunch": false, "ipv6Native": false,
		"mapPublicIpOnLaunch": false},
	Unsupported: []string{"customerOwnedIpv4Pool", "enableLniAtDeviceIndex", "ipv6CidrBlock", "mapCustomerOwnedIpOnLaunch", "outpostArn",
		"availabilityZoneId"},
	ExactlyOne: [][]string{{"cidrBlock"}},
	References: []cloud.Reference{{Path: "vpcId", To: []string{VPCType}, OnDelete: cloud.Block}},
	Check:      func(m resource.PropertyMap) []catalog.Failure { return checkCIDR(m, "cidrBlock") },
	Seconds: func(r *cloud.Record) float64 {
		if r.Bool("mapPublicIpOnLaunch") {
			return 12 // docs/facts.md, section 1: a second call sets the attribute, and the provider waits for it
		}
		return 2
	},
	Create: createSubnet,
}

func createSubnet(c *cloud.Call) error {
	if err := checkSubnetRange(c); err != nil {
		return err
	}
	zones := ec2types.ZoneNames(c.Region)
	zone := c.New.Text("availabilityZone")
	if zone == "" {
		zone = zones[0]
	}
	index := slices.Index(zones, zone)
	if index < 0 {
		return cloud.Refuse("InvalidParameterValue: Value (%s) for parameter availabilityZone is invalid. "+
			"Subnets can currently only be created in the following availability zones: %s.", zone, strings.Join(zones, ", "))
	}
	c.New.Outputs["availabilityZone"] = zone
	c.New.Outputs["availabilityZoneId"] = fmt.Sprintf("%s-az%d", regionCode(c.Region), index+1)
	c.New.Outputs["privateDnsHostnameTypeOnLaunch"] = "ip-name"
	return nil
}

// checkSubnetRange refuses a range outside the VPC's or over another subnet's.
func checkSubnetRange(c *cloud.Call) error {
	vpc := c.Find(c.New.Text("vpcId"), VPCType)
	cidr := c.New.Text("cidrBlock")
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return cloud.Refuse("InvalidParameterValue: Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", cidr)
	}
	whole, err := netip.ParsePrefix(vpc.Text("cidrBlock"))
	if err != nil {
		return fmt.Errorf("range of %s: %w", vpc.ID, err)
	}
	if !whole.Contains(p.Addr()) || p.Bits() < whole.Bits() {
		return cloud.Refuse("InvalidSubnet.Range: The CIDR '%s' is invalid. (%s has %s)", cidr, vpc.ID, whole)
	}
	for _, other := range c.ListHere(SubnetType) {
		q, err := netip.ParsePrefix(other.Text("cidrBlock"))
		if err == nil && other.Text("vpcId") == vpc.ID && q.Overlaps(p) {
			return cloud.Refuse("InvalidSubnet.Conflict: The CIDR '%s' conflicts with another subnet (%s has %s)", cidr, other.ID, q)
		}
	}
	return nil
}

// regionCode returns the abbreviation of a region in zone ids: usw1 for us-west-1.
func regionCode(region string) string {
	short := strings.NewReplacer("north", "n", "south", "s", "east", "e", "west", "w", "central", "c", "-", "")
	return short.Replace(region)
}
