package restype

// Pulumi's type tokens of the resources that Beachhead creates on AWS.
const (
	Bucket                = "aws:s3/bucketV2:BucketV2"
	BucketEncryption      = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	BucketObject          = "aws:s3/bucketObjectv2:BucketObjectv2"
	BucketOwnership       = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
	BucketPolicy          = "aws:s3/bucketPolicy:BucketPolicy"
	BucketPublicAccess    = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	CustomerGateway       = "aws:ec2/customerGateway:CustomerGateway"
	Dashboard             = "aws:cloudwatch/dashboard:Dashboard"
	DefaultSecurityGroup  = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
	DNSRecord             = "aws:route53/record:Record"
	DNSZone               = "aws:route53/zone:Zone"
	EgressRule            = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
	EIP                   = "aws:ec2/eip:Eip"
	EIPAssociation        = "aws:ec2/eipAssociation:EipAssociation"
	FlowLog               = "aws:ec2/flowLog:FlowLog"
	IngressRule           = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
	InstanceProfile       = "aws:iam/instanceProfile:InstanceProfile"
	InternetGateway       = "aws:ec2/internetGateway:InternetGateway"
	KMSKey                = "aws:kms/key:Key"
	LaunchTemplate        = "aws:ec2/launchTemplate:LaunchTemplate"
	LogGroup              = "aws:cloudwatch/logGroup:LogGroup"
	MetricAlarm           = "aws:cloudwatch/metricAlarm:MetricAlarm"
	NATGateway            = "aws:ec2/natGateway:NatGateway"
	NetworkInterface      = "aws:ec2/networkInterface:NetworkInterface"
	Parameter             = "aws:ssm/parameter:Parameter"
	Role                  = "aws:iam/role:Role"
	RolePolicy            = "aws:iam/rolePolicy:RolePolicy"
	Route                 = "aws:ec2/route:Route"
	RouteTable            = "aws:ec2/routeTable:RouteTable"
	RouteTableAssociation = "aws:ec2/routeTableAssociation:RouteTableAssociation"
	ScalingGroup          = "aws:autoscaling/group:Group"
	ScalingPolicy         = "aws:autoscaling/policy:Policy"
	SecurityGroup         = "aws:ec2/securityGroup:SecurityGroup"
	SnapshotPolicy        = "aws:dlm/lifecyclePolicy:LifecyclePolicy"
	Subnet                = "aws:ec2/subnet:Subnet"
	SubnetCIDRReservation = "aws:ec2/subnetCidrReservation:SubnetCidrReservation"
	Topic                 = "aws:sns/topic:Topic"
	TopicSubscription     = "aws:sns/topicSubscription:TopicSubscription"
	Volume                = "aws:ebs/volume:Volume"
	VPC                   = "aws:ec2/vpc:Vpc"
	VPCEndpoint           = "aws:ec2/vpcEndpoint:VpcEndpoint"
	VPNConnection         = "aws:ec2/vpnConnection:VpnConnection"
	VPNGateway            = "aws:ec2/vpnGateway:VpnGateway"
	VPNGatewayAttachment  = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"
	VPNRoutePropagation   = "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation"
)

// Pulumi's type tokens of the resources that Beachhead creates on GCP.
const (
	GCPExternalVPNGateway = "gcp:compute/externalVpnGateway:ExternalVpnGateway"
	GCPFirewall           = "gcp:compute/firewall:Firewall"
	GCPRouter             = "gcp:compute/router:Router"
	GCPRouterInterface    = "gcp:compute/routerInterface:RouterInterface"
	GCPRouterPeer         = "gcp:compute/routerPeer:RouterPeer"
	GCPSecurityPolicyRule = "gcp:compute/securityPolicyRule:SecurityPolicyRule"
	GCPVPNGateway         = "gcp:compute/haVpnGateway:HaVpnGateway"
	GCPVPNTunnel          = "gcp:compute/vPNTunnel:VPNTunnel"
)

// Pulumi's type tokens of resources that no program of Beachhead creates. They have no row in the table. A scaling group launches
// instances, and an agent attaches volumes; the rules of what a cloud forces also know GCP's private DNS.
const (
	GCPManagedZone   = "gcp:dns/managedZone:ManagedZone"
	GCPRecordSet     = "gcp:dns/recordSet:RecordSet"
	Instance         = "aws:ec2/instance:Instance"
	VolumeAttachment = "aws:ec2/volumeAttachment:VolumeAttachment"
)
