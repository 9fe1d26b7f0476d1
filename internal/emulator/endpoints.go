package emulator

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
)

const vpcEndpointType = "aws:ec2/vpcEndpoint:VpcEndpoint"

func init() {
	define(vpcEndpointKind)
}

// The services that endpoints lead to here, of the hundreds that AWS has: those that a build region may need.
var (
	gatewayServices   = []string{"dynamodb", "s3"}
	interfaceServices = []string{"autoscaling", "ec2", "ec2messages", "ecr.api", "ecr.dkr", "elasticloadbalancing", "kms", "logs",
		"monitoring", "s3", "secretsmanager", "sns", "sqs", "ssm", "ssmmessages", "sts"}
)

var vpcEndpointKind = &kind{
	typ: vpcEndpointType, prefix: "vpce", arn: "arn:aws:ec2:%s:%s:vpc-endpoint/%s",
	missing:  "InvalidVpcEndpointId.NotFound: The Vpc Endpoint Id '%s' does not exist",
	inUse:    "DependencyViolation: The vpc endpoint '%s' has dependencies and cannot be deleted.",
	defaults: map[string]any{"vpcEndpointType": "Gateway"},
	oneOf:    [][]string{{"serviceName"}},
	refuse:   []string{"autoAccept", "resourceConfigurationArn", "serviceNetworkArn", "serviceRegion", "subnetConfigurations"},
	refs: []ref{
		{path: "vpcId", to: []string{vpcType}, when: holds},
		{path: "routeTableIds[]", to: []string{routeTableType}, when: holds},
		{path: "subnetIds[]", to: []string{subnetType}, when: holds},
		{path: "securityGroupIds[]", to: []string{securityGroupType, defaultSecurityGroupType}, when: holds},
	},
	seconds: func(r *record) float64 {
		if r.str("vpcEndpointType") == "Interface" {
			return 90 // docs/facts.md, section 1: unsure
		}
		return 6
	},
	create: createEndpoint,
	update: (*call).dressEndpoint,
	live: func(s *State, r *record) map[string]any {
		ids, nets := []any{}, []any{}
		for _, eni := range s.owned(r.key) {
			ids = append(ids, eni.ID)
			nets = append(nets, map[string]any{"subnetId": eni.str("subnetId"), "ipv4": eni.str("privateIp")})
		}
		return map[string]any{"networkInterfaceIds": ids, "subnetConfigurations": nets}
	},
}

// serviceOf returns the service that an endpoint leads to, s3 of com.amazonaws.us-west-1.s3, when the region has it.
func (c *call) serviceOf(r *record) (string, error) {
	name := r.str("serviceName")
	services := gatewayServices
	if r.str("vpcEndpointType") == "Interface" {
		services = interfaceServices
	}
	service, ok := strings.CutPrefix(name, "com.amazonaws."+c.region+".")
	if !ok || !slices.Contains(services, service) {
		return "", refused("InvalidServiceName: The Vpc Endpoint Service '%s' does not exist (as %s endpoint in %s)",
			name, r.str("vpcEndpointType"), c.region)
	}
	return service, nil
}

func createEndpoint(c *call) error {
	switch c.rec.str("vpcEndpointType") {
	case "Gateway", "Interface":
	default:
		return refused("InvalidParameter: the emulator has no rules for endpoints of type %s", c.rec.str("vpcEndpointType"))
	}
	service, err := c.serviceOf(c.rec)
	if err != nil {
		return err
	}
	gateway := c.rec.str("vpcEndpointType") == "Gateway"
	if err := c.endpointQuota(gateway); err != nil {
		return err
	}
	c.rec.Outputs = map[string]any{
		"state": "available", "ipAddressType": "ipv4", "serviceRegion": c.region, "requesterManaged": false,
		"cidrBlocks": []any{}, "dnsEntries": []any{}, "prefixListId": "", "privateDnsEnabled": false,
		"policy": `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`,
	}
	if gateway {
		c.rec.Outputs["prefixListId"] = prefixList(c.region, service)
		c.rec.Outputs["cidrBlocks"] = []any{"198.51.100.0/24"} // for documentation: AWS's own change without notice
		c.rec.Outputs["dnsOptions"] = map[string]any{"dnsRecordIpType": "service-defined"}
	} else {
		c.rec.Outputs["dnsOptions"] = map[string]any{"dnsRecordIpType": "ipv4", "privateDnsOnlyForInboundResolverEndpoint": false}
	}
	return c.dressEndpoint()
}

// endpointQuota refuses one more endpoint than the quota allows: gateway endpoints count in a region, interface endpoints in a VPC.
func (c *call) endpointQuota(gateway bool) error {
	count, limit := 0, c.quota(quotaInterfaceEndpoints)
	if gateway {
		limit = c.quota(quotaGatewayEndpoints)
	}
	for _, other := range c.here(vpcEndpointType) {
		if gateway != (other.str("vpcEndpointType") == "Gateway") {
			continue
		}
		if gateway || other.str("vpcId") == c.rec.str("vpcId") {
			count++
		}
	}
	if count >= limit {
		return exceeded("VpcEndpointLimitExceeded: The maximum number of VPC endpoints has been reached.")
	}
	return nil
}

