package emulator

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const bucketObjectType = "aws:s3/bucketObjectv2:BucketObjectv2"

func init() {
	define(bucketObjectKind)
}

// Ids are bucket and key: a key alone, the real provider's id, means something in every bucket.
var bucketObjectKind = &kind{
	typ:      bucketObjectType,
	missing:  "NoSuchKey: The specified key does not exist: %s",
	defaults: map[string]any{"forceDestroy": false},
	unread:   []string{"content", "contentBase64", "forceDestroy", "source", "sourceHash"},
	volatile: []string{"etag", "versionId"},
	oneOf:    [][]string{{"key"}},
	notBoth:  [][]string{{"source", "content", "contentBase64"}, {"etag", "kmsKeyId"}},
	refuse: []string{"acl", "checksumAlgorithm", "objectLockLegalHoldStatus", "objectLockMode", "objectLockRetainUntilDate", "overrideProvider",
		"websiteRedirect"},
	refs: []ref{{path: "bucket", to: []string{bucketType}, when: holds}},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		if len(l.str("key")) > 1024 {
			l.bad("key", "KeyTooLongError: Your key is too long (%d, at most 1024)", len(l.str("key")))
		}
		l.choice("storageClass", "STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR")
		l.choice("serverSideEncryption", "AES256", "aws:kms", "aws:kms:dsse")
		if _, err := base64.StdEncoding.DecodeString(l.str("contentBase64")); err != nil {
			l.bad("contentBase64", "is no base64: %v", err)
		}
		return l.failures()
	},
	importID: func(r *record) string { return "s3://" + r.str("bucket") + "/" + r.str("key") },
	create: func(c *call) error {
		bucket := c.rec.str("bucket")
		c.rec.ID = bucket + "/" + c.rec.str("key")
		if c.find(c.rec.ID, bucketObjectType) != nil {
			return refused("the object %s exists already", c.rec.ID) // PutObject would overwrite it silently
		}
		c.rec.Outputs["arn"] = fmt.Sprintf("arn:aws:s3:::%s/%s", bucket, c.rec.str("key"))
		c.rec.Outputs["contentType"] = "application/octet-stream"
		c.rec.Outputs["storageClass"] = "STANDARD"
		return c.store()
	},
	update: (*call).store,
}

// store notes what S3 makes of an object: its etag, its encryption, and a new version where the bucket keeps versions.
func (c *call) store() error {
	if err := c.checkKey("kmsKeyId"); err != nil {
		return err
	}
	c.rec.Outputs["serverSideEncryption"] = "AES256"
	if rules := c.find(c.rec.str("bucket"), bucketEncryptionType); rules != nil {
		for _, r := range objs(rules.get("rules")) {
			c.rec.Outputs["serverSideEncryption"] = str(obj(r["applyServerSideEncryptionByDefault"])["sseAlgorithm"])
		}
	}
	versioning := c.find(c.rec.str("bucket"), bucketVersioningType)
	if versioning != nil && str(obj(versioning.get("versioningConfiguration"))["status"]) == "Enabled" {
		c.st.ids++
		c.rec.Outputs["versionId"] = fmt.Sprintf("%032x", c.st.ids)
	}
	c.rec.Outputs["etag"] = contentMD5(c.rec)
	return nil
}

// contentMD5 is the MD5 of what an object holds: S3's etag. Of a file only the engine's hash is known: its MD5 stands for that of the
// content.
func contentMD5(r *record) string {
	content := []byte(r.str("content"))
	if raw, err := base64.StdEncoding.DecodeString(r.str("contentBase64")); err == nil && len(raw) > 0 {
		content = raw
	}
	if hash := str(obj(r.get("source"))["hash"]); hash != "" {
		content = []byte(hash)
	}
	return fmt.Sprintf("%x", md5.Sum(content))
}
