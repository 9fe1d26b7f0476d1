// Package aws holds the rules of AWS: one file for each kind of resource, named as AWS names the resource. Platform lists them all.
//
// Error texts are those of the AWS APIs. Tests and the sources in docs/facts.md rely on them.
package aws

import (
	"slices"

	"github.com/beachhead-build/beachhead/internal/ec2types"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// Platform returns the rules of AWS, as pulumi-aws v6 presents it.
func Platform() *cloud.Platform {
	return &cloud.Platform{
		Package:   "aws",
		Settings:  settings,
		Required:  []string{"region"},
		Replacing: []string{"region"},
		Locate:    locateRegion,
		DefaultTags: func(settings map[string]any) map[string]any {
			return cloud.Object(cloud.Object(settings["defaultTags"])["tags"])
		},
		Kinds:         kinds(),
		Lookups:       lookups,
		Quotas:        quotas,
		FindTarget:    findTarget,
		Network:       networkOf,
		MixedNetworks: "InvalidParameterValue: %s: %s is in %s and not in %s; they belong to different networks",
		Tags:          tagsOf,
		Name:          func(_ *cloud.Record, tags map[string]string) string { return tags["Name"] },
	}
}

// kinds lists the resource types of AWS with rules. A new kind goes here.
func kinds() []*cloud.Kind {
	return []*cloud.Kind{
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

// exampleAccount is the account when neither a fault nor the configuration sets one. AWS's documentation uses this number.
const exampleAccount = "123456789012"

func locateRegion(c *cloud.Cloud, settings map[string]any) (cloud.Scope, error) {
	region := cloud.Text(settings["region"])
	if len(ec2types.ZoneNames(region)) == 0 {
		return cloud.Scope{}, cloud.Refuse("invalid AWS Region: %s", region)
	}
	if err := c.CheckReachable(region); err != nil {
		return cloud.Scope{}, err // the provider asks the region whose credentials it has
	}
	allowed := cloud.Texts(settings["allowedAccountIds"])
	account := c.AccountOverride()
	if account == "" {
		account = append(allowed, exampleAccount)[0]
	}
	if len(allowed) > 0 && !slices.Contains(allowed, account) || slices.Contains(cloud.Texts(settings["forbiddenAccountIds"]), account) {
		return cloud.Scope{}, cloud.Refuse("AWS account ID not allowed: %s", account)
	}
	return cloud.Scope{Account: account, Region: region}, nil
}

// networkOf returns the VPC that a record itself names.
func networkOf(r *cloud.Record) string {
	if r.Type == VPCType {
		return r.ID
	}
	return r.Text("vpcId")
}
