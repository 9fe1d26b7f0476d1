package emulator

import (
	"slices"

	"github.com/beachhead-build/beachhead/regions/ec2types"
)

// AWSPlatform returns the rules of AWS, as pulumi-aws v6 presents it.
func AWSPlatform() *Platform {
	return &Platform{
		Package:       "aws",
		Settings:      awsSettings,
		Required:      []string{"region"},
		Replacing:     []string{"region"},
		Locate:        locateRegion,
		DefaultTags:   func(settings map[string]any) map[string]any { return Object(Object(settings["defaultTags"])["tags"]) },
		Kinds:         awsKinds(),
		Lookups:       awsLookups,
		Quotas:        quotas,
		FindTarget:    findTarget,
		Network:       networkOf,
		MixedNetworks: "InvalidParameterValue: %s: %s is in %s and not in %s; they belong to different networks",
		Tags:          tagsOf,
		Name:          func(_ *Record, tags map[string]string) string { return tags["Name"] },
	}
}

// awsKinds lists the resource types of AWS with rules. A new kind goes here.
func awsKinds() []*Kind {
	return []*Kind{
		metricAlarmKind,
		compositeAlarmKind,
		volumeAttachmentKind,
		bucketKind,
		publicAccessBlockKind(),
		bucketAspectKind(BucketEncryptionType, checkBucketEncryption, nil),
		bucketAspectKind(BucketVersioningType, checkVersioning, nil),
		bucketAspectKind(BucketPolicyType, checkBucketPolicy, checkPublicPolicy),
		bucketAspectKind(BucketOwnershipType, checkOwnership, nil),
		dashboardKind,
		metricFilterKind,
		eipKind,
		eipAssociationKind,
		natGatewayKind,
		vpcEndpointKind,
		autoScalingGroupKind,
		lifecycleHookKind,
		roleKind,
		rolePolicyKind,
		instanceProfileKind,
		iamPolicyKind,
		policyAttachmentKind,
		networkInterfaceKind,
		kmsKeyKind,
		kmsAliasKind,
		launchTemplateKind,
		instanceKind,
		logGroupKind,
		flowLogKind,
		vpcKind,
		subnetKind,
		internetGatewayKind,
		bucketObjectKind,
		parameterKind,
		scalingPolicyKind,
		subnetReservationKind,
		routeTableKind,
		routeKind,
		routeTableAssociationKind,
		securityGroupKind,
		defaultSecurityGroupKind,
		securityGroupRuleKind(IngressRuleType),
		securityGroupRuleKind(EgressRuleType),
		lifecyclePolicyKind,
		snapshotKind,
		snapshotCopyKind,
		topicKind,
		topicPolicyKind,
		subscriptionKind,
		volumeKind,
		customerGatewayKind(),
		vpnGatewayKind(),
		vpnAttachmentKind(),
		routePropagationKind(),
		vpnConnectionKind(),
		route53ZoneKind,
		route53RecordKind,
	}
}

// awsSettings are the properties of the provider pulumi-aws v6.
var awsSettings = map[string]bool{
	"accessKey": false, "allowedAccountIds": true, "assumeRole": true, "assumeRoleWithWebIdentity": true,
	"customCaBundle": false, "defaultTags": true, "ec2MetadataServiceEndpoint": false,
	"ec2MetadataServiceEndpointMode": false, "endpoints": true, "forbiddenAccountIds": true, "httpProxy": false,
	"httpsProxy": false, "ignoreTags": true, "insecure": false, "maxRetries": false, "noProxy": false, "profile": false,
	"region": false, "retryMode": false, "s3UsEast1RegionalEndpoint": false, "s3UsePathStyle": false, "secretKey": false,
	"sharedConfigFiles": true, "sharedCredentialsFiles": true, "skipCredentialsValidation": false,
	"skipMetadataApiCheck": false, "skipRegionValidation": false, "skipRequestingAccountId": false, "stsRegion": false,
	"token": false, "tokenBucketRateLimiterCapacity": false, "useDualstackEndpoint": false, "useFipsEndpoint": false,
	"version": false, "pluginDownloadURL": false,
}

// exampleAccount is whose cloud it is when neither a fault nor the configuration says; AWS's documentation uses the number.
const exampleAccount = "123456789012"

func locateRegion(c *Cloud, settings map[string]any) (Scope, error) {
	region := Text(settings["region"])
	if len(ec2types.Zones(region)) == 0 {
		return Scope{}, Refuse("invalid AWS Region: %s", region)
	}
	if err := c.CheckReachable(region); err != nil {
		return Scope{}, err // the provider asks the region whose credentials it has
	}
	allowed := Texts(settings["allowedAccountIds"])
	account := c.AccountOverride()
	if account == "" {
		account = append(allowed, exampleAccount)[0]
	}
	if len(allowed) > 0 && !slices.Contains(allowed, account) || slices.Contains(Texts(settings["forbiddenAccountIds"]), account) {
		return Scope{}, Refuse("AWS account ID not allowed: %s", account)
	}
	return Scope{Account: account, Region: region}, nil
}

// networkOf returns the VPC that a record names itself.
func networkOf(r *Record) string {
	if r.Type == VPCType {
		return r.ID
	}
	return r.Text("vpcId")
}