// prefixList is the id of AWS's list of a service's addresses in a region.
func prefixList(region, service string) string {
	return fmt.Sprintf("pl-%08x", crc32.ChecksumIEEE([]byte(region+"/"+service)))
}

// isPrefixList says whether a list of addresses is one of AWS's own in a region.
func isPrefixList(region, id string) bool {
	return slices.ContainsFunc(gatewayServices, func(s string) bool { return prefixList(region, s) == id })
}

// dressEndpoint gives an endpoint its routes, or its interfaces and names.
func (c *call) dressEndpoint() error {
	if c.rec.str("vpcEndpointType") == "Gateway" {
		return c.routeEndpoint()
	}
	if len(c.rec.strs("routeTableIds")) > 0 {
		return refused("InvalidParameter: Route table IDs are not supported for interface endpoints.")
	}
	if err := c.checkGroups("securityGroupIds"); err != nil {
		return err
	}
	if err := c.checkPrivateDNS(); err != nil {
		return err
	}
	if len(c.rec.strs("securityGroupIds")) == 0 {
		vpc := c.find(c.rec.str("vpcId"), vpcType)
		c.rec.Outputs["securityGroupIds"] = []any{vpc.str("defaultSecurityGroupId")}
	}
	if err := c.spreadEndpoint(); err != nil {
		return err
	}
	name := strings.TrimPrefix(c.rec.str("serviceName"), "com.amazonaws."+c.region+".")
	entries := []any{dnsEntry(fmt.Sprintf("%s.%s.%s.vpce.amazonaws.com", c.rec.ID, name, c.region))}
	if c.rec.flag("privateDnsEnabled") {
		entries = append(entries, dnsEntry(fmt.Sprintf("%s.%s.amazonaws.com", name, c.region)))
	}
	c.rec.Outputs["dnsEntries"] = entries
	return nil
}

func dnsEntry(name string) map[string]any {
	return map[string]any{"dnsName": name, "hostedZoneId": "Z12I86A8N7VCZO"}
}

// routeEndpoint refuses a second gateway endpoint for a service in one route table, and what gateway endpoints do not have.
func (c *call) routeEndpoint() error {
	if len(c.rec.strs("subnetIds")) > 0 || len(c.rec.strs("securityGroupIds")) > 0 || c.rec.flag("privateDnsEnabled") {
		return refused("InvalidParameter: Subnet IDs, security groups and private DNS are only supported for interface endpoints.")
	}
	for _, other := range c.here(vpcEndpointType) {
		if other.ID == c.rec.ID || other.str("serviceName") != c.rec.str("serviceName") {
			continue
		}
		for _, table := range other.strs("routeTableIds") {
			if slices.Contains(c.rec.strs("routeTableIds"), table) {
				return refused("RouteAlreadyExists: route table %s already has a route with destination-prefix-list-id %s (%s)",
					table, other.str("prefixListId"), other.ID)
			}
		}
	}
	return nil
}

// checkPrivateDNS refuses private names in a VPC that does not resolve names, or that has them already.
func (c *call) checkPrivateDNS() error {
	if !c.rec.flag("privateDnsEnabled") {
		return nil
	}
	vpc := c.find(c.rec.str("vpcId"), vpcType)
	if !vpc.flag("enableDnsSupport") || !vpc.flag("enableDnsHostnames") {
		return refused("InvalidParameter: Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s",
			vpc.ID)
	}
	for _, other := range c.here(vpcEndpointType) {
		if other.ID != c.rec.ID && other.str("vpcId") == vpc.ID && other.flag("privateDnsEnabled") &&
			other.str("serviceName") == c.rec.str("serviceName") {
			return refused("InvalidParameter: private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s in the VPC %s (%s)",
				c.rec.str("serviceName"), vpc.ID, other.ID)
		}
	}
	return nil
}

// spreadEndpoint gives an interface endpoint one interface per subnet, at most one per zone, and takes away those of other subnets.
func (c *call) spreadEndpoint() error {
	want := c.rec.strs("subnetIds")
	have := map[string]*record{}
	for _, eni := range c.st.owned(c.rec.key) {
		have[eni.str("subnetId")] = eni
		if !slices.Contains(want, eni.str("subnetId")) {
			c.drop(eni.key)
		}
	}
	zones := map[string]string{}
	for _, id := range want {
		subnet := c.find(id, subnetType)
		zone := subnet.str("availabilityZone")
		if other := zones[zone]; other != "" {
			return refused("DuplicateSubnetsInSameZone: Found another VPC endpoint subnet in the availability zone of %s. (%s and %s are in %s)",
				id, other, id, zone)
		}
		zones[zone] = id
		eni := have[id]
		if eni == nil {
			var err error
			if eni, err = c.newInterface(subnet, c.rec, nil); err != nil {
				return err
			}
			eni.Outputs["interfaceType"] = "vpc_endpoint"
		} else {
			eni = eni.clone()
		}
		eni.Outputs["securityGroups"] = c.rec.get("securityGroupIds")
		c.set(eni)
	}
	return nil
}
