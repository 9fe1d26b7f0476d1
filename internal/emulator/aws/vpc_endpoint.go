package aws

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// VPCEndpointType is the Pulumi type token of a VPC endpoint, of the gateway or the interface kind.
const VPCEndpointType = "aws:ec2/vpcEndpoint:VpcEndpoint"

// The services with endpoints in the emulator, of several hundred in AWS: those that a build region may need.
var (
	GatewayServices   = []string{"dynamodb", "s3"}
	InterfaceServices = []string{"autoscaling", "ec2", "ec2messages", "ecr.api", "ecr.dkr", "elasticloadbalancing", "kms", "logs",
		"monitoring", "s3", "secretsmanager", "sns", "sqs", "ssm", "ssmmessages", "sts"}
)

var vpcEndpointKind = &cloud.Kind{
	Type: VPCEndpointType, IDPrefix: "vpce", ARN: "arn:aws:ec2:%s:%s:vpc-endpoint/%s",
	Missing:     "InvalidVpcEndpointId.NotFound: The Vpc Endpoint Id '%s' does not exist",
	InUse:       "DependencyViolation: The vpc endpoint '%s' has dependencies and cannot be deleted.",
	Defaults:    map[string]any{"vpcEndpointType": "Gateway"},
	ExactlyOne:  [][]string{{"serviceName"}},
	Unsupported: []string{"autoAccept", "resourceConfigurationArn", "serviceNetworkArn", "serviceRegion", "subnetConfigurations"},
	References: []cloud.Reference{
		{Path: "vpcId", To: []string{VPCType}, OnDelete: cloud.Block},
		{Path: "routeTableIds[]", To: []string{RouteTableType}, OnDelete: cloud.Block},
		{Path: "subnetIds[]", To: []string{SubnetType}, OnDelete: cloud.Block},
		{Path: "securityGroupIds[]", To: []string{SecurityGroupType, DefaultSecurityGroupType}, OnDelete: cloud.Block},
	},
	Seconds: func(r *cloud.Record) float64 {
		if r.Text("vpcEndpointType") == "Interface" {
			return 90 // docs/facts.md, section 1: unsure
		}
		return 6
	},
	Create: createEndpoint,
	Update: configureEndpoint,
	Derive: func(s *cloud.State, r *cloud.Record) map[string]any {
		ids, nets := []any{}, []any{}
		for _, eni := range s.OwnedRecords(r.Key) {
			ids = append(ids, eni.ID)
			nets = append(nets, map[string]any{"subnetId": eni.Text("subnetId"), "ipv4": eni.Text("privateIp")})
		}
		return map[string]any{"networkInterfaceIds": ids, "subnetConfigurations": nets}
	},
}

// endpointService returns the service of an endpoint, s3 of com.amazonaws.us-west-1.s3, when the region has it.
func endpointService(c *cloud.Call, r *cloud.Record) (string, error) {
	name := r.Text("serviceName")
	services := GatewayServices
	if r.Text("vpcEndpointType") == "Interface" {
		services = InterfaceServices
	}
	service, ok := strings.CutPrefix(name, "com.amazonaws."+c.Region+".")
	if !ok || !slices.Contains(services, service) {
		return "", cloud.Refuse("InvalidServiceName: The Vpc Endpoint Service '%s' does not exist (as %s endpoint in %s)",
			name, r.Text("vpcEndpointType"), c.Region)
	}
	return service, nil
}

func createEndpoint(c *cloud.Call) error {
	switch c.New.Text("vpcEndpointType") {
	case "Gateway", "Interface":
	default:
		return cloud.Refuse("InvalidParameter: the emulator has no rules for endpoints of type %s", c.New.Text("vpcEndpointType"))
	}
	service, err := endpointService(c, c.New)
	if err != nil {
		return err
	}
	gateway := c.New.Text("vpcEndpointType") == "Gateway"
	if err := checkEndpointQuota(c, gateway); err != nil {
		return err
	}
	c.New.Outputs = map[string]any{
		"state": "available", "ipAddressType": "ipv4", "serviceRegion": c.Region, "requesterManaged": false,
		"cidrBlocks": []any{}, "dnsEntries": []any{}, "prefixListId": "", "privateDnsEnabled": false,
		"policy": `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`,
	}
	if gateway {
		c.New.Outputs["prefixListId"] = prefixListID(c.Region, service)
		c.New.Outputs["cidrBlocks"] = []any{"198.51.100.0/24"} // for documentation: AWS's own change without notice
		c.New.Outputs["dnsOptions"] = map[string]any{"dnsRecordIpType": "service-defined"}
	} else {
		c.New.Outputs["dnsOptions"] = map[string]any{"dnsRecordIpType": "ipv4", "privateDnsOnlyForInboundResolverEndpoint": false}
	}
	return configureEndpoint(c)
}

// checkEndpointQuota refuses one more endpoint than the quota allows: gateway endpoints count in a region, interface endpoints in a VPC.
func checkEndpointQuota(c *cloud.Call, gateway bool) error {
	count, limit := 0, c.Quota(quotaInterfaceEndpoints)
	if gateway {
		limit = c.Quota(quotaGatewayEndpoints)
	}
	for _, other := range c.ListHere(VPCEndpointType) {
		if gateway != (other.Text("vpcEndpointType") == "Gateway") {
			continue
		}
		if gateway || other.Text("vpcId") == c.New.Text("vpcId") {
			count++
		}
	}
	if count >= limit {
		return cloud.RefuseQuota("VpcEndpointLimitExceeded: The maximum number of VPC endpoints has been reached.")
	}
	return nil
}

