package emulator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"github.com/beachhead-build/beachhead/internal/emulator/catalog"
)

const (
	bucketType           = "aws:s3/bucketV2:BucketV2"
	bucketAccessType     = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
	bucketEncryptionType = "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2"
	bucketVersioningType = "aws:s3/bucketVersioningV2:BucketVersioningV2"
	bucketPolicyType     = "aws:s3/bucketPolicy:BucketPolicy"
	bucketOwnershipType  = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
)

const noBucket = "NoSuchBucket: The specified bucket does not exist: %s"

func init() {
	define(bucketKind,
		aspectKind(bucketAccessType, checkNothing, nil),
		aspectKind(bucketEncryptionType, checkBucketEncryption, nil),
		aspectKind(bucketVersioningType, checkVersioning, nil),
		aspectKind(bucketPolicyType, checkBucketPolicy, (*call).checkPublicPolicy),
		aspectKind(bucketOwnershipType, checkOwnership, nil))
	kinds[bucketAccessType].defaults = map[string]any{
		"blockPublicAcls": false, "blockPublicPolicy": false, "ignorePublicAcls": false, "restrictPublicBuckets": false}
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// bucketKind: what used to be set inline has types of its own here.
var bucketKind = &kind{
	typ:      bucketType,
	missing:  noBucket,
	inUse:    "BucketNotEmpty: The bucket you tried to delete is not empty: %s",
	autoName: 63, nameAs: "bucket",
	defaults: map[string]any{"forceDestroy": false},
	unread:   []string{"forceDestroy"},
	notBoth:  [][]string{{"bucket", "bucketPrefix"}},
	refuse: []string{"accelerationStatus", "acl", "corsRules", "grants", "lifecycleRules", "loggings", "objectLockConfiguration",
		"objectLockEnabled", "policy", "replicationConfigurations", "requestPayer", "serverSideEncryptionConfigurations", "versionings", "websites"},
	check: func(m resource.PropertyMap) []catalog.Failure {
		l := lookAt(m)
		l.pattern("bucket", bucketName)
		if strings.Contains(l.str("bucket"), "..") {
			l.bad("bucket", "InvalidBucketName: %q has two dots in a row", l.str("bucket"))
		}
		return l.failures()
	},
	create: func(c *call) error {
		name := c.rec.str("bucket")
		for _, other := range c.st.of(bucketType) { // names are unique in all accounts and regions
			if other.ID == name && other.Account == c.account {
				return refused("BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it. (%s in %s)", name, other.Region)
			}
			if other.ID == name {
				return refused("BucketAlreadyExists: The requested bucket name is not available: %s", name)
			}
		}
		c.rec.ID = name
		c.rec.Outputs["arn"] = "arn:aws:s3:::" + name
		c.rec.Outputs["region"] = c.region
		c.rec.Outputs["bucketDomainName"] = name + ".s3.amazonaws.com"
		c.rec.Outputs["bucketRegionalDomainName"] = fmt.Sprintf("%s.s3.%s.amazonaws.com", name, c.region)
		c.rec.Outputs["requestPayer"] = "BucketOwner"
		return nil
	},
	remove: func(c *call) error {
		if c.old.flag("forceDestroy") {
			for _, u := range c.st.usersOf(c.old.key) {
				c.drop(u.key)
			}
		}
		return nil
	},
}

// aspectKind holds the rules of what a bucket has one of, and what goes with it: its policy, its encryption.
func aspectKind(typ string, check func(*look), place func(*call) error) *kind {
	return &kind{
		typ:     typ,
		missing: noBucket,
		refuse:  []string{"expectedBucketOwner", "mfa"},
		refs:    []ref{{path: "bucket", to: []string{bucketType}, when: fades}},
		check: func(m resource.PropertyMap) []catalog.Failure {
			l := lookAt(m)
			check(l)
			return l.failures()
		},
		create: func(c *call) error {
			c.rec.ID = c.rec.str("bucket")
			if c.find(c.rec.ID, typ) != nil { // the API would overwrite it silently
				return refused("OperationAborted: the bucket %s has one already", c.rec.ID)
			}
			if place != nil {
				return place(c)
			}
			return nil
		},
		update: place,
	}
}

func checkNothing(*look) {}

func checkBucketEncryption(l *look) {
	rules := l.each("rules")
	if len(rules) != 1 {
		l.bad("rules", "MalformedXML: want one rule, not %d", len(rules))
	}
	for _, r := range rules {
		how := r.under("applyServerSideEncryptionByDefault")
		how.choice("sseAlgorithm", "AES256", "aws:kms", "aws:kms:dsse")
		if how.str("sseAlgorithm") == "AES256" && how.has("kmsMasterKeyId") {
			how.bad("kmsMasterKeyId", "InvalidArgument: a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		}
	}
}

func checkVersioning(l *look) {
	v := l.under("versioningConfiguration")
	v.choice("status", "Enabled", "Suspended", "Disabled")
	v.noRules("mfaDelete")
}

func checkOwnership(l *look) {
	l.under("rule").choice("objectOwnership", "BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")
}

func checkBucketPolicy(l *look) {
	if s, known := l.in["policy"].(string); known {
		*l.found = append(*l.found, checkDocument(resource.PropertyMap{"policy": resource.NewProperty(s)}, "policy")...)
	}
}

// checkPublicPolicy refuses a policy that lets everyone in while the bucket's access block forbids that.
func (c *call) checkPublicPolicy() error {
	block := c.find(c.rec.str("bucket"), bucketAccessType)
	if block != nil && block.flag("blockPublicPolicy") && allowsEveryone(c.rec.str("policy")) {
		return refused("AccessDenied: User is not authorized to perform: s3:PutBucketPolicy on resource: %q "+
			"because public policies are blocked by the BlockPublicPolicy block public access setting.", "arn:aws:s3:::"+c.rec.str("bucket"))
	}
	return nil
}

// allowsEveryone says whether a statement of a policy allows something to all the world, without any condition. S3 looks at the
// conditions, too; those that it finds too weak are not found here.
func allowsEveryone(policy string) bool {
	var doc struct{ Statement any }
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		return false
	}
	list := objs(doc.Statement)
	if one, ok := doc.Statement.(map[string]any); ok {
		list = []map[string]any{one}
	}
	return slices.ContainsFunc(list, func(s map[string]any) bool {
		who := s["Principal"]
		if m, ok := who.(map[string]any); ok {
			who = m["AWS"]
		}
		return str(s["Effect"]) == "Allow" && (str(who) == "*" || slices.Contains(strs(who), "*")) && s["Condition"] == nil
	})
}
