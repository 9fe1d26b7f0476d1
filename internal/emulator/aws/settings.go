package aws

// settings are the properties of the provider pulumi-aws v6.
var settings = map[string]bool{
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
