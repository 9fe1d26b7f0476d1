package restype

// Reasons why no search looks for a type. Creating such a resource again does no harm, and it goes with what it belongs to.
const (
	overwritten = "creating it again overwrites it, and it goes with the bucket or role that it belongs to"
	vpcDefault  = "a VPC has exactly one, which the provider adopts whenever a program names it"
)

const tagSearch = "ec2:DescribeTags"

var table = []Type{
	// Network.
	{
		Token: VPC, IDPrefix: "vpc", Tagged: true, Permissions: []string{tagSearch},
		ReplaceAdvice: "the network's range is for the life of a region: write a second region file with the new range, bring it up, and take " +
			"this one down",
	},
	{
		Token: Subnet, IDPrefix: "subnet", Tagged: true, Permissions: []string{tagSearch},
		ReplaceAdvice: "zones keep their place in the address plan: append new zones to aws.zones and leave the order",
	},
	{Token: InternetGateway, IDPrefix: "igw", Tagged: true, Permissions: []string{tagSearch}},
	{Token: NATGateway, IDPrefix: "nat", Tagged: true, Permissions: []string{tagSearch, "ec2:DescribeNatGateways"}},
	{
		Token: EIP, IDPrefix: "eipalloc", Tagged: true, Permissions: []string{tagSearch},
		ReplaceAdvice: "others may have the address on their allow-lists: keep it, or take the region down first",
	},
	{Token: EIPAssociation, Identity: []string{"allocationId"}, Permissions: []string{tagSearch, "ec2:DescribeAddresses"}},
	{Token: NetworkInterface, IDPrefix: "eni", Tagged: true, Permissions: []string{tagSearch, "ec2:DescribeNetworkInterfaces"}},
	{Token: RouteTable, IDPrefix: "rtb", Tagged: true, Permissions: []string{tagSearch}},
	{Token: Route, Identity: []string{"routeTableId", "destinationCidrBlock"}, Permissions: []string{"ec2:DescribeRouteTables"}},
	{Token: RouteTableAssociation, Identity: []string{"subnetId"}, Permissions: []string{"ec2:DescribeRouteTables"}},
	{
		Token: SubnetCIDRReservation, Identity: []string{"subnetId", "cidrBlock"},
		Permissions: []string{"ec2:DescribeSubnets", "ec2:GetSubnetCidrReservations"},
	},
	{Token: SecurityGroup, IDPrefix: "sg", Tagged: true, Permissions: []string{tagSearch, "ec2:DescribeSecurityGroups"}},
	{Token: DefaultSecurityGroup, Tagged: true, NotSearched: vpcDefault},
	{Token: IngressRule, Tagged: true, Permissions: []string{"ec2:DescribeSecurityGroupRules"}},
	{Token: EgressRule, Tagged: true, Permissions: []string{"ec2:DescribeSecurityGroupRules"}},
	{Token: VPCEndpoint, IDPrefix: "vpce", Tagged: true, Permissions: []string{tagSearch, "ec2:DescribeVpcEndpoints"}},
	{Token: FlowLog, IDPrefix: "fl", Tagged: true, Permissions: []string{tagSearch}},
	{
		Token: DNSZone, Tagged: true,
		Permissions: []string{"ec2:DescribeVpcs", "route53:ListHostedZonesByVPC", "route53:ListTagsForResource"},
	},
	{
		Token: DNSRecord, Identity: []string{"zoneId", "name", "type"},
		Permissions: []string{
			"ec2:DescribeVpcs", "route53:ListHostedZonesByVPC", "route53:ListResourceRecordSets", "route53:ListTagsForResource",
		},
	},

	// Machines.
	{Token: LaunchTemplate, IDPrefix: "lt", Tagged: true, Permissions: []string{tagSearch}},
	{Token: ScalingGroup, Tagged: true, Permissions: []string{"autoscaling:DescribeAutoScalingGroups"}},
	{
		Token: ScalingPolicy, Identity: []string{"autoscalingGroupName"},
		Permissions: []string{"autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribePolicies"},
	},
	{Token: Role, Tagged: true, Permissions: []string{"iam:GetRole", "iam:ListRoles"}},
	{Token: RolePolicy, Identity: []string{"role", "name"}, NotSearched: overwritten},
	{Token: InstanceProfile, Tagged: true, Permissions: []string{"iam:GetInstanceProfile", "iam:ListInstanceProfiles"}},
	{Token: Parameter, Tagged: true, Permissions: []string{"ssm:DescribeParameters", "ssm:ListTagsForResource"}},

	// The cache's data.
	{
		Token: Volume, Tagged: true, Permissions: []string{"ec2:DescribeVolumes"},
		ReplaceAdvice: "a data volume cannot leave its zone: put aws.zones back as it was; for a cache in other zones write a second region " +
			"file that is seeded from this one (cache.seed), bring it up, and take this one down",
		DeleteAdvice: "it holds a part of the cache: put cache.shards back as it was, or the cache itself; to do without it, run " +
			"`beachhead down`, which keeps all volumes, then `beachhead up` with the new file, and delete the volumes that are left over " +
			"by their ids",
		GrowsOnly: "size", GrowAdvice: "a volume can only grow, so put cache.volume.size back",
		PlacedBy: "availabilityZone",
	},
	{Token: SnapshotPolicy, Tagged: true, Permissions: []string{"dlm:GetLifecyclePolicies"}},

	// Artifacts.
	{Token: Bucket, Tagged: true, Permissions: []string{"s3:GetBucketTagging", "s3:ListAllMyBuckets"}},
	{Token: BucketEncryption, Identity: []string{"bucket"}, NotSearched: overwritten},
	// An object takes tags, but nothing lists objects by them.
	{Token: BucketObject, Identity: []string{"bucket", "key"}, NotSearched: overwritten},
	{Token: BucketOwnership, Identity: []string{"bucket"}, NotSearched: overwritten},
	{Token: BucketPolicy, Identity: []string{"bucket"}, NotSearched: overwritten},
	{Token: BucketPublicAccess, Identity: []string{"bucket"}, NotSearched: overwritten},

	// Alarms and logs.
	{Token: LogGroup, Tagged: true, Permissions: []string{"logs:DescribeLogGroups", "logs:ListTagsForResource"}},
	{Token: KMSKey, Tagged: true, Permissions: []string{"kms:DescribeKey", "kms:ListKeys", "kms:ListResourceTags"}},
	{Token: Topic, Tagged: true, Permissions: []string{"sns:ListTagsForResource", "sns:ListTopics"}},
	{
		Token: TopicSubscription, Identity: []string{"topic", "protocol", "endpoint"},
		NotSearched: "SNS keeps an existing subscription when it is created again",
	},
	{
		Token: MetricAlarm, Tagged: true,
		Permissions: []string{"cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "sns:ListTagsForResource", "sns:ListTopics"},
	},
	{Token: Dashboard, Identity: []string{"dashboardName"}, Permissions: []string{"cloudwatch:ListDashboards"}},

	// The link to GCP.
	{Token: CustomerGateway, IDPrefix: "cgw", Tagged: true, Permissions: []string{tagSearch, "ec2:DescribeCustomerGateways"}},
	{Token: VPNGateway, IDPrefix: "vgw", Tagged: true, Permissions: []string{tagSearch, "ec2:DescribeVpnGateways"}},
	{
		Token: VPNGatewayAttachment, Identity: []string{"vpcId", "vpnGatewayId"},
		NotSearched: "the provider cannot import an attachment",
	},
	{
		Token: VPNRoutePropagation, Identity: []string{"routeTableId", "vpnGatewayId"},
		NotSearched: "a propagation is a switch: enabling it again changes nothing",
	},
	{Token: VPNConnection, IDPrefix: "vpn", Tagged: true, Permissions: []string{tagSearch, "ec2:DescribeVpnConnections"}},
	{Token: GCPExternalVPNGateway, Identity: []string{"name"}, LinkName: "aws", Permissions: []string{"compute.externalVpnGateways.list"}},
	{Token: GCPFirewall, Identity: []string{"name"}, LinkName: "service", Permissions: []string{"compute.firewalls.list"}},
	{Token: GCPVPNGateway, Identity: []string{"name"}, LinkName: "gateway", Permissions: []string{"compute.vpnGateways.list"}},
	{Token: GCPRouter, Identity: []string{"name"}, LinkName: "router", Permissions: []string{"compute.routers.list"}},
	{Token: GCPRouterInterface, Identity: []string{"router", "name"}, LinkName: "interface", Permissions: []string{"compute.routers.list"}},
	{Token: GCPRouterPeer, Identity: []string{"router", "name"}, LinkName: "peer", Permissions: []string{"compute.routers.list"}},
	{Token: GCPVPNTunnel, Identity: []string{"name"}, LinkName: "tunnel", Permissions: []string{"compute.vpnTunnels.list"}},
	{Token: GCPSecurityPolicyRule, Identity: []string{"securityPolicy", "priority"}, Permissions: []string{"compute.securityPolicies.get"}},
}