// prefixListID is the id of AWS's list of a service's addresses in a region.
func prefixListID(region, service string) string {
	return fmt.Sprintf("pl-%08x", crc32.ChecksumIEEE([]byte(region+"/"+service)))
}

// isServicePrefixList reports whether a prefix list is one of AWS's own in a region.
func isServicePrefixList(region, id string) bool {
	return slices.ContainsFunc(GatewayServices, func(s string) bool { return prefixListID(region, s) == id })
}

// configureEndpoint sets an endpoint's routes, or its interfaces and names.
func configureEndpoint(c *cloud.Call) error {
	if c.New.Text("vpcEndpointType") == "Gateway" {
		return checkGatewayEndpoint(c)
	}
	if len(c.New.Texts("routeTableIds")) > 0 {
		return cloud.Refuse("InvalidParameter: Route table IDs are not supported for interface endpoints.")
	}
	if err := checkGroupCount(c, "securityGroupIds"); err != nil {
		return err
	}
	if err := checkPrivateDNS(c); err != nil {
		return err
	}
	if len(c.New.Texts("securityGroupIds")) == 0 {
		vpc := c.Find(c.New.Text("vpcId"), VPCType)
		c.New.Outputs["securityGroupIds"] = []any{vpc.Text("defaultSecurityGroupId")}
	}
	if err := placeEndpointInterfaces(c); err != nil {
		return err
	}
	name := strings.TrimPrefix(c.New.Text("serviceName"), "com.amazonaws."+c.Region+".")
	entries := []any{newDNSEntry(fmt.Sprintf("%s.%s.%s.vpce.amazonaws.com", c.New.ID, name, c.Region))}
	if c.New.Bool("privateDnsEnabled") {
		entries = append(entries, newDNSEntry(fmt.Sprintf("%s.%s.amazonaws.com", name, c.Region)))
	}
	c.New.Outputs["dnsEntries"] = entries
	return nil
}

func newDNSEntry(name string) map[string]any {
	return map[string]any{"dnsName": name, "hostedZoneId": "Z12I86A8N7VCZO"}
}

// checkGatewayEndpoint refuses a second gateway endpoint for a service in one route table, and inputs that only interface endpoints have.
func checkGatewayEndpoint(c *cloud.Call) error {
	if len(c.New.Texts("subnetIds")) > 0 || len(c.New.Texts("securityGroupIds")) > 0 || c.New.Bool("privateDnsEnabled") {
		return cloud.Refuse("InvalidParameter: Subnet IDs, security groups and private DNS are only supported for interface endpoints.")
	}
	for _, other := range c.ListHere(VPCEndpointType) {
		if other.ID == c.New.ID || other.Text("serviceName") != c.New.Text("serviceName") {
			continue
		}
		for _, table := range other.Texts("routeTableIds") {
			if slices.Contains(c.New.Texts("routeTableIds"), table) {
				return cloud.Refuse("RouteAlreadyExists: route table %s already has a route with destination-prefix-list-id %s (%s)",
					table, other.Text("prefixListId"), other.ID)
			}
		}
	}
	return nil
}

// checkPrivateDNS refuses private names in a VPC that does not resolve names, or that has the same names already.
func checkPrivateDNS(c *cloud.Call) error {
	if !c.New.Bool("privateDnsEnabled") {
		return nil
	}
	vpc := c.Find(c.New.Text("vpcId"), VPCType)
	if !vpc.Bool("enableDnsSupport") || !vpc.Bool("enableDnsHostnames") {
		return cloud.Refuse("InvalidParameter: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes "+
			"set to true for %s",
			vpc.ID)
	}
	for _, other := range c.ListHere(VPCEndpointType) {
		if other.ID != c.New.ID && other.Text("vpcId") == vpc.ID && other.Bool("privateDnsEnabled") &&
			other.Text("serviceName") == c.New.Text("serviceName") {
			return cloud.Refuse("InvalidParameter: private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s "+
				"in the VPC %s (%s)",
				c.New.Text("serviceName"), vpc.ID, other.ID)
		}
	}
	return nil
}

// placeEndpointInterfaces creates one interface for each subnet of an interface endpoint, at most one in each zone, and removes those
// of other subnets.
func placeEndpointInterfaces(c *cloud.Call) error {
	want := c.New.Texts("subnetIds")
	have := map[string]*cloud.Record{}
	for _, eni := range c.State.OwnedRecords(c.New.Key) {
		have[eni.Text("subnetId")] = eni
		if !slices.Contains(want, eni.Text("subnetId")) {
			c.Drop(eni.Key)
		}
	}
	zones := map[string]string{}
	for _, id := range want {
		subnet := c.Find(id, SubnetType)
		zone := subnet.Text("availabilityZone")
		if other := zones[zone]; other != "" {
			return cloud.Refuse("DuplicateSubnetsInSameZone: Found another VPC endpoint subnet in the availability zone of %s. (%s and %s are "+
				"in %s)",
				id, other, id, zone)
		}
		zones[zone] = id
		eni := have[id]
		if eni == nil {
			var err error
			if eni, err = newInterface(c, subnet, c.New, nil); err != nil {
				return err
			}
			eni.Outputs["interfaceType"] = "vpc_endpoint"
		} else {
			eni = eni.Clone()
		}
		eni.Outputs["securityGroups"] = c.New.Get("securityGroupIds")
		c.Store(eni)
	}
	return nil
}
