package aws

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
	"github.com/beachhead-build/beachhead/internal/emulator/cloud"
)

const BucketObjectType = "aws:s3/bucketObjectv2:BucketObjectv2"

// Ids are bucket and key: a key alone, the real provider's id, means something in every bucket.
var bucketObjectKind = &cloud.Kind{
	Type:       BucketObjectType,
	Missing:    "NoSuchKey: The specified key does not exist: %s",
	Defaults:   map[string]any{"forceDestroy": false},
	WriteOnly:  []string{"content", "contentBase64", "forceDestroy", "source", "sourceHash"},
	Volatile:   []string{"etag", "versionId"},
	ExactlyOne: [][]string{{"key"}},
	AtMostOne:  [][]string{{"source", "content", "contentBase64"}, {"etag", "kmsKeyId"}},
	Unsupported: []string{"acl", "checksumAlgorithm", "objectLockLegalHoldStatus", "objectLockMode", "objectLockRetainUntilDate", "overrideProvider",
		"websiteRedirect"},
	References: []cloud.Reference{{Path: "bucket", To: []string{BucketType}, OnDelete: cloud.Block}},
	Check: func(m resource.PropertyMap) []catalog.Failure {
		l := cloud.ReadInputs(m)
		if len(l.Text("key")) > 1024 {
			l.Fail("key", "KeyTooLongError: Your key is too long (%d, at most 1024)", len(l.Text("key")))
		}
		l.CheckChoice("storageClass", "STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR")
		l.CheckChoice("serverSideEncryption", "AES256", "aws:kms", "aws:kms:dsse")
		if _, err := base64.StdEncoding.DecodeString(l.Text("contentBase64")); err != nil {
			l.Fail("contentBase64", "is no base64: %v", err)
		}
		return l.Failures()
	},
	ImportID: func(r *cloud.Record) string { return "s3://" + r.Text("bucket") + "/" + r.Text("key") },
	Create: func(c *cloud.Call) error {
		bucket := c.New.Text("bucket")
		c.New.ID = bucket + "/" + c.New.Text("key")
		if c.Find(c.New.ID, BucketObjectType) != nil {
			return cloud.Refuse("the object %s exists already", c.New.ID) // PutObject would overwrite it silently
		}
		c.New.Outputs["arn"] = fmt.Sprintf("arn:aws:s3:::%s/%s", bucket, c.New.Text("key"))
		c.New.Outputs["contentType"] = "application/octet-stream"
		c.New.Outputs["storageClass"] = "STANDARD"
		return storeObjectOutputs(c)
	},
	Update: storeObjectOutputs,
}

// storeObjectOutputs notes what S3 makes of an object: its etag, its encryption, and a new version where the bucket keeps versions.
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

// contentMD5 is the MD5 of what an object holds: S3's etag. Of a file only the engine's hash is known: its MD5 stands for that of the content.
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
