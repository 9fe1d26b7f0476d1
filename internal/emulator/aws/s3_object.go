package aws

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

// BucketObjectType is the Pulumi type token of an object in an S3 bucket.
const BucketObjectType = "aws:s3/bucketObjectv2:BucketObjectv2"

// Ids are bucket and key. A key alone, the real provider's id, is not unique across buckets.
var bucketObjectKind = &cloud.Kind{
	Type:       BucketObjectType,
	Missing:    "NoSuchKey: The specified key does not exist: %s",
	Defaults:   map[string]any{"forceDestroy": false},
	WriteOnly:  []string{"content", "contentBase64", "forceDestroy", "source", "sourceHash"},
	Volatile:   []string{"etag", "versionId"},
	ExactlyOne: [][]string{{"key"}},
	AtMostOne:  [][]string{{"source", "content", "contentBase64"}, {"etag", "kmsKeyId"}},
	Unsupported: []string{"acl", "checksumAlgorithm", "objectLockLegalHoldStatus", "objectLockMode", "objectLockRetainUntilDate",
		"overrideProvider",
		"websiteRedirect"},
	References: []cloud.Reference{{Path: "bucket", To: []string{BucketType}, OnDelete: cloud.Block}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		in := cloud.ReadInputs(m)
		if len(in.Text("key")) > 1024 {
			in.Fail("key", "KeyTooLongError: Your key is too long (%d, at most 1024)", len(in.Text("key")))
		}
		in.CheckChoice("storageClass", "STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR")
		in.CheckChoice("serverSideEncryption", "AES256", "aws:kms", "aws:kms:dsse")
		if _, err := base64.StdEncoding.DecodeString(in.Text("contentBase64")); err != nil {
			in.Fail("contentBase64", "is not base64: %v", err)
		}
		return in.Failures()
	},
	ImportID: func(r *cloud.Record) string { return "s3://" + r.Text("bucket") + "/" + r.Text("key") },
	Create: func(c *cloud.Call) error {
		bucket := c.New.Text("bucket")
		c.New.ID = bucket + "/" + c.New.Text("key")
		if c.Find(c.New.ID, BucketObjectType) != nil {
			return cloud.Refuse("the object %s already exists", c.New.ID) // PutObject would overwrite it silently
		}
		c.New.Outputs["arn"] = fmt.Sprintf("arn:aws:s3:::%s/%s", bucket, c.New.Text("key"))
		c.New.Outputs["contentType"] = "application/octet-stream"
		c.New.Outputs["storageClass"] = "STANDARD"
		return storeObjectOutputs(c)
	},
	Update: storeObjectOutputs,
}

// storeObjectOutputs stores the values that S3 adds to an object: its etag, its encryption, and a new version when the bucket has
// versioning.
func storeObjectOutputs(c *cloud.Call) error {
	if err := checkKMSKey(c, "kmsKeyId"); err != nil {
		return err
	}
	c.New.Outputs["serverSideEncryption"] = "AES256"
	if rules := c.Find(c.New.Text("bucket"), BucketEncryptionType); rules != nil {
		for _, r := range cloud.Objects(rules.Get("rules")) {
			c.New.Outputs["serverSideEncryption"] = cloud.Text(cloud.Object(r["applyServerSideEncryptionByDefault"])["sseAlgorithm"])
		}
	}
	versioning := c.Find(c.New.Text("bucket"), BucketVersioningType)
	if versioning != nil && cloud.Text(cloud.Object(versioning.Get("versioningConfiguration"))["status"]) == "Enabled" {
		c.New.Outputs["versionId"] = fmt.Sprintf("%032x", c.NextNumber())
	}
	c.New.Outputs["etag"] = contentMD5(c.New)
	return nil
}

// contentMD5 returns the MD5 of an object's content: S3's etag. For a file the engine passes only a hash; its MD5 stands in for that of
// the content.
func contentMD5(r *cloud.Record) string {
	content := []byte(r.Text("content"))
	if raw, err := base64.StdEncoding.DecodeString(r.Text("contentBase64")); err == nil && len(raw) > 0 {
		content = raw
	}
	if hash := cloud.Text(cloud.Object(r.Get("source"))["hash"]); hash != "" {
		content = []byte(hash)
	}
	return fmt.Sprintf("%x", md5.Sum(content))
}
