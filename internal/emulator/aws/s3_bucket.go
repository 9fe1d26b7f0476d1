package aws

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// BucketType is the Pulumi type token of an S3 bucket.
const BucketType = "aws:s3/bucketV2:BucketV2"

const noBucket = "NoSuchBucket: The specified bucket does not exist: %s"

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// bucketKind holds the rules of a bucket. Settings that used to be inline inputs have types of their own here.
var bucketKind = &cloud.Kind{
	Type:           BucketType,
	Missing:        noBucket,
	InUse:          "BucketNotEmpty: The bucket you tried to delete is not empty: %s",
	AutoNameLength: 63, NameInput: "bucket",
	Defaults:  map[string]any{"forceDestroy": false},
	WriteOnly: []string{"forceDestroy"},
	AtMostOne: [][]string{{"bucket", "bucketPrefix"}},
	Unsupported: []string{"accelerationStatus", "acl", "corsRules", "grants", "lifecycleRules", "loggings", "objectLockConfiguration",
		"objectLockEnabled", "policy", "replicationConfigurations", "requestPayer", "serverSideEncryptionConfigurations",
		"versionings", "websites"},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		in.CheckPattern("bucket", bucketName)
		if strings.Contains(in.Text("bucket"), "..") {
			in.Fail("bucket", "InvalidBucketName: %q has two dots in a row", in.Text("bucket"))
		}
		return in.Failures()
	},
	Create: func(c *cloud.Call) error {
		name := c.New.Text("bucket")
		for _, other := range c.State.RecordsOf(BucketType) { // names are unique in all accounts and regions
			if other.ID == name && other.Account == c.Account {
				return cloud.Refuse("BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it. "+
					"(%s in %s)", name, other.Region)
			}
			if other.ID == name {
				return cloud.Refuse("BucketAlreadyExists: The requested bucket name is not available: %s", name)
			}
		}
		c.New.ID = name
		c.New.Outputs["arn"] = "arn:aws:s3:::" + name
		c.New.Outputs["region"] = c.Region
		c.New.Outputs["bucketDomainName"] = name + ".s3.amazonaws.com"
		c.New.Outputs["bucketRegionalDomainName"] = fmt.Sprintf("%s.s3.%s.amazonaws.com", name, c.Region)
		c.New.Outputs["requestPayer"] = "BucketOwner"
		return nil
	},
	Delete: func(c *cloud.Call) error {
		if c.Old.Bool("forceDestroy") {
			for _, u := range c.State.ReferrersOf(c.Old.Key) {
				c.Drop(u.Key)
			}
		}
		return nil
	},
}
